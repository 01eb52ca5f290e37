//! Why the program cannot start or go on, in words for the person who started it.

use crate::{config::ConfigError, embed::EmbedError, store::StoreError, telemetry::TelemetryError};

/// A failure of start-up or of a running server.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedder cannot be used.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// Logs or metrics cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Anything else; the text says what to do.
    #[error("{0}")]
    Start(String),
}
