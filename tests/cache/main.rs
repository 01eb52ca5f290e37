//! The cache with a real Redis: shared by nodes, and done without when it is gone, slow or full.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod faults;
mod processes;
mod sharing;
#[path = "../support/mod.rs"]
mod support;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use musonym::{
    cache::{Cache, CacheSettings, Shared, SharedSettings},
    domain::{Confidence, Lang, Section, Source, TagName, TagType, Term, TermStatus},
    embed::{EmbedError, EmbedService, Embedder, Embedders},
    generate::LexiconGenerator,
    jobs::{Events, Runner, RunnerSettings},
    search::{EncodedAnswer, SearchRequest, SearchSettings, Searcher},
    store::{
        ExportRow, ExportSynonyms, SETTING_INSTALLATION, Store,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use tokio_util::sync::CancellationToken;

/// What Redis may take to answer, as users have it.
const BUDGET: Duration = Duration::from_millis(50);

/// All texts mean the same, so that whatever is asked finds every tag. Counts the queries it is asked, and takes its time for them.
#[derive(Default)]
struct CountingEmbedder {
    queries: AtomicUsize,
    takes: Duration,
}

#[async_trait]
impl Embedder for CountingEmbedder {
    async fn space(&self) -> Result<String, EmbedError> {
        Ok("test:counting:4".to_owned())
    }
    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|_| vec![0.5; 4]).collect())
    }
    async fn embed_query(&self, _: &str) -> Result<Vec<f32>, EmbedError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.takes).await;
        Ok(vec![0.5; 4])
    }
    fn query_text(&self, query: &str) -> String {
        query.to_owned()
    }
    fn family(&self) -> &'static str {
        "test:"
    }
    fn describe(&self) -> String {
        "counting".to_owned()
    }
}

/// A node: what a process of its own would have. Nodes of a test share file, Redis and embedder.
struct Node {
    store: Arc<dyn Store>,
    cache: Arc<Cache>,
    shared: Shared,
    searcher: Searcher,
    service: Arc<EmbedService>,
}

impl Node {
    /// A node over this file and the Redis at this URL.
    async fn new(file: &Path, redis: &str, embedder: &Arc<CountingEmbedder>) -> Self {
        // Shows what is logged, where a test fails.
        let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::INFO).try_init();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(SqliteOptions::new(file)).await.unwrap());
        let installation = format!("{:016x}", fastrand::u64(..));
        let installation = store.setting_or_insert(SETTING_INSTALLATION, &installation).await.unwrap();
        let settings = SharedSettings { url: redis.into(), budget: BUDGET };
        let shared = Shared::redis(&settings, &installation).unwrap();
        shared.connect().await;
        let settings = CacheSettings { ttl: Duration::from_secs(3600), max_bytes: 1 << 24 };
        let cache = Arc::new(Cache::new(settings, shared.clone()));
        let service = EmbedService::new(Arc::clone(&store), Embedders::only(embedder.clone()));
        let service = Arc::new(service.sharing(shared.clone()));
        let settings = SearchSettings { embed_deadline: Duration::from_secs(60) };
        let searcher = Searcher::new(Arc::clone(&store), Arc::clone(&service), Arc::clone(&cache), settings);
        Self { store, cache, shared, searcher, service }
    }

    async fn search(&self, query: &str) -> EncodedAnswer {
        self.searcher.search_encoded(&SearchRequest::new(query)).await.unwrap()
    }

    /// Stores tags, each with one alias, and embeds them.
    async fn import(&self, tags: &[(&str, &str)]) {
        let rows: Vec<ExportRow> = tags.iter().map(|(name, alias)| row(name, alias)).collect();
        self.store.import_rows(&rows, false).await.unwrap();
        let settings = RunnerSettings {
            lease: Duration::from_secs(60),
            retry_base: Duration::from_millis(1),
            embed_batch: 32,
            meaning_gate: true,
            ..RunnerSettings::default()
        };
        let (store, service) = (Arc::clone(&self.store), Arc::clone(&self.service));
        let runner = Runner::new(store, Arc::new(LexiconGenerator::default()), service, Events::default(), settings);
        runner.drain(CancellationToken::new()).await;
    }
}

/// The names that an answer found, best first.
fn names(answer: &EncodedAnswer) -> Vec<String> {
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["degraded"], serde_json::json!([]), "{answer}");
    answer["results"].as_array().unwrap().iter().map(|hit| hit["tag_name"].as_str().unwrap().to_owned()).collect()
}

fn row(name: &str, alias: &str) -> ExportRow {
    let term = Term {
        section: Section::SearchTerms,
        lang: None::<Lang>,
        term: alias.to_owned(),
        source: Source::Import,
        confidence: Confidence::clamped(0.8),
        status: TermStatus::Active,
    };
    let synonyms = ExportSynonyms {
        source: Source::Import,
        confidence: Confidence::clamped(0.8),
        is_active: true,
        terms: vec![term],
        record: None,
    };
    ExportRow {
        tag_type: TagType::Genre,
        name: TagName::parse(name).unwrap(),
        tag_created_at: None,
        synonyms: Some(synonyms),
    }
}
