//! Search over HTTP; how it ranks is tested with the search itself.

use serde_json::json;

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
