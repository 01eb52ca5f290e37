//! The queue, seen from outside.

use std::time::Duration;

use musonym::{
    domain::JobKind,
    store::{ClaimOrder, Finish},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{create_genre, support::server::TestServer};

#[tokio::test]
async fn jobs_are_listed_newest_first_with_counts() {
    let server = TestServer::start().await;
    let first = create_genre(&server, "dub").await;
    let second = create_genre(&server, "rock").await;
    let list = server.get("/api/jobs").await.json(200);
    let ids: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|job| &job["id"]).collect();
    assert_eq!(ids, [&json!(second), &json!(first)]);
    let none = json!({ "queued": 2, "running": 0, "succeeded": 0, "failed": 0, "dead": 0, "cancelled": 0 });
    assert_eq!(list["counts"], none);
    assert_eq!(server.get("/api/jobs?state=dead").await.json(200)["items"], json!([]));
    assert_eq!(server.get("/api/jobs?kind=embed").await.json(200)["items"], json!([]));
}

#[tokio::test]
async fn a_queued_job_is_cancelled_once_and_can_be_retried() {
    let server = TestServer::start().await;
    let id = create_genre(&server, "dub").await;
    let act = |action: &'static str| server.request(Method::POST, &format!("/api/jobs/{id}/{action}")).send();
    act("retry").await.problem(409, "conflict");
    assert_eq!(act("cancel").await.json(200)["state"], "cancelled");
    act("cancel").await.problem(409, "conflict");
    assert_eq!(act("retry").await.json(200)["state"], "queued");
}

#[tokio::test]
async fn a_failed_job_says_why_and_is_retried_with_fresh_attempts() {
    let server = TestServer::start().await;
    let id = create_genre(&server, "dub").await;
    let lease = Duration::from_secs(60);
    let claimed = server.store.claim(JobKind::Generate, ClaimOrder::Priority, "test", lease, 1).await.unwrap();
    server.store.finish(&claimed[0].lease, &Finish::Failed { error: "no such model".into() }).await.unwrap();
    let job = server.get(&format!("/api/jobs/{id}")).await.json(200);
    assert_eq!(job["state"], "failed");
    assert_eq!(job["last_error"], "no such model");
    assert_eq!(job["attempts"], 1);
    let again = server.request(Method::POST, &format!("/api/jobs/{id}/retry")).send().await.json(200);
    assert_eq!(again["state"], "queued");
    assert_eq!(again["attempts"], 0);
}

#[tokio::test]
async fn an_unknown_job_is_not_found() {
    let server = TestServer::start().await;
    server.get("/api/jobs/7").await.problem(404, "not_found");
    server.request(Method::POST, "/api/jobs/7/retry").send().await.problem(404, "not_found");
    server.request(Method::POST, "/api/jobs/7/cancel").send().await.problem(404, "not_found");
}
