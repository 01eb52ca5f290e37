//! Embedding: texts to vectors of one embedding space.

mod builtin;
mod calibrate;
mod change;
mod halves;
mod models;
mod ollama;
mod service;
mod text;

use async_trait::async_trait;

use crate::ollama::{OllamaError, RetryClass};

pub use builtin::{BuiltinEmbedder, is_english_word};
pub(crate) use builtin::{ComparedQuery, ShippedVector};
pub use change::{ChangeError, ChangeStep, Changed, ModelChange, SpaceChange};
pub(crate) use halves::{Halves, MOST_CHARS};
pub use models::{EmbedModel, Embedders, MakeEmbedder};
pub use ollama::{DEFAULT_MODEL, OllamaEmbedder};
pub use service::{EmbedService, EmbedStatus, QueryEmbedding, QueryVector};
pub use text::document_text;

/// A way to embed texts.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The fingerprint of the space its vectors lie in, for example `ollama:nomic-embed-text:nomic:768:1f2e3d4c`:
    /// model, weights, dimensions, prefixes and text template. Vectors of two spaces are never compared.
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

    /// The vectors of many queries, in order.
    ///
    /// # Errors
    /// [`EmbedError`]; one bad text fails the batch.
    async fn embed_queries(&self, queries: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(queries.len());
        for query in queries {
            vectors.push(self.embed_query(query).await?);
        }
        Ok(vectors)
    }

    /// Has the model loaded where that takes time, so that the first query need not wait for it.
    ///
    /// # Errors
    /// [`EmbedError`] when the embedder cannot be asked.
    async fn warm_up(&self) -> Result<(), EmbedError> {
        Ok(())
    }

    /// The text that is embedded for a query, prefix included.
    fn query_text(&self, query: &str) -> String;

    /// What the names of all its spaces begin with, `ollama:` for example.
    fn family(&self) -> &'static str;

    /// The model that it is, by which a database finds the embedder of its space; `None` for one that has no name.
    fn model(&self) -> Option<EmbedModel> {
        None
    }

    /// The length of its vectors, where a database may have to refuse it.
    ///
    /// # Errors
    /// [`EmbedError`] when the embedder cannot be asked.
    async fn dimensions(&self) -> Result<Option<usize>, EmbedError> {
        Ok(None)
    }

    /// For people: provider and model.
    fn describe(&self) -> String;
}

/// A text could not be embedded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedError {
    /// Ollama failed.
    #[error(transparent)]
    Ollama(#[from] OllamaError),
    /// The built-in model failed; the text says how.
    #[error("the built-in model failed: {0}")]
    Builtin(String),
    /// No embedder is configured.
    #[error("no embedder is configured")]
    NotConfigured,
    /// The embedder's space is not the one the database is embedded in.
    #[error("the stored vectors are of `{active}`, the embedder now makes `{offered}`; run `{}` to change over", command(.offered))]
    SpaceChanged {
        /// The space of the stored vectors.
        active: String,
        /// The space of the embedder.
        offered: String,
    },
    /// The database cannot keep vectors of this length.
    #[error(
        "{model} makes vectors of {dimensions} dimensions, and PostgreSQL keeps up to {most}: choose another \
         model (nomic-embed-text and embeddinggemma make 768), or keep the library in SQLite, which takes any length"
    )]
    TooWide {
        /// The embedder, for people.
        model: String,
        /// What it makes.
        dimensions: usize,
        /// What the database keeps.
        most: usize,
    },
    /// The deadline passed.
    #[error("the embedder gave no vector within {0} ms")]
    Deadline(u128),
    /// It has not answered an earlier query yet: this one was not sent.
    #[error("the embedder is still busy with an earlier query")]
    Behind,
    /// The store failed; the text says how.
    #[error("the store failed: {0}")]
    Store(String),
}

impl EmbedError {
    /// Whether the embedder is out of service, so that jobs wait without spending attempts.
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Ollama(error) => error.is_outage(),
            Self::NotConfigured | Self::SpaceChanged { .. } | Self::TooWide { .. } | Self::Store(_) => true,
            Self::Deadline(_) | Self::Behind | Self::Builtin(_) => false,
        }
    }

    /// Whether it is about what was to be embedded: of a batch, perhaps one text alone.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Ollama(error) => matches!(error.class(), RetryClass::Never),
            Self::Builtin(_) => true,
            Self::NotConfigured
            | Self::SpaceChanged { .. }
            | Self::TooWide { .. }
            | Self::Store(_)
            | Self::Deadline(_)
            | Self::Behind => false,
        }
    }

    /// A stable word for the cause, for clients.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ollama(_) | Self::Builtin(_) | Self::Store(_) => "embedder_unavailable",
            Self::NotConfigured | Self::TooWide { .. } => "embedder_not_configured",
            Self::SpaceChanged { .. } => "embedding_space_changed",
            Self::Deadline(_) | Self::Behind => "embedder_timeout",
        }
    }
}

/// The command that changes over to the model of a space.
fn command(space: &str) -> String {
    match EmbedModel::of_space(space) {
        Some(model) => format!("musonym reembed --model {model}"),
        None => "musonym reembed".to_owned(),
    }
}
