//! musonym: synonyms, translations and meaning for the genre and mood tags of a music library.
//!
//! The modules, from the inside out: [`domain`] (words and rules, no I/O); [`store`] (tags, synonyms and the job
//! queue in SQLite); [`ollama`] (a thin HTTP client); [`generate`] and [`embed`] (what writes and what embeds
//! synonyms); [`cache`] (answers that are kept, here and in Redis); [`search`] (recall, fusion, explanation); [`lint`] (what
//! may want mending); [`enrich`] (raw strings to tags, tracks in words, contexts for language models); [`formats`] (files of other
//! programs); [`scan`] (audio files: what stands in them, and writing it back); [`jobs`] (the background worker); [`http`] and [`cli`]
//! (how it is reached); [`config`], [`telemetry`], [`trace`] and [`app`] (settings and wiring).
//! `docs/ARCHITECTURE.md` walks one tag and one query through them.

pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod domain;
pub mod embed;
pub mod enrich;
pub mod formats;
pub mod generate;
pub mod http;
pub mod jobs;
pub mod lint;
pub mod ollama;
pub mod scan;
pub mod search;
pub mod store;
pub mod telemetry;
pub mod trace;
