//! The gate of meaning: an absurd term of a good answer is put aside, shown, and stays accepted once a person accepts it;
//! an embedder that fails in the middle loses nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use musonym::{
    domain::{
        Confidence, JobKind, JobState, Lang, Priority, Section, Source, TagName, TagType, Term, TermStatus, words,
    },
    embed::{EmbedError, EmbedService, Embedder, Embedders},
    generate::{GenerateError, Generation, GenerationRequest, Generator},
    jobs::{Events, Runner, RunnerSettings},
    ollama::OllamaError,
    store::{
        JobFilter, Page, ReviewFilter, Store,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{binary::Home, fake_ollama::FakeOllama};

/// Terms about one thing, and one about another.
const TERMS: [&str; 7] = [
    "smoky downtempo club beats",
    "dusty downtempo club beats",
    "hazy downtempo club beats",
    "gloomy downtempo club beats",
    "murky downtempo club beats",
    "sleepy downtempo club beats",
    "plumbing invoice",
];
const ABSURD: &str = "plumbing invoice";

#[tokio::test]
async fn an_absurd_term_is_put_aside_until_a_person_accepts_it_and_then_stays() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let server = home.serve(&[]).await;
    let answer = json!({
        "search_terms": TERMS, "related_tags": [], "usage_context": [], "translations": { "en": [], "fr": [] },
    })
    .to_string();
    ollama.script("krautwave", [answer.as_str(), answer.as_str(), answer.as_str()]);
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "krautwave" }), 201).await;
    server.settled().await;

    let (_, row) = server.get("/api/synonyms/genre/krautwave").await;
    assert_eq!(row["synonyms"]["search_terms"], json!(TERMS[..6]), "{row}");
    assert_eq!((&row["version"], &row["embedding"]["dimensions"]), (&json!(2), &json!(768)), "{row}");
    let (_, review) = server.get("/api/review").await;
    let waiting = &review["items"][0];
    assert_eq!((&waiting["term"], &waiting["status"]), (&json!(ABSURD), &json!("quarantined")), "{review}");
    let (_, revisions) = server.get(&format!("/api/synonyms/{}/revisions", row["id"])).await;
    let newest = &revisions["items"][0];
    assert_eq!((&newest["action"], &newest["source"]), (&json!("quarantined"), &json!("ollama")), "{revisions}");
    let (_, jobs) = server.get("/api/jobs?kind=embed&state=succeeded").await;
    let results: Vec<_> = jobs["items"].as_array().unwrap().iter().map(|job| &job["result"]).collect();
    assert_eq!((&results[1]["terms_checked"], &results[1]["terms_quarantined"]), (&json!(7), &json!(1)), "{results:?}");
    assert_eq!(
        results[0].get("terms_checked"),
        None,
        "once a version, and the next has nothing that was not looked at"
    );
    assert_ne!(server.best(ABSURD).await, "krautwave", "it is not searched");
    let metrics = server.client.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("musonym_terms_quarantined_total 1"), "{metrics}");

    // Generated again, it goes on waiting.
    let again = async || {
        server.post("/api/tags/genre/krautwave/generate", json!({}), 202).await;
        server.settled().await;
        server.get("/api/synonyms/genre/krautwave").await.1
    };
    assert_eq!(again().await["version"], 2, "nothing has changed");
    let (_, review) = server.get("/api/review").await;
    let decisions = json!({ "decisions": [{ "id": review["items"][0]["id"], "action": "accept" }] });
    server.post("/api/review", decisions, 200).await;
    server.settled().await;
    assert_eq!(server.best(ABSURD).await, "krautwave");
    let row = again().await;
    assert!(row["synonyms"]["search_terms"].as_array().unwrap().contains(&json!(ABSURD)), "{row}");
    assert_eq!(server.get("/api/review").await.1["items"], json!([]), "a person has decided");
    assert_eq!(ollama.violations(), [""; 0]);
}

/// Always writes [`TERMS`].
struct Fixed;

#[async_trait]
impl Generator for Fixed {
    async fn generate(&self, _: &GenerationRequest) -> Result<Generation, GenerateError> {
        let term = |text: &&str| Term {
            section: Section::SearchTerms,
            lang: Some(Lang::En),
            term: (*text).to_owned(),
            source: Source::Ollama,
            confidence: Confidence::clamped(0.7),
            status: TermStatus::Active,
        };
        let terms = TERMS.iter().map(term).collect();
        Ok(Generation { terms, confidence: Confidence::clamped(0.7), trace: None })
    }
    fn describe(&self) -> String {
        "fixed".to_owned()
    }
    fn source(&self) -> Source {
        Source::Ollama
    }
    fn batch_size(&self) -> usize {
        8
    }
}

/// Embeds words by chance, and fails to embed queries as often as told.
struct Faulty {
    failures: AtomicUsize,
    error: OllamaError,
    calls: AtomicUsize,
}

fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0f32; 1024];
    for word in words(text) {
        let hash = word.bytes().fold(7usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
        vector[hash % 1024] += 1.0;
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
    vector.into_iter().map(|x| x / length).collect()
}

#[async_trait]
impl Embedder for Faulty {
    async fn space(&self) -> Result<String, EmbedError> {
        Ok("test:words".to_owned())
    }
    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| embed(text)).collect())
    }
    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(embed(query))
    }
    async fn embed_queries(&self, queries: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let failing = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if failing.is_ok() {
            return Err(self.error.clone().into());
        }
        Ok(queries.iter().map(|query| embed(query)).collect())
    }
    fn query_text(&self, query: &str) -> String {
        query.to_owned()
    }
    fn family(&self) -> &'static str {
        "test:"
    }
    fn describe(&self) -> String {
        "words".to_owned()
    }
}

/// A worker whose embedder fails so often in the check, and its store.
struct Worker {
    runner: Runner,
    store: Arc<dyn Store>,
    embedder: Arc<Faulty>,
    _folder: tempfile::TempDir,
}

impl Worker {
    async fn new(failures: usize, error: OllamaError, tags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions { max_attempts: 2, ..SqliteOptions::new(folder.path().join("musonym.db")) };
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).await.unwrap());
        let tags: Vec<_> = tags.iter().map(|name| (TagType::Genre, TagName::parse(name).unwrap())).collect();
        store.create_tags(&tags, Priority::LOW).await.unwrap();
        let embedder = Arc::new(Faulty { failures: AtomicUsize::new(failures), error, calls: AtomicUsize::new(0) });
        let allowed = Embedders::only(Arc::clone(&embedder) as Arc<dyn Embedder>);
        let service = Arc::new(EmbedService::new(Arc::clone(&store), allowed));
        let settings = RunnerSettings {
            lease: Duration::from_secs(60),
            retry_base: Duration::from_millis(1),
            embed_batch: 32,
            meaning_gate: true,
            ..RunnerSettings::default()
        };
        let runner = Runner::new(Arc::clone(&store), Arc::new(Fixed), service, Events::default(), settings);
        Self { runner, store, embedder, _folder: folder }
    }

    async fn drain(&self) {
        self.runner.drain(CancellationToken::new()).await;
    }

    /// Works until all is done, each attempt after its delay.
    async fn settle(&self) {
        self.drain().await;
        while self.embed_jobs().await.iter().any(|job| job.state != JobState::Succeeded) {
            self.drain().await;
        }
    }

    /// The texts that wait for a person.
    async fn waiting(&self) -> Vec<String> {
        let listing = self.store.list_review(&ReviewFilter::default(), &Page::first(99)).await.unwrap();
        listing.items.into_iter().map(|item| item.term).collect()
    }

    async fn embed_jobs(&self) -> Vec<musonym::domain::Job> {
        let filter = JobFilter { kind: Some(JobKind::Embed), state: None };
        self.store.list_jobs(&filter, &Page::first(99)).await.unwrap().items
    }
}

#[tokio::test]
async fn an_outage_in_the_check_keeps_the_vectors_and_the_check_is_made_up_for() {
    let outage = OllamaError::Busy { message: "server busy".to_owned() };
    let worker = Worker::new(1, outage, &["krautwave", "sludgewave"]).await;
    worker.drain().await;
    let jobs = worker.embed_jobs().await;
    assert_eq!(jobs.len(), 2);
    for job in &jobs {
        assert_eq!((job.state, job.attempts), (JobState::Queued, 0), "{job:?}");
        assert!(job.last_error.as_deref().is_some_and(|error| error.contains("server busy")), "{job:?}");
        let id = job.payload["synonym_id"].as_i64().unwrap();
        assert!(worker.store.embedding(id).await.unwrap().is_some(), "the vector is there");
    }
    assert_eq!(worker.waiting().await, [""; 0]);

    // Another worker, for which the embedder is back.
    let runner = Runner::new(
        Arc::clone(&worker.store),
        Arc::new(Fixed),
        Arc::new(EmbedService::new(Arc::clone(&worker.store), Embedders::only(Arc::clone(&worker.embedder) as _))),
        Events::default(),
        RunnerSettings {
            lease: Duration::from_secs(60),
            retry_base: Duration::from_millis(1),
            embed_batch: 32,
            meaning_gate: true,
            ..RunnerSettings::default()
        },
    );
    runner.drain(CancellationToken::new()).await;
    assert_eq!(worker.waiting().await, [ABSURD; 2]);
    assert!(worker.embed_jobs().await.iter().all(|job| job.state == JobState::Succeeded));
    assert_eq!(worker.embedder.calls.load(Ordering::Relaxed), 2, "one call for all rows, and one that failed");
}

#[tokio::test]
async fn a_check_that_keeps_failing_spends_the_attempts_and_ends_well_with_its_reason() {
    let error = OllamaError::Server { status: 500, message: "unexpected EOF".to_owned() };
    let worker = Worker::new(99, error, &["krautwave"]).await;
    worker.settle().await;
    let job = worker.embed_jobs().await.remove(0);
    assert_eq!(job.attempts, 2);
    let reason = job.result.as_ref().unwrap()["terms_unchecked"].as_str().unwrap().to_owned();
    assert!(reason.contains("unexpected EOF"), "{reason}");
    let id = job.payload["synonym_id"].as_i64().unwrap();
    assert!(worker.store.embedding(id).await.unwrap().is_some());
    assert_eq!(worker.waiting().await, [""; 0]);
}

#[tokio::test]
async fn a_row_that_is_refused_does_not_keep_the_others_from_their_check() {
    let refusal = OllamaError::Refused { status: 400, message: "bad input".to_owned() };
    // The call for both, then that for the first alone, which is tried again later.
    let worker = Worker::new(2, refusal, &["krautwave", "sludgewave"]).await;
    worker.settle().await;
    assert_eq!(worker.waiting().await, [ABSURD; 2]);
    assert_eq!(worker.embedder.calls.load(Ordering::Relaxed), 4);
    let attempts: Vec<u32> = worker.embed_jobs().await.iter().map(|job| job.attempts).collect();
    // Newest first: those of the new versions, then the second and the first row.
    assert_eq!(attempts[attempts.len() - 2..], [1, 2]);
}
