//! Search over HTTP; how it ranks is tested with the search itself.

use serde_json::{Value, json};

use crate::{support::server::TestServer, write_genre};

#[tokio::test]
async fn an_exact_name_and_a_translation_are_found_in_their_bands() {
    let server = TestServer::start().await;
    write_genre(&server, "dub").await;
    let exact = server.get("/api/synonyms/search?q=dub").await.json(200);
    assert_eq!(exact["query"], "dub");
    assert_eq!(exact["count"], 1);
    assert_eq!(exact["results"][0]["score"], 1.0);
    assert_eq!(exact["results"][0]["match"]["kind"], "exact");
    let translated = server.get("/api/synonyms/search?q=Musique%20Dub").await.json(200);
    let score = translated["results"][0]["score"].as_f64().unwrap();
    assert!((0.9..1.0).contains(&score), "{translated}");
    assert_eq!(translated["results"][0]["match"]["kind"], "translation");
}

#[tokio::test]
async fn without_an_embedder_the_answer_is_degraded_and_not_kept() {
    let server = TestServer::start().await;
    write_genre(&server, "dub").await;
    for _ in 0..2 {
        let answer = server.get("/api/synonyms/search?q=dub").await;
        assert_eq!(answer.json(200)["degraded"][0]["branch"], "vector");
        assert_eq!(answer.header("x-cache"), "miss");
    }
}

#[tokio::test]
async fn parameters_narrow_and_explain() {
    let server = TestServer::start().await;
    write_genre(&server, "dub").await;
    let mood = server.get("/api/synonyms/search?q=dub&tag_type=mood").await.json(200);
    assert_eq!(mood["results"], json!([]));
    let query = "q=dub&limit=1&lang=fr&min_score=0.5&fusion=weighted&explain=true";
    let explained = server.get(&format!("/api/synonyms/search?{query}")).await.json(200);
    assert!(explained["results"][0]["explain"]["reason"].is_string(), "{explained}");
    assert_eq!(explained["explain"]["key"], "dub");
}

/// A tag with terms of its own.
async fn write(server: &TestServer, tag_type: &str, name: &str, synonyms: Value) {
    let body = json!({"tag_type": tag_type, "tag_name": name, "synonyms": synonyms});
    server.post("/api/synonyms", body).await.json(201);
}

/// The names of the results, best first.
async fn found(server: &TestServer, query: &str) -> Vec<String> {
    let answer = server.get(&format!("/api/synonyms/search?{query}")).await.json(200);
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["tag_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn composite_queries_leave_out_and_join() {
    let server = TestServer::start().await;
    write(&server, "genre", "techno", json!({"search_terms": ["dark machines", "without vocals"]})).await;
    write(&server, "genre", "vocal techno", json!({"search_terms": ["dark vocals over machines"]})).await;
    write(&server, "genre", "rain jazz", json!({"usage_context": ["rain at night"]})).await;
    write(&server, "genre", "no wave", json!({"search_terms": ["noisy guitars"]})).await;
    assert_eq!(found(&server, "q=dark+machines+without+vocals").await, ["techno"]);
    assert_eq!(found(&server, "q=dark+machines+-vocals").await, ["techno"]);
    assert_eq!(found(&server, "q=jazz+%2B+rain").await, ["rain jazz"]);
    let name = server.get("/api/synonyms/search?q=no+wave&explain=true").await.json(200);
    assert_eq!((&name["results"][0]["score"], &name["explain"]["unwanted"]), (&json!(1.0), &json!([])));
    let explained = server.get("/api/synonyms/search?q=machines+mais+pas+vocals&explain=true").await.json(200);
    assert_eq!(explained["explain"]["wanted"], json!(["machines"]));
    assert_eq!(explained["explain"]["unwanted"], json!(["vocals"]));
    assert!(explained["results"][0]["score"].as_f64().unwrap() <= 0.89, "{explained}");
}

#[tokio::test]
async fn misspelt_joined_and_unfinished_names_are_found() {
    let server = TestServer::start().await;
    write(&server, "genre", "hip hop", json!({"search_terms": ["boom bap"]})).await;
    write(&server, "genre", "synthwave", json!({"search_terms": ["neon nights"]})).await;
    write(&server, "mood", "melancholic", json!({"usage_context": ["slow piano"]})).await;
    for (query, name) in [
        ("hiphop+beats", "hip hop"),
        ("dark+synth+wave", "synthwave"),
        ("synthw", "synthwave"),
        ("hip+ho", "hip hop"),
        ("mel%C3%A0ncholc", "melancholic"),
        ("sloww+paino", "melancholic"),
    ] {
        assert_eq!(found(&server, &format!("q={query}")).await.first().map(String::as_str), Some(name), "{query}");
    }
    let read = server.get("/api/synonyms/search?q=slow+paino&explain=true").await.json(200);
    assert_eq!(read["explain"]["corrected"], json!([{"from": "paino", "to": "piano"}]));
    assert_eq!(found(&server, "q=zzxqy").await, [""; 0]);
}

#[tokio::test]
async fn what_the_best_name_as_related_rises() {
    let server = TestServer::start().await;
    let breakup = json!({"usage_context": ["getting over a breakup"], "related_tags": ["Lonely"]});
    write(&server, "mood", "heartbroken", breakup).await;
    for name in ["lonely", "angry"] {
        write(&server, "mood", name, json!({"usage_context": ["after a breakup at work, a long day"]})).await;
    }
    // Of the two with the same few words the related one alone is an answer. It may pass what names it (docs/adr/0009).
    let mut names = found(&server, "q=getting+over+a+breakup").await;
    names.sort_unstable();
    assert_eq!(names, ["heartbroken", "lonely"]);
    let by_ranks = found(&server, "q=getting+over+a+breakup&fusion=rrf").await;
    assert_eq!(by_ranks.first().map(String::as_str), Some("heartbroken"));
}

#[tokio::test]
async fn no_query_text_breaks_the_search() {
    let server = TestServer::start().await;
    write_genre(&server, "dub").await;
    for q in [
        "\"",
        "'",
        "\"dub",
        "dub\"",
        "dub*",
        "*",
        "^dub",
        "dub AND",
        "AND",
        "OR OR",
        "NOT dub",
        "NEAR(dub, 2)",
        "NEAR",
        "(((",
        ")",
        "{stems}: dub",
        "stems:dub",
        "-dub",
        "+dub",
        "dub OR 1=1",
        "'; DROP TABLE job; --",
        "%",
        "_",
        "\\",
        "dub\\",
        "$1",
        "?1",
        ":name",
        "\u{202e}dub",
        "🎵",
        "日本",
        "ﷺ",
        "dub\tmusic\n",
        "\u{feff}dub",
    ] {
        let mut url = reqwest::Url::parse(&server.url).unwrap();
        url.query_pairs_mut().append_pair("q", q);
        let answer = server.get(&format!("/api/synonyms/search?{}", url.query().unwrap())).await;
        if answer.status == 400 {
            answer.problem(400, "empty_query");
        } else {
            answer.json(200);
        }
    }
    assert_eq!(server.get("/api/synonyms/search?q=dub").await.json(200)["count"], 1);
}
