//! Steering the work as a whole: pausing it and going on.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Result;
use crate::domain::Timestamp;

/// The setting that holds the pause of all work, as a [`Paused`] in JSON.
pub const SETTING_JOBS_PAUSED: &str = "jobs_paused";

/// Since when work is paused, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Paused {
    /// When the pause began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it ends by itself; `None` for a pause that lasts until somebody ends it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// What steers every worker on this database at once.
#[async_trait]
pub trait SteeringStore: Send + Sync {
    /// The pause that is in force; `None` where there is none, or where its end has come. One read by primary key: cheap
    /// enough to be asked before each claim.
    async fn jobs_paused(&self) -> Result<Option<Paused>>;

    /// Pauses all work until a moment, or until [`SteeringStore::resume_jobs`]; a pause that is in force gets this end and
    /// keeps its beginning. Wakes whoever waits for changes, in every process. Jobs that run go on to their end.
    async fn pause_jobs(&self, until: Option<Timestamp>) -> Result<Paused>;

    /// Ends a pause and wakes whoever waits for changes; whether there was one in force.
    async fn resume_jobs(&self) -> Result<bool>;
}
