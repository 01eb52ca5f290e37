//! Stub: being written elsewhere.
use async_trait::async_trait;

/// Writes synonyms.
#[async_trait]
pub trait Generator: Send + Sync {
    /// For people.
    fn describe(&self) -> String;
}
