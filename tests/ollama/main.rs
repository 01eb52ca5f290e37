//! The client of Ollama, the generator and its gates, against a strict fake that speaks HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod errors;
mod gates;
mod generator;

use musonym::ollama::{OllamaClient, OllamaTimeouts};
use support::fake_ollama::FakeOllama;

/// A client of the fake with the default timeouts.
fn client_of(ollama: &FakeOllama) -> OllamaClient {
    OllamaClient::new(ollama.url(), OllamaTimeouts::default()).unwrap()
}

fn nothing() -> Vec<String> {
    Vec::new()
}
