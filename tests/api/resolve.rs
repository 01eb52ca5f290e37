//! Raw strings to tags over HTTP.

use serde_json::{Value, json};

use crate::support::server::TestServer;

async fn create(server: &TestServer, tag_type: &str, name: &str, terms: &[&str], french: &[&str]) {
    let synonyms = json!({ "search_terms": terms, "translations": { "fr": french } });
    let body = json!({ "tag_type": tag_type, "tag_name": name, "synonyms": synonyms });
    server.post("/api/synonyms", body).await.json(201);
}

/// A small library.
async fn library() -> TestServer {
    let server = TestServer::start().await;
    for (name, terms, french) in [
        ("Hip Hop", &["rap"][..], &["hip-hop"][..]),
        ("R&B", &["rhythm and blues"], &[]),
        ("rock", &["rock music"], &["musique rock"]),
        ("punk rock", &["punk"], &["punk"]),
        ("electro", &["electro music"], &["électro"]),
        ("pop", &["pop music"], &["musique pop"]),
    ] {
        create(&server, "genre", name, terms, french).await;
    }
    create(&server, "mood", "sad", &["sorrowful"], &["triste"]).await;
    server
}

async fn resolve(server: &TestServer, strings: &[&str], options: Value) -> Value {
    server.post("/api/resolve", json!({ "strings": strings, "options": options })).await.json(200)
}

fn names(result: &Value) -> Vec<&str> {
    result["tags"].as_array().unwrap().iter().map(|tag| tag["tag_name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn raw_strings_become_tags_in_their_order_with_the_reason() {
    let server = library().await;
    let strings =
        ["Hip-Hop, Rap & R&B", "(17)Rock", "Ã©lectro", "triste", "Unknown", "xyzzy", "albanian pop", "1984", " "];
    let answer = resolve(&server, &strings, json!({})).await;
    let results = answer["results"].as_array().unwrap();
    let expected: [&[&str]; 9] = [&["Hip Hop", "R&B"], &["rock"], &["electro"], &["sad"], &[], &[], &["pop"], &[], &[]];
    assert_eq!(results.iter().map(names).collect::<Vec<_>>(), expected, "{answer}");
    assert_eq!(results.iter().map(|result| result["raw"].as_str().unwrap()).collect::<Vec<_>>(), strings);
    let kind = |at: usize| results[at]["parts"][0]["kind"].as_str().unwrap();
    assert_eq!((kind(0), kind(2), kind(4), kind(5)), ("exact", "exact", "set_aside", "unknown"));
    assert_eq!((kind(3), kind(6), kind(7)), ("translation", "broader", "period"));
    assert_eq!(results[7]["parts"][0]["period"], json!({ "from": 1984, "to": 1984 }));
    let parts = results.iter().flat_map(|result| result["parts"].as_array().unwrap());
    for part in parts {
        assert!(part["why"].as_str().unwrap().ends_with('.'), "{part}");
        assert!(part["tag"].is_null() || part["score"].as_f64().unwrap() >= 0.5, "{part}");
    }
    assert_eq!(answer["registered"], 0);
}

#[tokio::test]
async fn options_choose_among_the_tags_of_a_string() {
    let server = library().await;
    let one = |options: Value| {
        let server = &server;
        async move {
            let answer = resolve(server, &["Rock; Punk Rock; Pop"], options).await;
            names(&answer["results"][0]).iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(one(json!({})).await, ["rock", "punk rock", "pop"]);
    assert_eq!(one(json!({ "prefer_specific": true })).await, ["punk rock", "pop"]);
    assert_eq!(one(json!({ "limit": 1 })).await, ["rock"]);
    assert_eq!(one(json!({ "whitelist": ["ROCK", "Hip-Hop"] })).await, ["rock"]);
    assert_eq!(one(json!({ "whitelist": ["rock", "pop"], "roll_up": true })).await, ["rock", "pop"]);
    assert_eq!(one(json!({ "tag_type": "mood" })).await, [""; 0]);
    let strict = resolve(&server, &["albanian pop"], json!({ "min_score": 0.9 })).await;
    let part = &strict["results"][0]["parts"][0];
    assert_eq!((&part["tag"], &part["alternatives"][0]["tag_name"]), (&json!(null), &json!("pop")));
    for (options, says) in [
        (json!({ "limit": 0 }), "limit is 1 to 100"),
        (json!({ "min_score": 1.5 }), "min_score"),
        (json!({ "alternatives": 99 }), "alternatives"),
        (json!({ "whitelist": ["no such genre at all"] }), "no tag"),
    ] {
        let body = json!({ "strings": ["rock"], "options": options });
        let detail = server.post("/api/resolve", body).await.problem(400, "invalid_options");
        assert!(detail.contains(says), "{detail}");
    }
    let unknown = json!({ "strings": ["rock"], "options": { "colour": "blue" } });
    let detail = server.post("/api/resolve", unknown).await.problem(400, "invalid_body");
    assert!(detail.contains("colour"), "{detail}");
}

#[tokio::test]
async fn what_only_the_lexicon_knows_is_suggested_and_created_where_asked() {
    let server = library().await;
    let answer = resolve(&server, &["dnb", "Drum & Bass"], json!({})).await;
    for result in answer["results"].as_array().unwrap() {
        let part = &result["parts"][0];
        assert_eq!((&part["kind"], &part["tag"]), (&json!("lexicon"), &json!(null)), "{part}");
        assert_eq!(part["suggestion"], json!({ "tag_type": "genre", "tag_name": "drum and bass" }));
    }
    let body = json!({ "strings": ["dnb", "Drum & Bass"], "register": true });
    let answer = server.post("/api/resolve", body).await.json(200);
    assert_eq!(answer["registered"], 1, "{answer}");
    assert_eq!(names(&answer["results"][1]), ["drum and bass"]);
    // The tag has no synonyms yet; the lexicon still knows its other names.
    let again = resolve(&server, &["dnb", "Drum & Bass"], json!({})).await;
    for result in again["results"].as_array().unwrap() {
        assert_eq!(names(result), ["drum and bass"], "{again}");
    }
}

#[tokio::test]
async fn a_change_of_the_vocabulary_shows_in_the_next_answer() {
    let server = library().await;
    assert_eq!(names(&resolve(&server, &["zorbing"], json!({})).await["results"][0]), [""; 0]);
    create(&server, "genre", "zorb", &["zorbing"], &[]).await;
    assert_eq!(names(&resolve(&server, &["zorbing"], json!({})).await["results"][0]), ["zorb"]);
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_a_long_string_is_an_error_of_its_own() {
    let server = library().await;
    let detail =
        server.post("/api/resolve", json!({ "strings": vec!["a"; 5_001] })).await.problem(400, "too_many_strings");
    assert!(detail.contains("5000") && detail.contains("several calls"), "{detail}");
    let detail = server.post("/api/resolve", json!({ "strings": vec!["a"; 100_000] })).await;
    detail.problem(400, "too_many_strings");
    let long = "rock;".repeat(5_000);
    let answer = resolve(&server, &["rock", &long, "pop"], json!({})).await;
    assert_eq!(answer["results"][1]["error"]["code"], "too_long");
    assert_eq!((names(&answer["results"][0]), names(&answer["results"][2])), (vec!["rock"], vec!["pop"]));
    let many = "rock;".repeat(900);
    let answer = resolve(&server, &[&many], json!({})).await;
    assert_eq!(answer["results"][0]["error"]["code"], "too_many_values");
    assert_eq!(answer["results"][0]["parts"].as_array().unwrap().len(), 500);
    assert_eq!(resolve(&server, &[], json!({})).await["results"], json!([]));
}
