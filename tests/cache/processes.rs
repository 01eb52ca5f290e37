//! Servers in processes of their own, over one file and one Redis.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{
    binary::{Home, Server, eventually},
    services::{redis_server, redis_url},
};

/// The synonyms of a tag, the value of `x-cache` and the ETag.
async fn synonyms(server: &Server, name: &str) -> (Value, String, String) {
    let response = server.client.get(format!("{}/api/synonyms/genre/{name}", server.url)).send().await.unwrap();
    assert_eq!(response.status(), 200, "{name}");
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let (cache, etag) = (header("x-cache"), header("etag"));
    (response.json().await.unwrap(), cache, etag)
}

#[tokio::test]
async fn synonyms_are_kept_for_all_servers_until_somebody_writes() {
    let Some(url) = redis_url() else { return };
    let home = Home::without_ollama().with("MUSONYM_CACHE_URL", &url);
    let a = home.serve(&["--no-worker"]).await;
    let b = home.serve(&["--no-worker"]).await;
    let body = |terms: &[&str]| {
        json!({ "tag_type": "genre", "tag_name": "gqom", "synonyms": { "search_terms": terms, "related_tags": [],
            "usage_context": [], "translations": { "en": [], "fr": [] } } })
    };
    let row = a.post("/api/synonyms", body(&["durban house"]), 201).await;
    let (first, cache, etag) = synonyms(&a, "gqom").await;
    assert_eq!((&first, cache.as_str()), (&row, "miss"));
    assert_eq!(synonyms(&a, "gqom").await, (first.clone(), "hit".to_owned(), etag.clone()));
    let shared = eventually("the other server has the row from Redis", async || {
        let response = b.client.get(format!("{}/api/synonyms/genre/gqom", b.url)).send().await.unwrap();
        (response.status() == 200).then_some(response)
    })
    .await;
    assert_eq!(shared.headers()["etag"], etag.as_str());
    assert_eq!(shared.json::<Value>().await.unwrap(), first);
    // Whoever has the row gets none again.
    let again = a.client.get(format!("{}/api/synonyms/genre/gqom", a.url)).header("if-none-match", &etag);
    let again = again.send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.headers()["x-cache"].to_str().unwrap()), (304, "hit"));

    let replaced = json!({ "synonyms": body(&["kwaito techno"])["synonyms"] });
    let response = a.client.put(format!("{}/api/synonyms/{}", a.url, row["id"])).json(&replaced).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let started = Instant::now();
    assert_eq!(synonyms(&a, "gqom").await.0["synonyms"]["search_terms"], json!(["kwaito techno"]), "on A at once");
    eventually("B shows what was written through A", async || {
        (synonyms(&b, "gqom").await.0["synonyms"]["search_terms"] == json!(["kwaito techno"])).then_some(())
    })
    .await;
    println!("a write through A is shown by B after {:?}", started.elapsed());
    // The documents promise one; three, for test machines are shared.
    assert!(started.elapsed().as_secs() < 3, "{:?}", started.elapsed());
    // A tag that goes is gone from the cache, and one that is not there is not kept.
    let response = a.client.delete(format!("{}/api/tags/genre/gqom", a.url)).send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(a.get("/api/synonyms/genre/gqom").await.0, 404);
    a.post("/api/synonyms", body(&["durban house"]), 201).await;
    assert_eq!(synonyms(&a, "gqom").await.0["synonyms"]["search_terms"], json!(["durban house"]));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_nothing_else_happens() {
    let Some(mut redis) = redis_server(&[]).await else { return };
    let wrong = redis.url().replace("redis://", "redis://:hunter2@");
    redis.require_password("s3cret").await;
    let home = Home::without_ollama().with("MUSONYM_CACHE_URL", &wrong);
    let server = home.serve(&["--no-worker"]).await;
    let (status, ready) = server.get("/readyz").await;
    assert_eq!((status, &ready["status"]), (200, &json!("degraded")), "{ready}");
    let cache = ready["components"].as_array().unwrap().iter().find(|part| part["name"] == "cache").unwrap();
    assert_eq!((&cache["state"], &cache["required"]), (&json!("degraded"), &json!(false)));
    assert!(cache["detail"].as_str().unwrap().contains("authentication failed"), "{cache}");
    assert_eq!(server.search("gqom").await["count"], 0);

    let doctor = home.run(&["doctor", "--json"]).await;
    let report = String::from_utf8(doctor.stdout).unwrap();
    let line = report.lines().find(|line| line.contains("\"part\":\"cache\"")).unwrap();
    assert!(
        line.contains("authentication failed") && line.contains("missing") && line.contains("MUSONYM_CACHE_URL"),
        "{line}"
    );

    let log = std::fs::read_to_string(home.path().join("processes.log")).unwrap();
    assert_eq!(log.matches("the shared cache is not used").count(), 1, "{log}");
    for text in [&log, &report, &ready.to_string()] {
        assert!(!text.contains("hunter2") && !text.contains("s3cret"), "{text}");
    }
    let right = Home::without_ollama().with("MUSONYM_CACHE_URL", &redis.url());
    let doctor = String::from_utf8(right.run(&["doctor"]).await.stdout).unwrap();
    let line = doctor.lines().find(|line| line.starts_with("cache")).unwrap();
    assert!(line.contains(" ok ") && !doctor.contains("s3cret"), "{doctor}");
}
