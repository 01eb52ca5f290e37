//! The HTTP API, asked over a socket, before a real SQLite file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod auth;
mod bad_input;
mod batches;
mod deliveries;
mod enrich;
mod events;
mod jobs;
mod lint;
mod merge;
mod reading;
mod resolve;
mod review;
mod revisions;
mod search;
mod service;
mod steering;
#[path = "../support/mod.rs"]
mod support;
mod tags;
mod webhooks;
mod writing;

use serde_json::{Value, json};
use support::server::TestServer;

/// Writes synonyms for a genre by hand; gives the row back.
async fn write_genre(server: &TestServer, name: &str) -> Value {
    let synonyms = json!({
        "search_terms": [format!("{name} music")], "translations": { "fr": [format!("musique {name}")] },
    });
    let body = json!({ "tag_type": "genre", "tag_name": name, "synonyms": synonyms });
    server.post("/api/synonyms", body).await.json(201)
}

/// Creates a tag; gives its `generate` job back.
async fn create_genre(server: &TestServer, name: &str) -> i64 {
    let answer = server.post("/api/tags", json!({ "tag_type": "genre", "name": name })).await;
    answer.json(201)["job_id"].as_i64().unwrap()
}
