//! The linter over HTTP.

use serde_json::{Value, json};

use crate::{support::server::TestServer, write_genre};

/// Genres with terms that break rules.
async fn broken() -> TestServer {
    let server = TestServer::start().await;
    for (name, terms) in [
        ("rap", json!(["hip hop", "<b>rap</b>", "rhymes"])),
        ("hip hop", json!(["boom bap", "www.example.org"])),
        ("trap", json!(["rhymes", "see https://example.org"])),
    ] {
        let body = json!({ "tag_type": "genre", "tag_name": name, "synonyms": { "search_terms": terms } });
        server.post("/api/synonyms", body).await.json(201);
    }
    server
}

async fn lint(server: &TestServer, query: &str) -> Value {
    server.get(&format!("/api/lint{query}")).await.json(200)
}

fn said(page: &Value) -> Vec<(&str, &str, &str)> {
    let items = page["items"].as_array().unwrap();
    let is_sentence =
        |item: &Value, text: &str| item.pointer(text).and_then(Value::as_str).is_some_and(|text| text.ends_with('.'));
    assert!(items.iter().all(|item| is_sentence(item, "/why") && is_sentence(item, "/mend/text")), "{page}");
    items
        .iter()
        .map(|item| {
            let tag = item["tags"][0]["tag_name"].as_str().unwrap();
            (item["kind"].as_str().unwrap(), tag, item["term"].as_str().unwrap_or_default())
        })
        .collect()
}

#[tokio::test]
async fn findings_are_listed_by_kind_with_what_mends_them() {
    let server = broken().await;
    let page = lint(&server, "").await;
    let expected = [
        ("alias_is_name", "rap", "hip hop"),
        ("shared_alias", "rap", "rhymes"),
        ("markup", "rap", "<b>rap</b>"),
        ("markup", "hip hop", "www.example.org"),
        ("markup", "trap", "see https://example.org"),
    ];
    assert_eq!(said(&page), expected);
    assert_eq!(page["counts"], json!({ "alias_is_name": 1, "shared_alias": 1, "markup": 3 }));
    assert_eq!(page["looked_at"], json!({ "tags": 3, "terms": 7, "vectors": 0 }));
    assert_eq!((&page["meaning"], &page["next"]), (&json!(null), &json!(null)));
    assert!(page["not_looked_at"].to_string().contains("nothing was embedded yet"), "{page}");
    let mend = &page["items"][0]["mend"];
    assert_eq!(mend["command"], "musonym tags merge --type genre --dry-run 'hip hop' rap");
    let request = &mend["request"];
    assert_eq!((&request["method"], &request["path"]), (&json!("POST"), &json!("/api/tags/merge")));
    let foreseen = server.post("/api/tags/merge", request["body"].clone()).await.json(200);
    assert_eq!(foreseen["tag_name"], "rap", "the request can be sent as it is: {foreseen}");
    assert_eq!(said(&lint(&server, "").await), expected, "and was a dry run");
}

#[tokio::test]
async fn findings_are_filtered_and_paged() {
    let server = broken().await;
    assert_eq!(said(&lint(&server, "?kind=alias_is_name").await), [("alias_is_name", "rap", "hip hop")]);
    let moods = lint(&server, "?tag_type=mood").await;
    assert_eq!((&moods["items"], &moods["counts"]), (&json!([]), &json!({})));
    let (mut seen, mut query) = (Vec::new(), "?kind=markup&limit=1".to_owned());
    loop {
        let page = lint(&server, &query).await;
        seen.extend(said(&page).iter().map(|(_, tag, _)| (*tag).to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?kind=markup&limit=1&cursor={next}");
    }
    assert_eq!(seen, ["rap", "hip hop", "trap"]);
}

#[tokio::test]
async fn a_change_shows_in_the_next_report_and_pages_keep_to_theirs() {
    let server = broken().await;
    let first = lint(&server, "?kind=markup&limit=1").await;
    let row = first["items"][0]["tags"][0]["synonym_id"].as_i64().unwrap();
    let clean = json!({ "synonyms": { "search_terms": ["rhymes"] } });
    server.put(&format!("/api/synonyms/{row}"), clean).await.json(200);
    let rest = lint(&server, &format!("?kind=markup&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!(said(&rest).len(), 2, "{rest}");
    assert_eq!(rest["counts"], first["counts"], "of the report that the first page was of");
    assert_eq!(lint(&server, "").await["counts"], json!({ "shared_alias": 1, "markup": 2 }));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let server = TestServer::start().await;
    write_genre(&server, "ska").await;
    for (query, code, says) in [
        ("kind=typo", "invalid_parameter", "duplicate_tag"),
        ("tag_type=artist", "invalid_parameter", "genre"),
        ("limit=0", "invalid_limit", "1 to 500"),
        ("limit=501", "invalid_limit", "1 to 500"),
        ("cursor=nonsense", "invalid_cursor", "cursor"),
        ("cursor=%00", "invalid_cursor", "cursor"),
        ("cursor=00000001.markup.genre.99999999999999999999.0", "invalid_cursor", "cursor"),
        ("page=2", "invalid_parameter", "unknown field `page`"),
    ] {
        let detail = server.get(&format!("/api/lint?{query}")).await.problem(400, code);
        assert!(detail.contains(says), "{query}: {detail}");
    }
    let beyond = lint(&server, "?cursor=00000001.own_name.mood.9223372036854775807.ffffffffffffffff").await;
    assert_eq!(
        (&beyond["items"], &beyond["next"]),
        (&json!([]), &json!(null)),
        "a cursor beyond the end is an empty page"
    );
}
