//! Steering all work at once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::TestServer;

#[tokio::test]
async fn work_is_paused_for_a_time_or_until_resumed() {
    let server = TestServer::start().await;
    let state = server.get("/api/jobs/state").await.json(200);
    assert_eq!((&state["paused"], &state["paused_until"]), (&json!(false), &Value::Null));
    assert_eq!(state["counts"]["queued"], 0);
    let endless = server.request(Method::POST, "/api/jobs/pause").send().await.json(200);
    assert_eq!((&endless["paused"], &endless["paused_until"]), (&json!(true), &Value::Null));
    let hour = server.post("/api/jobs/pause", json!({ "for_seconds": 3600 })).await.json(200);
    assert!(hour["paused_until"].is_string(), "{hour}");
    assert_eq!(hour["paused_since"], endless["paused_since"]);
    assert_eq!(server.get("/api/jobs/state").await.json(200), hour);
    let resumed = server.request(Method::POST, "/api/jobs/resume").send().await.json(200);
    assert_eq!(resumed, state);
    assert_eq!(server.get("/api/jobs/state").await.json(200), state);
}

#[tokio::test]
async fn a_pause_that_cannot_be_is_refused() {
    let server = TestServer::start().await;
    for seconds in [json!(0), json!(31_622_401), json!(-1), json!("2h"), json!(1.5)] {
        server.post("/api/jobs/pause", json!({ "for_seconds": seconds })).await.problem(400, "invalid_body");
    }
    server.post("/api/jobs/pause", json!({ "seconds": 5 })).await.problem(400, "invalid_body");
    assert_eq!(server.get("/api/jobs/state").await.json(200)["paused"], false);
}
