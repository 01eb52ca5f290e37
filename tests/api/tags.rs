//! The tags themselves.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{create_genre, support::server::TestServer, write_genre};

fn tag(name: &str) -> Value {
    json!({ "tag_type": "genre", "name": name })
}

#[tokio::test]
async fn a_new_tag_has_an_address_and_a_job() {
    let server = TestServer::start().await;
    let answer = server.post("/api/tags", tag("Hip-Hop/Rap")).await;
    let created = answer.json(201);
    assert_eq!(created["name"], "Hip-Hop/Rap");
    assert_eq!(answer.header("location"), "/api/tags/genre/Hip%2DHop%2FRap");
    let read = server.get(answer.header("location")).await.json(200);
    assert_eq!(read["id"], created["id"]);
    let job = server.get(&format!("/api/jobs/{}", created["job_id"])).await.json(200);
    assert_eq!(job["kind"], "generate");
    assert_eq!(job["state"], "queued");
    assert_eq!(job["priority"], 8);
}

#[tokio::test]
async fn a_tag_that_is_there_comes_back_without_a_job() {
    let server = TestServer::start().await;
    create_genre(&server, "hip hop").await;
    for name in ["hip hop", "Hip-Hop"] {
        let answer = server.post("/api/tags", tag(name)).await.json(200);
        assert_eq!(answer["name"], "hip hop");
        assert_eq!(answer["job_id"], Value::Null);
    }
    server.post("/api/tags", json!({ "tag_type": "mood", "name": "hip hop" })).await.json(201);
}

#[tokio::test]
async fn tags_are_listed_with_and_without_synonyms() {
    let server = TestServer::start().await;
    create_genre(&server, "rock").await;
    write_genre(&server, "dub").await;
    server.post("/api/tags", json!({ "tag_type": "mood", "name": "calm" })).await.json(201);
    for (query, expected) in [
        ("", vec!["rock", "dub", "calm"]),
        ("?tag_type=genre", vec!["rock", "dub"]),
        ("?has_synonyms=true", vec!["dub"]),
        ("?has_synonyms=false", vec!["rock", "calm"]),
    ] {
        let list = server.get(&format!("/api/tags{query}")).await.json(200);
        let names: Vec<&str> =
            list["items"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{query}");
    }
}

#[tokio::test]
async fn a_tag_is_renamed_and_generated_anew() {
    let server = TestServer::start().await;
    create_genre(&server, "dubb").await;
    create_genre(&server, "rock").await;
    let rename = |path: &'static str, name: &'static str| {
        server.request(Method::PATCH, path).json(&json!({ "name": name })).send()
    };
    let renamed = rename("/api/tags/genre/dubb", "dub").await.json(200);
    assert_eq!(renamed["name"], "dub");
    assert!(renamed["job_id"].is_i64(), "{renamed}");
    server.get("/api/tags/genre/dubb").await.problem(404, "not_found");
    assert_eq!(rename("/api/tags/genre/dub", "dub").await.json(200)["job_id"], Value::Null);
    rename("/api/tags/genre/dub", "ROCK").await.problem(409, "conflict");
    rename("/api/tags/genre/nothing", "new").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_deleted_tag_takes_its_synonyms_with_it_but_not_their_history() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    server.delete("/api/tags/genre/dub").await.empty(204);
    server.get("/api/tags/genre/dub").await.problem(404, "not_found");
    server.get("/api/synonyms/genre/dub").await.problem(404, "not_found");
    server.get(&format!("/api/synonyms/{}", row["id"])).await.problem(404, "not_found");
    server.get(&format!("/api/synonyms/{}/revisions", row["id"])).await.json(200);
    server.delete("/api/tags/genre/dub").await.problem(404, "not_found");
}

#[tokio::test]
async fn generation_is_asked_for_with_and_without_a_body() {
    let server = TestServer::start().await;
    let job = create_genre(&server, "dub").await;
    let path = "/api/tags/genre/dub/generate";
    // Without a body, with an empty one, with `force`: they join the one that is queued.
    assert_eq!(server.request(Method::POST, path).send().await.json(202)["job_id"], job);
    assert_eq!(server.post(path, json!({})).await.json(202)["job_id"], job);
    assert_eq!(server.post(path, json!({ "force": true })).await.json(202)["job_id"], job);
    let payload = &server.get(&format!("/api/jobs/{job}")).await.json(200)["payload"];
    assert_eq!(payload["force"], true, "{payload}");
    assert_eq!(payload["refresh"], true, "{payload}");

    server.post("/api/tags/genre/nothing/generate", json!({})).await.problem(404, "not_found");
    server.post(path, json!({ "force": "yes" })).await.problem(400, "invalid_body");
    let untyped = server.request(Method::POST, path).body(r#"{"force": true}"#).send().await;
    untyped.problem(415, "unsupported_media_type");
}
