//! The embedders that serve this database, and the guard of its embedding spaces.
//!
//! One space is active: the first embedder that answers fixes it for the database, and only `musonym reembed` changes it
//! (`change`). Which embedder makes it follows from its name. The standby (the built-in model) has vectors of its own for
//! every tag, and answers a query that the active embedder misses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;
use tokio::sync::watch;

use super::{
    EmbedError, Embedder, Embedders,
    calibrate::calibrate_space,
    document_text,
    models::{EmbedModel, Known},
};
use crate::{
    cache::Shared,
    domain::JobKind,
    store::{SETTING_EMBEDDING_SPACE, Store, StoreError},
};

/// Query vectors kept, by space and query: 3 KiB each.
const QUERY_VECTORS: u64 = 10_000;

/// After an outage, queries do not wait for the embedder for this long; the first one after it tries again.
const OUTAGE_PAUSE: Duration = Duration::from_secs(5);

/// Tags that get their standby vectors in one go.
const STANDBY_BATCH: usize = 32;

/// What the embedder can do now, for health pages and `doctor`.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedStatus {
    /// Provider and model, or that there is none.
    pub describe: String,
    /// The active space, once known.
    pub space: Option<String>,
    /// The model that the settings name, where the database is embedded with another one.
    pub configured: Option<String>,
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

/// What embedding a query gave.
#[derive(Clone, Debug, Default)]
pub struct QueryEmbedding {
    /// The vector, of the standby's space where the active embedder failed.
    pub vector: Option<QueryVector>,
    /// Why it is not of the active space.
    pub failure: Option<EmbedError>,
    /// The text that was embedded, prefix included.
    pub text: Option<String>,
}

/// An embedder that was out of service.
struct Outage {
    /// The active space at that moment: the embedder of another one may well be there.
    space: Option<String>,
    error: EmbedError,
}

/// Guards the active space: vectors of another one are neither stored as its own nor compared with it.
pub struct EmbedService {
    pub(super) store: Arc<dyn Store>,
    pub(super) known: Known,
    queries: Cache<(String, String), Arc<[f32]>>,
    /// Query vectors of all nodes.
    shared: Shared,
    /// Until when (Unix ms) queries do not try an embedder that was out of service, and the error they get instead.
    paused_until: AtomicI64,
    last_outage: std::sync::Mutex<Option<Outage>>,
    /// The vocabulary version at which cosines were last looked at.
    calibrated_at: AtomicI64,
    /// Queries that wait for their vector within their deadline.
    waiting: watch::Sender<usize>,
    /// Calls whose query has missed its deadline, and which are not answered yet.
    late: Arc<AtomicUsize>,
}

/// A query that waits, until it is dropped.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn at(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|count| *count += 1);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl EmbedService {
    /// A service over these embedders.
    pub fn new(store: Arc<dyn Store>, embedders: Embedders) -> Self {
        Self {
            store,
            known: Known::new(embedders),
            queries: Cache::new(QUERY_VECTORS),
            shared: Shared::none(),
            paused_until: AtomicI64::new(0),
            last_outage: std::sync::Mutex::new(None),
            calibrated_at: AtomicI64::new(-1),
            waiting: watch::Sender::new(0),
            late: Arc::default(),
        }
    }

    /// Shares query vectors with other nodes.
    #[must_use]
    pub fn sharing(self, shared: Shared) -> Self {
        Self { shared, ..self }
    }

    /// The space that is recorded as the database's.
    pub(super) async fn recorded(&self) -> Result<Option<String>, EmbedError> {
        self.store.setting(SETTING_EMBEDDING_SPACE).await.map_err(|error| store_error(&error))
    }

    /// The embedder of the recorded space; before one is recorded, the first allowed one that answers.
    async fn choose(&self) -> Result<(Arc<dyn Embedder>, String), EmbedError> {
        let allowed = &self.known.embedders.allowed;
        let mut problem = EmbedError::NotConfigured;
        if let Some(active) = self.recorded().await? {
            return match (self.known.of_space(&active), allowed.first()) {
                (Some(embedder), _) => Ok((embedder, active)),
                (None, Some(other)) => Err(EmbedError::SpaceChanged { active, offered: other.describe() }),
                (None, None) => Err(problem),
            };
        }
        for embedder in allowed {
            match self.offer(embedder).await {
                Ok(offered) => {
                    let insert = self.store.setting_or_insert(SETTING_EMBEDDING_SPACE, &offered).await;
                    let active = insert.map_err(|error| store_error(&error))?;
                    // Another process may have been faster, with another embedder.
                    let embedder = self.known.of_space(&active).unwrap_or_else(|| Arc::clone(embedder));
                    tracing::info!(embedding.space = active, "this database is embedded by {}", embedder.describe());
                    return Ok((embedder, active));
                }
                // Another model in its place would be no answer to who asked for this one.
                Err(error @ EmbedError::TooWide { .. }) => return Err(error),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    /// The space that an embedder makes, if the database can keep its vectors.
    pub(super) async fn offer(&self, embedder: &Arc<dyn Embedder>) -> Result<String, EmbedError> {
        let space = embedder.space().await?;
        match (self.store.longest_vector(), embedder.dimensions().await?) {
            (Some(most), Some(dimensions)) if dimensions > most => {
                Err(EmbedError::TooWide { model: embedder.describe(), dimensions, most })
            }
            _ => Ok(space),
        }
    }

    /// The active embedder and its space, which the embedder still makes.
    async fn active(&self) -> Result<(Arc<dyn Embedder>, String), EmbedError> {
        let (embedder, active) = self.choose().await?;
        let offered = embedder.space().await?;
        if active == offered { Ok((embedder, active)) } else { Err(EmbedError::SpaceChanged { active, offered }) }
    }

    /// The model that the database is embedded with; `None` before it has vectors.
    ///
    /// # Errors
    /// [`EmbedError`] when the database cannot be asked.
    pub async fn model_in_force(&self) -> Result<Option<EmbedModel>, EmbedError> {
        Ok(self.recorded().await?.as_deref().and_then(EmbedModel::of_space))
    }

    /// The active space. The first embedder that answers fixes it where the database has none.
    ///
    /// # Errors
    /// [`EmbedError`]; [`EmbedError::SpaceChanged`] when the database is embedded in another space than the embedder's.
    pub async fn active_space(&self) -> Result<String, EmbedError> {
        Ok(self.active().await?.1)
    }

    /// Vectors for texts that are stored, in the returned space.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn embed_documents(&self, texts: &[String]) -> Result<(String, Vec<Vec<f32>>), EmbedError> {
        let (embedder, space) = self.active().await?;
        Ok((space, embedder.embed_documents(texts).await?))
    }

    /// Vectors of many queries, in the returned space.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn embed_queries(&self, queries: &[String]) -> Result<(String, Vec<Vec<f32>>), EmbedError> {
        let (embedder, space) = self.active().await?;
        Ok((space, embedder.embed_queries(queries).await?))
    }

    /// Gives some of the tags that lack one their vector in the standby's space. Returns how many; 0 when none lacks one,
    /// or the standby is the active embedder itself, whose vectors are made by jobs.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn fill_standby(&self) -> Result<usize, EmbedError> {
        let Some(standby) = &self.known.embedders.standby else { return Ok(0) };
        let space = standby.space().await?;
        if !self.stands_by(&space).await? {
            return Ok(0);
        }
        let failed = |error: StoreError| store_error(&error);
        let inputs = self.store.rows_without_vector(&space, 0, STANDBY_BATCH).await.map_err(failed)?;
        if inputs.is_empty() {
            return Ok(0);
        }
        let texts: Vec<String> = inputs.iter().map(|input| document_text(&input.tag_name, &input.terms)).collect();
        let vectors = standby.embed_documents(&texts).await?;
        let vectors = inputs.iter().map(|input| (input.synonym_id, input.version)).zip(vectors);
        let vectors: Vec<_> = vectors.map(|((id, version), vector)| (id, version, vector)).collect();
        self.store.store_other_vectors(&space, &vectors).await.map_err(failed)
    }

    /// The standby, for whoever needs vectors of its own: it is loaded once.
    pub fn standby(&self) -> Option<Arc<dyn Embedder>> {
        self.known.embedders.standby.clone()
    }

    /// Whether tags have vectors in the standby's space beside those of the active one.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn has_standby_space(&self) -> Result<bool, EmbedError> {
        match &self.known.embedders.standby {
            Some(standby) => self.stands_by(&standby.space().await?).await,
            None => Ok(false),
        }
    }

    /// Whether the standby's space is beside the active one: not where it is that one, or may become it.
    async fn stands_by(&self, space: &str) -> Result<bool, EmbedError> {
        Ok(match self.recorded().await? {
            Some(active) => active != space,
            None => !self.known.embedders.allowed.iter().any(|embedder| space.starts_with(embedder.family())),
        })
    }

    /// Measures anew what cosines mean, in each space whose library has changed much since it was last measured. Returns
    /// how many spaces.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn calibrate(&self) -> Result<usize, EmbedError> {
        let version = self.store.vocabulary_version();
        if self.calibrated_at.load(Ordering::Relaxed) == version {
            return Ok(0);
        }
        let mut spaces: Vec<(Arc<dyn Embedder>, String)> = Vec::new();
        if self.recorded().await?.is_some() {
            spaces.push(self.active().await?);
        }
        if let Some(standby) = &self.known.embedders.standby {
            let space = standby.space().await?;
            if self.stands_by(&space).await? {
                spaces.push((Arc::clone(standby), space));
            }
        }
        let mut measured = 0;
        for (embedder, space) in spaces {
            measured += usize::from(calibrate_space(&*self.store, &embedder, &space).await?);
        }
        self.calibrated_at.store(version, Ordering::Relaxed);
        Ok(measured)
    }

    /// The state for people.
    pub async fn status(&self) -> EmbedStatus {
        let (embedder, active) = match self.choose().await {
            Ok(chosen) => chosen,
            Err(error) => {
                let first = self.known.embedders.allowed.first();
                let describe = first.map_or_else(|| "none".to_owned(), |embedder| embedder.describe());
                let space = self.recorded().await.ok().flatten();
                return EmbedStatus { describe, space, configured: None, problem: Some(error.to_string()) };
            }
        };
        let problem = match embedder.space().await {
            Ok(offered) if offered == active => None,
            Ok(offered) => Some(EmbedError::SpaceChanged { active: active.clone(), offered }),
            Err(error) => Some(error),
        };
        EmbedStatus {
            describe: embedder.describe(),
            space: Some(active),
            configured: self.known.configured_instead(&embedder).map(|other| other.describe()),
            problem: problem.map(|error| error.to_string()),
        }
    }

    /// The query's vector: of the active space within `deadline`, else the standby's with the reason.
    pub async fn embed_query(self: &Arc<Self>, query: &str, deadline: Duration) -> QueryEmbedding {
        let failure = match self.embed_in_time(query, deadline).await {
            Ok((vector, text)) => return QueryEmbedding { vector: Some(vector), failure: None, text: Some(text) },
            Err(error) => error,
        };
        let standby = match self.embed_by_standby(query).await {
            Ok(standby) => standby,
            Err(error) => {
                tracing::warn!(%error, "the standby embedder failed, too");
                None
            }
        };
        let (vector, text) = standby.unzip();
        QueryEmbedding { vector, failure: Some(failure), text }
    }

    /// The query's vector in the standby's space, whatever the active embedder says.
    pub async fn embed_query_by_standby(&self, query: &str) -> QueryEmbedding {
        match self.embed_by_standby(query).await {
            Ok(Some((vector, text))) => QueryEmbedding { vector: Some(vector), failure: None, text: Some(text) },
            Ok(None) => QueryEmbedding { failure: Some(EmbedError::NotConfigured), ..QueryEmbedding::default() },
            Err(error) => QueryEmbedding { failure: Some(error), ..QueryEmbedding::default() },
        }
    }

    /// The query's vector by the built-in model, which is there whatever the active embedder is; `None` where it is not.
    pub async fn embed_query_by_builtin(&self, query: &str) -> Option<Arc<[f32]>> {
        let standby = self.known.embedders.standby.as_ref()?;
        let space = standby.space().await.ok()?;
        if EmbedModel::of_space(&space) != Some(EmbedModel::Builtin) {
            return None;
        }
        let embedded = self.embed_cached(standby, space, query).await;
        let told = embedded.inspect_err(|error| tracing::warn!(%error, "the built-in model failed"));
        told.ok().map(|(vector, _)| vector.vector)
    }

    async fn embed_by_standby(&self, query: &str) -> Result<Option<(QueryVector, String)>, EmbedError> {
        let Some(standby) = &self.known.embedders.standby else { return Ok(None) };
        let space = standby.space().await?;
        if !self.stands_by(&space).await? {
            return Ok(None);
        }
        Ok(Some(self.embed_cached(standby, space, query).await?))
    }

    /// Queries that come at the same time are embedded once; one that misses its deadline is still embedded, for the next
    /// who asks.
    async fn embed_in_time(
        self: &Arc<Self>,
        query: &str,
        deadline: Duration,
    ) -> Result<(QueryVector, String), EmbedError> {
        // A vector of the active space stays right whatever the embedder does now.
        if let Some(space) = self.store.active_space()
            && let Some(embedder) = self.known.of_space(&space)
        {
            let text = embedder.query_text(query);
            if let Some(vector) = self.queries.get(&(space.clone(), text.clone())).await {
                return Ok((QueryVector { space, vector }, text));
            }
        }
        if let Some(error) = self.recent_outage() {
            return Err(error);
        }
        // It is in the middle of something long, as of a generation: another call would only queue behind that.
        if self.late.load(Ordering::Relaxed) > 0 {
            return Err(EmbedError::Behind);
        }
        let service = Arc::clone(self);
        let query = query.to_owned();
        let waiting = Waiting::at(&self.waiting);
        let mut embedding = tokio::spawn(async move {
            let (embedder, space) = service.active().await?;
            service.embed_cached(&embedder, space, &query).await
        });
        let in_time = tokio::time::timeout(deadline, &mut embedding).await;
        drop(waiting);
        let result = match in_time {
            Err(_) => {
                let late = Arc::clone(&self.late);
                late.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let _ = embedding.await;
                    late.fetch_sub(1, Ordering::Relaxed);
                });
                Err(EmbedError::Deadline(deadline.as_millis()))
            }
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

    async fn embed_cached(
        &self,
        embedder: &Arc<dyn Embedder>,
        space: String,
        query: &str,
    ) -> Result<(QueryVector, String), EmbedError> {
        let text = embedder.query_text(query);
        let vector = self
            .queries
            .try_get_with((space.clone(), text.clone()), async {
                let embed = async {
                    metrics::counter!("musonym_query_embeddings_total").increment(1);
                    embedder.embed_query(query).await
                };
                self.shared.query_vector(&space, &text, embed).await.map(Arc::from)
            })
            .await
            .map_err(|error: Arc<EmbedError>| (*error).clone())?;
        Ok((QueryVector { space, vector }, text))
    }

    fn recent_outage(&self) -> Option<EmbedError> {
        if chrono::Utc::now().timestamp_millis() >= self.paused_until.load(Ordering::Relaxed) {
            return None;
        }
        let last = self.last_outage.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let outage = last.as_ref().filter(|outage| outage.space == self.store.active_space())?;
        Some(outage.error.clone())
    }

    fn pause(&self, error: EmbedError) {
        let pause = i64::try_from(OUTAGE_PAUSE.as_millis()).unwrap_or(i64::MAX);
        let outage = Outage { space: self.store.active_space(), error };
        *self.last_outage.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(outage);
        self.paused_until.store(chrono::Utc::now().timestamp_millis().saturating_add(pause), Ordering::Relaxed);
    }

    /// Has the model of the recorded space loaded, unless generations wait, whose model would make room for it in vain.
    pub async fn warm_up(&self) {
        let wanted = self.store.next_run_at(JobKind::Generate).await.is_ok_and(|next| next.is_none());
        let Some(embedder) = self.store.active_space().and_then(|space| self.known.of_space(&space)) else { return };
        if wanted && let Err(error) = embedder.warm_up().await {
            tracing::debug!(%error, "the embedder could not be warmed up");
        }
    }

    /// Waits until no query waits for its vector, for `longest` at most: background work lets people pass.
    pub async fn let_queries_pass(&self, longest: Duration) {
        let mut waiting = self.waiting.subscribe();
        let _ = tokio::time::timeout(longest, waiting.wait_for(|count| *count == 0)).await;
    }

    /// Whether the active embedder runs in this process, so that it keeps no model of a server from its work.
    pub fn is_builtin(&self) -> bool {
        let builtin = |space: String| EmbedModel::of_space(&space) == Some(EmbedModel::Builtin);
        self.store.active_space().is_some_and(builtin)
    }

    /// Lets queries try the embedder again at once: a background job has just reached it.
    pub fn resume(&self) {
        self.paused_until.store(0, Ordering::Relaxed);
    }
}

pub(super) fn store_error(error: &StoreError) -> EmbedError {
    EmbedError::Store(error.to_string())
}
