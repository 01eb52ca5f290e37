//! Persistence: narrow traits, one per area, summed into [`Store`]; each method is a whole operation with its own
//! transaction. All SQL lives below this module, in one folder per backend.
//!
//! What is written is written by the statements in `sql/`, which are compiled once against each backend's types and words
//! (`dialect.rs`): docs/adr/0006. How a backend recalls is its own.
//!
//! Jobs commit together with the tags and synonyms they belong to, so that nothing acknowledged is lost and nothing
//! is done twice: see `docs/ARCHITECTURE.md`.

#![expect(clippy::duplicate_mod, reason = "docs/adr/0006: the statements are compiled once for each database")]

mod batches;
mod celery;
mod enrich;
mod error;
mod export;
mod lint;
mod outbound;
pub mod postgres;
mod review;
mod sampling;
mod spaces;
pub mod sqlite;
mod steering;
pub(crate) mod types;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

pub use batches::{Batch, BatchAsk, BatchAskError, BatchOf, BatchState, BatchStore, StartedBatch, parse_age};
pub use celery::{
    CeleryAnswer, CeleryFailure, CeleryJob, CeleryRequest, CeleryStore, CeleryWork, NewCeleryTask, Owed, OwedTask,
};
pub use enrich::{KeyedTerm, TagWithTerms};
pub use error::StoreError;
pub use export::{
    EXPORT_FORMAT, ExportDetail, ExportHeader, ExportRecord, ExportRevision, ExportRow, ExportSynonyms, ExportVector,
    ImportOutcome,
};
pub use lint::{ContentToLint, RowToLint, TagToLint};
pub use outbound::{
    ClaimedDelivery, DeliveryAttempt, DeliveryEnd, NewSubscriber, OutboundDelivery, OutboundStore, OutboundSubscriber,
};
pub use review::{BulkVerdict, Decision, ReviewCounts, ReviewFilter, ReviewItem, ReviewOutcome, Verdict};
pub use spaces::{HeldLock, NextSpace, SpaceProgress, SpaceStore, SpaceSwitch, Switched};
pub use steering::{Paused, RetryFilter, SETTING_JOBS_PAUSED, SteeringStore};
pub use types::{
    ById, CandidateTag, ClaimOrder, CreatedTag, EmbedInput, EmbeddingDone, EmbeddingOutcome, Enqueued, Finish,
    Generated, GenerationDone, GenerationNeed, GenerationOf, GenerationOutcome, JobCounts, JobFilter, Listing, LookAt,
    MatchedTerm, MeaningCheck, Page, QueueDepth, Recall, Recalled, Retention, Revision, SynonymFilter, SynonymsDraft,
    TagFilter, TagOverview, TagUpdate, TagVector, VectorHit, VectorIndexReport, WebhookEvent, WebhookOutcome,
};

use crate::domain::{
    Calibration, Job, JobKind, Lease, LeasedJob, Priority, SynonymRecord, Synonyms, Tag, TagName, TagRef, TagType,
};

/// Of the terms that recall returns, one in so many may be met by the query's key, and one in so many be misspelt.
const EXACT_OR_MISSPELT_SHARE: usize = 4;

/// Whether a query may be misspelt: one of its words has a stem that is unknown.
fn may_be_misspelt(stems: &[Vec<String>], is_known: impl Fn(&str) -> bool) -> bool {
    stems.is_empty() || stems.iter().flatten().any(|stem| !is_known(stem))
}

/// What every store method returns.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The tags themselves. A name is resolved to the tag of that very name, else of the same key.
#[async_trait]
pub trait TagStore: Send + Sync {
    /// Creates the tags that are new, each with its `generate` job, in one transaction.
    ///
    /// One answer per input, in order; a tag that is there already comes back with `created: false` and no job.
    async fn create_tags(&self, tags: &[(TagType, TagName)], priority: Priority) -> Result<Vec<CreatedTag>>;

    /// The tag with this name, or with its key.
    async fn tag_by_name(&self, tag_type: TagType, name: &str) -> Result<Option<Tag>>;

    /// The tag with this number.
    async fn tag(&self, tag_type: TagType, tag_id: i64) -> Result<Option<Tag>>;

    /// Tags by type, then number.
    async fn list_tags(&self, filter: &TagFilter, page: &Page) -> Result<Listing<TagOverview>>;

    /// How many tags there are.
    async fn tag_count(&self) -> Result<u64>;

    /// Gives a tag another name and enqueues its generation anew.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] when another tag has the new name or its key.
    async fn rename_tag(&self, tag: &TagRef, name: &TagName, priority: Priority) -> Result<TagUpdate>;

    /// Makes one tag of two of a type: `from` goes, `into` takes over its active terms (each key once a list; what was
    /// rejected in `into` stays out; what finds no room waits for review), its name as an alias unless it is only another
    /// spelling, and its rejected keys.
    /// With `dry_run` nothing is written, and the answer is what would be. Returns the row of `into`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] when both are one tag or there is no room for the alias.
    async fn merge_tags(
        &self,
        tag_type: TagType,
        from: &TagName,
        into: &TagName,
        dry_run: bool,
    ) -> Result<SynonymRecord>;

    /// Deletes a tag with its synonyms; the revisions stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn delete_tag(&self, tag: &TagRef) -> Result<()>;

    /// Computes the keys that a plain SQL INSERT could not, and those of an older normaliser. Returns how many.
    async fn fill_missing_keys(&self) -> Result<u64>;

    /// Names of up to `limit` other tags that share words with this one, nearest first.
    async fn similar_tag_names(&self, tag: &Tag, limit: usize) -> Result<Vec<String>>;
}

/// The synonyms of tags and their history.
#[async_trait]
pub trait SynonymStore: Send + Sync {
    /// The active synonyms of each named tag, in the order of `tags`; `None` where there are none.
    async fn lookup_synonyms(&self, tags: &[TagRef]) -> Result<Vec<Option<SynonymRecord>>>;

    /// The rows with these numbers, active or not, in the order of `ids`; unknown numbers are left out.
    async fn synonyms_by_ids(&self, ids: &[i64]) -> Result<Vec<SynonymRecord>>;

    /// Active rows by number.
    async fn list_synonyms(&self, filter: &SynonymFilter, page: &Page) -> Result<Listing<SynonymRecord>>;

    /// The stored vector of a row, in its active space.
    async fn embedding(&self, synonym_id: i64) -> Result<Option<Vec<f32>>>;

    /// Stores what a person wrote for a tag, creating the tag when it is new, and enqueues its embedding.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the tag has active synonyms.
    async fn create_synonyms(&self, draft: &SynonymsDraft) -> Result<SynonymRecord>;

    /// Replaces the terms of a row by what a person wrote, and enqueues its embedding. Generated terms that the
    /// person left out are kept as rejected, so that no generator brings them back.
    ///
    /// `expected_version` is the version the caller saw, if it cares.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`].
    async fn replace_synonyms(
        &self,
        synonym_id: i64,
        draft: &SynonymsDraft,
        expected_version: Option<i64>,
    ) -> Result<SynonymRecord>;

    /// Takes a row out of use and leaves it as a tombstone: generators skip its tag unless forced.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`].
    async fn deactivate_synonyms(&self, synonym_id: i64, expected_version: Option<i64>) -> Result<()>;

    /// Undoes [`SynonymStore::deactivate_synonyms`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] when the tag has other active synonyms by now.
    async fn activate_synonyms(&self, synonym_id: i64) -> Result<SynonymRecord>;

    /// Stores rows of an export or of a plain file, each a whole tag, in one transaction; tags that are new get
    /// created. A row that a person wrote is left alone unless `replace` is set. One outcome per row, in order.
    ///
    /// A row with an [`ExportRecord`] whose tag has no synonyms is stored as it is: version, moments, history. Its vectors are
    /// stored, as the row's own or beside it as their space is the active one or not, wherever its terms are; a row that gets no
    /// vector of the active space is embedded by a job.
    async fn import_rows(&self, rows: &[ExportRow], replace: bool) -> Result<Vec<ImportOutcome>>;

    /// Tags with what is stored for them, by type and number. Each page shows one state of the database.
    async fn export_rows(&self, page: &Page, detail: ExportDetail) -> Result<Listing<ExportRow>>;

    /// Who changed a row when, newest first.
    async fn revisions(&self, synonym_id: i64, page: &Page) -> Result<Listing<Revision>>;

    /// The newest revision of a row with this version.
    async fn revision(&self, synonym_id: i64, version: i64) -> Result<Option<Revision>>;

    /// Gives a row the content back that one of its versions left, as a person's edit, takes it into use if it is not,
    /// and enqueues its embedding. Terms that wait for review go on waiting.
    ///
    /// `expected_version` is the version the caller saw, if it cares.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for row or version, [`StoreError::VersionMismatch`], or [`StoreError::Conflict`] when the
    /// version left no content or the tag has other active synonyms.
    async fn restore_synonyms(
        &self,
        synonym_id: i64,
        version: i64,
        expected_version: Option<i64>,
    ) -> Result<SynonymRecord>;

    /// The keys of the terms of a tag that a person took out, whatever their section.
    async fn rejected_keys(&self, tag_type: TagType, tag_id: i64) -> Result<Vec<String>>;
}

/// Terms that wait for a person: doubtful ones, and proposals for what a person wrote.
#[async_trait]
pub trait ReviewStore: Send + Sync {
    /// Pending terms by number: those of active rows, and of the tombstones of tags that have none.
    async fn list_review(&self, filter: &ReviewFilter, page: &Page) -> Result<Listing<ReviewItem>>;

    /// Carries out decisions in one transaction; one outcome for each, in order. A row that is touched gets one new
    /// version and stays whose it was; its embedding is enqueued when its active terms have changed.
    async fn review(&self, decisions: &[Decision]) -> Result<Vec<ReviewOutcome>>;

    /// Decides alike on every pending term that `filter` lets through, in one transaction.
    async fn review_all(&self, filter: &ReviewFilter, verdict: BulkVerdict) -> Result<ReviewCounts>;
}

/// The queue. Claims are leases; only the holder of a lease can end its job, and only until it was claimed anew.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Writes a job, or joins the queued one of the same `dedup_key` (raising its priority, and setting its `force` and `refresh` if asked).
    async fn enqueue(&self, job: &crate::domain::NewJob) -> Result<Enqueued>;

    /// Claims up to `limit` jobs of one kind for `lease`: queued ones whose moment has come and running ones whose
    /// lease has lapsed. Each claim spends an attempt; a lapsed job without attempts left becomes dead.
    async fn claim(
        &self,
        kind: JobKind,
        order: ClaimOrder,
        worker: &str,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<LeasedJob>>;

    /// Whether a job of this kind is due that somebody waits for.
    async fn is_urgent_due(&self, kind: JobKind) -> Result<bool>;

    /// Extends leases; returns those that were lost to another worker or cancelled.
    async fn extend_leases(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>>;

    /// Ends one attempt.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when somebody else has claimed the job since, or it was cancelled.
    async fn finish(&self, lease: &Lease, finish: &Finish) -> Result<()>;

    /// What is to be done for a `generate` job, before a model is asked for minutes.
    async fn generation_need(&self, payload: &crate::domain::GeneratePayload) -> Result<GenerationNeed>;

    /// Stores what generation brought, the revision, the `embed` job and the end of the `generate` job, in one
    /// transaction for all. A lost lease stores nothing for its job.
    async fn complete_generations(&self, done: &[GenerationDone]) -> Result<Vec<GenerationOutcome>>;

    /// What is to be embedded for these rows; inactive and unknown ones are left out.
    async fn embed_inputs(&self, synonym_ids: &[i64]) -> Result<Vec<EmbedInput>>;

    /// Stores vectors, what the check of meanings said, and the end of their `embed` jobs, in one transaction for all. A
    /// vector of an outdated version or of a space that is not active is not stored, and nothing of that row checked.
    async fn complete_embeddings(&self, space: &str, done: &[EmbeddingDone]) -> Result<Vec<EmbeddingOutcome>>;

    /// The job with this number.
    async fn job(&self, id: i64) -> Result<Option<Job>>;

    /// Jobs, newest first.
    async fn list_jobs(&self, filter: &JobFilter, page: &Page) -> Result<Listing<Job>>;

    /// How many jobs stand in each state.
    async fn job_counts(&self) -> Result<JobCounts>;

    /// How many jobs wait, by kind and priority, and since when; nothing for what nobody waits for.
    async fn queue_depth(&self) -> Result<Vec<QueueDepth>>;

    /// When the earliest queued job of this kind may run; `None` when none is queued or leased.
    async fn next_run_at(&self, kind: JobKind) -> Result<Option<crate::domain::Timestamp>>;

    /// Queues a failed, dead or cancelled job anew with fresh attempts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] when it is queued, running or done.
    async fn retry_job(&self, id: i64) -> Result<Job>;

    /// Takes back a queued or running job.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] when it has ended.
    async fn cancel_job(&self, id: i64) -> Result<Job>;

    /// Applies a verified webhook exactly once per delivery `id`.
    async fn apply_webhook(&self, delivery_id: &str, event: &WebhookEvent) -> Result<WebhookOutcome>;
}

/// Recall for the search: the database proposes, `search` ranks.
#[async_trait]
pub trait SearchStore: Send + Sync {
    /// Candidates of both branches. `look_at` is given the terms before the tags and vectors are known: a server still compares
    /// vectors then. It is called again where terms had to be recalled anew.
    async fn recall_looking(&self, recall: &Recall<'_>, look_at: LookAt<'_>) -> Result<Recalled>;

    /// Candidates of both branches, all at once.
    async fn recall(&self, recall: &Recall<'_>) -> Result<Recalled> {
        self.recall_looking(recall, &mut |_| ()).await
    }

    /// The active embedding space as last read: another process's change of it shows within a second.
    fn active_space(&self) -> Option<String>;

    /// The sections of these active rows, by row: as they were in the state that recall gives for each
    /// ([`CandidateTag::state`]), or newer.
    async fn sections(&self, rows: &[(i64, i64)]) -> Result<ById<Arc<Synonyms>>>;

    /// The names of the tags that are called by one of these keys in French, by key.
    async fn names_by_french(&self, keys: &[String]) -> Result<HashMap<String, String>>;

    /// For each word, given by its stems, whether it stands in a term of the vocabulary.
    fn known_words(&self, stems: &[Vec<String>]) -> Vec<bool>;

    /// What cosines mean in this space: as measured, else as shipped.
    fn calibration(&self, space: &str) -> Calibration;

    /// Up to `limit` tags that have a vector in this space, with their vectors, in an order that depends on their names
    /// alone, and how many there are in all.
    async fn sample_vectors(&self, space: &str, limit: usize) -> Result<(Vec<TagVector>, usize)>;

    /// Records what cosines mean in this space. Answers that were given before are outdated by it.
    async fn set_calibration(&self, space: &str, calibration: &Calibration) -> Result<()>;

    /// A number that has risen whenever anything that a search answers with may have changed. Cheap.
    fn vocabulary_version(&self) -> i64;

    /// Takes in what anybody has committed until now, so that the next search answers from it. A writer has done so before
    /// it is acknowledged; whoever has read of another's write asks for it here.
    async fn catch_up(&self) -> Result<()>;
}

/// What the linter reads; what it makes of that is in [`crate::lint`].
#[async_trait]
pub trait LintStore: Send + Sync {
    /// Tags by type and number, of one type or of both, with what is stored for them and what is on its way. Each page shows
    /// one state of the database.
    async fn tags_to_lint(&self, tag_type: Option<TagType>, page: &Page) -> Result<Listing<TagToLint>>;

    /// The vectors of these active rows in this space; rows without one are left out.
    async fn vectors(&self, space: &str, ids: &[i64]) -> Result<Vec<(i64, Vec<f32>)>>;
}

/// What [`crate::enrich`] reads.
#[async_trait]
pub trait EnrichStore: Send + Sync {
    /// Tags by type and number with their active terms. Each page shows one state of the database.
    async fn tags_with_terms(&self, page: &Page) -> Result<Listing<TagWithTerms>>;
}

/// Settings, health and upkeep.
#[async_trait]
pub trait AdminStore: Send + Sync {
    /// The value of a setting.
    async fn setting(&self, key: &str) -> Result<Option<String>>;

    /// Writes a setting unless it is there; returns the value that stands.
    async fn setting_or_insert(&self, key: &str, value: &str) -> Result<String>;

    /// The header of an export of this database.
    async fn export_header(&self) -> Result<ExportHeader>;

    /// Before an import: where no embedding space is active, takes over that of the export. What was measured of the spaces
    /// comes along where the export's is now the active one and nothing was measured here. Returns the active space.
    async fn adopt_header(&self, header: &ExportHeader) -> Result<Option<String>>;

    /// Most dimensions of a vector that this backend keeps; `None` where any number does.
    fn longest_vector(&self) -> Option<usize>;

    /// Builds, rebuilds or drops the approximate index of the vectors where its size asks for it; what was done, if anything.
    /// May take minutes. Backends that compare all vectors have nothing to do.
    async fn maintain_vector_index(&self) -> Result<Option<String>>;

    /// What that index is and what it is worth; `None` for a backend without one. Measures for a second or so.
    async fn vector_index_report(&self) -> Result<Option<VectorIndexReport>>;

    /// Answers if the database does.
    async fn ping(&self) -> Result<()>;

    /// Deletes what is older than its retention; returns how many rows.
    async fn expire(&self, retention: &Retention) -> Result<u64>;

    /// Ticks after every change of the database, by this process at once, by another within a second.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Where the data lives, for messages: never with a password.
    fn describe(&self) -> String;

    /// The schema version of the database: the number of its last migration.
    async fn schema_version(&self) -> Result<i64>;

    /// Finishes writes and closes connections.
    async fn close(&self);
}

/// Everything a backend does.
pub trait Store:
    TagStore
    + SynonymStore
    + ReviewStore
    + JobStore
    + BatchStore
    + CeleryStore
    + OutboundStore
    + SteeringStore
    + SpaceStore
    + SearchStore
    + LintStore
    + EnrichStore
    + AdminStore
{
}

impl<T> Store for T where
    T: TagStore
        + SynonymStore
        + ReviewStore
        + JobStore
        + BatchStore
        + CeleryStore
        + OutboundStore
        + SteeringStore
        + SpaceStore
        + SearchStore
        + LintStore
        + EnrichStore
        + AdminStore
{
}

/// Settings that hold the calibration of a space begin so, and end with the space.
pub const SETTING_CALIBRATION: &str = "calibration:";

/// The setting that tells this database's entries in a shared cache from those of others: made once, at random.
pub const SETTING_INSTALLATION: &str = "installation";

/// The setting that names the active embedding space.
pub const SETTING_EMBEDDING_SPACE: &str = "embedding_space";
