//! Review over HTTP.

use musonym::{
    domain::{Confidence, Section, Source, TagName, TagRef, TagType, Term, TermStatus},
    store::SynonymsDraft,
};
use serde_json::{Value, json};

use crate::support::server::TestServer;

/// A row with a term of its own and these pending ones; gives its number.
async fn with_pending(server: &TestServer, tag_type: TagType, name: &str, pending: &[(&str, TermStatus)]) -> i64 {
    let term = |text: &str, status| Term {
        section: Section::SearchTerms,
        lang: None,
        term: text.to_owned(),
        source: Source::Ollama,
        confidence: Confidence::clamped(0.4),
        status,
    };
    let own = [("own", TermStatus::Active)];
    let terms = own.iter().chain(pending).map(|(text, status)| term(text, *status)).collect();
    let tag = TagRef { tag_type, tag_name: TagName::parse(name).unwrap() };
    let draft = SynonymsDraft { tag, terms, confidence: Confidence::CERTAIN };
    server.store.create_synonyms(&draft).await.unwrap().id
}

async fn waiting(server: &TestServer, query: &str) -> Vec<Value> {
    server.get(&format!("/api/review{query}")).await.json(200)["items"].as_array().unwrap().clone()
}

fn words(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["term"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn terms_that_wait_are_listed_with_their_tag() {
    let server = TestServer::start().await;
    let pending = [("trap", TermStatus::Proposed), ("opera", TermStatus::Quarantined)];
    let row = with_pending(&server, TagType::Genre, "rap", &pending).await;
    with_pending(&server, TagType::Mood, "sad", &[("blue", TermStatus::Quarantined)]).await;
    let items = waiting(&server, "").await;
    assert_eq!(words(&items), ["trap", "opera", "blue"]);
    let expected = json!({
        "id": items[0]["id"], "synonym_id": row, "tag_type": "genre", "tag_name": "rap", "section": "search_terms",
        "lang": null, "term": "trap", "source": "ollama", "confidence": 0.4, "status": "proposed",
    });
    assert_eq!(items[0], expected);
    assert_eq!(words(&waiting(&server, "?status=quarantined&tag_type=genre").await), ["opera"]);
    assert_eq!(words(&waiting(&server, &format!("?synonym_id={row}")).await), ["trap", "opera"]);
    let first = server.get("/api/review?limit=2").await.json(200);
    let rest = waiting(&server, &format!("?limit=2&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!(words(&rest), ["blue"]);
}

#[tokio::test]
async fn decisions_are_carried_out_in_order_and_seen_by_the_next_search() {
    let server = TestServer::start().await;
    let pending = ["trap", "opera", "bom bap"].map(|text| (text, TermStatus::Proposed));
    let row = with_pending(&server, TagType::Genre, "rap", &pending).await;
    let ids: Vec<Value> = waiting(&server, "").await.into_iter().map(|item| item["id"].clone()).collect();
    let decisions = json!([
        { "id": ids[2], "action": "edit", "term": " boom bap " },
        { "id": ids[0], "action": "accept" },
        { "id": 999, "action": "accept" },
        { "id": ids[1], "action": "reject" },
    ]);
    let answer = server.post("/api/review", json!({ "decisions": decisions })).await.json(200);
    assert_eq!(answer["outcomes"], json!(["edited", "accepted", "gone", "rejected"]));
    assert_eq!(answer["counts"], json!({ "accepted": 1, "edited": 1, "rejected": 1, "full": 0, "gone": 1 }));
    let now = server.get(&format!("/api/synonyms/{row}")).await.json(200);
    assert_eq!(now["synonyms"]["search_terms"], json!(["own", "trap", "boom bap"]));
    assert_eq!(now["version"], 2);
    assert_eq!(server.get("/api/synonyms/search?q=boom+bap").await.json(200)["results"][0]["tag_name"], "rap");
    let again = server.post("/api/review", json!({ "decisions": decisions })).await.json(200);
    assert_eq!(again["outcomes"], json!(["gone", "gone", "gone", "gone"]));
    assert_eq!(server.get(&format!("/api/synonyms/{row}")).await.json(200), now);
}

#[tokio::test]
async fn everything_that_a_filter_selects_is_decided_at_once() {
    let server = TestServer::start().await;
    with_pending(&server, TagType::Genre, "rap", &[("trap", TermStatus::Proposed)]).await;
    let sad = with_pending(&server, TagType::Mood, "sad", &[("blue", TermStatus::Quarantined)]).await;
    let all = |filter: Value, action: &str| server.post("/api/review", json!({ "all": filter, "action": action }));
    let nothing = all(json!({ "status": "proposed", "synonym_id": sad }), "reject").await.json(200);
    assert_eq!((&nothing["outcomes"], &nothing["counts"]["rejected"]), (&json!([]), &json!(0)));
    assert_eq!(all(json!({ "tag_type": "mood" }), "reject").await.json(200)["counts"]["rejected"], 1);
    assert_eq!(all(json!({}), "accept").await.json(200)["counts"]["accepted"], 1);
    assert!(waiting(&server, "").await.is_empty());
}

#[tokio::test]
async fn decisions_that_cannot_be_are_refused_whole() {
    let server = TestServer::start().await;
    with_pending(&server, TagType::Genre, "rap", &[("trap", TermStatus::Proposed)]).await;
    let id = waiting(&server, "").await[0]["id"].clone();
    let fine = json!({ "id": id, "action": "accept" });
    let long = "x".repeat(101);
    for (body, code, says) in [
        (json!({}), "invalid_body", "either"),
        (json!({ "all": {} }), "invalid_body", "either"),
        (json!({ "action": "accept" }), "invalid_body", "either"),
        (json!({ "all": {}, "action": "edit" }), "invalid_body", "action"),
        (json!({ "all": { "status": "active" }, "action": "accept" }), "invalid_body", "all.status"),
        (json!({ "decisions": [fine], "all": {}, "action": "accept" }), "invalid_body", "either"),
        (json!({ "decisions": [fine, { "id": id, "action": "edit" }] }), "invalid_body", "without `term`"),
        (json!({ "decisions": [fine, { "id": id, "action": "reject", "term": "x" }] }), "invalid_body", "no edit"),
        (json!({ "decisions": [fine, { "id": id, "action": "edit", "term": " " }] }), "invalid_term", "is empty"),
        (json!({ "decisions": [fine, { "id": id, "action": "edit", "term": long }] }), "invalid_term", "100"),
        (json!({ "decisions": [fine, { "id": "one", "action": "accept" }] }), "invalid_body", "decisions[1].id"),
        (json!({ "decisions": vec![fine.clone(); 501] }), "too_many_decisions", "501"),
    ] {
        let detail = server.post("/api/review", body.clone()).await.problem(400, code);
        assert!(detail.contains(says), "{body}: {detail}");
    }
    assert_eq!(words(&waiting(&server, "").await), ["trap"]);
    assert_eq!(server.post("/api/review", json!({ "decisions": [] })).await.json(200)["outcomes"], json!([]));
}
