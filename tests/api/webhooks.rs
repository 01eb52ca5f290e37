//! Signed webhooks, from the raw bytes to the job.

use musonym::domain::TagType;
use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::server::{Answer, ServerOptions, TestServer};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW_SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const PATH: &str = "/api/webhooks/synonyms";

async fn server() -> TestServer {
    TestServer::start_with(ServerOptions { webhook_secrets: vec![SECRET], ..ServerOptions::default() }).await
}

#[expect(clippy::needless_pass_by_value, reason = "the callers build it in place")]
fn event(kind: &str, data: Value) -> Value {
    json!({ "type": kind, "timestamp": "2026-11-22T10:00:00Z", "data": data })
}

fn genre(name: &str) -> Value {
    json!({ "tag_type": "genre", "tag_name": name })
}

/// Sends `body`, signed with `secret` at `age` seconds before now.
async fn deliver_raw(server: &TestServer, secret: &str, id: &str, age: i64, body: Vec<u8>) -> Answer {
    let timestamp = chrono::Utc::now().timestamp() - age;
    let signature = Webhook::new(secret).unwrap().sign(id, timestamp, &body).unwrap();
    let request = server.request(Method::POST, PATH).header("content-type", "application/json");
    let request = request.header("webhook-id", id).header("webhook-timestamp", timestamp.to_string());
    request.header("webhook-signature", signature).body(body).send().await
}

async fn deliver(server: &TestServer, id: &str, event: &Value) -> Answer {
    deliver_raw(server, SECRET, id, 0, event.to_string().into_bytes()).await
}

#[tokio::test]
async fn a_created_tag_is_stored_with_its_job() {
    let server = server().await;
    let answer = deliver(&server, "msg_1", &event("tag.created", genre("dub"))).await.json(202);
    assert_eq!(answer["status"], "accepted");
    let job = server.get(&format!("/api/jobs/{}", answer["job_id"])).await.json(200);
    assert_eq!(job["kind"], "generate");
    assert_eq!(job["priority"], 1);
    server.get("/api/tags/genre/dub").await.json(200);
}

#[tokio::test]
async fn the_same_delivery_again_gives_the_same_answer_and_no_second_job() {
    let server = server().await;
    let first = deliver(&server, "msg_1", &event("tag.created", genre("dub"))).await.json(202);
    let again = deliver(&server, "msg_1", &event("tag.created", genre("dub"))).await.json(202);
    assert_eq!(again, first);
    server.request(Method::POST, &format!("/api/jobs/{}/cancel", first["job_id"])).send().await.json(200);
    assert_eq!(deliver(&server, "msg_1", &event("tag.created", genre("dub"))).await.json(202), first);
    let jobs = server.get("/api/jobs").await.json(200);
    assert_eq!(jobs["items"].as_array().unwrap().len(), 1, "{jobs}");
}

#[tokio::test]
async fn an_updated_tag_is_renamed_and_generated_anew() {
    let server = server().await;
    deliver(&server, "msg_1", &event("tag.created", genre("dubb"))).await.json(202);
    let data = json!({ "tag_type": "genre", "tag_name": "dub", "previous_name": "dubb" });
    let answer = deliver(&server, "msg_2", &event("tag.updated", data)).await.json(202);
    let payload = &server.get(&format!("/api/jobs/{}", answer["job_id"])).await.json(200)["payload"];
    assert_eq!(payload["refresh"], true, "{payload}");
    server.get("/api/tags/genre/dub").await.json(200);
    server.get("/api/tags/genre/dubb").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_deleted_tag_is_gone() {
    let server = server().await;
    deliver(&server, "msg_1", &event("tag.created", genre("dub"))).await.json(202);
    let deleted = deliver(&server, "msg_2", &event("tag.deleted", genre("dub"))).await.json(202);
    assert_eq!(deleted, json!({ "job_id": null, "status": "deleted" }));
    assert!(server.store.tag_by_name(TagType::Genre, "dub").await.unwrap().is_none());
    let unknown = deliver(&server, "msg_3", &event("tag.deleted", genre("dub"))).await.json(202);
    assert_eq!(unknown, json!({ "job_id": null, "status": "unknown_tag" }));
}

#[tokio::test]
async fn fields_that_senders_add_are_left_alone() {
    let server = server().await;
    let data = json!({ "tag_type": "genre", "tag_name": "dub", "library": { "id": 7 } });
    let mut event = event("tag.created", data);
    event["attempt"] = json!(1);
    deliver(&server, "msg_1", &event).await.json(202);
}

#[tokio::test]
async fn while_secrets_rotate_both_verify() {
    let options = ServerOptions { webhook_secrets: vec![NEW_SECRET, SECRET], ..ServerOptions::default() };
    let server = TestServer::start_with(options).await;
    let body = |name| event("tag.created", genre(name)).to_string().into_bytes();
    deliver_raw(&server, SECRET, "msg_1", 0, body("dub")).await.json(202);
    deliver_raw(&server, NEW_SECRET, "msg_2", 0, body("rock")).await.json(202);
}

#[tokio::test]
async fn a_foreign_or_stale_delivery_changes_nothing() {
    let server = server().await;
    let body = event("tag.created", genre("dub")).to_string().into_bytes();
    let foreign = deliver_raw(&server, NEW_SECRET, "msg_1", 0, body.clone()).await;
    foreign.problem(401, "invalid_signature");
    assert!(!foreign.header("www-authenticate").is_empty());
    deliver_raw(&server, SECRET, "msg_1", 310, body.clone()).await.problem(401, "stale_webhook");
    deliver_raw(&server, SECRET, "msg_1", -310, body.clone()).await.problem(401, "stale_webhook");
    assert_eq!(server.get("/api/tags").await.json(200)["items"], json!([]));
    // The refused attempts did not use up the id.
    deliver_raw(&server, SECRET, "msg_1", 290, body).await.json(202);
}

#[tokio::test]
async fn missing_headers_are_named() {
    let server = server().await;
    let bare = server.post(PATH, event("tag.created", genre("dub"))).await;
    assert!(bare.problem(400, "invalid_webhook_headers").contains("webhook-id"));
    deliver(&server, "msg.1", &event("tag.created", genre("dub"))).await.problem(400, "invalid_webhook_headers");
}

#[tokio::test]
async fn what_is_verified_may_still_be_wrong() {
    let server = server().await;
    deliver(&server, "msg_1", &event("artist.created", genre("dub"))).await.problem(400, "unknown_event_type");
    deliver(&server, "msg_1", &event("tag.created", json!({}))).await.problem(400, "invalid_body");
    deliver(&server, "msg_1", &event("tag.created", genre("a\u{0}b"))).await.problem(400, "invalid_tag_name");
    deliver(&server, "msg_1", &event("tag.created", genre(&"x".repeat(101)))).await.problem(400, "invalid_tag_name");
    deliver_raw(&server, SECRET, "msg_1", 0, b"no json".to_vec()).await.problem(400, "invalid_body");
    deliver_raw(&server, SECRET, "msg_1", 0, Vec::new()).await.problem(400, "invalid_body");
    deliver(&server, "msg_1", &event("tag.created", genre("dub"))).await.json(202);
}

#[tokio::test]
async fn without_a_secret_the_answer_says_what_to_set() {
    let server = TestServer::start().await;
    let answer = deliver(&server, "msg_1", &event("tag.created", genre("dub"))).await;
    assert!(answer.problem(403, "webhooks_not_configured").contains("MUSONYM_WEBHOOK_SECRET"));
}

#[tokio::test]
async fn a_signed_webhook_needs_no_api_key() {
    let options = ServerOptions { api_key: Some("key"), webhook_secrets: vec![SECRET], ..ServerOptions::default() };
    let server = TestServer::start_with(options).await;
    deliver(&server, "msg_1", &event("tag.created", genre("dub"))).await.json(202);
    let unsigned = server.request(Method::POST, PATH).header("x-api-key", "key").body("{}").send().await;
    unsigned.problem(400, "invalid_webhook_headers");
}
