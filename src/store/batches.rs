//! Batches: generation that was asked for many tags at once, with its progress.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GenerationOf, Listing, Page};
use crate::domain::{AGE_UNITS, Priority, Source, SpanError, Timestamp, age_text, parse_span, word_enum};

word_enum! {
    /// Which tags a batch is for.
    BatchOf, "of" {
        /// Every tag, anew.
        All => "all",
        /// Tags without synonyms.
        Missing => "missing",
        /// Tags whose synonyms are of one source, anew.
        Source => "source",
        /// Tags whose synonyms were last written before a moment, anew.
        OlderThan => "older_than",
    }
}

word_enum! {
    /// Where a batch stands.
    BatchState, "state" {
        /// Jobs of it wait or run.
        Active => "active",
        /// All its jobs have ended.
        Done => "done",
        /// It was cancelled: what waited is taken back, and what ran goes on to its end.
        Cancelled => "cancelled",
    }
}

/// What a batch was asked for, as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchAsk {
    /// Which tags.
    pub of: BatchOf,
    /// The source, for `of: source`.
    pub source: Option<Source>,
    /// The age in days (`30d`) or hours (`12h`), for `of: older_than`.
    pub older_than: Option<String>,
    /// Also where a person has written or taken out the synonyms: new terms wait there as proposals.
    pub force: bool,
}

/// Why a batch cannot be asked for so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchAskError {
    /// `source` is missing, or stands where it means nothing.
    #[error("`source` goes with `of: source`, and only with it")]
    Source,
    /// `older_than` is missing, or stands where it means nothing.
    #[error("`older_than` goes with `of: older_than`, and only with it")]
    OlderThan,
    /// Rows of a person are left alone unless forced.
    #[error("what a person wrote stays as it is: with `force`, new terms wait beside it as proposals")]
    Manual,
    /// The age cannot be read.
    #[error(transparent)]
    Age(#[from] SpanError),
}

impl BatchAsk {
    /// What is asked for, in stored form.
    pub fn new(of: GenerationOf, force: bool) -> Self {
        let (of, source, older_than) = match of {
            GenerationOf::Everything => (BatchOf::All, None, None),
            GenerationOf::Missing => (BatchOf::Missing, None, None),
            GenerationOf::WrittenBy(source) => (BatchOf::Source, Some(source), None),
            GenerationOf::OlderThan(age) => (BatchOf::OlderThan, None, Some(age_text(age))),
        };
        Self { of, source, older_than, force }
    }

    /// Which tags are meant.
    ///
    /// # Errors
    /// [`BatchAskError`] says what does not go together.
    pub fn generation_of(&self) -> Result<GenerationOf, BatchAskError> {
        if self.source.is_some() != (self.of == BatchOf::Source) {
            return Err(BatchAskError::Source);
        }
        match (self.of, self.source, &self.older_than) {
            (BatchOf::OlderThan, _, Some(age)) => Ok(GenerationOf::OlderThan(parse_age(age)?)),
            (BatchOf::OlderThan, ..) | (_, _, Some(_)) => Err(BatchAskError::OlderThan),
            (_, Some(Source::Manual), _) if !self.force => Err(BatchAskError::Manual),
            (_, Some(source), _) => Ok(GenerationOf::WrittenBy(source)),
            (BatchOf::Missing, ..) => Ok(GenerationOf::Missing),
            (BatchOf::All | BatchOf::Source, ..) => Ok(GenerationOf::Everything),
        }
    }
}

/// The age of a row as people write it: `12h`, `30d`, `4w`.
///
/// # Errors
/// [`SpanError`] says what can be written.
pub fn parse_age(text: &str) -> Result<Duration, SpanError> {
    parse_span(text, AGE_UNITS)
}

/// A batch and how far it is. `total` is `done + failed + cancelled + moved + left`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Batch {
    /// Its number.
    pub id: i64,
    /// What was asked for.
    #[serde(flatten)]
    pub asked: BatchAsk,
    /// How urgent its jobs are.
    pub priority: Priority,
    /// Where it stands.
    pub state: BatchState,
    /// Jobs it had at its beginning, those that were queued before and joined it included.
    pub total: u64,
    /// Jobs that ended well.
    pub done: u64,
    /// Jobs that failed or are dead.
    pub failed: u64,
    /// Jobs that were taken back.
    pub cancelled: u64,
    /// Jobs that a later batch or request has taken over.
    pub moved: u64,
    /// Jobs that wait or run.
    pub left: u64,
    /// Jobs that end in a minute, by the last of them that did; `null` before two have, and afterwards.
    pub per_minute: Option<f64>,
    /// When it will be done at that rate; `null` where that is not known, or while work is paused.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub estimated_end: Option<Timestamp>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was cancelled.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cancelled_at: Option<Timestamp>,
    /// When its last job ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl Batch {
    /// Whether nothing of it waits or runs any more.
    pub const fn has_ended(&self) -> bool {
        self.left == 0
    }

    /// Jobs that are over, however they ended.
    pub const fn over(&self) -> u64 {
        self.total.saturating_sub(self.left)
    }
}

/// A batch that was made or joined.
#[derive(Clone, Debug, PartialEq)]
pub struct StartedBatch {
    /// The batch.
    pub batch: Batch,
    /// False when the same was asked for before and is not done yet: that batch goes on, and no job was added.
    pub created: bool,
}

/// Batches of generation. Jobs that are queued already join the newest batch that asks for them.
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// Queues the generation of these tags as one batch, in one transaction; the same that was asked for before and is not
    /// done yet is joined instead, and made as urgent as this.
    async fn start_batch(&self, of: GenerationOf, force: bool, priority: Priority) -> super::Result<StartedBatch>;

    /// The batch with this number.
    async fn batch(&self, id: i64) -> super::Result<Option<Batch>>;

    /// Batches, newest first.
    async fn list_batches(&self, page: &Page) -> super::Result<Listing<Batch>>;

    /// Takes back the queued jobs of a batch; those that run go on to their end, and are not tried again.
    ///
    /// # Errors
    /// [`super::StoreError::NotFound`], [`super::StoreError::Conflict`] when it is over or cancelled already.
    async fn cancel_batch(&self, id: i64) -> super::Result<Batch>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(of: BatchOf, source: Option<Source>, older_than: Option<&str>, force: bool) -> BatchAsk {
        BatchAsk { of, source, older_than: older_than.map(str::to_owned), force }
    }

    #[test]
    fn what_is_asked_for_reads_back_as_it_was_meant() {
        let month = Duration::from_secs(30 * 86_400);
        for of in [
            GenerationOf::Everything,
            GenerationOf::Missing,
            GenerationOf::WrittenBy(Source::Lexicon),
            GenerationOf::OlderThan(month),
            GenerationOf::OlderThan(Duration::from_secs(5 * 3600)),
        ] {
            assert_eq!(BatchAsk::new(of, false).generation_of(), Ok(of));
        }
        assert_eq!(BatchAsk::new(GenerationOf::OlderThan(month), true).older_than.as_deref(), Some("30d"));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (asked, error) in [
            (ask(BatchOf::Source, None, None, false), BatchAskError::Source),
            (ask(BatchOf::All, Some(Source::Lexicon), None, false), BatchAskError::Source),
            (ask(BatchOf::OlderThan, None, None, false), BatchAskError::OlderThan),
            (ask(BatchOf::Missing, None, Some("30d"), false), BatchAskError::OlderThan),
            (ask(BatchOf::Source, Some(Source::Manual), None, false), BatchAskError::Manual),
        ] {
            assert_eq!(asked.generation_of(), Err(error), "{asked:?}");
        }
        let age = ask(BatchOf::OlderThan, None, Some("3m"), false).generation_of();
        assert!(matches!(age, Err(BatchAskError::Age(_))), "{age:?}");
        let forced = ask(BatchOf::Source, Some(Source::Manual), None, true).generation_of();
        assert_eq!(forced, Ok(GenerationOf::WrittenBy(Source::Manual)));
    }
}
