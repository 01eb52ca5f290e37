//! Summaries and contexts over HTTP.

use serde_json::{Value, json};

use crate::support::server::TestServer;

/// A genre and a mood with terms in both languages.
async fn library() -> TestServer {
    let server = TestServer::start().await;
    for (tag_type, name, search, usage, french) in [
        ("genre", "deep house", "warm chords", "coding at night", "house profonde"),
        ("genre", "disco", "four to the floor", "dinner with friends", "disco"),
        ("mood", "melancholic", "falling leaves", "coding at night", "mélancolique"),
    ] {
        let synonyms = json!({
            "search_terms": [search], "related_tags": ["nu disco"], "usage_context": [usage],
            "translations": { "fr": [french] },
        });
        let body = json!({ "tag_type": tag_type, "tag_name": name, "synonyms": synonyms });
        server.post("/api/synonyms", body).await.json(201);
    }
    server
}

fn track() -> Value {
    json!({
        "genres": ["Deep House; Disco"], "moods": ["xyzzy"],
        "audio": {
            "bpm": 122.4, "key": "A", "scale": "minor", "energy": 0.8, "danceability": 0.9,
            "moods": { "mélancolique": 0.9 },
        },
    })
}

#[tokio::test]
async fn a_track_is_summed_up_with_what_it_is_played_for_and_what_to_search() {
    let server = library().await;
    let summary = server.post("/api/enrich/summary", track()).await.json(200);
    assert!(summary["text"].as_str().unwrap().starts_with("Deep house and disco. Mood: melancholic."), "{summary}");
    assert_eq!(summary["characteristics"]["tempo"], "lively");
    assert_eq!(summary["characteristics"]["key"], "A minor");
    assert_eq!(summary["characteristics"]["valence"], Value::Null);
    assert_eq!(summary["not_understood"], json!(["xyzzy"]));
    assert_eq!(summary["moods"][0]["confidence"], json!(0.891), "0.9 recognised, met by its translation: {summary}");
    let first = &summary["context"][0];
    assert_eq!((&first["text"], first["tags"].as_array().unwrap().len()), (&json!("coding at night"), 2), "{summary}");
    let suggestions = summary["suggestions"].as_array().unwrap();
    let related: Vec<&Value> = suggestions.iter().filter(|one| one["query"] == "nu disco").collect();
    assert_eq!(related.len(), 1, "three tags name it: {summary}");
    assert!(suggestions.iter().all(|one| one["tag"]["tag_name"].is_string()));

    let mut french = track();
    french["lang"] = json!("fr");
    let summary = server.post("/api/enrich/summary", french).await.json(200);
    assert!(summary["text"].as_str().unwrap().contains("Ambiance : mélancolique. Tempo vif (122 BPM)"), "{summary}");
}

#[tokio::test]
async fn many_tracks_are_summed_up_in_their_order() {
    let server = library().await;
    let body = json!({ "tracks": [track(), { "genres": ["disco"] }, {}], "suggestions": 2 });
    let answer = server.post("/api/enrich/summary/batch", body).await.json(200);
    let summaries = answer["summaries"].as_array().unwrap();
    assert_eq!(summaries.len(), 3);
    assert_eq!(summaries[1]["genres"][0]["tag_name"], "disco");
    assert_eq!(summaries[2]["text"], "Nothing is known of this track.");
    assert!(summaries.iter().all(|one| one["suggestions"].as_array().unwrap().len() <= 2));
    let alone = server.post("/api/enrich/summary", track()).await.json(200);
    assert_eq!(alone["text"], summaries[0]["text"]);
    let body = json!({ "tracks": vec![json!({}); 501] });
    let detail = server.post("/api/enrich/summary/batch", body).await.problem(400, "too_many_tracks");
    assert!(detail.contains("500"), "{detail}");
}

#[tokio::test]
async fn a_value_out_of_range_is_named() {
    let server = library().await;
    for (audio, says) in [
        (json!({ "bpm": 0 }), "audio.bpm is a tempo from 20 to 400"),
        (json!({ "energy": 1.2 }), "audio.energy is a share from 0 to 1"),
        (json!({ "valence": -1 }), "audio.valence"),
        (json!({ "key": "H" }), "audio.key is one of"),
        (json!({ "moods": { "sad": 2 } }), "audio.moods.sad"),
    ] {
        let body = json!({ "audio": audio });
        for path in ["/api/enrich/summary", "/api/enrich/llm-context"] {
            let detail = server.post(path, body.clone()).await.problem(400, "invalid_track");
            assert!(detail.contains(says), "{detail}");
        }
        let batch = json!({ "tracks": [{}, body] });
        for path in ["/api/enrich/summary/batch", "/api/enrich/llm-context/batch"] {
            let detail = server.post(path, batch.clone()).await.problem(400, "invalid_track");
            assert!(detail.starts_with("tracks[1].audio."), "{detail}");
        }
    }
    for (body, says) in [
        (json!({ "artist": "x" }), "unknown field `artist`"),
        (json!({ "audio": { "loudness": 1 } }), "unknown field `loudness`"),
        (json!({ "audio": { "energy": "high" } }), "audio.energy"),
        (json!({ "audio": { "scale": "dorian" } }), "major"),
        (json!({ "lang": "de" }), "lang"),
    ] {
        let detail = server.post("/api/enrich/summary", body).await.problem(400, "invalid_body");
        assert!(detail.contains(says), "{detail}");
    }
    for (field, value) in [("max_tokens", json!(10)), ("playlist", json!(0)), ("occasion", json!(" "))] {
        let detail =
            server.post("/api/enrich/llm-context", json!({ field: value })).await.problem(400, "invalid_options");
        assert!(detail.contains(field), "{detail}");
    }
    let body = json!({ "suggestions": 51 });
    server.post("/api/enrich/summary", body).await.problem(400, "invalid_options");
}

#[tokio::test]
async fn a_language_model_is_told_within_its_budget() {
    let server = library().await;
    let mut body = track();
    body["occasion"] = json!("dinner with friends");
    let context = server.post("/api/enrich/llm-context", body.clone()).await.json(200);
    let text = context["text"].as_str().unwrap();
    assert!(text.contains("\nGenres: deep house, disco\nMoods: melancholic\nSound: Lively tempo"), "{text}");
    assert_eq!(context["facts"]["genres"], json!(["deep house", "disco"]));
    assert!(context["prompts"]["by_use"].as_str().unwrap().contains("dinner with friends"), "{context}");
    body["max_tokens"] = json!(60);
    let short = server.post("/api/enrich/llm-context", body).await.json(200);
    assert!(short["tokens"]["estimated"].as_u64().unwrap() <= 60, "{short}");
    assert!(short["tokens"]["left_out"].as_u64().unwrap() > 0, "{short}");
    assert!(text.starts_with(short["text"].as_str().unwrap().lines().next().unwrap()));
}

#[tokio::test]
async fn a_language_model_is_told_of_many_tracks_in_their_order() {
    let server = library().await;
    let path = "/api/enrich/llm-context/batch";
    let body = json!({ "tracks": [track(), { "genres": ["disco"] }, {}], "max_tokens": 100, "lang": "fr" });
    let answer = server.post(path, body).await.json(200);
    let contexts = answer["contexts"].as_array().unwrap();
    assert_eq!(contexts.len(), 3);
    let mut alone = track();
    (alone["max_tokens"], alone["lang"]) = (json!(100), json!("fr"));
    assert_eq!(server.post("/api/enrich/llm-context", alone).await.json(200), contexts[0]);
    assert_eq!(contexts[1]["facts"]["genres"], json!(["disco"]));
    assert_eq!(contexts[2]["facts"], json!({}));
    server.post(path, json!({ "tracks": vec![json!({}); 501] })).await.problem(400, "too_many_tracks");
    server.post(path, json!({ "tracks": [], "max_tokens": 10 })).await.problem(400, "invalid_options");
}

/// A call of each tool, carried out as its description says.
#[tokio::test]
async fn tools_are_described_and_their_requests_can_be_sent() {
    let server = library().await;
    for format in ["openai", "ollama"] {
        let described = server.get(&format!("/api/enrich/tools?format={format}")).await.json(200);
        let names: Vec<&str> = described["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["function"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["search_tags", "get_synonyms", "resolve_tags", "summarize_track"]);
        let requested: Vec<&str> =
            described["requests"].as_array().unwrap().iter().map(|request| request["name"].as_str().unwrap()).collect();
        assert_eq!(names, requested);
        let path = |at: usize| described["requests"][at]["path"].as_str().unwrap().to_owned();
        let found = server.get(&format!("{}?q=disco&limit=1", path(0))).await.json(200);
        assert_eq!(found["results"][0]["tag_name"], "disco");
        let one = path(1).replace("{tag_type}", "genre").replace("{tag_name}", "disco");
        assert_eq!(server.get(&one).await.json(200)["tag_name"], "disco");
        let resolved = server.post(&path(2), json!({ "strings": ["DISCO"] })).await.json(200);
        assert_eq!(resolved["results"][0]["tags"][0]["tag_name"], "disco");
        let summed = server.post(&path(3), json!({ "genres": ["disco"], "lang": "fr" })).await.json(200);
        assert_eq!(summed["genres"][0]["tag_name"], "disco");
    }
    server.get("/api/enrich/tools?format=other").await.problem(400, "invalid_parameter");
}
