//! The history of a row over HTTP, and the way back in it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{support::server::TestServer, write_genre};

/// A row of three versions: created, replaced, taken out; gives its path.
async fn with_history(server: &TestServer) -> String {
    let row = write_genre(server, "dub").await;
    let path = format!("/api/synonyms/{}", row["id"]);
    let body = json!({ "synonyms": { "search_terms": ["riddim"], "translations": { "fr": ["musique dub"] } } });
    server.put(&path, body).await.json(200);
    server.delete(&path).await.empty(204);
    path
}

fn restore(server: &TestServer, path: &str, version: i64) -> crate::support::server::Request {
    server.request(Method::POST, &format!("{path}/revisions/{version}/restore"))
}

#[tokio::test]
async fn a_revision_tells_what_was_added_and_removed() {
    let server = TestServer::start().await;
    let path = with_history(&server).await;
    let first = server.get(&format!("{path}/revisions?limit=2")).await.json(200);
    let versions = |page: &Value| {
        page["items"].as_array().unwrap().iter().map(|item| item["version"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(versions(&first), [3, 2]);
    let rest =
        server.get(&format!("{path}/revisions?limit=2&cursor={}", first["next"].as_str().unwrap())).await.json(200);
    assert_eq!((versions(&rest), &rest["next"]), (vec![1], &Value::Null));
    let replaced = &first["items"][1];
    assert_eq!(replaced["action"], "replaced");
    assert_eq!(replaced["difference"]["added"]["search_terms"], json!(["riddim"]));
    assert_eq!(replaced["difference"]["removed"]["search_terms"], json!(["dub music"]));
    assert_eq!(replaced["difference"]["added"]["translations"], json!({ "en": [], "fr": [] }));
    assert_eq!(&server.get(&format!("{path}/revisions/2")).await.json(200), replaced);
    assert_eq!(rest["items"][0]["difference"]["added"]["translations"]["fr"], json!(["musique dub"]));
    assert_eq!(first["items"][0]["after"], Value::Null);
    server.get(&format!("{path}/revisions/9")).await.problem(404, "not_found");
    server.get("/api/synonyms/999/revisions/1").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_former_version_is_restored_and_found_at_once() {
    let server = TestServer::start().await;
    let path = with_history(&server).await;
    let detail = restore(&server, &path, 3).send().await.problem(409, "conflict");
    assert!(detail.contains("left no terms"), "{detail}");
    let answer = restore(&server, &path, 1).send().await;
    let row = answer.json(200);
    assert_eq!(row["synonyms"]["search_terms"], json!(["dub music"]));
    assert_eq!((&row["is_active"], &row["source"], &row["version"]), (&json!(true), &json!("manual"), &json!(4)));
    assert_eq!(answer.header("etag"), format!("\"{}.4\"", row["id"]));
    assert_eq!(server.get("/api/synonyms/search?q=dub+music").await.json(200)["results"][0]["tag_name"], "dub");
    let newest = &server.get(&format!("{path}/revisions?limit=1")).await.json(200)["items"][0];
    assert_eq!((&newest["action"], &newest["version"]), (&json!("restored"), &json!(4)));
}

#[tokio::test]
async fn a_restoration_is_refused_where_it_would_write_over_something() {
    let server = TestServer::start().await;
    let path = with_history(&server).await;
    let id = path.rsplit('/').next().unwrap();
    restore(&server, &path, 1).header("if-match", format!("\"{id}.2\"")).send().await.problem(412, "version_mismatch");
    restore(&server, &path, 1).header("if-match", "nonsense").send().await.problem(400, "invalid_if_match");
    restore(&server, &path, 9).send().await.problem(404, "not_found");
    restore(&server, "/api/synonyms/999", 1).send().await.problem(404, "not_found");
    write_genre(&server, "dub").await;
    restore(&server, &path, 1).send().await.problem(409, "conflict");
    let other = server.get("/api/synonyms/genre/dub").await;
    server.delete(&format!("/api/synonyms/{}", other.json(200)["id"])).await.empty(204);
    restore(&server, &path, 1).header("if-match", format!("\"{id}.3\"")).send().await.json(200);
}
