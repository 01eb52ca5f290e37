//! Steering all work at once.

use std::time::Duration;

use musonym::{
    domain::JobKind,
    store::{ClaimOrder, Finish},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{create_genre, support::server::TestServer};

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

#[tokio::test]
async fn what_failed_is_retried_all_at_once() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for (name, error) in [("dub", "no such model"), ("ska", "no room")] {
        ids.push(create_genre(&server, name).await);
        let lease = Duration::from_secs(60);
        let claimed = server.store.claim(JobKind::Generate, ClaimOrder::Age, "test", lease, 1).await.unwrap();
        server.store.finish(&claimed[0].lease, &Finish::Failed { error: error.into() }).await.unwrap();
    }
    let retry = |body: Value| server.post("/api/jobs/retry", body);
    assert_eq!(retry(json!({ "state": "dead" })).await.json(200), json!({ "retried": 0 }));
    assert_eq!(retry(json!({ "kind": "embed" })).await.json(200), json!({ "retried": 0 }));
    assert_eq!(retry(json!({ "error_contains": "model" })).await.json(200), json!({ "retried": 1 }));
    assert_eq!(server.get(&format!("/api/jobs/{}", ids[0])).await.json(200)["state"], "queued");
    let all = server.request(Method::POST, "/api/jobs/retry").send().await.json(200);
    assert_eq!(all, json!({ "retried": 1 }));
    for body in [json!({ "state": "queued" }), json!({ "error_contains": "" }), json!({ "ids": [1] })] {
        retry(body).await.problem(400, "invalid_body");
    }
}
