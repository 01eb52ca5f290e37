//! Who may ask what.

use reqwest::Method;

use crate::support::server::{ServerOptions, TestServer};

async fn guarded() -> TestServer {
    TestServer::start_with(ServerOptions { api_key: Some("s3cret"), ..ServerOptions::default() }).await
}

#[tokio::test]
async fn without_the_key_only_health_is_open() {
    let server = guarded().await;
    server.get("/healthz").await.json(200);
    server.get("/readyz").await.json(200);
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/docs"),
        (Method::GET, "/docs/"),
        (Method::GET, "/docs/swagger-ui.css"),
        (Method::GET, "/metrics"),
        (Method::GET, "/api/openapi.json"),
        (Method::GET, "/api/events"),
        (Method::GET, "/api/jobs"),
        (Method::POST, "/api/jobs/1/cancel"),
        (Method::GET, "/api/tags"),
        (Method::POST, "/api/tags"),
        (Method::DELETE, "/api/tags/genre/dub"),
        (Method::GET, "/api/synonyms"),
        (Method::GET, "/api/synonyms/search?q=dub"),
        (Method::GET, "/api/synonyms/genre/dub"),
        (Method::GET, "/api/synonyms/nonsense/nonsense"),
        (Method::PUT, "/api/synonyms/1"),
        (Method::PATCH, "/api/synonyms/1"),
    ] {
        let answer = server.request(method.clone(), path).send().await;
        let detail = answer.problem(401, "unauthorized");
        assert!(detail.contains("X-API-Key"), "{method} {path}: {detail}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
    }
}

#[tokio::test]
async fn the_key_opens_in_either_header() {
    let server = guarded().await;
    for (name, value) in [("authorization", "Bearer s3cret"), ("x-api-key", "s3cret")] {
        for path in ["/api/jobs", "/api/openapi.json"] {
            server.request(Method::GET, path).header(name, value).send().await.json(200);
        }
        assert_eq!(server.request(Method::GET, "/").header(name, value).send().await.status, 200);
    }
}

#[tokio::test]
async fn a_wrong_key_does_not_open() {
    let server = guarded().await;
    for (name, value) in [
        ("authorization", b"Bearer wrong".as_slice()),
        ("authorization", b"Basic s3cret"),
        ("authorization", b"s3cret"),
        ("authorization", b"Bearer \xff\xfe"),
        ("x-api-key", b"s3cret "),
        ("x-api-key", b"S3CRET"),
        ("x-api-key", b""),
    ] {
        let answer = server.request(Method::GET, "/api/jobs").header(name, value).send().await;
        // Whitespace around a header's value is no part of it (RFC 9110, section 5.5).
        if value == b"s3cret " {
            answer.json(200);
        } else {
            answer.problem(401, "unauthorized");
        }
    }
}
