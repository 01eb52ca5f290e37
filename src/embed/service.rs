//! The embedder that serves this database, and the guard of its embedding space.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;

use super::{EmbedError, Embedder};
use crate::store::{SETTING_EMBEDDING_SPACE, Store, StoreError};

/// Query vectors kept, by space and query: 3 KiB each.
const QUERY_VECTORS: u64 = 10_000;

/// After an outage, queries do not wait for the embedder for this long; the first one after it tries again.
const OUTAGE_PAUSE: Duration = Duration::from_secs(5);

/// What the embedder can do now, for health pages and `doctor`.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedStatus {
    /// Provider and model, or that there is none.
    pub describe: String,
    /// The active space, once known.
    pub space: Option<String>,
    /// Why it does not work, if it does not.
    pub problem: Option<String>,
}

/// A query's vector.
#[derive(Clone, Debug)]
pub struct QueryVector {
    /// The space it lies in.
    pub space: String,
    /// L2-normalised.
    pub vector: Arc<[f32]>,
}

/// Guards the active space: vectors of another one are neither stored nor compared.
pub struct EmbedService {
    store: Arc<dyn Store>,
    embedder: Option<Arc<dyn Embedder>>,
    queries: Cache<(String, String), Arc<[f32]>>,
    /// Until when (Unix ms) queries do not try an embedder that was out of service, and the error they get instead.
    paused_until: AtomicI64,
    last_outage: std::sync::Mutex<Option<EmbedError>>,
}

impl EmbedService {
    /// A service over `embedder`; `None` when no embedder is configured.
    pub fn new(store: Arc<dyn Store>, embedder: Option<Arc<dyn Embedder>>) -> Self {
        Self {
            store,
            embedder,
            queries: Cache::new(QUERY_VECTORS),
            paused_until: AtomicI64::new(0),
            last_outage: std::sync::Mutex::new(None),
        }
    }

    fn embedder(&self) -> Result<&Arc<dyn Embedder>, EmbedError> {
        self.embedder.as_ref().ok_or(EmbedError::NotConfigured)
    }

    /// Asks the embedder for its space and records it as the database's when that has none.
    ///
    /// # Errors
    /// [`EmbedError`]; [`EmbedError::SpaceChanged`] when the database is embedded in another space.
    pub async fn active_space(&self) -> Result<String, EmbedError> {
        let offered = self.embedder()?.space().await?;
        let active = self
            .store
            .setting_or_insert(SETTING_EMBEDDING_SPACE, &offered)
            .await
            .map_err(|error| store_error(&error))?;
        if active == offered { Ok(active) } else { Err(EmbedError::SpaceChanged { active, offered }) }
    }

    /// Makes the embedder's space the active one and enqueues the embedding of everything. Returns new jobs.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn switch_space(&self) -> Result<u64, EmbedError> {
        let offered = self.embedder()?.space().await?;
        self.store.switch_embedding_space(&offered).await.map_err(|error| store_error(&error))
    }

    /// Vectors for texts that are stored, in the returned space.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn embed_documents(&self, texts: &[String]) -> Result<(String, Vec<Vec<f32>>), EmbedError> {
        let space = self.active_space().await?;
        let vectors = self.embedder()?.embed_documents(texts).await?;
        Ok((space, vectors))
    }

    /// The state for people.
    pub async fn status(&self) -> EmbedStatus {
        let describe = self.embedder.as_ref().map_or_else(|| "none".to_owned(), |embedder| embedder.describe());
        match self.active_space().await {
            Ok(space) => EmbedStatus { describe, space: Some(space), problem: None },
            Err(error) => {
                let space = self.store.setting(SETTING_EMBEDDING_SPACE).await.ok().flatten();
                EmbedStatus { describe, space, problem: Some(error.to_string()) }
            }
        }
    }

    /// The text that is embedded for a query; `None` without an embedder.
    pub fn query_text(&self, query: &str) -> Option<String> {
        self.embedder.as_ref().map(|embedder| embedder.query_text(query))
    }

    /// The query's vector within `deadline`, from the cache where it was embedded before. Queries that come at the same
    /// time are embedded once; one that misses its deadline is still embedded, for the next who asks.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn embed_query(self: &Arc<Self>, query: &str, deadline: Duration) -> Result<QueryVector, EmbedError> {
        // A vector of the active space stays right whatever the embedder does now.
        if let Some(space) = self.store.setting(SETTING_EMBEDDING_SPACE).await.map_err(|error| store_error(&error))?
            && let Some(vector) = self.queries.get(&(space.clone(), query.to_owned())).await
        {
            return Ok(QueryVector { space, vector });
        }
        if let Some(error) = self.recent_outage() {
            return Err(error);
        }
        let service = Arc::clone(self);
        let query = query.to_owned();
        let embedding = tokio::spawn(async move { service.embed_uncapped(query).await });
        let result = match tokio::time::timeout(deadline, embedding).await {
            Err(_) => Err(EmbedError::Deadline(deadline.as_millis())),
            Ok(Err(panic)) => Err(EmbedError::Store(panic.to_string())),
            Ok(Ok(result)) => result,
        };
        if let Err(error) = &result
            && error.is_outage()
        {
            self.pause(error.clone());
        }
        result
    }

    async fn embed_uncapped(&self, query: String) -> Result<QueryVector, EmbedError> {
        let space = self.active_space().await?;
        let embedder = self.embedder()?;
        let vector = self
            .queries
            .try_get_with((space.clone(), query.clone()), async {
                metrics::counter!("musonym_query_embeddings_total").increment(1);
                embedder.embed_query(&query).await.map(Arc::from)
            })
            .await
            .map_err(|error: Arc<EmbedError>| (*error).clone())?;
        Ok(QueryVector { space, vector })
    }

    fn recent_outage(&self) -> Option<EmbedError> {
        if chrono::Utc::now().timestamp_millis() >= self.paused_until.load(Ordering::Relaxed) {
            return None;
        }
        self.last_outage.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn pause(&self, error: EmbedError) {
        let pause = i64::try_from(OUTAGE_PAUSE.as_millis()).unwrap_or(i64::MAX);
        self.paused_until.store(chrono::Utc::now().timestamp_millis().saturating_add(pause), Ordering::Relaxed);
        *self.last_outage.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
    }

    /// Lets queries try the embedder again at once: a background job has just reached it.
    pub fn resume(&self) {
        self.paused_until.store(0, Ordering::Relaxed);
    }
}

fn store_error(error: &StoreError) -> EmbedError {
    EmbedError::Store(error.to_string())
}
