//! The searcher.

use std::{sync::Arc, time::Duration};

use super::{SearchAnswer, SearchRequest, SearchRequestError};
use crate::{
    embed::EmbedService,
    store::{Store, StoreError},
};

/// How the search works.
#[derive(Clone, Debug)]
pub struct SearchSettings {
    /// How long a query waits for its embedding before the vector branch is left out.
    pub embed_deadline: Duration,
    /// How long an answer is kept.
    pub cache_ttl: Duration,
    /// Most bytes of cached answers.
    pub cache_bytes: u64,
}

/// A search could not be answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SearchError {
    /// It was not asked rightly.
    #[error(transparent)]
    Request(#[from] SearchRequestError),
    /// The store failed.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

/// An answer as the cache keeps it: encoded JSON.
#[derive(Clone, Debug)]
pub struct EncodedAnswer {
    /// The JSON of a [`SearchAnswer`].
    pub body: axum::body::Bytes,
    /// Whether it came from the cache.
    pub cached: bool,
}

/// Answers searches.
pub struct Searcher {}

impl Searcher {
    /// A searcher over these parts.
    pub fn new(store: Arc<dyn Store>, embedder: Arc<EmbedService>, settings: SearchSettings) -> Self {
        todo!()
    }

    /// The answer, computed once for identical searches at the same time, cached unless degraded.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search_encoded(&self, request: &SearchRequest) -> Result<EncodedAnswer, SearchError> {
        todo!()
    }

    /// The answer, not cached.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, SearchError> {
        todo!()
    }
}
