//! Changing the embedding model under a server that goes on serving: two processes, two models, both databases.

use std::{path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::{
    binary::{Home, Server, eventually, kill_9},
    fake_ollama::FakeOllama,
    postgres::Database,
    services::redis_url,
};

/// The model to change over to, and what its texts begin with.
const NEW: &str = "ollama:embeddinggemma";
const DOCUMENT: &str = "title: none | text: ";
const QUERY: &str = "task: search result | query: ";

/// How many tags there are, in batches of four.
const TAGS: usize = 12;

/// A home whose queries wait for their vectors as long as it takes: what is degraded is so by its state, not by its speed.
fn home(ollama: &FakeOllama) -> Home {
    Home::new(ollama.url())
        .with("MUSONYM_GENERATE__PROVIDER", "lexicon")
        .with("MUSONYM_EMBED__BATCH", "4")
        .with("MUSONYM_EMBED__QUERY_DEADLINE_MS", "60000")
}

/// The same over PostgreSQL; `None` where a developer goes without.
async fn over_postgres(ollama: &FakeOllama) -> Option<(Home, Database)> {
    let database = Database::create().await?;
    let home = home(ollama).with("MUSONYM_DATABASE_URL", &database.url).with("MUSONYM_DATABASE__MAX_CONNECTIONS", "4");
    Some((home, database))
}

async fn two_models() -> FakeOllama {
    let ollama = FakeOllama::start().await;
    ollama.add_model("embeddinggemma");
    ollama
}

fn row(name: &str, term: &str) -> Value {
    json!({ "tag_type": "mood", "name": name, "search_terms": [term], "related_tags": [], "usage_context": [],
        "translations": { "en": [], "fr": [] } })
}

/// Imports the tags and waits until the server's worker has embedded them.
async fn filled(home: &Home, rows: &[Value]) -> Server {
    let server = home.serve(&[]).await;
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    std::fs::write(home.path().join("rows.jsonl"), lines.join("\n")).unwrap();
    home.run(&["import", "rows.jsonl"]).await;
    server.settled().await;
    server
}

fn tags() -> Vec<Value> {
    (0..TAGS).map(|number| row(&format!("invented mood {number}"), &format!("zzterm{number}"))).collect()
}

/// A command under way, its output in files.
struct Running {
    child: Child,
    out: PathBuf,
    said: PathBuf,
}

impl Running {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let (out, said) = (home.path().join("out"), home.path().join("said"));
        let mut command: Command = home.command(arguments);
        let file = |path: &PathBuf| Stdio::from(std::fs::File::create(path).unwrap());
        let child = command.stdout(file(&out)).stderr(file(&said)).spawn().unwrap();
        Self { child, out, said }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    /// Waits for its end; exit code and stdout.
    async fn end(&mut self) -> (i32, String) {
        let status = self.child.wait().await.unwrap();
        (status.code().unwrap(), std::fs::read_to_string(&self.out).unwrap())
    }

    /// Waits for its end, expects success, and gives back the JSON that it printed.
    async fn succeeded(&mut self) -> Value {
        let (code, out) = self.end().await;
        assert_eq!(code, 0, "{}", self.said());
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"))
    }
}

/// Runs a command that is to fail, and gives back what it says.
async fn refused(home: &Home, arguments: &[&str]) -> String {
    let output = home.command(arguments).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert!((1..=5).contains(&said.lines().count()), "{said}");
    said
}

/// What `doctor` says of a part; empty when it says nothing.
async fn doctor(home: &Home, part: &str) -> String {
    let output = home.command(&["doctor", "--json"]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let checks = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = checks.into_iter().find(|check| check["part"] == part);
    found.map_or_else(String::new, |check| check["detail"].as_str().unwrap().to_owned())
}

/// Waits until so many tags are done, as `doctor` says.
async fn done(home: &Home, tags: usize) {
    let wanted = format!("{tags} of {TAGS} tags are done");
    eventually(&wanted, async || doctor(home, "reembed").await.contains(&wanted).then_some(())).await;
}

/// The space that a search was answered from: of the active one, for it is not degraded and finds by meaning.
async fn space_of(server: &Server, query: &str) -> String {
    let url = format!("{}/api/synonyms/search", server.url);
    let response = server.client.get(url).query(&[("q", query), ("explain", "true")]).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["degraded"], json!([]), "{answer}");
    assert!(answer["results"][0]["vector_score"].is_number(), "{answer}");
    answer["explain"]["space"].as_str().unwrap().to_owned()
}

/// How often texts that begin so were embedded.
fn embedded(ollama: &FakeOllama, beginning: &str) -> usize {
    ollama.embedded_inputs().iter().filter(|input| input.starts_with(beginning)).count()
}

async fn space_of_row(server: &Server, name: &str) -> String {
    let (status, row) = server.get(&format!("/api/synonyms/mood/{}", name.replace(' ', "%20"))).await;
    assert_eq!(status, 200, "{row}");
    row["embedding"]["space"].as_str().unwrap_or_default().to_owned()
}

/// The whole way: search goes on in the old space, then the running server changes over with all its tags.
async fn a_server_changes_over(home: &Home, ollama: &FakeOllama) {
    let server = filled(home, &tags()).await;
    let old = space_of(&server, "zzterm1 mood").await;
    assert!(old.starts_with("ollama:nomic-embed-text:nomic:768:"), "{old}");

    // The probe and one batch, then the new model hangs.
    let gate = ollama.let_through("embeddinggemma", 2);
    let mut change = Running::start(home, &["reembed", "--model", NEW, "--json"]);
    done(home, 4).await;
    for query in ["zzterm1 mood", "zzterm7 mood"] {
        assert_eq!(space_of(&server, query).await, old, "cached or not, from the old space");
    }
    assert_eq!(embedded(ollama, QUERY), 0);
    let said = refused(home, &["reembed", "--model", "builtin"]).await;
    assert!(said.contains("a change to ollama:embeddinggemma is under way, 4 of 12 tags are done"), "{said}");
    assert!(said.contains("--abandon"), "{said}");
    // A tag that is done already changes, and one is new.
    let (_, changed) = server.get("/api/synonyms/mood/invented%20mood%200").await;
    let body = json!({ "synonyms": { "search_terms": ["zzchanged"] } });
    let url = format!("{}/api/synonyms/{}", server.url, changed["id"]);
    assert_eq!(server.client.put(url).json(&body).send().await.unwrap().status(), 200);
    let body = json!({ "tag_type": "mood", "tag_name": "brand new", "synonyms": { "search_terms": ["zznew"] } });
    server.post("/api/synonyms", body, 201).await;
    server.settled().await;
    assert_eq!(space_of_row(&server, "brand new").await, old, "the worker goes on in the active space");

    drop(gate);
    let report = change.succeeded().await;
    assert_eq!((&report["failed"], &report["queued"]), (&json!(0), &json!(0)), "{report}");
    assert_eq!((&report["former"], &report["model"]), (&json!(old), &json!(NEW)), "{report}");
    let new = report["space"].as_str().unwrap().to_owned();
    assert!(new.starts_with("ollama:embeddinggemma:gemma:768:"), "{new}");

    // Answers of before are not given again, and the query that was embedded for the old space is embedded anew.
    eventually("the running server asks the new space", async || {
        (space_of(&server, "zzterm1 mood").await == new).then_some(())
    })
    .await;
    assert_eq!(embedded(ollama, &format!("{QUERY}zzterm1 mood")), 1);
    assert_eq!(space_of(&server, "zzterm7 mood").await, new);
    for name in ["invented mood 0", "invented mood 11", "brand new"] {
        assert_eq!(space_of_row(&server, name).await, new, "{name}");
    }
    let inputs = ollama.embedded_inputs();
    for text in ["invented mood 0. zzchanged", "brand new. zznew"] {
        assert!(inputs.contains(&format!("{DOCUMENT}{text}")), "{text}: {inputs:?}");
    }
    // The worker, whose settings still name the old model, embeds with the new one.
    let body = json!({ "tag_type": "mood", "tag_name": "later", "synonyms": { "search_terms": ["zzlater"] } });
    server.post("/api/synonyms", body, 201).await;
    server.settled().await;
    assert_eq!(space_of_row(&server, "later").await, new);
    let said = doctor(home, "embedder").await;
    assert!(
        said.contains("Ollama embeddinggemma") && said.contains("the settings name Ollama nomic-embed-text"),
        "{said}"
    );
    assert_eq!(doctor(home, "reembed").await, "", "it is over");
    // So does a process that starts now.
    let found = home.run(&["search", "zzterm3 mood", "--json"]).await;
    let answer: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(answer["degraded"], json!([]), "{answer}");
    let again = home.run(&["reembed", "--model", NEW]).await;
    assert!(String::from_utf8_lossy(&again.stdout).contains("is in use already: 0 tags"), "{again:?}");
    assert_eq!(ollama.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_running_server_changes_over_without_a_degraded_answer_on_sqlite() {
    let ollama = two_models().await;
    a_server_changes_over(&home(&ollama), &ollama).await;
}

#[tokio::test]
async fn a_running_server_changes_over_without_a_degraded_answer_on_postgres_with_redis() {
    let ollama = two_models().await;
    let Some((home, _database)) = over_postgres(&ollama).await else { return };
    let Some(redis) = redis_url() else { return };
    a_server_changes_over(&home.with("MUSONYM_CACHE_URL", &redis), &ollama).await;
}

/// Killed in the middle: what is done is not done again.
async fn a_killed_change_goes_on(home: &Home, ollama: &FakeOllama) {
    let server = filled(home, &tags()).await;
    let gate = ollama.let_through("embeddinggemma", 3);
    let mut change = Running::start(home, &["reembed", "--model", NEW, "--json"]);
    done(home, 8).await;
    kill_9(&mut change.child).await;
    drop(gate);
    let before = embedded(ollama, &format!("{DOCUMENT}invented"));
    let mut change = Running::start(home, &["reembed", "--json"]);
    let report = change.succeeded().await;
    assert_eq!((&report["embedded"], &report["model"]), (&json!(TAGS - 8), &json!(NEW)), "it goes on with that model");
    assert!(change.said().contains("8 of 12 are done"), "{}", change.said());
    assert_eq!(embedded(ollama, &format!("{DOCUMENT}invented")), before + TAGS - 8);
    for number in 0..TAGS {
        let text = format!("{DOCUMENT}invented mood {number}. zzterm{number}");
        assert_eq!(embedded(ollama, &text), 1, "{text}");
        assert_eq!(space_of_row(&server, &format!("invented mood {number}")).await, report["space"]);
    }
}

#[tokio::test]
async fn a_change_that_was_killed_goes_on_where_it_stood_on_sqlite() {
    let ollama = two_models().await;
    a_killed_change_goes_on(&home(&ollama), &ollama).await;
}

#[tokio::test]
async fn a_change_that_was_killed_goes_on_where_it_stood_on_postgres() {
    let ollama = two_models().await;
    let Some((home, _database)) = over_postgres(&ollama).await else { return };
    a_killed_change_goes_on(&home, &ollama).await;
}

#[tokio::test]
async fn an_outage_in_the_middle_is_waited_for_and_ctrl_c_keeps_what_is_done() {
    let ollama = two_models().await;
    let home = home(&ollama);
    let _server = filled(&home, &tags()).await;
    let gate = ollama.let_through("embeddinggemma", 2);
    let mut change = Running::start(&home, &["reembed", "--model", NEW, "--json"]);
    done(&home, 4).await;
    ollama.set_down(true);
    drop(gate);
    eventually("it says that it waits", async || change.said().contains("waiting: Ollama cannot be").then_some(()))
        .await;
    let pid = change.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().await.unwrap().success());
    assert_eq!(change.end().await.0, 130, "{}", change.said());
    assert!(change.said().contains("4 of 12 tags are done and kept"), "{}", change.said());

    ollama.set_down(false);
    let gate = ollama.let_through("embeddinggemma", 2);
    let mut change = Running::start(&home, &["reembed", "--json"]);
    done(&home, 8).await;
    ollama.set_down(true);
    drop(gate);
    eventually("it says that it waits", async || change.said().contains("waiting: Ollama cannot be").then_some(()))
        .await;
    ollama.set_down(false);
    assert_eq!(change.succeeded().await["embedded"], TAGS - 4);
    assert!(change.said().contains("it is back"), "{}", change.said());
}

#[tokio::test]
async fn a_text_that_the_model_refuses_is_counted_and_holds_up_nobody() {
    let ollama = two_models().await;
    let home = home(&ollama);
    let mut rows = tags();
    rows[5] = row("invented mood 5", "NaN");
    let server = filled(&home, &rows).await;
    let mut change = Running::start(&home, &["reembed", "--model", NEW, "--json"]);
    let (code, out) = change.end().await;
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["failed"], &report["embedded"]), (1, &json!(1), &json!(TAGS - 1)), "{}", change.said());
    assert!(change.said().contains("1 tag could not be embedded"), "{}", change.said());
    server.settled().await;
    assert_eq!(space_of_row(&server, "invented mood 4").await, report["space"]);
    assert_eq!(space_of_row(&server, "invented mood 5").await, "");
}

#[tokio::test]
async fn a_change_is_given_up_or_another_takes_its_place() {
    let ollama = two_models().await;
    let home = home(&ollama);
    let server = filled(&home, &tags()).await;
    let old = space_of(&server, "zzterm1 mood").await;
    let gate = ollama.let_through("embeddinggemma", 2);
    let mut change = Running::start(&home, &["reembed", "--model", NEW]);
    done(&home, 4).await;
    let given_up = home.run(&["reembed", "--abandon"]).await;
    assert!(String::from_utf8_lossy(&given_up.stdout).contains("embeddinggemma is given up"), "{given_up:?}");
    drop(gate);
    assert_eq!(change.end().await.0, 1);
    assert!(change.said().contains("was given up by another"), "{}", change.said());
    assert_eq!(doctor(&home, "reembed").await, "");
    assert_eq!(space_of(&server, "zzterm2 mood").await, old);

    // The built-in vectors stand beside the active ones already: nothing is left to be made, and they stay when they are
    // no longer the active ones.
    let gate = ollama.let_through("embeddinggemma", 2);
    let mut change = Running::start(&home, &["reembed", "--model", NEW]);
    done(&home, 4).await;
    let mut other = Running::start(&home, &["reembed", "--model", "builtin", "--abandon", "--json"]);
    eventually("the former is given up", async || doctor(&home, "reembed").await.is_empty().then_some(())).await;
    // Who works on it notices with its next batch.
    drop(gate);
    assert_eq!(change.end().await.0, 1, "{}", change.said());
    let builtin = other.succeeded().await["space"].as_str().unwrap().to_owned();
    assert!(builtin.starts_with("builtin:"), "{builtin}");
    eventually("the running server asks the built-in space", async || {
        (space_of(&server, "zzterm1 mood").await == builtin).then_some(())
    })
    .await;
    let mut back = Running::start(&home, &["reembed", "--model", "ollama:nomic-embed-text:latest", "--json"]);
    let report = back.succeeded().await;
    assert_eq!((&report["embedded"], &report["former"]), (&json!(TAGS), &json!(builtin)), "{report}");
    eventually("the running server is back", async || (space_of(&server, "zzterm1 mood").await == old).then_some(()))
        .await;
    let answer = home.run(&["export"]).await;
    let exported = String::from_utf8(answer.stdout).unwrap();
    assert!(exported.contains(&builtin), "the built-in vectors stand by");
    assert!(!exported.contains("embeddinggemma"), "nothing is left of the change that was given up");
}

#[tokio::test]
async fn a_model_that_is_not_there_is_named_with_the_command_that_fetches_it() {
    let ollama = FakeOllama::start().await;
    let home = home(&ollama);
    let _server = filled(&home, &tags()).await;
    let said = refused(&home, &["reembed", "--model", NEW]).await;
    assert!(said.contains("ollama pull embeddinggemma"), "{said}");
    assert_eq!(doctor(&home, "reembed").await, "", "nothing was begun");
    let mut change = Running::start(&home, &["reembed", "--model", NEW, "--pull", "--json"]);
    assert_eq!(change.succeeded().await["embedded"], TAGS);
    assert!(change.said().contains("embeddinggemma is there"), "{}", change.said());
}

#[tokio::test]
async fn a_model_that_is_too_wide_for_postgres_is_refused_before_any_work() {
    let ollama = two_models().await;
    for model in ["bge-m3", "mxbai-embed-large"] {
        ollama.add_model(model);
    }
    let Some((home, database)) = over_postgres(&ollama).await else { return };
    let _server = filled(&home, &tags()).await;
    let said = refused(&home, &["reembed", "--model", "ollama:bge-m3"]).await;
    for part in ["Ollama bge-m3", "1024 dimensions", "768"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(doctor(&home, "reembed").await, "", "nothing was begun");
    assert_eq!(embedded(&ollama, "invented"), 0);
    // One whose vectors may be cut off is cut off.
    let mut change = Running::start(&home, &["reembed", "--model", "ollama:mxbai-embed-large", "--json"]);
    let report = change.succeeded().await;
    assert!(report["space"].as_str().unwrap().starts_with("ollama:mxbai-embed-large:none:768:"), "{report}");
    assert_eq!(database.number("SELECT min(embedding_dimensions)::bigint FROM mir_synonym").await, 768);

    // Nor is it the first choice of a new database, or another silently taken in its place.
    let fresh = Database::create().await.unwrap();
    let new = Home::new(ollama.url()).with("MUSONYM_DATABASE_URL", &fresh.url).with("MUSONYM_EMBED__MODEL", "bge-m3");
    new.run(&["tags", "add", "dub", "--type", "genre"]).await;
    let said = doctor(&new, "embedder").await;
    assert!(said.contains("bge-m3 makes vectors of 1024 dimensions"), "{said}");
    assert_eq!(fresh.number("SELECT count(*) FROM setting WHERE key = 'embedding_space'").await, 0);
}
