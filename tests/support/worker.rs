//! A worker in the process of the test, over a database of its own and a fake Ollama.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{sync::Arc, time::Duration};

use musonym::{
    domain::{Job, JobState, Priority, TagName, TagType},
    embed::{EmbedService, Embedders, OllamaEmbedder},
    generate::{OllamaGenerator, PromptTemplate},
    jobs::{Events, Runner, RunnerSettings},
    ollama::{GenerateOptions, OllamaClient, OllamaTimeouts},
    store::{
        JobFilter, JobStore, Page, Store, TagStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use tokio_util::sync::CancellationToken;

use super::fake_ollama::{EMBED_MODEL, FakeOllama, GENERATE_MODEL};

/// A runner and what it runs on.
pub struct Worker {
    pub runner: Runner,
    pub store: Arc<dyn Store>,
    pub client: OllamaClient,
    pub embedder: Arc<EmbedService>,
    _folder: tempfile::TempDir,
}

impl Worker {
    /// A worker on tags of these names, whose calls of generate may take so long.
    pub async fn new(ollama: &FakeOllama, tags: usize, timeout: Duration, settings: RunnerSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("musonym.db"));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).await.unwrap());
        create_tags(&*store, "worker test genre", tags).await;
        let timeouts = OllamaTimeouts { generate: timeout, ..OllamaTimeouts::default() };
        let client = OllamaClient::new(ollama.url(), timeouts).unwrap();
        let embedder = OllamaEmbedder::new(Arc::new(client.clone()), EMBED_MODEL, 900);
        let service = Arc::new(EmbedService::new(Arc::clone(&store), Embedders::only(Arc::new(embedder))));
        let generator =
            OllamaGenerator::new(client.clone(), GENERATE_MODEL, PromptTemplate::default(), GenerateOptions::default());
        let embedder = Arc::clone(&service);
        let runner = Runner::new(Arc::clone(&store), Arc::new(generator), service, Events::default(), settings);
        Self { runner, store, client, embedder, _folder: folder }
    }

    /// Creates further tags.
    pub async fn add_tags(&self, name: &str, count: usize) {
        create_tags(&*self.store, name, count).await;
    }

    /// Works until every job has ended.
    pub async fn settle(&self) {
        let stop = CancellationToken::new();
        let ended = async {
            let mut changes = self.store.changes();
            loop {
                changes.mark_unchanged();
                let counts = self.store.job_counts().await.unwrap();
                if counts.queued == 0 && counts.running == 0 {
                    stop.cancel();
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_secs(1), changes.changed()).await;
            }
        };
        tokio::join!(self.runner.run(stop.clone()), ended);
    }

    /// The jobs in this state.
    pub async fn jobs(&self, state: JobState) -> Vec<Job> {
        let filter = JobFilter { state: Some(state), kind: None };
        self.store.list_jobs(&filter, &Page::first(500)).await.unwrap().items
    }
}

async fn create_tags(store: &dyn Store, name: &str, count: usize) {
    let names: Vec<_> =
        (0..count).map(|number| (TagType::Genre, TagName::parse(&format!("{name} {number}")).unwrap())).collect();
    store.create_tags(&names, Priority::LOW).await.unwrap();
}
