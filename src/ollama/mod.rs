//! Stub: being written elsewhere.

/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct OllamaError;
