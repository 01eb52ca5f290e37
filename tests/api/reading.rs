//! Reading synonyms: by tag, by number, in lists, many at once.

use std::time::Duration;

use musonym::{
    domain::JobKind,
    store::{ClaimOrder, EmbeddingDone, EmbeddingOutcome, SETTING_EMBEDDING_SPACE},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{create_genre, support::server::TestServer, write_genre};

/// Embeds the one row of the store in a space of three dimensions.
async fn embed_only_row(server: &TestServer, row: &Value) {
    let store = &server.store;
    store.setting_or_insert(SETTING_EMBEDDING_SPACE, "test:3").await.unwrap();
    let jobs = store.claim(JobKind::Embed, ClaimOrder::Priority, "test", Duration::from_secs(60), 1).await.unwrap();
    let done = EmbeddingDone {
        lease: jobs[0].lease.clone(),
        synonym_id: row["id"].as_i64().unwrap(),
        version: row["version"].as_i64().unwrap(),
        vector: vec![0.6, 0.8, 0.0],
        meaning: musonym::store::MeaningCheck::NotNeeded,
    };
    let outcome = store.complete_embeddings("test:3", &[done]).await.unwrap();
    assert_eq!(outcome, [EmbeddingOutcome::Stored]);
}

#[tokio::test]
async fn a_tag_is_read_by_any_spelling_of_its_name() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "hip hop").await;
    for name in ["hip%20hop", "Hip-Hop", "HIPHOP", "h%C3%AEp%20hop", "%20hip+hop"] {
        assert_eq!(server.get(&format!("/api/synonyms/genre/{name}")).await.json(200), row, "{name}");
    }
    let by_number = server.get(&format!("/api/synonyms/{}", row["id"])).await;
    assert_eq!(by_number.json(200), row);
}

#[tokio::test]
async fn a_row_shows_every_field() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    let mut fields: Vec<&String> = row.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "confidence",
            "created_at",
            "embedding",
            "id",
            "is_active",
            "source",
            "synonyms",
            "tag_id",
            "tag_name",
            "tag_type",
            "updated_at",
            "version",
        ]
    );
    assert_eq!(row["source"], "manual");
    assert_eq!(row["confidence"], 1.0);
    assert_eq!(row["embedding"], Value::Null);
    let expected = json!({
        "search_terms": ["dub music"], "related_tags": [], "usage_context": [],
        "translations": { "en": [], "fr": ["musique dub"] },
    });
    assert_eq!(row["synonyms"], expected);
}

#[tokio::test]
async fn a_tag_without_synonyms_is_not_found() {
    let server = TestServer::start().await;
    create_genre(&server, "dub").await;
    for path in ["/api/synonyms/genre/dub", "/api/synonyms/mood/dub", "/api/synonyms/genre/nothing"] {
        server.get(path).await.problem(404, "not_found");
    }
    server.get("/api/synonyms/7").await.problem(404, "not_found");
    server.get("/api/synonyms/7/revisions").await.problem(404, "not_found");
}

#[tokio::test]
async fn names_that_are_words_of_the_path_are_reached() {
    let server = TestServer::start().await;
    for name in ["revisions", "activate", "search", "lookup", "genre", "AC/DC & co?", "50%", "#", "ünïcödé 日本"]
    {
        let row = write_genre(&server, name).await;
        let mut url = reqwest::Url::parse(&server.url).unwrap();
        url.path_segments_mut().unwrap().extend(["api", "synonyms", "genre", name]);
        assert_eq!(server.get(url.path()).await.json(200), row, "{name}");
    }
}

#[tokio::test]
async fn who_has_a_row_already_gets_304() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    let path = "/api/synonyms/genre/dub";
    let etag = server.get(path).await.header("etag").to_owned();
    assert_eq!(etag, format!("\"{}.1\"", row["id"]));
    for known in [etag.clone(), format!("W/{etag}"), format!("\"9.9\", {etag}"), "*".to_owned()] {
        let answer = server.request(Method::GET, path).header("if-none-match", &known).send().await;
        answer.empty(304);
        assert_eq!(answer.header("etag"), etag);
    }
    for other in ["\"9.9\"", "nonsense"] {
        server.request(Method::GET, path).header("if-none-match", other).send().await.json(200);
    }
}

#[tokio::test]
async fn an_embedded_row_has_another_etag_and_shows_its_numbers_when_asked() {
    let server = TestServer::start().await;
    let row = write_genre(&server, "dub").await;
    let path = "/api/synonyms/genre/dub";
    let bare = server.get(&format!("{path}?include=embedding")).await;
    assert_eq!(bare.json(200)["embedding"], Value::Null);
    embed_only_row(&server, &row).await;

    let before = bare.header("etag");
    let answer = server.request(Method::GET, path).header("if-none-match", before).send().await;
    assert_eq!(answer.json(200)["embedding"], json!({ "space": "test:3", "dimensions": 3 }));
    assert_eq!(answer.header("etag"), format!("\"{}.1e\"", row["id"]));
    let numbers = server.get(&format!("{path}?include=embedding")).await.json(200);
    let vector: Vec<f64> =
        numbers["embedding"]["vector"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!((vector[0] - 0.6).abs() < 1e-6 && (vector[1] - 0.8).abs() < 1e-6 && vector.len() == 3, "{vector:?}");

    // What was seen before the embedding is still good for a change.
    let body = json!({ "synonyms": { "search_terms": ["riddim"] } });
    let row_path = format!("/api/synonyms/{}", row["id"]);
    server.request(Method::PUT, &row_path).header("if-match", before).json(&body).send().await.json(200);
}

#[tokio::test]
async fn a_list_is_walked_page_by_page() {
    let server = TestServer::start().await;
    let names = ["dub", "rock", "jazz", "soul", "funk"];
    for name in names {
        write_genre(&server, name).await;
    }
    for (path, field) in [("/api/synonyms", "tag_name"), ("/api/tags", "name"), ("/api/jobs", "id")] {
        let whole = server.get(path).await.json(200);
        assert_eq!(whole["next"], Value::Null, "{path}");
        let expected: Vec<Value> = whole["items"].as_array().unwrap().iter().map(|item| item[field].clone()).collect();
        assert!(expected.len() >= names.len(), "{path}: {whole}");

        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("{path}?limit=2{cursor}")).await.json(200);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2, "{path}");
            walked.extend(items.iter().map(|item| item[field].clone()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(walked, expected, "{path}");
    }
}

#[tokio::test]
async fn a_list_is_filtered() {
    let server = TestServer::start().await;
    write_genre(&server, "dub").await;
    let body = json!({
        "tag_type": "mood", "tag_name": "calm", "confidence": 0.4, "synonyms": { "search_terms": ["quiet"] },
    });
    server.post("/api/synonyms", body).await.json(201);
    for (query, expected) in [
        ("", vec!["dub", "calm"]),
        ("?tag_type=genre", vec!["dub"]),
        ("?tag_type=mood", vec!["calm"]),
        ("?min_confidence=0.5", vec!["dub"]),
        ("?min_confidence=0.4", vec!["dub", "calm"]),
        ("?source=manual&tag_type=mood", vec!["calm"]),
        ("?source=ollama", vec![]),
    ] {
        let list = server.get(&format!("/api/synonyms{query}")).await.json(200);
        let names: Vec<&str> =
            list["items"].as_array().unwrap().iter().map(|row| row["tag_name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{query}");
    }
}

#[tokio::test]
async fn a_lookup_answers_in_the_order_asked() {
    let server = TestServer::start().await;
    let dub = write_genre(&server, "dub").await;
    let slashed = write_genre(&server, "Hip-Hop/Rap").await;
    let tag = |tag_type: &str, tag_name: &str| json!({ "tag_type": tag_type, "tag_name": tag_name });
    let tags = [tag("genre", "hip hop rap"), tag("mood", "dub"), tag("genre", "DUB"), tag("genre", "dub")];
    let answer = server.post("/api/synonyms/lookup", json!({ "tags": tags })).await.json(200);
    assert_eq!(answer["items"], json!([slashed, null, dub, dub]));
    let none = server.post("/api/synonyms/lookup", json!({ "tags": [] })).await.json(200);
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn a_lookup_of_500_tags_passes_and_of_501_does_not() {
    let server = TestServer::start().await;
    let tags = |count: usize| json!({ "tags": vec![json!({ "tag_type": "genre", "tag_name": "dub" }); count] });
    let answer = server.post("/api/synonyms/lookup", tags(500)).await.json(200);
    assert_eq!(answer["items"].as_array().unwrap().len(), 500);
    server.post("/api/synonyms/lookup", tags(501)).await.problem(400, "too_many_tags");
}
