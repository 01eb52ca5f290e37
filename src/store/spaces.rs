//! Embedding spaces: the active one, and the next one while a change of the model is under way.

use std::any::Any;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Result;

/// The setting that names the change that is under way: a [`NextSpace`] as JSON.
pub(super) const SETTING_NEXT_SPACE: &str = "embedding_next";

/// Where a change of the model leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextSpace {
    /// The space that is being filled.
    pub space: String,
    /// The model that makes it, as `musonym reembed --model` takes it.
    pub model: String,
}

/// How far a space is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpaceProgress {
    /// Active rows that have a vector in it.
    pub done: u64,
    /// Active rows.
    pub rows: u64,
}

/// The switch to another space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceSwitch<'a> {
    /// The space that becomes the active one.
    pub space: &'a str,
    /// Whether the vectors of the former space stay, beside the active ones.
    pub keeps_former: bool,
    /// Rows that may lack a vector in it; `None` lets any lack one.
    pub may_lack: Option<&'a [i64]>,
}

impl<'a> SpaceSwitch<'a> {
    /// Whatever lacks a vector, which leaves search by meaning without it until a job has made it.
    pub const fn at_once(space: &'a str) -> Self {
        Self { space, keeps_former: false, may_lack: None }
    }
}

/// What became of a [`SpaceSwitch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switched {
    /// It is done.
    Done {
        /// New jobs for the rows that lack a vector.
        queued: u64,
    },
    /// Nothing was done: these rows, some of them or all, lack a vector and may not.
    Missing(Vec<i64>),
}

/// Something that others do without meanwhile; given back when dropped, and with the process however that ends.
pub struct HeldLock {
    _held: Box<dyn Any + Send>,
}

impl HeldLock {
    pub(super) fn new(held: impl Any + Send) -> Self {
        Self { _held: Box::new(held) }
    }
}

/// The embedding spaces of the database.
#[async_trait]
pub trait SpaceStore: Send + Sync {
    /// The change that is under way, whether or not somebody works on it now.
    async fn next_space(&self) -> Result<Option<NextSpace>>;

    /// How far a space is filled.
    async fn space_progress(&self, space: &str) -> Result<SpaceProgress>;

    /// The right to work on a change of space; `None` while another process has it.
    async fn lock_space_change(&self) -> Result<Option<HeldLock>>;

    /// Records a change unless one is under way; returns the one that stands.
    async fn begin_space_change(&self, next: &NextSpace) -> Result<NextSpace>;

    /// Ends a change without a switch, and drops its vectors unless they are to be kept. Whoever works on it can store no
    /// more.
    async fn drop_space_change(&self, next: &NextSpace, keep_vectors: bool) -> Result<()>;

    /// Up to `limit` active rows above number `after` that have no vector in this space, by number, with what is to be
    /// embedded for them.
    async fn rows_without_vector(&self, space: &str, after: i64, limit: usize) -> Result<Vec<super::EmbedInput>>;

    /// Stores vectors of the next space, by row and version; those of outdated versions are dropped. Returns how many are
    /// stored, `None` when this change is no longer under way.
    async fn store_next_vectors(&self, space: &str, vectors: &[(i64, i64, Vec<f32>)]) -> Result<Option<usize>>;

    /// Stores vectors of a space beside the active one, by row and version; those of outdated versions are dropped.
    /// Returns how many are stored.
    async fn store_other_vectors(&self, space: &str, vectors: &[(i64, i64, Vec<f32>)]) -> Result<usize>;

    /// Makes a space the active one, in one transaction: its vectors that stand beside the active ones take their places,
    /// `embed` jobs of the rows that now have theirs are over, and rows that lack one get a job.
    async fn switch_embedding_space(&self, switch: &SpaceSwitch<'_>) -> Result<Switched>;
}
