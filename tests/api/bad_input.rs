//! Wrong bodies, parameters, paths and headers: each gets a problem with its code and a sentence.

use musonym::http::HttpLimits;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{ServerOptions, TestServer};

/// Paths that cannot be, with their codes.
#[tokio::test]
async fn wrong_paths() {
    let server = TestServer::start().await;
    let long = format!("/api/synonyms/genre/{}", "x".repeat(101));
    let very_long = format!("/api/tags/mood/{}", "x".repeat(10_000));
    for (path, status, code) in [
        ("/api/synonyms/artist/dub", 400, "invalid_tag_type"),
        ("/api/synonyms/Genre/dub", 400, "invalid_tag_type"),
        ("/api/synonyms/7/dub", 400, "invalid_tag_type"),
        ("/api/synonyms/genre/%20", 400, "invalid_tag_name"),
        ("/api/synonyms/genre/a%00b", 400, "invalid_tag_name"),
        ("/api/synonyms/genre/a%0Ab", 400, "invalid_tag_name"),
        ("/api/synonyms/genre/%E2%80%8B", 400, "invalid_tag_name"),
        (&long, 400, "invalid_tag_name"),
        (&very_long, 400, "invalid_tag_name"),
        ("/api/synonyms/genre/%FF%FE", 400, "invalid_path"),
        ("/api/synonyms/%FF", 400, "invalid_path"),
        ("/api/synonyms/0", 400, "invalid_id"),
        ("/api/synonyms/-1", 400, "invalid_id"),
        ("/api/synonyms/+1", 400, "invalid_id"),
        ("/api/synonyms/1.5", 400, "invalid_id"),
        ("/api/synonyms/1e3", 400, "invalid_id"),
        ("/api/synonyms/9223372036854775808", 400, "invalid_id"),
        ("/api/synonyms/x/revisions", 400, "invalid_id"),
        ("/api/synonyms/x/revisions/1", 400, "invalid_id"),
        ("/api/synonyms/1/revisions/0", 400, "invalid_id"),
        ("/api/synonyms/1/revisions/latest", 400, "invalid_id"),
        ("/api/jobs/%00", 400, "invalid_id"),
        ("/api/jobs/1;DROP%20TABLE%20job", 400, "invalid_id"),
        ("/api/jobs/9223372036854775807", 404, "not_found"),
        ("/api/synonyms/genre/'%20OR%201=1--", 404, "not_found"),
        ("/api/synonyms/genre/%3Cscript%3E", 404, "not_found"),
        ("/api/synonyms/genre/dub/more", 404, "unknown_route"),
        ("/api/nothing", 404, "unknown_route"),
        ("/nothing", 404, "unknown_route"),
        ("/docs/nothing", 404, "unknown_route"),
        ("/api/synonyms/", 404, "unknown_route"),
    ] {
        server.get(path).await.problem(status, code);
    }
}

#[tokio::test]
async fn wrong_query_parameters() {
    let server = TestServer::start().await;
    let long = format!("/api/synonyms/search?q={}", "x".repeat(10_000));
    let just_too_long = format!("/api/synonyms/search?q={}", "%C3%A9".repeat(201));
    for (path, code, says) in [
        ("/api/synonyms/search", "invalid_parameter", "missing field `q`"),
        ("/api/synonyms/search?q=", "empty_query", "visible"),
        ("/api/synonyms/search?q=%20%E2%80%8B", "empty_query", "visible"),
        ("/api/synonyms/search?q=a%00b", "invalid_query", "control character"),
        ("/api/synonyms/search?q=%1B[31m", "invalid_query", "control character"),
        (&long, "query_too_long", "200"),
        (&just_too_long, "query_too_long", "201"),
        ("/api/synonyms/search?q=a&q=b", "invalid_parameter", "duplicate field `q`"),
        ("/api/synonyms/search?q=a&colour=blue", "invalid_parameter", "unknown field `colour`"),
        ("/api/synonyms/search?q=a&limit=0", "invalid_limit", "1 to 100"),
        ("/api/synonyms/search?q=a&limit=101", "invalid_limit", "1 to 100"),
        ("/api/synonyms/search?q=a&limit=-1", "invalid_parameter", "limit"),
        ("/api/synonyms/search?q=a&limit=ten", "invalid_parameter", "limit"),
        ("/api/synonyms/search?q=a&limit=99999999999999999999", "invalid_parameter", "limit"),
        ("/api/synonyms/search?q=a&tag_type=artist", "invalid_parameter", "`genre` or `mood`"),
        ("/api/synonyms/search?q=a&lang=de", "invalid_parameter", "`en` or `fr`"),
        ("/api/synonyms/search?q=a&explain=perhaps", "invalid_parameter", "explain"),
        ("/api/synonyms/search?q=a&min_score=2", "invalid_min_score", "0 to 1"),
        ("/api/synonyms/search?q=a&min_score=NaN", "invalid_min_score", "0 to 1"),
        ("/api/synonyms/search?q=a&fusion=sum", "invalid_parameter", "weighted"),
        ("/api/synonyms?limit=0", "invalid_limit", "1 to 500"),
        ("/api/synonyms?limit=501", "invalid_limit", "1 to 500"),
        ("/api/synonyms?cursor=nonsense", "invalid_cursor", "cursor"),
        ("/api/synonyms?cursor=%00", "invalid_cursor", "cursor"),
        ("/api/synonyms?min_confidence=-0.1", "invalid_confidence", "0 to 1"),
        ("/api/synonyms?min_confidence=inf", "invalid_confidence", "0 to 1"),
        ("/api/synonyms?source=nobody", "invalid_parameter", "manual"),
        ("/api/synonyms/genre/dub?include=everything", "invalid_parameter", "embedding"),
        ("/api/synonyms/1?include=", "invalid_parameter", "embedding"),
        ("/api/synonyms/1/revisions?limit=0", "invalid_limit", "1 to 500"),
        ("/api/synonyms/1/revisions?cursor=x", "invalid_cursor", "cursor"),
        ("/api/review?status=active", "invalid_parameter", "proposed"),
        ("/api/review?tag_type=artist", "invalid_parameter", "`genre` or `mood`"),
        ("/api/review?cursor=x", "invalid_cursor", "cursor"),
        ("/api/review?limit=501", "invalid_limit", "1 to 500"),
        ("/api/tags?has_synonyms=2", "invalid_parameter", "has_synonyms"),
        ("/api/tags?cursor=';--", "invalid_cursor", "cursor"),
        ("/api/jobs?state=asleep", "invalid_parameter", "queued"),
        ("/api/jobs?kind=dance", "invalid_parameter", "generate"),
        ("/api/jobs?cursor=-1x", "invalid_cursor", "cursor"),
        ("/api/jobs?limit=1&limit=2", "invalid_parameter", "limit"),
    ] {
        let detail = server.get(path).await.problem(400, code);
        assert!(detail.contains(says), "{path}: {detail}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json() {
    let server = TestServer::start().await;
    let deep = "[".repeat(100_000);
    for (method, path) in [
        (Method::POST, "/api/synonyms"),
        (Method::POST, "/api/synonyms/lookup"),
        (Method::PUT, "/api/synonyms/1"),
        (Method::POST, "/api/review"),
        (Method::POST, "/api/tags"),
        (Method::POST, "/api/tags/merge"),
        (Method::PATCH, "/api/tags/genre/dub"),
        (Method::POST, "/api/tags/genre/dub/generate"),
    ] {
        let send = |body: Vec<u8>| {
            server.request(method.clone(), path).header("content-type", "application/json").body(body).send()
        };
        for body in [b"{".as_slice(), b"null", b"7", b"\"text\"", b"\xff\xfe", b"{\"a\": 1e999}", deep.as_bytes()] {
            send(body.to_vec()).await.problem(400, "invalid_body");
        }
        send(br#"{"unknown": 1}"#.to_vec()).await.problem(400, "invalid_body");
        if !path.ends_with("generate") {
            send(Vec::new()).await.problem(400, "invalid_body");
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
            let request = server.request(method.clone(), path).header("content-type", content_type);
            request.body("{}").send().await.problem(415, "unsupported_media_type");
        }
        server.request(method.clone(), path).body("{}").send().await.problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn synonyms_that_break_a_rule() {
    let server = TestServer::start().await;
    let terms = |terms: Value| json!({ "search_terms": terms });
    let many: Vec<String> = (0..51).map(|n| format!("term {n}")).collect();
    let fine = terms(json!(["riddim"]));
    for (tag_name, synonyms, confidence, code, says) in [
        ("dub", json!({}), json!(null), "invalid_synonyms", "at least one term"),
        ("dub", terms(json!([""])), json!(null), "invalid_synonyms", "is empty"),
        ("dub", terms(json!(["a\u{0}b"])), json!(null), "invalid_synonyms", "control character"),
        ("dub", terms(json!(["x".repeat(101)])), json!(null), "invalid_synonyms", "100"),
        ("dub", terms(json!(many)), json!(null), "invalid_synonyms", "51"),
        ("dub", terms(json!([7])), json!(null), "invalid_body", "synonyms.search_terms[0]"),
        ("dub", terms(json!("riddim")), json!(null), "invalid_body", "synonyms.search_terms"),
        ("dub", json!({ "terms": ["riddim"] }), json!(null), "invalid_body", "unknown field `terms`"),
        ("dub", json!({ "translations": { "de": ["x"] } }), json!(null), "invalid_body", "unknown field `de`"),
        ("dub", fine.clone(), json!(1.01), "invalid_confidence", "0 to 1"),
        ("dub", fine.clone(), json!(-1), "invalid_confidence", "0 to 1"),
        ("dub", fine.clone(), json!("high"), "invalid_body", "confidence"),
        ("", fine.clone(), json!(null), "invalid_tag_name", "visible"),
        ("a\u{7}b", fine.clone(), json!(null), "invalid_tag_name", "U+0007"),
        (&"é".repeat(101), fine.clone(), json!(null), "invalid_tag_name", "101"),
    ] {
        let body = json!({ "tag_type": "genre", "tag_name": tag_name, "synonyms": synonyms, "confidence": confidence });
        let detail = server.post("/api/synonyms", body.clone()).await.problem(400, code);
        assert!(detail.contains(says), "{body}: {detail}");
    }
    let detail = server
        .post("/api/synonyms", json!({ "tag_type": "artist", "tag_name": "dub", "synonyms": fine }))
        .await
        .problem(400, "invalid_body");
    assert!(detail.contains("tag_type"), "{detail}");
    assert_eq!(server.get("/api/tags").await.json(200)["items"], json!([]), "something was half written");
}

#[tokio::test]
async fn tags_that_cannot_be() {
    let server = TestServer::start().await;
    for (name, says) in [("", "visible"), ("\u{200b}", "visible"), ("a\u{0}", "U+0000"), (&"x".repeat(101), "101")] {
        let body = json!({ "tag_type": "genre", "name": name });
        let detail = server.post("/api/tags", body).await.problem(400, "invalid_tag_name");
        assert!(detail.contains(says), "{detail}");
        let lookup =
            json!({ "tags": [{ "tag_type": "genre", "tag_name": "dub" }, { "tag_type": "genre", "tag_name": name }] });
        let detail = server.post("/api/synonyms/lookup", lookup).await.problem(400, "invalid_body");
        assert!(detail.contains("tags[1]"), "{detail}");
    }
}

/// Within the limit of a body: the name itself is refused, wherever it stands, and is not sent back.
#[tokio::test]
async fn a_name_of_a_megabyte_is_refused_and_not_repeated() {
    let server = TestServer::start().await;
    let name = "x".repeat(1_000_000);
    let tag = json!({ "tag_type": "genre", "tag_name": name });
    let dub = json!({ "tag_type": "genre", "tag_name": "dub" });
    let track = json!({ "genres": [name] });
    for (path, body, code) in [
        ("/api/tags", json!({ "tag_type": "genre", "name": name }), "invalid_tag_name"),
        (
            "/api/synonyms",
            json!({ "tag_type": "genre", "tag_name": name, "synonyms": { "search_terms": ["a"] } }),
            "invalid_tag_name",
        ),
        ("/api/synonyms/lookup", json!({ "tags": [tag] }), "invalid_body"),
        ("/api/tags/merge", json!({ "from": dub, "into": tag }), "invalid_body"),
        ("/api/enrich/summary", track.clone(), "invalid_track"),
        ("/api/enrich/summary/batch", json!({ "tracks": [{}, track] }), "invalid_track"),
        ("/api/enrich/llm-context", track.clone(), "invalid_track"),
        ("/api/enrich/llm-context/batch", json!({ "tracks": [{}, track] }), "invalid_track"),
    ] {
        let detail = server.post(path, body).await.problem(400, code);
        assert!(detail.len() < 500, "{path} sends {} bytes back", detail.len());
    }
    let resolved = server.post("/api/resolve", json!({ "strings": [name, "dub"] })).await.json(200);
    assert_eq!(resolved["results"][0]["error"]["code"], "too_long");
    assert!(resolved["results"][1]["error"].is_null(), "the other string has its result");
    assert_eq!(server.get("/api/tags").await.json(200)["items"], json!([]), "something was half written");
}

#[tokio::test]
async fn methods_that_a_path_does_not_take() {
    let server = TestServer::start().await;
    for (method, path, allowed) in [
        (Method::PATCH, "/api/synonyms", "POST"),
        (Method::DELETE, "/api/synonyms/search", "GET"),
        (Method::GET, "/api/synonyms/lookup", "POST"),
        (Method::POST, "/api/synonyms/1", "PUT"),
        (Method::POST, "/api/synonyms/genre/dub", "GET"),
        (Method::GET, "/api/jobs/1/cancel", "POST"),
        (Method::PUT, "/api/tags/genre/dub", "PATCH"),
        (Method::GET, "/api/webhooks/synonyms", "POST"),
        (Method::POST, "/healthz", "GET"),
        (Method::OPTIONS, "/api/tags", "GET"),
        (Method::from_bytes(b"BREW").unwrap(), "/", "GET"),
    ] {
        let answer = server.request(method.clone(), path).send().await;
        answer.problem(405, "method_not_allowed");
        assert!(answer.header("allow").contains(allowed), "{method} {path}: {:?}", answer.headers);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let limits = HttpLimits { body_bytes: 4096, ..HttpLimits::default() };
    let server = TestServer::start_with(ServerOptions { limits, ..ServerOptions::default() }).await;
    let body = |bytes: usize| format!("{}{{}}", " ".repeat(bytes - 2));
    let post = |path: &'static str, body: String| {
        server.request(Method::POST, path).header("content-type", "application/json").body(body).send()
    };
    for path in ["/api/synonyms", "/api/synonyms/lookup", "/api/tags", "/api/tags/genre/dub/generate"] {
        post(path, body(4097)).await.problem(413, "body_too_large");
    }
    post("/api/tags", body(4096)).await.problem(400, "invalid_body");
    let limits = HttpLimits { body_bytes: 10, ..HttpLimits::default() };
    let options = ServerOptions {
        limits,
        webhook_secrets: vec!["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
        ..ServerOptions::default()
    };
    let server = TestServer::start_with(options).await;
    let webhook = server.request(Method::POST, "/api/webhooks/synonyms").body("x".repeat(11)).send().await;
    webhook.problem(413, "body_too_large");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_told_so() {
    let limits = HttpLimits { timeout: std::time::Duration::from_millis(50), ..HttpLimits::default() };
    let server = TestServer::start_with(ServerOptions { limits, ..ServerOptions::default() }).await;
    // A body that never ends.
    let endless = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = server.request(Method::POST, "/api/tags").header("content-type", "application/json");
    let answer = request.body(reqwest::Body::wrap_stream(endless)).send().await;
    answer.problem(503, "timeout");
    assert_eq!(answer.header("retry-after"), "2");
}
