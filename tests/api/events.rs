//! Server-sent events.

use std::time::Duration;

use musonym::{
    domain::{JobKind, JobState},
    jobs::Event,
};
use reqwest::{Method, Response};

use crate::support::server::TestServer;

/// Reads the stream until it holds `text`.
async fn read_until(stream: &mut Response, text: &str) -> String {
    let mut read = String::new();
    let reading = async {
        while !read.contains(text) {
            let chunk = stream.chunk().await.unwrap().expect("the stream ended");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("no such event came");
    read
}

fn changed(job_id: i64) -> Event {
    Event::JobChanged { job_id, kind: JobKind::Generate, state: JobState::Succeeded, error: None }
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens() {
    let server = TestServer::start().await;
    let mut stream = server.request(Method::GET, "/api/events").header("accept-encoding", "gzip").open().await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert!(!stream.headers().contains_key("content-encoding"));
    server.events.publish(changed(7));
    let read = read_until(&mut stream, "\n\n").await;
    assert!(read.contains("event: job.changed\n"), "{read}");
    let data = read.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let expected = serde_json::json!({ "type": "job.changed", "job_id": 7, "kind": "generate", "state": "succeeded" });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn a_slow_listener_hears_that_it_missed_something() {
    let server = TestServer::start().await;
    let mut stream = server.request(Method::GET, "/api/events").open().await;
    // In one go, without a chance for the server to read in between.
    for job_id in 0..5_000 {
        server.events.publish(changed(job_id));
    }
    let read = read_until(&mut stream, "\"job_id\":4999").await;
    assert!(read.contains(": lagged: 3976 events were skipped"), "{}", &read[..200]);
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let server = TestServer::start().await;
    let mut stream = server.request(Method::GET, "/api/events").open().await;
    let stopped = tokio::time::timeout(Duration::from_secs(5), server.stop());
    let ended = async { while stream.chunk().await.unwrap().is_some() {} };
    let (stopped, ()) = tokio::join!(stopped, ended);
    stopped.expect("an open stream kept the server from stopping");
}
