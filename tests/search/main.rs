//! The search over a real SQLite file, through the library: what must hold for every vocabulary, and what a search costs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod costs;
mod properties;
mod switch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use musonym::{
    cache::{Cache, CacheSettings},
    domain::{Confidence, Lang, Section, Source, TagName, TagType, Term, TermStatus, stem_groups},
    embed::{EmbedError, EmbedService, Embedder, Embedders},
    generate::LexiconGenerator,
    jobs::{Events, Runner, RunnerSettings},
    search::{SearchSettings, Searcher},
    store::{
        ExportRow, ExportSynonyms, Store,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use tokio_util::sync::CancellationToken;

/// A text is the bag of its stems, each hashed to a few of 64 dimensions. Counts what it is asked.
#[derive(Default)]
struct HashEmbedder {
    queries: AtomicUsize,
}

fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0f32; 64];
    for stem in stem_groups(text).into_iter().flatten() {
        let hash = stem
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        for step in 0..4 {
            vector[usize::try_from((hash >> (step * 11)) % 64).unwrap()] += 1.0;
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-6);
    vector.iter().map(|value| value / length).collect()
}

#[async_trait]
impl Embedder for HashEmbedder {
    async fn space(&self) -> Result<String, EmbedError> {
        Ok("test:hash:64".to_owned())
    }
    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| embed(text)).collect())
    }
    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        Ok(embed(query))
    }
    fn query_text(&self, query: &str) -> String {
        query.to_owned()
    }
    fn family(&self) -> &'static str {
        "test:"
    }
    fn describe(&self) -> String {
        "hash".to_owned()
    }
}

/// A vocabulary with a searcher over it.
struct Library {
    store: Arc<dyn Store>,
    searcher: Arc<Searcher>,
    service: Arc<EmbedService>,
    embedder: Arc<HashEmbedder>,
    _folder: tempfile::TempDir,
}

impl Library {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(folder.path().join("musonym.db"))).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let embedder = Arc::new(HashEmbedder::default());
        let service = Arc::new(EmbedService::new(Arc::clone(&store), Embedders::only(embedder.clone())));
        let settings = SearchSettings { embed_deadline: Duration::from_secs(60) };
        let cache = Cache::in_memory(CacheSettings { ttl: Duration::from_secs(3600), max_bytes: 1 << 20 });
        let searcher = Arc::new(Searcher::new(Arc::clone(&store), Arc::clone(&service), Arc::new(cache), settings));
        Self { store, searcher, service, embedder, _folder: folder }
    }

    /// With these rows, embedded.
    async fn with(rows: &[ExportRow]) -> Self {
        let library = Self::new().await;
        library.store.import_rows(rows, false).await.unwrap();
        library.work().await;
        library
    }

    /// Runs every job.
    async fn work(&self) {
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

/// A tag with terms, each of a section.
fn row(tag_type: TagType, name: &str, terms: &[(Section, String)]) -> ExportRow {
    let terms = terms
        .iter()
        .map(|(section, text)| Term {
            section: *section,
            lang: (*section == Section::Translations).then_some(Lang::Fr),
            term: text.clone(),
            source: Source::Import,
            confidence: Confidence::clamped(0.8),
            status: TermStatus::Active,
        })
        .collect();
    let synonyms = ExportSynonyms {
        source: Source::Import,
        confidence: Confidence::clamped(0.8),
        is_active: true,
        terms,
        record: None,
    };
    ExportRow { tag_type, name: TagName::parse(name).unwrap(), tag_created_at: None, synonyms: Some(synonyms) }
}
