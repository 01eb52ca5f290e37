//! Embedding: texts to vectors of one embedding space.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{ollama::OllamaError, store::StoreError};

mod service;

pub use service::{EmbedService, EmbedStatus};

/// A way to embed texts.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The fingerprint of the space its vectors lie in, for example `ollama:nomic-embed-text:768:1f2e3d4c5b6a`.
    ///
    /// # Errors
    /// [`EmbedError`] when the embedder cannot be asked.
    async fn space(&self) -> Result<String, EmbedError>;

    /// Vectors for texts that are stored, in order, L2-normalised.
    ///
    /// # Errors
    /// [`EmbedError`]; one bad text fails the batch.
    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError>;

    /// The vector of a query, L2-normalised.
    ///
    /// # Errors
    /// [`EmbedError`].
    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError>;

    /// The text that is embedded for a query, prefix included.
    fn query_text(&self, query: &str) -> String;

    /// For people: provider and model.
    fn describe(&self) -> String;
}

/// A text could not be embedded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedError {
    /// Ollama failed.
    #[error(transparent)]
    Ollama(Arc<OllamaError>),
    /// No embedder is configured or was found; the text says what to do.
    #[error("{0}")]
    Unavailable(String),
    /// The embedder's space is not the one the database is embedded in.
    #[error(
        "the vectors in the database are of `{active}`, the embedder now makes `{offered}`; run `musonym reembed` to change over"
    )]
    SpaceChanged {
        /// The space of the stored vectors.
        active: String,
        /// The space of the embedder.
        offered: String,
    },
    /// The deadline passed.
    #[error("no vector within {0} ms")]
    Deadline(u128),
    /// The store failed.
    #[error(transparent)]
    Store(Arc<StoreError>),
}
