//! Whole ways through the real binary: webhook to search, killed workers, several processes on one file, real input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod batches;
mod crashes;
mod lexicon;
mod live;
mod meaning;
mod ollama;
mod priority;
mod processes;
mod real_input;
mod reembed;
mod trace;
mod worker;
