//! Merging tags over HTTP.

use serde_json::{Value, json};

use crate::{create_genre, support::server::TestServer, write_genre};

fn body(from: &str, into: &str) -> Value {
    json!({ "from": { "tag_type": "genre", "tag_name": from }, "into": { "tag_type": "genre", "tag_name": into } })
}

#[tokio::test]
async fn a_tag_is_merged_into_another_and_found_by_its_name() {
    let server = TestServer::start().await;
    let from = write_genre(&server, "rap").await;
    let into = write_genre(&server, "hip hop").await;
    let mut dry = body("rap", "hip hop");
    dry["dry_run"] = json!(true);
    let foreseen = server.post("/api/tags/merge", dry).await.json(200);
    assert_eq!(foreseen["synonyms"]["search_terms"], json!(["hip hop music", "rap", "rap music"]));
    server.get("/api/tags/genre/rap").await.json(200);
    assert_eq!(server.get("/api/synonyms/genre/hip%20hop").await.json(200), into);

    let answer = server.post("/api/tags/merge", body("RAP", "Hip-Hop")).await;
    let merged = answer.json(200);
    assert_eq!((&merged["id"], &merged["synonyms"]), (&into["id"], &foreseen["synonyms"]));
    assert_eq!(answer.header("etag"), format!("\"{}.2\"", into["id"]));
    server.get("/api/tags/genre/rap").await.problem(404, "not_found");
    let found = server.get("/api/synonyms/search?q=rap").await.json(200);
    assert_eq!(found["results"][0]["tag_name"], "hip hop", "{found}");
    assert_eq!(found["results"][0]["match"]["kind"], "alias", "{found}");
    let history = server.get(&format!("/api/synonyms/{}/revisions", from["id"])).await.json(200);
    assert_eq!(history["items"][0]["action"], "merged", "{history}");
}

#[tokio::test]
async fn tags_that_cannot_be_merged_stay() {
    let server = TestServer::start().await;
    create_genre(&server, "rap").await;
    let mut types = body("rap", "sad");
    types["into"]["tag_type"] = json!("mood");
    let detail = server.post("/api/tags/merge", types).await.problem(400, "different_tag_types");
    assert!(detail.contains("genre cannot become a mood"), "{detail}");
    server.post("/api/tags/merge", body("rap", "nothing")).await.problem(404, "not_found");
    server.post("/api/tags/merge", body("nothing", "rap")).await.problem(404, "not_found");
    let detail = server.post("/api/tags/merge", body("rap", "Rap")).await.problem(409, "conflict");
    assert!(detail.contains("itself"), "{detail}");
    let detail = server.post("/api/tags/merge", body("rap", "")).await.problem(400, "invalid_body");
    assert!(detail.contains("into"), "{detail}");
    server.get("/api/tags/genre/rap").await.json(200);
}
