//! The same way through a real Ollama with the default models:
//! `OLLAMA_HOST=127.0.0.1:11434 cargo test --test flows -- --ignored live`

use serde_json::json;

use crate::support::binary::Home;

#[tokio::test]
#[ignore = "needs a real Ollama with llama3.2:1b and nomic-embed-text at OLLAMA_HOST"]
async fn live_a_tag_is_written_embedded_and_found_by_the_default_models() {
    let host = std::env::var("OLLAMA_HOST").expect("set OLLAMA_HOST to a running Ollama");
    let home = Home::new(&host);
    let server = home.serve(&[]).await;
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "bossa nova" }), 201).await;
    server.settled().await;
    let (status, row) = server.get("/api/synonyms/genre/bossa%20nova").await;
    assert_eq!((status, &row["source"]), (200, &json!("ollama")), "{row}");
    assert_eq!(row["embedding"]["dimensions"], 768);
    let answer = server.search("soft brazilian guitar").await;
    assert_eq!((&answer["degraded"], &answer["results"][0]["tag_name"]), (&json!([]), &json!("bossa nova")));
}
