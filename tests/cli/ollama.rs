//! Commands that meet an Ollama: a strict fake, reached as a user's is.

use std::path::Path;

use super::{Home, Ran, support::fake_ollama::FakeOllama};

/// Runs the program beside the fake, which needs this runtime meanwhile.
pub(super) async fn run(home: &Home, ollama: &FakeOllama, args: &[&str]) -> Ran {
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
async fn what_the_lexicon_wrote_is_written_by_the_model_once_it_is_there() {
    let (home, ollama) = (Home::new(), FakeOllama::start().await);
    let own = concat!(
        r#"{"tag_type":"genre","name":"ska","synonyms":{"source":"manual","confidence":1.0,"is_active":true,"terms":["#,
        r#"{"section":"search_terms","lang":"en","term":"mine","source":"manual","confidence":1.0,"status":"active"}]}}"#,
    );
    home.file("own.jsonl", own);
    home.run(&["import", "own.jsonl"]).succeeded();
    home.run(&["tags", "add", "turkish salsa", "dub", "--type", "genre"]).succeeded();
    // Without Ollama: by the lexicon.
    home.run(&["generate", "--missing", "--wait"]).succeeded();
    let sources = || {
        let rows = home.run(&["export"]).succeeded().json();
        let source = |row: &serde_json::Value| {
            Some((row["name"].as_str()?.to_owned(), row["synonyms"]["source"].as_str()?.to_owned()))
        };
        rows.iter().filter_map(source).collect::<std::collections::BTreeMap<_, _>>()
    };
    let all = |generated: &str| {
        let all = [("dub", generated), ("ska", "manual"), ("turkish salsa", generated)];
        all.map(|(name, source)| (name.to_owned(), source.to_owned()))
    };
    assert_eq!(sources(), all("lexicon").into());
    let ran = run(&home, &ollama, &["generate", "--source", "lexicon", "--wait", "--json"]).await.succeeded();
    let told = serde_json::json!({ "batch": 2, "joined": false, "queued": 2, "failed": 0 });
    assert_eq!(ran.json()[0], told, "{ran:?}");
    assert_eq!(sources(), all("ollama").into());
    home.run(&["generate", "--source", "manual"]).refused(2, &["--force"]);
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
    assert!(done.stdout.contains("batch 1: 1 of 1 done"), "{done:?}");
    let found = run(&home, &ollama, &["search", "dub", "--json"]).await.succeeded();
    assert_eq!(found.json()[0]["degraded"], serde_json::json!([]), "{found:?}");
    let moved = run(&home, &ollama, &["reembed", "--wait", "--json"]).await.succeeded();
    assert_eq!(moved.json()[0]["failed"], 0, "{moved:?}");
    assert_eq!(ollama.violations(), [""; 0]);
}
