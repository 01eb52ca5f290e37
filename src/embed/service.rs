//! The embedder that serves this database.

use std::{sync::Arc, time::Duration};

use super::{EmbedError, Embedder};
use crate::store::Store;

/// What the embedder can do now, for health pages and `doctor`.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedStatus {
    /// Provider and model, or why there is none.
    pub describe: String,
    /// The active space, once known.
    pub space: Option<String>,
    /// Why it does not work, if it does not.
    pub problem: Option<String>,
}

/// Guards the active space: vectors of another one are neither stored nor compared.
pub struct EmbedService {}

impl EmbedService {
    /// A service over `embedder`; `None` when no embedder is configured.
    pub fn new(store: Arc<dyn Store>, embedder: Option<Arc<dyn Embedder>>) -> Self {
        todo!()
    }

    /// Asks the embedder for its space and records it as the database's when that has none.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn active_space(&self) -> Result<String, EmbedError> {
        todo!()
    }

    /// Makes the embedder's space the active one and enqueues the embedding of everything. Returns new jobs.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn switch_space(&self) -> Result<u64, EmbedError> {
        todo!()
    }

    /// The state for people.
    pub async fn status(&self) -> EmbedStatus {
        todo!()
    }

    /// The query's vector within `deadline`, from the cache where it was embedded before.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn embed_query(&self, query: &str, deadline: Duration) -> Result<(String, Arc<[f32]>), EmbedError> {
        todo!()
    }
}
