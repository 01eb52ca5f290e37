//! Health, metrics, documents, the page, and what every answer carries.

use std::collections::BTreeSet;

use musonym::http::{ComponentState, openapi};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    support::server::{ServerOptions, TestServer, component},
    write_genre,
};

#[tokio::test]
async fn the_process_says_that_it_lives() {
    let server = TestServer::start().await;
    let health = server.get("/healthz").await.json(200);
    assert_eq!(health, json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }));
}

#[tokio::test]
async fn readiness_lists_the_parts_and_fails_with_a_required_one() {
    let parts = |database, embedder| ServerOptions {
        components: vec![component("database", database, true), component("embedder", embedder, false)],
        ..ServerOptions::default()
    };
    for (database, embedder, status, word) in [
        (ComponentState::Ok, ComponentState::Ok, 200, "ready"),
        (ComponentState::Ok, ComponentState::Down, 200, "degraded"),
        (ComponentState::Down, ComponentState::Ok, 503, "unavailable"),
    ] {
        let server = TestServer::start_with(parts(database, embedder)).await;
        let ready = server.get("/readyz").await.json(status);
        assert_eq!(ready["status"], word);
        assert_eq!(ready["tags"], 0);
        assert_eq!(ready["components"][0]["name"], "database");
        assert_eq!(ready["components"][0]["required"], true);
    }
}

#[tokio::test]
async fn metrics_count_requests_by_their_route() {
    let server = TestServer::start().await;
    server.get("/api/jobs/12345").await.problem(404, "not_found");
    server.get("/nothing/here").await.problem(404, "unknown_route");
    server.request(Method::from_bytes(b"BREW").unwrap(), "/healthz").send().await.problem(405, "method_not_allowed");
    let metrics = server.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let text = metrics.text();
    assert!(text.contains(r#"http_requests_total{method="GET",path="/api/jobs/{id}",status="404"}"#), "{text}");
    assert!(text.contains(r#"path="unmatched",status="404"}"#), "{text}");
    assert!(text.contains(r#"method="other",path="/healthz",status="405"}"#), "{text}");
    assert!(text.contains("http_request_duration_seconds_bucket"), "{text}");
    assert!(!text.contains("12345"), "{text}");
}

#[tokio::test]
async fn the_openapi_document_is_served_and_lists_every_route() {
    let server = TestServer::start().await;
    let document = server.get("/api/openapi.json").await.json(200);
    assert_eq!(document, serde_json::to_value(openapi()).unwrap());
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            operations.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let expected = [
        "DELETE /api/synonyms/{id}",
        "DELETE /api/tags/{tag_type}/{tag_name}",
        "GET /",
        "GET /api/enrich/tools",
        "GET /api/events",
        "GET /api/jobs",
        "GET /api/jobs/batch",
        "GET /api/jobs/batch/{id}",
        "GET /api/jobs/batch/{id}/events",
        "GET /api/jobs/state",
        "GET /api/jobs/{id}",
        "GET /api/lint",
        "GET /api/openapi.json",
        "GET /api/review",
        "GET /api/synonyms",
        "GET /api/synonyms/search",
        "GET /api/synonyms/{id}",
        "GET /api/synonyms/{id}/revisions",
        "GET /api/synonyms/{id}/revisions/{version}",
        "GET /api/synonyms/{tag_type}/{tag_name}",
        "GET /api/tags",
        "GET /api/tags/{tag_type}/{tag_name}",
        "GET /api/webhooks/deliveries",
        "GET /healthz",
        "GET /metrics",
        "GET /readyz",
        "PATCH /api/tags/{tag_type}/{tag_name}",
        "POST /api/enrich/llm-context",
        "POST /api/enrich/llm-context/batch",
        "POST /api/enrich/summary",
        "POST /api/enrich/summary/batch",
        "POST /api/jobs/batch",
        "POST /api/jobs/batch/{id}/cancel",
        "POST /api/jobs/pause",
        "POST /api/jobs/resume",
        "POST /api/jobs/retry",
        "POST /api/jobs/{id}/cancel",
        "POST /api/jobs/{id}/retry",
        "POST /api/resolve",
        "POST /api/review",
        "POST /api/synonyms",
        "POST /api/synonyms/lookup",
        "POST /api/synonyms/{id}/activate",
        "POST /api/synonyms/{id}/revisions/{version}/restore",
        "POST /api/tags",
        "POST /api/tags/merge",
        "POST /api/tags/{tag_type}/{tag_name}/generate",
        "POST /api/webhooks/deliveries/{id}/retry",
        "POST /api/webhooks/synonyms",
        "PUT /api/synonyms/{id}",
    ];
    assert_eq!(operations, expected.into_iter().map(str::to_owned).collect());
}

/// `MUSONYM_BLESS=1 cargo test --test api openapi` writes it anew.
#[test]
fn the_committed_openapi_document_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let current = format!("{}\n", openapi().to_pretty_json().unwrap());
    if std::env::var_os("MUSONYM_BLESS").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == current, "docs/openapi.json is outdated; see the comment of this test");
}

#[test]
fn every_operation_is_described_and_declares_its_problems() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 5), "{place}");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{place}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}");
            for status in ["500", "503"] {
                let content = &operation["responses"][status]["content"];
                assert!(content["application/problem+json"].is_object(), "{place} {status}");
            }
            if operation["requestBody"].is_object() {
                assert!(operation["responses"]["413"].is_object(), "{place}");
            }
        }
    }
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["license"]["identifier"], "MIT OR Apache-2.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert!(schemes.contains_key("bearer") && schemes.contains_key("api_key"));
}

/// Every `$ref` of the document leads somewhere.
#[test]
fn the_openapi_document_is_closed() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(target)) = object.get("$ref") {
                    assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
                }
                object.values().for_each(|value| walk(value, document));
            }
            Value::Array(array) => array.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    let document = serde_json::to_value(openapi()).unwrap();
    walk(&document, &document);
}

#[tokio::test]
async fn the_documentation_is_served_from_the_binary() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/docs").await.header("location"), "/docs/");
    let page = server.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    assert!(!page.text().contains("https://"), "{}", page.text());
    let initializer = server.get("/docs/swagger-initializer.js").await;
    assert!(initializer.text().contains("/api/openapi.json"), "{}", initializer.text());
    assert_eq!(server.get("/docs/swagger-ui-bundle.js").await.status, 200);
}

#[tokio::test]
async fn the_page_allows_its_own_script_only() {
    let server = TestServer::start().await;
    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for said in ["musonym", "/docs/", "/readyz", "/api/jobs", "/api/synonyms/search"] {
        assert!(page.text().contains(said), "{said}");
    }
}

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let server = TestServer::start().await;
    let taken = server.request(Method::GET, "/healthz").header("x-request-id", "job-7").send().await;
    assert_eq!(taken.header("x-request-id"), "job-7");
    let replaced = server.request(Method::GET, "/nothing").header("x-request-id", "a b<script>").send().await;
    replaced.problem(404, "unknown_route");
    assert_eq!(replaced.header("x-request-id").len(), 32);
    assert_eq!(replaced.header("x-content-type-options"), "nosniff");
    let (first, second) = (server.get("/healthz").await, server.get("/healthz").await);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_can_read_them() {
    let server = TestServer::start().await;
    write_genre(&server, "dub").await;
    let plain = server.get("/api/synonyms").await;
    assert_eq!(plain.header("content-encoding"), "");
    let zipped = server.request(Method::GET, "/api/synonyms").header("accept-encoding", "gzip").send().await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.body.len() < plain.body.len());
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let server = TestServer::start().await;
    write_genre(&server, "dub").await;
    let head = server.request(Method::HEAD, "/api/synonyms/genre/dub").send().await;
    head.empty(200);
    assert!(!head.header("etag").is_empty());
    server.request(Method::HEAD, "/api/synonyms/genre/nothing").send().await.empty(404);
}
