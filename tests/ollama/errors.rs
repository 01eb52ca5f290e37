//! Every cause of failure, by the error it becomes, its class, and whether it spends an attempt.

use std::time::Duration;

use axum::{Router, http::StatusCode, routing::any};
use musonym::ollama::{OllamaClient, OllamaError, OllamaTimeouts, RetryClass};
use tokio::net::TcpListener;

use crate::client::{request, texts};
use crate::client_of;
use crate::support::fake_ollama::{EMBED_MODEL, FakeOllama, Fault, GENERATE_MODEL};

const NOW: RetryClass = RetryClass::RetryNow;
const LATER: RetryClass = RetryClass::RetryLater;
const NEVER: RetryClass = RetryClass::Never;

/// The name of the variant, the class, whether it is an outage.
fn traits(error: &OllamaError) -> (String, RetryClass, bool) {
    let debug = format!("{error:?}");
    let name = debug.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
    (name, error.class(), error.is_outage())
}

/// Something that is not Ollama: the same answer to every request.
async fn answering(status: u16, body: impl Into<String>) -> OllamaClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (status, body) = (StatusCode::from_u16(status).unwrap(), body.into());
    let router = Router::new().fallback(any(move || async move { (status, body) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    OllamaClient::new(&url, OllamaTimeouts::default()).unwrap()
}

#[tokio::test]
async fn every_documented_failure_has_its_error() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    for (status, message, expected) in [
        (400, "\"x\" does not support generate", ("Refused", NEVER, false)),
        (401, "unauthorized", ("Refused", NEVER, false)),
        (404, "model \"x\" not found, try pulling it first", ("ModelMissing", LATER, true)),
        (499, "request cancelled", ("Cancelled", NOW, false)),
        (500, "model requires more system memory (5.6 GiB) than is available (3.1 GiB)", ("OutOfMemory", LATER, true)),
        (500, "llama runner process has terminated: exit status 2", ("RunnerDied", LATER, false)),
        (500, "unexpected EOF", ("Server", LATER, false)),
        (503, "server busy, please try again. maximum pending requests exceeded", ("Busy", LATER, true)),
    ] {
        ollama.fail_next(1, Fault::Status(status, message.to_owned()));
        let error = client.generate(&request("\"a\"")).await.unwrap_err();
        let (name, class, outage) = traits(&error);
        assert_eq!((name.as_str(), class, outage), expected, "{error}");
    }
}

#[tokio::test]
async fn a_missing_model_is_named() {
    let ollama = FakeOllama::start().await.without_model(GENERATE_MODEL);
    let error = client_of(&ollama).generate(&request("\"a\"")).await.unwrap_err();
    assert_eq!(error, OllamaError::ModelMissing { model: GENERATE_MODEL.to_owned() });
    assert!(error.to_string().contains("ollama pull llama3.2:1b"));
}

#[tokio::test]
async fn nobody_there_and_broken_connections_are_unreachable() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let nobody = OllamaClient::new(&format!("http://me:secret@127.0.0.1:{port}"), OllamaTimeouts::default()).unwrap();
    let error = nobody.version().await.unwrap_err();
    assert_eq!(traits(&error), ("Unreachable".to_owned(), LATER, true));
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")) && !error.to_string().contains("secret"));
    assert!(!format!("{nobody:?}").contains("secret"));

    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    ollama.fail_next(1, Fault::Drop);
    let error = client.generate(&request("\"a\"")).await.unwrap_err();
    assert_eq!(traits(&error), ("Unreachable".to_owned(), LATER, true), "{error}");
    ollama.set_down(true);
    for _ in 0..2 {
        assert!(matches!(client.models().await, Err(OllamaError::Unreachable { .. })));
        let error = client.generate(&request("\"a\"")).await.unwrap_err();
        assert!(matches!(error, OllamaError::Unreachable { .. }), "{error}");
    }
    ollama.set_down(false);
    assert!(client.generate(&request("\"a\"")).await.is_ok());
}

#[tokio::test]
async fn a_stopped_fake_is_gone_even_for_open_connections() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    client.version().await.unwrap();
    drop(ollama);
    assert!(matches!(client.version().await, Err(OllamaError::Unreachable { .. })));
}

#[tokio::test]
async fn a_timeout_is_no_outage_and_grows_with_the_batch() {
    let ollama = FakeOllama::start().await;
    let timeouts = OllamaTimeouts {
        generate: Duration::from_millis(30),
        embed_base: Duration::from_millis(10),
        embed_per_input: Duration::from_millis(5),
        pull_idle: Duration::from_millis(20),
        ..OllamaTimeouts::default()
    };
    let client = OllamaClient::new(ollama.url(), timeouts).unwrap();
    ollama.fail_next(4, Fault::Hang);
    let error = client.generate(&request("\"a\"")).await.unwrap_err();
    assert_eq!(traits(&error), ("Timeout".to_owned(), LATER, false));
    for (inputs, after) in [(vec!["search_query: a"], 15), (vec!["search_query: a"; 3], 25)] {
        let error = client.embed(EMBED_MODEL, &texts(&inputs), 300).await.unwrap_err();
        assert_eq!(error, OllamaError::Timeout { call: "embed", after: Duration::from_millis(after) });
    }
    let error = client.pull("x", |_| ()).await.unwrap_err();
    assert_eq!(error, OllamaError::Timeout { call: "pull", after: Duration::from_millis(20) });
}

#[tokio::test]
async fn a_half_answer_is_an_error() {
    let ollama = FakeOllama::start().await;
    ollama.fail_next(1, Fault::EndlessWhitespace);
    let error = client_of(&ollama).generate(&request("\"a\"")).await.unwrap_err();
    assert_eq!(traits(&error), ("CutShort".to_owned(), LATER, false));
    assert!(matches!(error, OllamaError::CutShort { text } if text.starts_with("{\"search_terms\": [\"x\"]")));
}

#[tokio::test]
async fn an_answer_that_only_loads_or_unloads_is_an_error() {
    for reason in ["load", "unload"] {
        let body = format!(r#"{{"response": "", "done": true, "done_reason": "{reason}"}}"#);
        let error = answering(200, body).await.generate(&request("\"a\"")).await.unwrap_err();
        assert_eq!(traits(&error), ("BadAnswer".to_owned(), LATER, false));
    }
}

#[tokio::test]
async fn answers_of_something_else_are_bad_answers_or_refusals() {
    for body in ["<html>welcome</html>", "", "{}", "[]", r#"{"models": 7}"#] {
        let client = answering(200, body).await;
        assert!(matches!(client.models().await, Err(OllamaError::BadAnswer(_))) || body == "{}", "{body}");
        assert!(matches!(client.generate(&request("\"a\"")).await, Err(OllamaError::BadAnswer(_))), "{body}");
    }
    let incomplete = answering(200, r#"{"response": "{", "done": false}"#).await;
    assert!(matches!(incomplete.generate(&request("\"a\"")).await, Err(OllamaError::BadAnswer(_))));
    let error = answering(404, "404 page not found").await.version().await.unwrap_err();
    assert_eq!(error, OllamaError::Refused { status: 404, message: "404 page not found".to_owned() });
    assert!(matches!(answering(302, "").await.version().await, Err(OllamaError::Refused { status: 302, .. })));
}

#[tokio::test]
async fn an_error_may_hide_behind_status_200() {
    let client = answering(200, r#"{"error": "model \"x\" not found"}"#).await;
    let error = client.generate(&request("\"a\"")).await.unwrap_err();
    assert_eq!(error, OllamaError::ModelMissing { model: GENERATE_MODEL.to_owned() });
}

#[tokio::test]
async fn answers_have_a_largest_size() {
    let flood = answering(200, format!(r#"{{"response": "{}", "done": true}}"#, "x".repeat(1024 * 1024))).await;
    let error = flood.generate(&request("\"a\"")).await.unwrap_err();
    assert_eq!(error, OllamaError::BadAnswer("`generate` has more than 1048576 bytes".to_owned()));
    // An error is cut instead: that it is an error is what counts.
    let error = answering(500, "x".repeat(1024 * 1024)).await.version().await.unwrap_err();
    assert!(matches!(error, OllamaError::Server { status: 500, message } if message.chars().count() == 300));
}

#[tokio::test]
async fn vectors_that_break_the_promise_are_bad_answers() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    for fault in [Fault::WrongDimensions, Fault::BadEmbeddingCount, Fault::BadEmbeddingCount] {
        ollama.fail_next(1, fault);
        let error = client.embed(EMBED_MODEL, &texts(&["search_query: a", "search_query: b"]), 300).await.unwrap_err();
        assert!(matches!(error, OllamaError::BadAnswer(_)), "{error}");
    }
    let null = answering(200, r#"{"embeddings": [[null, 1.0]]}"#).await;
    assert!(matches!(null.embed("m", &texts(&["a"]), 0).await, Err(OllamaError::BadAnswer(_))));
}

#[tokio::test]
async fn one_bad_text_has_the_whole_batch_refused() {
    let ollama = FakeOllama::start().await;
    let inputs = texts(&["search_document: a", "search_document: NaN"]);
    let error = client_of(&ollama).embed(EMBED_MODEL, &inputs, 300).await.unwrap_err();
    assert_eq!(traits(&error), ("Refused".to_owned(), NEVER, false));
    assert_eq!(ollama.violations(), crate::nothing());
}

#[tokio::test]
async fn a_pull_succeeds_only_with_its_last_line() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    ollama.fail_next(1, Fault::HalfJson);
    assert!(matches!(client.pull("new", |_| ()).await, Err(OllamaError::BadAnswer(_))));
    ollama.fail_next(1, Fault::Drop);
    assert!(matches!(client.pull("new", |_| ()).await, Err(OllamaError::Unreachable { .. })));
    ollama.fail_next(1, Fault::ErrorLine("pull model manifest: file does not exist".to_owned()));
    let mut steps = 0;
    let error = client.pull("new", |_| steps += 1).await.unwrap_err();
    assert_eq!((error, steps), (OllamaError::ModelMissing { model: "new".to_owned() }, 4));
    assert_eq!(client.find_model("new").await.unwrap(), None);
}
