//! Several processes on one SQLite file.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{
    binary::{Home, eventually},
    fake_ollama::FakeOllama,
};

/// The documents promise a second for a write by another process; three, for test machines are shared. What was
/// measured is printed.
const PROMISED: Duration = Duration::from_secs(3);

#[tokio::test]
async fn writes_by_a_worker_and_by_an_import_are_searchable_in_the_server_within_a_second() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let server = home.serve(&["--no-worker"]).await;
    let _worker = home.worker();

    // A tag made through the server, whose synonyms the worker's process writes.
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "gqom" }), 201).await;
    let saved = eventually("the worker has saved", async || {
        let (status, row) = server.get("/api/synonyms/genre/gqom").await;
        (status == 200).then(|| row["synonyms"]["search_terms"][0].as_str().unwrap().to_owned())
    })
    .await;
    let started = Instant::now();
    eventually("the search finds what the worker wrote", async || (server.best(&saved).await == "gqom").then_some(()))
        .await;
    println!("the worker's write searchable after {:?}", started.elapsed());
    assert!(started.elapsed() < PROMISED, "{:?}", started.elapsed());

    // Rows that a third process imports while the other two run; the answers of before must not come from the cache.
    assert_eq!(server.search("zzimported 7").await["count"], 0);
    let rows: Vec<String> = (0..50)
        .map(|number| {
            json!({ "tag_type": "mood", "name": format!("imported mood {number}"), "search_terms": [format!("zzimported {number}")],
                "related_tags": [], "usage_context": [], "translations": { "en": [], "fr": [] } })
            .to_string()
        })
        .collect();
    std::fs::write(home.path().join("rows.jsonl"), rows.join("\n")).unwrap();
    home.run(&["import", "rows.jsonl"]).await;
    let started = Instant::now();
    for number in 0..50 {
        let name = format!("imported mood {number}");
        eventually("the search finds what was imported", async || {
            (server.best(&format!("zzimported {number}")).await == name).then_some(())
        })
        .await;
    }
    println!("50 imported rows searchable after {:?}", started.elapsed());
    eventually("the worker has embedded the import", async || {
        let (_, row) = server.get("/api/synonyms/mood/imported%20mood%2049").await;
        row["embedding"].is_object().then_some(())
    })
    .await;
    // The vector that the worker's process stored is compared in this one.
    eventually("the server compares the new vectors", async || {
        let answer = server.search("imported mood 49").await;
        answer["results"][0]["vector_score"].is_number().then_some(())
    })
    .await;
}
