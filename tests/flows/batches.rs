//! A batch outlives the worker that works on it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    binary::{Home, eventually, kill_9},
    fake_ollama::FakeOllama,
};

#[tokio::test]
async fn a_batch_is_taken_up_again_after_a_worker_was_killed_and_its_progress_is_right_at_the_end() {
    const TAGS: usize = 40;
    let ollama = FakeOllama::start().await;
    ollama.set_delay(Duration::from_millis(20));
    let home = Home::new(ollama.url()).with("MUSONYM_JOBS__LEASE_SECONDS", "3");
    let names: Vec<String> = (0..TAGS).map(|number| format!("batch test genre {number}")).collect();
    std::fs::write(home.path().join("tags.txt"), names.join("\n")).unwrap();
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).await;
    let output = home.run(&["generate", "--all", "--json"]).await;
    let started: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&started["batch"], &started["queued"]), (&1.into(), &TAGS.into()), "{started}");

    let server = home.serve(&["--no-worker"]).await;
    let standing = async || server.get("/api/jobs/batch/1").await.1;
    let mut worker = home.worker();
    eventually("the worker is in the middle of it", async || {
        (standing().await["done"].as_u64().unwrap() >= 10).then_some(())
    })
    .await;
    kill_9(&mut worker).await;
    let left = standing().await;
    assert_eq!(left["state"], "active", "{left}");
    let (done, rest) = (left["done"].as_u64().unwrap(), left["left"].as_u64().unwrap());
    assert_eq!(done + rest, TAGS as u64, "{left}");
    assert!(rest > 0 && left["per_minute"].as_f64().unwrap() > 0.0, "{left}");

    // Whoever follows the stream hears of the end, whatever happened in between.
    let mut stream = server.client.get(format!("{}/api/jobs/batch/1/events", server.url)).send().await.unwrap();
    let _worker = home.worker();
    let mut told = String::new();
    let following = async {
        while let Some(chunk) = stream.chunk().await.unwrap() {
            told.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(120), following).await.expect("the stream does not end");
    assert!(told.starts_with("event: progress\n"), "{told}");
    assert_eq!(told.matches("event: done\n").count(), 1, "{told}");

    let over = standing().await;
    let counts = (&over["state"], &over["total"], &over["done"], &over["left"]);
    assert_eq!(counts, (&json!("done"), &json!(TAGS), &json!(TAGS), &json!(0)), "{over}");
    assert!(over["ended_at"].is_string(), "{over}");
    let calls: usize = ollama.generated_tags().values().sum();
    assert!((TAGS..=TAGS + 1).contains(&calls), "{calls} generations for {TAGS} tags and one kill");
    println!("{calls} generations for {TAGS} tags and one kill; {done} were done when the worker was killed");
}
