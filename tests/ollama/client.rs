//! What the client sends and reads when all goes well.

use musonym::generate::schema;
use musonym::ollama::{GenerateOptions, GenerateRequest, PullProgress};

use crate::support::fake_ollama::{DIMENSIONS, EMBED_MODEL, FakeOllama, Fault, GENERATE_MODEL};
use crate::{client_of, nothing};

pub fn request(prompt: &str) -> GenerateRequest<musonym::generate::AnswerSchema> {
    GenerateRequest {
        model: GENERATE_MODEL.to_owned(),
        prompt: prompt.to_owned(),
        format: schema(),
        options: GenerateOptions::default(),
    }
}

pub fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn generate_gives_the_text_and_its_figures() {
    let ollama = FakeOllama::start().await;
    let answer = client_of(&ollama).generate(&request("\"synthpop\"")).await.unwrap();
    assert!(answer.text.contains("musique synthpop"));
    assert_eq!((answer.done_reason.as_deref(), answer.total_duration_ms), (Some("stop"), 5043));
    assert_eq!(ollama.violations(), nothing());
}

#[tokio::test]
async fn every_call_sends_the_same_runner_options_and_a_numeric_keep_alive() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    for tag in ["\"a\"", "\"b\""] {
        client.generate(&request(tag)).await.unwrap();
    }
    for body in ollama.generate_bodies() {
        let expected = serde_json::json!({ "temperature": 0.2, "seed": 42, "num_predict": 512, "num_ctx": 2048 });
        // The numbers, not their binary neighbours: 0.2 is not sent as 0.20000000298.
        assert_eq!(body["options"], expected);
        assert_eq!((&body["keep_alive"], &body["stream"]), (&serde_json::json!(900), &serde_json::json!(false)));
    }
    assert_eq!((ollama.model_loads(), ollama.violations()), (1, nothing()));
}

#[tokio::test]
async fn embed_gives_one_normalised_vector_for_each_text_in_order() {
    let ollama = FakeOllama::start().await;
    let inputs = texts(&["search_document: deep house", "search_document: doom metal", "search_query: house"]);
    let vectors = client_of(&ollama).embed("nomic-embed-text", &inputs, 300).await.unwrap();
    assert_eq!(vectors.iter().map(Vec::len).collect::<Vec<_>>(), [DIMENSIONS; 3]);
    assert!(vectors.iter().all(|vector| (cosine(vector, vector) - 1.0).abs() < 1e-4));
    assert!(cosine(&vectors[2], &vectors[0]) > cosine(&vectors[2], &vectors[1]) + 0.2);
    assert_eq!((ollama.embed_calls(), ollama.embedded_inputs(), ollama.violations()), (1, inputs, nothing()));
}

#[tokio::test]
async fn an_empty_batch_loads_the_model() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    assert_eq!(client.loaded().await.unwrap(), []);
    assert_eq!(client.embed(EMBED_MODEL, &[], 300).await.unwrap(), Vec::<Vec<f32>>::new());
    let loaded = client.loaded().await.unwrap();
    assert_eq!(loaded.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), [EMBED_MODEL]);
    client.generate(&request("\"a\"")).await.unwrap();
    assert_eq!((ollama.model_switches(), ollama.violations()), (1, nothing()));
}

#[tokio::test]
async fn a_model_is_found_by_name_with_latest_as_its_tag() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    let found = client.find_model("nomic-embed-text").await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), Some(found.digest)), (EMBED_MODEL, ollama.digest(EMBED_MODEL)));
    assert_eq!(found.capabilities, ["embedding"]);
    assert_eq!(client.find_model("llama3.2").await.unwrap(), None);
    assert_eq!(client.models().await.unwrap().len(), 2);
    assert_eq!(client.version().await.unwrap(), "0.12.3");
}

#[tokio::test]
async fn a_pull_reports_every_step_although_lines_arrive_in_pieces() {
    let ollama = FakeOllama::start().await.without_model(EMBED_MODEL);
    let client = client_of(&ollama);
    let mut steps: Vec<PullProgress> = Vec::new();
    client.pull("nomic-embed-text", |step| steps.push(step)).await.unwrap();
    assert_eq!(steps.len(), 7);
    assert_eq!((steps[1].total, steps[1].completed), (Some(1_000_000), None));
    assert_eq!((steps[3].completed, steps[6].status.as_str()), (Some(1_000_000), "success"));
    assert!(client.find_model(EMBED_MODEL).await.unwrap().is_some());
}

#[tokio::test]
async fn a_call_waits_while_the_answer_is_held_and_then_gets_it() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    let hold = ollama.hold();
    let call = tokio::spawn(async move { client.generate(&request("\"a\"")).await });
    ollama.wait_for_requests(1).await;
    assert!(!call.is_finished());
    drop(hold);
    assert!(call.await.unwrap().is_ok());
}

#[tokio::test]
async fn the_fake_refuses_what_breaks_the_contract() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    client.generate(&request("\"a\"")).await.unwrap();
    let mut other_context = request("\"a\"");
    other_context.options.num_ctx = 4096;
    assert!(client.generate(&other_context).await.is_err());
    assert!(client.embed(EMBED_MODEL, &texts(&["no prefix"]), 300).await.is_err());
    let mut endless = request("\"a\"");
    endless.options.num_predict = 0;
    assert!(client.generate(&endless).await.is_err());
    assert_eq!(ollama.violations().len(), 3, "{:?}", ollama.violations());
}

#[tokio::test]
async fn the_fake_keeps_a_fault_until_a_call_fits_it() {
    let ollama = FakeOllama::start().await;
    let client = client_of(&ollama);
    ollama.fail_next(1, Fault::BadEmbeddingCount);
    assert!(client.generate(&request("\"a\"")).await.is_ok());
    assert!(client.embed(EMBED_MODEL, &texts(&["search_query: a"]), 300).await.is_err());
    assert!(client.embed(EMBED_MODEL, &texts(&["search_query: a"]), 300).await.is_ok());
}
