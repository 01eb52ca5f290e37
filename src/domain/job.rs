//! Jobs: units of background work that live in the database beside the tags they serve.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TagType, Timestamp, TraceId, term::word_enum};

word_enum! {
    /// What a job does.
    JobKind, "kind" {
        /// Writes the synonyms of one tag.
        Generate => "generate",
        /// Computes the vector of one tag's synonyms.
        Embed => "embed",
    }
}

word_enum! {
    /// Where a job stands.
    JobState, "state" {
        /// Waits for a worker, for the first time or after a failed attempt.
        Queued => "queued",
        /// Claimed by a worker for the time of its lease.
        Running => "running",
        /// Done.
        Succeeded => "succeeded",
        /// Ended by an error that no retry mends.
        Failed => "failed",
        /// All attempts are spent.
        Dead => "dead",
        /// Taken back before it was done.
        Cancelled => "cancelled",
    }
}

/// How urgent a job is: 0 (least) to 9 (most).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(value_type = u8, minimum = 0, maximum = 9)]
pub struct Priority(u8);

impl Priority {
    /// The least.
    pub const LEAST: Self = Self(0);
    /// What a webhook, an import or a plain SQL INSERT asks for.
    pub const LOW: Self = Self(1);
    /// What a person asks for and waits for.
    pub const HIGH: Self = Self(8);

    /// A priority from a stored or received number; out of range counts as the nearest.
    pub fn clamped(value: i64) -> Self {
        Self(u8::try_from(value.clamp(0, 9)).unwrap_or(0))
    }

    /// The number, 0..=9.
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// What a `generate` job carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratePayload {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Number of the tag within its type.
    pub tag_id: i64,
    /// Generate even where a person has written or taken out the synonyms; such a row gets a proposal.
    #[serde(default)]
    pub force: bool,
    /// Generate anew although the tag has synonyms; otherwise such a job has nothing to do.
    #[serde(default)]
    pub refresh: bool,
}

/// What an `embed` job carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedPayload {
    /// Number of the synonyms row.
    pub synonym_id: i64,
}

/// A job to be written. At most one job of a `dedup_key` is queued, and at most one runs.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// What it does.
    pub kind: JobKind,
    /// A [`GeneratePayload`] or [`EmbedPayload`] as JSON.
    pub payload: serde_json::Value,
    /// How urgent it is.
    pub priority: Priority,
    /// What makes two jobs one.
    pub dedup_key: String,
}

impl NewJob {
    /// A job that writes the synonyms of a tag.
    pub fn generate(payload: &GeneratePayload, priority: Priority) -> Self {
        let GeneratePayload { tag_type, tag_id, force, refresh } = payload;
        Self {
            kind: JobKind::Generate,
            payload: serde_json::json!({
                "tag_type": tag_type, "tag_id": tag_id, "force": force, "refresh": refresh,
            }),
            priority,
            dedup_key: format!("generate:{tag_type}:{tag_id}"),
        }
    }

    /// The same job with names of related tags that the generator is to be told first.
    #[must_use]
    pub fn with_related_tags(mut self, names: &[String]) -> Self {
        if !names.is_empty() {
            self.payload[RELATED_TAGS] = names.into();
        }
        self
    }

    /// A job that computes the vector of a row.
    pub fn embed(synonym_id: i64, priority: Priority) -> Self {
        Self {
            kind: JobKind::Embed,
            payload: serde_json::json!({ "synonym_id": synonym_id }),
            priority,
            dedup_key: format!("embed:{synonym_id}"),
        }
    }
}

/// Where the payload of a `generate` job keeps the names of related tags that were sent along with it.
pub const RELATED_TAGS: &str = "related_tags";

/// A job as the database holds it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// What it does.
    pub kind: JobKind,
    /// Numbers of what it works on.
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
    /// How urgent it is.
    pub priority: Priority,
    /// Where it stands.
    pub state: JobState,
    /// Attempts spent so far; an outage of a server spends none.
    pub attempts: u32,
    /// Attempts after which it is dead.
    pub max_attempts: u32,
    /// Not claimed before this moment.
    #[schema(value_type = String, format = DateTime)]
    pub run_at: Timestamp,
    /// The batch that it belongs to.
    pub batch_id: Option<i64>,
    /// The trace of the request that asked for it last; `null` where none did.
    pub trace_id: Option<TraceId>,
    /// Why the last attempt failed, or why the job waits.
    pub last_error: Option<String>,
    /// What came of it, for a job that succeeded.
    #[schema(value_type = Option<Object>)]
    pub result: Option<serde_json::Value>,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl Job {
    /// The names of related tags that were sent along with a `generate` job.
    pub fn told_related_tags(&self) -> Vec<String> {
        let names = self.payload.get(RELATED_TAGS).and_then(serde_json::Value::as_array);
        names.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
    }
}

/// One worker's claim on one job. Only its holder can end the job, and only until somebody else has claimed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job_id: i64,
    /// Unique to this claim, not only to the worker, so that a worker cannot mistake a later claim for its own.
    pub owner: String,
}

/// A claimed job.
#[derive(Clone, Debug, PartialEq)]
pub struct LeasedJob {
    /// The claim.
    pub lease: Lease,
    /// What is to be done.
    pub job: Job,
}
