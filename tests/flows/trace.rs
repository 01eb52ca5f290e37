//! One trace from the webhook to the saved row.

use serde_json::{Value, json};

use crate::support::{
    binary::{Home, Server},
    fake_ollama::FakeOllama,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Sends a webhook of a new tag with this `traceparent`; the trace that the answer names, and the number of its job.
async fn deliver(server: &Server, tag: &str, traceparent: &str) -> (String, Value) {
    let event = json!({ "type": "tag.created", "data": { "tag_type": "genre", "tag_name": tag } });
    let response = server.signed(tag, &event).header("traceparent", traceparent).send().await.unwrap();
    assert_eq!(response.status(), 202);
    let trace = response.headers()["trace-id"].to_str().unwrap().to_owned();
    (trace, response.json::<Value>().await.unwrap()["job_id"].clone())
}

#[tokio::test]
async fn a_webhook_leaves_its_trace_at_every_step_to_the_saved_row() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let server = home.serve(&[]).await;
    let (trace, job) = deliver(&server, "gqom", &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;
    assert_eq!(trace, TRACE, "the answer");
    server.settled().await;

    assert_eq!(server.get(&format!("/api/jobs/{job}")).await.1["trace_id"], TRACE, "the job");
    let sent = ollama.traceparents().into_iter().flatten().collect::<Vec<_>>();
    assert!(!sent.is_empty() && sent.iter().all(|header| header.contains(TRACE)), "the call of Ollama: {sent:?}");
    let (_, row) = server.get("/api/synonyms/genre/gqom").await;
    let (_, revisions) = server.get(&format!("/api/synonyms/{}/revisions", row["id"])).await;
    assert_eq!(revisions["items"][0]["version"], row["version"]);
    assert_eq!(revisions["items"][0]["trace_id"], TRACE, "the saved row: {revisions}");
    let (_, embedded) = server.get("/api/jobs?kind=embed").await;
    assert_eq!(embedded["items"][0]["trace_id"], TRACE, "its embedding: {embedded}");

    let log = std::fs::read_to_string(home.path().join("processes.log")).unwrap();
    for line in ["webhook accepted", "synonyms saved"] {
        let said = log.lines().find(|said| said.contains(line)).unwrap_or_default();
        assert!(said.contains(TRACE), "{line}: {log}");
    }
}

#[tokio::test]
async fn an_invalid_traceparent_is_left_aside_and_a_new_trace_begins() {
    let home = Home::without_ollama();
    let server = home.serve(&["--no-worker"]).await;
    let zeros = "0".repeat(32);
    let mut begun = Vec::new();
    for (number, traceparent) in
        [format!("00-{zeros}-00f067aa0ba902b7-01"), format!("ff-{TRACE}-00f067aa0ba902b7-01"), "none".to_owned()]
            .iter()
            .enumerate()
    {
        let (trace, job) = deliver(&server, &format!("invalid {number}"), traceparent).await;
        assert!(trace.len() == 32 && trace != TRACE && trace != zeros, "{traceparent}: {trace}");
        assert_eq!(server.get(&format!("/api/jobs/{job}")).await.1["trace_id"], trace);
        begun.push(trace);
    }
    begun.dedup();
    assert_eq!(begun.len(), 3, "each its own");
}
