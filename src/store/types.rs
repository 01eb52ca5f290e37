//! What goes into a store and comes out of it, beside the domain's own types.

use std::{collections::HashMap, fmt, str::FromStr, sync::Arc, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    Confidence, Job, JobKind, JobState, Lang, Lease, Priority, Section, SharedText, Source, Synonyms, Tag, TagName,
    TagRef, TagType, Term, Timestamp, TraceId,
};

/// A tag that was created or was there.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatedTag {
    /// The tag.
    pub tag: Tag,
    /// False when it was there already, under this name or under one of the same key.
    pub created: bool,
    /// Its `generate` job, when created.
    pub job_id: Option<i64>,
}

/// A tag that was renamed.
#[derive(Clone, Debug, PartialEq)]
pub struct TagUpdate {
    /// The tag as it is now.
    pub tag: Tag,
    /// Its `generate` job; `None` when the name was the same already.
    pub job_id: Option<i64>,
}

/// Which tags to list.
#[derive(Clone, Debug, Default)]
pub struct TagFilter {
    /// Of one type only.
    pub tag_type: Option<TagType>,
    /// Only tags with (`true`) or without (`false`) active synonyms.
    pub has_synonyms: Option<bool>,
}

/// A tag in a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TagOverview {
    /// The tag.
    #[serde(flatten)]
    pub tag: Tag,
    /// Whether it has active synonyms.
    pub has_synonyms: bool,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The `next` of the page before; `None` for the first.
    pub cursor: Option<String>,
    /// Most items of the page, at least 1.
    pub limit: usize,
}

/// A page of items and where the next begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

/// Which synonyms to list.
#[derive(Clone, Debug, Default)]
pub struct SynonymFilter {
    /// Of one tag type only.
    pub tag_type: Option<TagType>,
    /// Of one source only.
    pub source: Option<Source>,
    /// At least this confidence, 0..=1.
    pub min_confidence: Option<f64>,
}

/// Synonyms as a person wrote them, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct SynonymsDraft {
    /// The tag. Ignored where a row is replaced.
    pub tag: TagRef,
    /// The terms of all sections, within bounds.
    pub terms: Vec<Term>,
    /// How far the row can be trusted.
    pub confidence: Confidence,
}

/// A change of a row, as recorded with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Number of the record.
    pub id: i64,
    /// The version that the change made; a proposal makes none and has that of the row.
    pub version: i64,
    /// What was done: `created`, `generated`, `replaced`, `deactivated`, `activated`, `imported`, `proposed`, `renamed`,
    /// `restored`, `reviewed`, `merged`, `quarantined`.
    pub action: String,
    /// Who did it.
    pub source: Source,
    /// Type of the tag at that time.
    pub tag_type: TagType,
    /// Name of the tag at that time.
    pub tag_name: String,
    /// The sections before; `None` for the first version.
    pub before: Option<Synonyms>,
    /// The sections after; `None` where the row went out of use.
    pub after: Option<Synonyms>,
    /// When.
    pub created_at: Timestamp,
    /// The trace of the request that led to it.
    pub trace_id: Option<TraceId>,
}

/// A job that was written or joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Enqueued {
    /// The job.
    pub job: Job,
    /// False when it was queued already.
    pub created: bool,
}

/// Which tags are to have their synonyms written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationOf {
    /// All, anew.
    Everything,
    /// Those without synonyms.
    Missing,
    /// Those whose synonyms are of this source, anew.
    WrittenBy(Source),
    /// Those whose synonyms were last written longer ago, anew; a person's only when forced.
    OlderThan(Duration),
}

/// Which of the waiting jobs comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOrder {
    /// The most urgent, then the oldest.
    Priority,
    /// The oldest, however urgent: used for every so many claims, so that low priority never starves.
    Age,
    /// Only what somebody waits for ([`crate::domain::Priority::HIGH`] and above), the most urgent first.
    Urgent,
}

/// Jobs of one kind and priority that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// What they do.
    pub kind: JobKind,
    /// How urgent they are.
    pub priority: Priority,
    /// How many.
    pub waiting: u64,
    /// When the oldest was written.
    pub oldest: Timestamp,
}

/// How an attempt ended, other than by stored synonyms or vectors.
#[derive(Clone, Debug, PartialEq)]
pub enum Finish {
    /// Done.
    Succeeded {
        /// What came of it.
        result: serde_json::Value,
    },
    /// An error that another attempt may mend: queued again after `delay`, or dead when attempts are spent.
    Retry {
        /// What went wrong.
        error: String,
        /// How long to wait.
        delay: Duration,
    },
    /// Handed back without spending the attempt: a server it needs is not there.
    Release {
        /// Why it waits.
        reason: String,
        /// How long to wait.
        delay: Duration,
    },
    /// An error that no attempt mends.
    Failed {
        /// What went wrong.
        error: String,
    },
}

/// What generation brought for one job.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationDone {
    /// The claim on the `generate` job.
    pub lease: Lease,
    /// Genre or mood.
    pub tag_type: TagType,
    /// Number of the tag.
    pub tag_id: i64,
    /// Whether a row that a person wrote or took out gets a proposal.
    pub force: bool,
    /// Urgency of the `embed` job that follows.
    pub priority: Priority,
    /// What was written.
    pub generated: Generated,
}

/// What a generator wrote and the gates let through.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The terms.
    pub terms: Vec<Term>,
    /// Who wrote them.
    pub source: Source,
    /// How far the row can be trusted.
    pub confidence: Confidence,
}

/// What a `generate` job has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum GenerationNeed {
    /// Synonyms are to be written.
    Needed {
        /// The tag.
        tag: Tag,
        /// Keys of terms that a person took out.
        rejected_keys: Vec<String>,
    },
    /// There are synonyms, and the job does not ask for new ones.
    UpToDate,
    /// A person wrote them or took them out, and the job does not force.
    KeptManual,
    /// The tag is gone.
    TagGone,
}

/// What became of a [`GenerationDone`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenerationOutcome {
    /// Stored, with an `embed` job.
    Saved {
        /// The row.
        synonym_id: i64,
        /// Its version.
        version: i64,
    },
    /// The same stood there already; nothing was written but the end of the job.
    Unchanged {
        /// The row.
        synonym_id: i64,
    },
    /// A person's row: the new terms wait as proposals.
    Proposed {
        /// The row.
        synonym_id: i64,
        /// How many terms are proposed.
        terms: usize,
    },
    /// A person's row, or one that a person took out: left alone.
    KeptManual,
    /// The tag is gone.
    TagGone,
    /// Somebody else has the job: nothing was written.
    LeaseLost,
}

/// What is to be embedded for one row.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedInput {
    /// The row.
    pub synonym_id: i64,
    /// Its version, to be given back with the vector.
    pub version: i64,
    /// Type of its tag.
    pub tag_type: TagType,
    /// The tag's name.
    pub tag_name: String,
    /// Its active terms.
    pub terms: Vec<Term>,
    /// Who wrote the row.
    pub source: Source,
    /// How far the row can be trusted.
    pub confidence: Confidence,
    /// Whether the meanings of this version's terms have been checked.
    pub is_checked: bool,
}

/// A vector for one `embed` job.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingDone {
    /// The claim.
    pub lease: Lease,
    /// The row.
    pub synonym_id: i64,
    /// The version that was embedded.
    pub version: i64,
    /// L2-normalised.
    pub vector: Vec<f32>,
    /// What the row's terms mean beside it.
    pub meaning: MeaningCheck,
}

/// What came of comparing the meanings of a row's terms with the row's own.
#[derive(Clone, Debug, PartialEq)]
pub enum MeaningCheck {
    /// There was nothing to compare, or it is not wanted.
    NotNeeded,
    /// They were compared.
    Made {
        /// How many terms.
        terms: usize,
        /// Those that seem to be of another tag.
        doubtful: Vec<Term>,
    },
    /// They could not be compared: the vector is stored, and the job waits for another attempt. When its attempts are
    /// spent it ends well without the check.
    Failed {
        /// Why.
        reason: String,
        /// How long to wait.
        delay: Duration,
        /// Whether the embedder was out of service, which spends no attempt.
        is_outage: bool,
    },
}

/// What became of an [`EmbeddingDone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingOutcome {
    /// Stored.
    Stored,
    /// Terms of the row were put aside as doubtful, which made a new version of it, with an `embed` job of its own.
    Quarantined {
        /// The version.
        version: i64,
        /// How many terms.
        terms: usize,
    },
    /// Stored, but the job goes on waiting: the meanings of the row's terms could not be checked.
    Unchecked,
    /// The row has changed since, or another space is active: the vector was dropped. A newer job embeds it.
    Outdated,
    /// Somebody else has the job: nothing was written.
    LeaseLost,
}

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// In one state only.
    pub state: Option<JobState>,
    /// Of one kind only.
    pub kind: Option<JobKind>,
}

/// How many jobs stand in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobCounts {
    /// Waiting.
    pub queued: u64,
    /// Claimed.
    pub running: u64,
    /// Done.
    pub succeeded: u64,
    /// Ended by an error that no retry mends.
    pub failed: u64,
    /// Attempts spent.
    pub dead: u64,
    /// Taken back.
    pub cancelled: u64,
}

/// A verified webhook.
#[derive(Clone, Debug, PartialEq)]
pub enum WebhookEvent {
    /// A tag was created, or its name changed where `previous_name` is given.
    Upserted {
        /// The tag as it is called now.
        tag: TagRef,
        /// What it was called before.
        previous_name: Option<TagName>,
        /// Generate again although synonyms are there (`tag.updated`).
        regenerate: bool,
    },
    /// A tag was deleted.
    Deleted {
        /// The tag.
        tag: TagRef,
    },
}

/// What a webhook led to; the same for every delivery of one id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookOutcome {
    /// The `generate` job; `null` where there is nothing to do.
    pub job_id: Option<i64>,
    /// `accepted`; `deleted` or `unknown_tag` for a deletion.
    pub status: String,
}

/// What a search asks of the store.
#[derive(Clone, Debug, Default)]
pub struct Recall<'a> {
    /// Keys to be met exactly (the query's key and its looser one).
    pub keys: &'a [String],
    /// Keys of the query's phrases, by which names alone are met (`hiphop` of "hiphop beats").
    pub phrases: &'a [String],
    /// For each word of the query, its stems.
    pub stems: &'a [Vec<String>],
    /// The query's key, which names that are misspelt or begin so are met by; `None` to leave both aside.
    pub fuzzy_key: Option<&'a str>,
    /// The embedded query and its space; `None` when the vector branch cannot run.
    pub vector: Option<(&'a str, &'a [f32])>,
    /// Of one type only.
    pub tag_type: Option<TagType>,
    /// Most lexical terms to return.
    pub term_limit: usize,
    /// Most vector candidates to return.
    pub vector_limit: usize,
}

/// By the number of a row: hashed fast, for nobody chooses these numbers to make them collide.
pub type ById<T> = HashMap<i64, T, foldhash::fast::RandomState>;

/// What looks at recalled terms as soon as they are known.
pub type LookAt<'a> = &'a mut (dyn FnMut(&Recalled) + Send);

/// The candidates of both branches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recalled {
    /// Terms that met the query by key, stem or trigram.
    pub terms: Vec<Arc<MatchedTerm>>,
    /// The nearest vectors, and those of every tag in `terms`; at most one per tag.
    pub vectors: Vec<VectorHit>,
    /// The tags of all terms and vectors, by row.
    pub tags: ById<CandidateTag>,
    /// For each word of the query, how many tags it stands in.
    pub word_tags: Vec<usize>,
    /// How many tags there are to be found.
    pub tag_count: usize,
}

/// A tag that was recalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateTag {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name.
    pub name: SharedText,
    /// The key of its name; empty where a plain SQL client has just renamed it.
    pub key: SharedText,
    /// Another number whenever its row was written, where a backend holds sections that it has read; else 0.
    pub state: i64,
}

/// A term that met the query.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchedTerm {
    /// The row it belongs to.
    pub synonym_id: i64,
    /// Where it stands.
    pub section: Section,
    /// Its language, where known.
    pub lang: Option<Lang>,
    /// As written.
    pub term: SharedText,
    /// Its key.
    pub key: SharedText,
    /// Its words by their stems, as [`crate::domain::stems`] writes them.
    pub stems: SharedText,
    /// How far it can be trusted.
    pub confidence: Confidence,
}

/// A tag whose vector was compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VectorHit {
    /// The row.
    pub synonym_id: i64,
    /// Cosine of query and row, -1..=1.
    pub cosine: f32,
}

/// The approximate index of the vectors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VectorIndexReport {
    /// `exact`, `ivfflat` or `hnsw`.
    pub kind: String,
    /// Rows that have a vector.
    pub rows: u64,
    /// How many there were when it was built.
    pub built_over: Option<u64>,
    /// The share of the ten nearest that it finds, over a sample, 0..=1.
    pub recall_at_10: Option<f64>,
    /// What is to be done, if anything.
    pub advice: String,
}

/// A tag with its vector.
#[derive(Clone, Debug, PartialEq)]
pub struct TagVector {
    /// Its name.
    pub name: Arc<str>,
    /// L2-normalised.
    pub vector: Vec<f32>,
}

/// How long finished things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Jobs that ended.
    pub jobs: Duration,
    /// Webhook deliveries; never shorter than a sender retries.
    pub deliveries: Duration,
    /// Revisions of rows.
    pub revisions: Duration,
}

impl Page {
    /// The first page.
    pub const fn first(limit: usize) -> Self {
        Self { cursor: None, limit }
    }

    /// One more than the page holds, so that the page knows whether another follows.
    pub(super) fn fetch_limit(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// The cursor read as what this list's cursors are.
    pub(super) fn parse_cursor<T: FromStr + Default>(&self) -> super::Result<T> {
        match &self.cursor {
            None => Ok(T::default()),
            Some(cursor) => cursor.parse().map_err(|_| super::StoreError::BadCursor),
        }
    }

    /// Makes a page of up to [`Page::fetch_limit`] items.
    pub(super) fn listing<T, C: ToString>(&self, mut items: Vec<T>, cursor: impl Fn(&T) -> C) -> Listing<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = if more { items.last().map(|item| cursor(item).to_string()) } else { None };
        Listing { items, next }
    }
}

/// The place of a tag in a list of both types: `genre-12`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TagCursor {
    /// The type's word; empty before the first tag.
    pub(super) tag_type: &'static str,
    /// The number.
    pub(super) id: i64,
}

impl TagCursor {
    pub(super) const fn of(tag_type: TagType, id: i64) -> Self {
        Self { tag_type: tag_type.as_str(), id }
    }
}

impl fmt::Display for TagCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.tag_type, self.id)
    }
}

impl FromStr for TagCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (tag_type, id) = text.split_once('-').ok_or(())?;
        let tag_type: TagType = tag_type.parse().map_err(|_| ())?;
        Ok(Self::of(tag_type, id.parse().map_err(|_| ())?))
    }
}
