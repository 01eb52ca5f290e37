//! Batches of generation, and the stream of their progress.

use std::time::Duration;

use musonym::{
    domain::JobKind,
    store::{ClaimOrder, Finish},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{create_genre, support::server::TestServer};

/// Longer than any of these streams takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server with three genres, and a batch for all of them.
async fn with_batch() -> (TestServer, Value) {
    let server = TestServer::start().await;
    for name in ["dub", "rock", "ska"] {
        create_genre(&server, name).await;
    }
    let answer = server.post("/api/jobs/batch", json!({ "of": "all", "priority": 3 })).await;
    assert_eq!(answer.header("location"), "/api/jobs/batch/1");
    let batch = answer.json(201);
    (server, batch)
}

/// Claims a job and ends it as failed.
async fn fail_one(server: &TestServer) {
    let lease = Duration::from_secs(60);
    let claimed = server.store.claim(JobKind::Generate, ClaimOrder::Age, "test", lease, 1).await.unwrap();
    server.store.finish(&claimed[0].lease, &Finish::Failed { error: "no such model".into() }).await.unwrap();
}

#[tokio::test]
async fn a_batch_is_started_joined_shown_listed_and_cancelled() {
    let (server, batch) = with_batch().await;
    for (field, value) in [
        ("of", json!("all")),
        ("force", json!(false)),
        ("source", Value::Null),
        ("older_than", Value::Null),
        ("state", json!("active")),
        ("total", json!(3)),
        ("left", json!(3)),
        ("priority", json!(3)),
        ("ended_at", Value::Null),
        ("estimated_end", Value::Null),
    ] {
        assert_eq!(batch[field], value, "{field}: {batch}");
    }
    assert_eq!(server.post("/api/jobs/batch", json!({ "of": "all" })).await.json(200), batch, "the same goes on");
    fail_one(&server).await;
    let shown = server.get("/api/jobs/batch/1").await.json(200);
    assert_eq!((&shown["failed"], &shown["left"]), (&json!(1), &json!(2)));
    let aged = server.post("/api/jobs/batch", json!({ "of": "older_than", "older_than": "2w" })).await.json(201);
    assert_eq!((&aged["older_than"], &aged["state"], &aged["total"]), (&json!("14d"), &json!("done"), &json!(0)));
    let list = server.get("/api/jobs/batch?limit=1").await.json(200);
    assert_eq!(list["items"], json!([aged]));
    let next = format!("/api/jobs/batch?cursor={}", list["next"].as_str().unwrap());
    assert_eq!(server.get(&next).await.json(200), json!({ "items": [shown], "next": null }));
    let cancel = || server.request(Method::POST, "/api/jobs/batch/1/cancel").send();
    let cancelled = cancel().await.json(200);
    assert_eq!((&cancelled["state"], &cancelled["cancelled"]), (&json!("cancelled"), &json!(2)));
    cancel().await.problem(409, "conflict");
    let jobs = server.get("/api/jobs").await.json(200);
    assert_eq!((&jobs["counts"]["cancelled"], &jobs["items"][0]["batch_id"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn what_cannot_be_a_batch_is_refused() {
    let server = TestServer::start().await;
    for (body, word) in [
        (json!({}), "of"),
        (json!({ "of": "some" }), "some"),
        (json!({ "of": "source" }), "source"),
        (json!({ "of": "source", "source": "manual" }), "force"),
        (json!({ "of": "all", "source": "lexicon" }), "source"),
        (json!({ "of": "older_than" }), "older_than"),
        (json!({ "of": "older_than", "older_than": "3m" }), "h, d, w"),
        (json!({ "of": "missing", "older_than": "3d" }), "older_than"),
        (json!({ "of": "all", "priority": 10 }), "0 to 9"),
        (json!({ "of": "all", "tags": [] }), "tags"),
    ] {
        let detail = server.post("/api/jobs/batch", body.clone()).await.problem(400, "invalid_body");
        assert!(detail.contains(word), "{body}: {detail}");
    }
    server.get("/api/jobs/batch/7").await.problem(404, "not_found");
    server.get("/api/jobs/batch/7/events").await.problem(404, "not_found");
    server.get("/api/jobs/batch/x").await.problem(400, "invalid_id");
    server.get("/api/jobs/batch?cursor=x").await.problem(400, "invalid_cursor");
    server.request(Method::POST, "/api/jobs/batch/7/cancel").send().await.problem(404, "not_found");
    assert_eq!(server.get("/api/jobs/batch").await.json(200)["items"], json!([]));
}

/// The events of a stream, with the name and data of each.
struct Stream {
    response: reqwest::Response,
    read: String,
}

impl Stream {
    async fn open(server: &TestServer) -> Self {
        let response = server.request(Method::GET, "/api/jobs/batch/1/events").open().await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, read: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                let found = field("event: ").zip(field("data: "));
                let rest = rest.to_owned();
                self.read = rest;
                // A comment keeps the stream alive, no more.
                match found {
                    Some((name, data)) => return Some((name, serde_json::from_str(&data).unwrap())),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("nothing came").unwrap();
            self.read.push_str(std::str::from_utf8(&chunk?).unwrap());
        }
    }
}

#[tokio::test]
async fn progress_is_told_at_once_as_it_changes_and_to_the_end() {
    let (server, batch) = with_batch().await;
    let mut stream = Stream::open(&server).await;
    assert_eq!(stream.next().await, Some(("progress".to_owned(), batch)));
    for failed in 1..=3 {
        fail_one(&server).await;
        let (name, data) = stream.next().await.unwrap();
        assert_eq!((name.as_str(), &data["failed"]), ("progress", &json!(failed)));
    }
    let (name, data) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &data["state"], &data["left"]), ("done", &json!("done"), &json!(0)));
    assert_eq!(stream.next().await, None, "nothing follows");
    // Who comes late hears how it ended.
    let mut late = Stream::open(&server).await;
    assert_eq!(late.next().await.unwrap().0, "progress");
    assert_eq!(late.next().await.unwrap(), (name, data));
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn a_cancelled_batch_ends_its_stream() {
    let (server, _) = with_batch().await;
    let mut stream = Stream::open(&server).await;
    assert_eq!(stream.next().await.unwrap().0, "progress");
    server.request(Method::POST, "/api/jobs/batch/1/cancel").send().await.json(200);
    let names = [stream.next().await.unwrap().0, stream.next().await.unwrap().0];
    assert_eq!(names, ["progress", "cancelled"]);
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_watched_batch_does_not_keep_the_server_from_stopping() {
    let (server, _) = with_batch().await;
    let mut stream = Stream::open(&server).await;
    assert_eq!(stream.next().await.unwrap().0, "progress");
    let stopped = tokio::time::timeout(Duration::from_secs(5), server.stop());
    let (stopped, end) = tokio::join!(stopped, stream.next());
    stopped.expect("an open stream kept the server from stopping");
    assert_eq!(end, None);
}
