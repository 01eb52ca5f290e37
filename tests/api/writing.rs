//! Writing synonyms by hand: create, replace, take out, bring back, and the history.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{create_genre, support::server::TestServer, write_genre};

fn path_of(row: &Value) -> String {
    format!("/api/synonyms/{}", row["id"])
}

#[tokio::test]
async fn created_synonyms_have_an_address_and_an_etag() {
    let server = TestServer::start().await;
    let body = json!({ "tag_type": "mood", "tag_name": " calm ", "synonyms": { "search_terms": ["quiet"] }, "confidence": 0.5 });
    let answer = server.post("/api/synonyms", body).await;
    let row = answer.json(201);
    assert_eq!(row["tag_name"], "calm");
    assert_eq!(row["confidence"], 0.5);
    assert_eq!(row["version"], 1);
    assert_eq!(answer.header("location"), path_of(&row));
    assert_eq!(answer.header("etag"), format!("\"{}.1\"", row["id"]));
    assert_eq!(server.get(answer.header("location")).await.json(200), row);
    // The tag is new, and it is embedded next.
    server.get("/api/tags/mood/calm").await.json(200);
    let jobs = server.get("/api/jobs?kind=embed&state=queued").await.json(200);
    assert_eq!(jobs["items"].as_array().unwrap().len(), 1, "{jobs}");
}

#[tokio::test]
async fn a_tag_has_one_active_row() {
    let server = TestServer::start().await;
    write_genre(&server, "hip hop").await;
    let body = json!({ "tag_type": "genre", "tag_name": "Hip-Hop", "synonyms": { "search_terms": ["rap"] } });
    server.post("/api/synonyms", body).await.problem(409, "conflict");
}

#[tokio::test]
async fn a_row_is_replaced_and_searched_anew_at_once() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    assert_eq!(server.get("/api/synonyms/search?q=riddim").await.json(200)["count"], 0);
    let body = json!({ "synonyms": { "search_terms": ["riddim"] }, "confidence": 0.9 });
    let answer = server.put(&path_of(&row), body).await;
    let replaced = answer.json(200);
    assert_eq!(replaced["version"], 2);
    assert_eq!(replaced["confidence"], 0.9);
    assert_eq!(replaced["synonyms"]["search_terms"], json!(["riddim"]));
    assert_eq!(answer.header("etag"), format!("\"{}.2\"", row["id"]));
    let found = server.get("/api/synonyms/search?q=riddim").await.json(200);
    assert_eq!(found["results"][0]["tag_name"], "dub", "{found}");
}

#[tokio::test]
async fn if_match_guards_against_lost_changes() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    let path = path_of(&row);
    let body = json!({ "synonyms": { "search_terms": ["riddim"] } });
    let put = |etag: String| server.request(Method::PUT, &path).header("if-match", etag).json(&body).send();
    let id = &row["id"];

    put(format!("\"{id}.1\"")).await.json(200);
    put(format!("\"{id}.1\"")).await.problem(412, "version_mismatch");
    put(format!("\"{id}.1e\"")).await.problem(412, "version_mismatch");
    put("\"999.2\"".into()).await.problem(412, "version_mismatch");
    put("nonsense".into()).await.problem(400, "invalid_if_match");
    put("*".into()).await.json(200);

    let delete = |etag: &str| server.request(Method::DELETE, &path).header("if-match", etag).send();
    delete("nonsense").await.problem(400, "invalid_if_match");
    delete(&format!("\"{id}.1\"")).await.problem(412, "version_mismatch");
    let etag = server.get(&path).await.header("etag").to_owned();
    delete(&etag).await.empty(204);
}

#[tokio::test]
async fn a_row_that_is_taken_out_is_gone_until_it_is_brought_back() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    server.delete(&path_of(&row)).await.empty(204);
    server.get("/api/synonyms/genre/dub").await.problem(404, "not_found");
    assert_eq!(server.get("/api/synonyms/search?q=dub").await.json(200)["count"], 0);
    assert_eq!(server.get("/api/synonyms").await.json(200)["items"], json!([]));
    assert_eq!(server.get(&path_of(&row)).await.json(200)["is_active"], false);

    let activate = format!("{}/activate", path_of(&row));
    let answer = server.request(Method::POST, &activate).send().await;
    let back = answer.json(200);
    assert_eq!(back["is_active"], true);
    assert!(answer.header("etag").starts_with(&format!("\"{}.{}", row["id"], back["version"])));
    assert_eq!(server.get("/api/synonyms/search?q=dub").await.json(200)["count"], 1);
}

#[tokio::test]
async fn a_row_is_not_brought_back_beside_its_successor() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    server.delete(&path_of(&row)).await.empty(204);
    let successor = write_genre(&server, "dub").await;
    let answer = server.request(Method::POST, &format!("{}/activate", path_of(&row))).send().await;
    if successor["id"] == row["id"] {
        answer.json(200);
    } else {
        answer.problem(409, "conflict");
    }
}

#[tokio::test]
async fn the_history_tells_who_did_what_newest_first() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    server.put(&path_of(&row), json!({ "synonyms": { "search_terms": ["riddim"] } })).await.json(200);
    server.delete(&path_of(&row)).await.empty(204);
    let history = server.get(&format!("{}/revisions", path_of(&row))).await.json(200);
    let actions: Vec<&str> =
        history["items"].as_array().unwrap().iter().map(|revision| revision["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["deactivated", "replaced", "created"]);
    let first = &history["items"][2];
    assert_eq!(first["before"], Value::Null);
    assert_eq!(first["tag_name"], "dub");
    assert_eq!(first["source"], "manual");
    assert_eq!(history["items"][1]["after"]["search_terms"], json!(["riddim"]));
    assert_eq!(history["next"], Value::Null);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_changed() {
    let server = TestServer::start().await;
    let body = json!({ "synonyms": { "search_terms": ["riddim"] } });
    server.put("/api/synonyms/7", body).await.problem(404, "not_found");
    server.delete("/api/synonyms/7").await.problem(404, "not_found");
    server.request(Method::POST, "/api/synonyms/7/activate").send().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_locked_database_is_said_to_be_busy_and_keeps_what_it_has() {
    let server = TestServer::start().await;
    create_genre(&server, "dub").await;
    let other = server.database.hold_write_lock().await;
    let answer = server.post("/api/tags", json!({ "tag_type": "genre", "name": "rock" })).await;
    answer.problem(503, "storage_busy");
    assert_eq!(answer.header("retry-after"), "2");
    // Reading goes on.
    server.get("/api/tags/genre/dub").await.json(200);
    drop(other);
    create_genre(&server, "rock").await;
}
