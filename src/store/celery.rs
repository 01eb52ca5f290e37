//! Tasks of Celery as the database keeps them: what was asked, which job answers, and whether the answer was given.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Result;
use crate::domain::{JobState, Priority, SynonymRecord, TagType, Timestamp, TraceId};

/// What a task asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CeleryWork {
    /// The synonyms of one tag, which is created where it is new.
    Generate {
        /// Genre or mood.
        tag_type: TagType,
        /// Its name, checked.
        tag_name: String,
        /// Generate anew what is there; what a person wrote gets proposals.
        force: bool,
        /// Names that the generator is told beside those of the library.
        #[serde(default)]
        related_tags: Vec<String>,
    },
    /// The synonyms of all tags of a type that have none.
    GenerateAll {
        /// Genre or mood.
        tag_type: TagType,
        /// Of those that have some, too.
        force: bool,
    },
}

/// A task as it was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CeleryRequest {
    /// What it asks for.
    pub work: CeleryWork,
    /// How urgent its job is, 0 (least) to 9 (most).
    pub priority: u8,
    /// Whether nobody wants the result.
    #[serde(default)]
    pub ignore_result: bool,
    /// Longest run in seconds before it counts as failed: Celery's soft limit.
    #[serde(default)]
    pub soft_limit: Option<f64>,
    /// The same, Celery's hard limit.
    #[serde(default)]
    pub hard_limit: Option<f64>,
    /// The trace that its header `traceparent` names.
    #[serde(default)]
    pub trace_id: Option<TraceId>,
}

impl CeleryRequest {
    /// How urgent its job is.
    pub fn priority(&self) -> Priority {
        Priority::clamped(i64::from(self.priority))
    }
}

/// A task to be taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCeleryTask {
    /// Celery's id of it.
    pub id: String,
    /// What was sent.
    pub request: CeleryRequest,
    /// Not to be begun before (`eta`).
    pub run_at: Option<Timestamp>,
    /// Of no use when not begun by then (`expires`).
    pub expires_at: Option<Timestamp>,
}

/// How a task ended, in Celery's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", content = "result", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CeleryAnswer {
    /// Done, with this value.
    Success(serde_json::Value),
    /// Failed.
    Failure(CeleryFailure),
    /// Taken back, or out of date.
    Revoked(CeleryFailure),
}

/// A failure as a Python exception.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CeleryFailure {
    /// The name of its class.
    pub exc_type: String,
    /// The arguments it is made with.
    pub exc_message: Vec<String>,
    /// The module of its class.
    pub exc_module: String,
}

impl CeleryFailure {
    /// The exception `module.class(message)`.
    pub fn new(module: &str, class: &str, message: impl Into<String>) -> Self {
        Self { exc_type: class.to_owned(), exc_message: vec![message.into()], exc_module: module.to_owned() }
    }
}

/// The job that answers a task, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct CeleryJob {
    /// Where it stands.
    pub state: JobState,
    /// Attempts spent.
    pub attempts: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// What came of it: the word of its outcome.
    pub outcome: Option<String>,
    /// When it last changed: for a running one, when it was claimed.
    pub updated_at: Timestamp,
}

/// A task whose answer is owed.
#[derive(Clone, Debug, PartialEq)]
pub struct OwedTask {
    /// Celery's id of it.
    pub id: String,
    /// What was sent.
    pub request: CeleryRequest,
    /// The number of its job, once it was begun.
    pub job_id: Option<i64>,
    /// That job, unless it is gone.
    pub job: Option<CeleryJob>,
    /// The active synonyms of its tag, where the job has succeeded.
    pub synonyms: Option<SynonymRecord>,
    /// The answer, where it is known already.
    pub answer: Option<CeleryAnswer>,
    /// Not to be begun before.
    pub run_at: Timestamp,
    /// Of no use when not begun by then.
    pub expires_at: Option<Timestamp>,
    /// When it was taken in.
    pub received_at: Timestamp,
}

/// Which owed tasks to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// All.
    All,
    /// Those with something to tell: an answer, an attempt, an expiry.
    WithNews,
}

/// The tasks of Celery.
#[async_trait]
pub trait CeleryStore: Send + Sync {
    /// Takes tasks in, in one transaction, and begins those that are due: the tag where it is new, and its job. One that
    /// is known by its id is left as it is, and its answer is owed again. Says of each whether it is new.
    async fn take_celery_tasks(&self, tasks: &[NewCeleryTask]) -> Result<Vec<bool>>;

    /// Begins the tasks that have become due; returns how many.
    async fn begin_due_celery_tasks(&self) -> Result<u64>;

    /// Tasks whose answer is owed, at most `limit`, the earliest first.
    async fn owed_celery_tasks(&self, which: Owed, limit: usize) -> Result<Vec<OwedTask>>;

    /// How many answers are owed to tasks that were begun; those for later are not counted.
    async fn owed_celery_count(&self) -> Result<u64>;

    /// Gives a task an answer before its job ends, and takes the job back where it was written for this task and nobody else
    /// waits for it. False, and nothing done, when the task is unknown, has its answer, or its job runs and is not to be stopped.
    async fn settle_celery_task(&self, id: &str, answer: &CeleryAnswer, stop_running: bool) -> Result<bool>;

    /// Records that answers were handed over.
    async fn celery_tasks_answered(&self, ids: &[String]) -> Result<()>;
}
