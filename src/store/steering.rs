//! Steering the work as a whole: pausing it and going on, trying again what failed, taking back what waits.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Result;
use crate::domain::{JobKind, JobState, Timestamp};

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

/// Which ended jobs to try again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryFilter {
    /// In this state only: failed, dead or cancelled; `None` for those that failed or are dead.
    pub state: Option<JobState>,
    /// Of one kind only.
    pub kind: Option<JobKind>,
    /// Only those whose error has this text in it, in these very letters.
    pub error_contains: Option<String>,
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

    /// Queues ended jobs anew with fresh attempts; returns how many. Of each piece of work only the newest job counts: what was
    /// done since, is queued or runs is left alone.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] for a state that no job can be tried again from.
    async fn retry_jobs(&self, filter: &RetryFilter) -> Result<u64>;

    /// Takes back every queued job, or those of one kind; returns how many. Those that run go on.
    async fn cancel_queued(&self, kind: Option<JobKind>) -> Result<u64>;
}
