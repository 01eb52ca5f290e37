//! Commands that meet an Ollama: a strict fake, reached as a user's is.

use std::path::Path;

use super::{Home, Ran, support::fake_ollama::FakeOllama};

/// Runs the program beside the fake, which needs this runtime meanwhile.
async fn run(home: &Home, ollama: &FakeOllama, args: &[&str]) -> Ran {
    let mut command = home.command(args);
    command.env("OLLAMA_HOST", ollama.url());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Ran::of(output)
}

#[tokio::test]
async fn doctor_names_the_missing_models_and_pulls_them() {
    let (home, ollama) = (Home::new(), FakeOllama::start().await);
    ollama.remove_model("nomic-embed-text");
    let ran = run(&home, &ollama, &["doctor"]).await.succeeded();
    assert!(ran.stdout.contains("llama3.2:1b (writes synonyms"), "{ran:?}");
    assert!(ran.stdout.contains("ollama pull nomic-embed-text"), "{ran:?}");
    let ran = run(&home, &ollama, &["doctor", "--pull"]).await.succeeded();
    assert!(ran.stderr.contains("nomic-embed-text is there") && !ran.stdout.contains("missing"), "{ran:?}");
    assert!(ran.stderr.lines().count() < 5, "no bars when piped: {ran:?}");
}

#[tokio::test]
async fn a_preview_shows_prompt_answer_and_gates() {
    let (home, ollama) = (Home::new(), FakeOllama::start().await);
    let answer = r#"{"search_terms":["dub reggae","<b>bold</b>","dub reggae","echo chamber reggae","deep bass reggae",
        "version sides","studio reggae"],"related_tags":["reggae"],"usage_context":["sound system"],
        "translations":{"en":["dub"],"fr":["dub"]}}"#;
    ollama.script("dub", [answer]);
    let ran = run(&home, &ollama, &["generate", "--preview", "dub"]).await.succeeded();
    for part in ["== Prompt", "Tu es un expert", "== Answer 1", "<b>bold</b>", "markup:", "repeated:", "== Result"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    ollama.script("ska", ["no JSON at all", "still none"]);
    let ran = run(&home, &ollama, &["generate", "--preview", "ska"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("no JSON at all") && ran.stderr.contains("cannot be used"), "{ran:?}");
    assert!(!Path::new(home.path()).join("musonym.db").exists());
}

#[tokio::test]
async fn the_demo_embeds_and_searches_by_meaning() {
    let (home, ollama) = (Home::new(), FakeOllama::start().await);
    let ran = run(&home, &ollama, &["demo", "--exit"]).await.succeeded();
    assert!(ran.stderr.contains("vectors are made by") && !ran.stderr.contains("degraded"), "{ran:?}");
    assert_eq!(ollama.generate_calls(), 0, "the demo does not take hours because a model happens to be there");
    assert!(ollama.embed_calls() > 0);
    let again = run(&home, &ollama, &["tags", "add", "dub", "--type", "genre"]).await.succeeded();
    assert!(again.stdout.contains("added"), "the demo's database is its own: {again:?}");
    let done = run(&home, &ollama, &["generate", "--missing", "--wait"]).await.succeeded();
    assert!(done.stdout.contains("queued"), "{done:?}");
    let found = run(&home, &ollama, &["search", "dub", "--json"]).await.succeeded();
    assert_eq!(found.json()[0]["degraded"], serde_json::json!([]), "{found:?}");
    let moved = run(&home, &ollama, &["reembed", "--wait", "--json"]).await.succeeded();
    assert_eq!(moved.json()[0]["failed"], 0, "{moved:?}");
    assert_eq!(ollama.violations(), [""; 0]);
}
