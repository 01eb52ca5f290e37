//! musonym: synonyms, translations and meaning for the genre and mood tags of a music library.
//!
//! The modules, from the inside out: [`domain`] (words and rules, no I/O); [`store`] (tags, synonyms and the job
//! queue, SQLite); [`ollama`] (thin HTTP client); [`generate`] and [`embed`] (what writes and what embeds synonyms);
//! [`search`] (recall, fusion, explanation); [`jobs`] (the background worker); [`http`] and [`cli`] (how it is
//! reached); [`config`] and [`app`] (settings and wiring). `docs/ARCHITECTURE.md` walks one tag and one query
//! through them.

pub mod domain;
pub mod generate;
pub mod ollama;
pub mod store;
