//! What waits for a person's decision, and what the person decides.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Confidence, Lang, ReviewStatus, Section, Source, TagType};

/// Which of the pending terms to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReviewFilter {
    /// In one status only.
    pub status: Option<ReviewStatus>,
    /// Of one tag type only.
    pub tag_type: Option<TagType>,
    /// Of one row only.
    pub synonym_id: Option<i64>,
}

/// A term that waits for a decision.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReviewItem {
    /// Number of the term. It goes with the term: one that is generated anew has another.
    pub id: i64,
    /// The row it belongs to.
    pub synonym_id: i64,
    /// Type of the row's tag.
    pub tag_type: TagType,
    /// Name of the row's tag.
    pub tag_name: String,
    /// Where it would stand.
    pub section: Section,
    /// Its language, where known.
    pub lang: Option<Lang>,
    /// The words as written.
    pub term: String,
    /// Who wrote it.
    pub source: Source,
    /// How far it can be trusted.
    pub confidence: Confidence,
    /// Why it waits.
    pub status: ReviewStatus,
}

/// What a person decides on one term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Number of the term.
    pub id: i64,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts from now on.
    Accept,
    /// It counts in these words, checked by [`crate::domain::term_text`]; the person is their source.
    Edit(String),
    /// It never comes back from a generator.
    Reject,
}

/// What becomes of many terms at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BulkVerdict {
    /// They count from now on.
    Accept,
    /// They never come back from a generator.
    Reject,
}

impl From<BulkVerdict> for Verdict {
    fn from(verdict: BulkVerdict) -> Self {
        match verdict {
            BulkVerdict::Accept => Self::Accept,
            BulkVerdict::Reject => Self::Reject,
        }
    }
}

crate::domain::word_enum! {
    /// What came of a decision.
    ReviewOutcome, "outcome" {
        /// It counts as it was written.
        Accepted => "accepted",
        /// It counts in the person's words.
        Edited => "edited",
        /// It never comes back from a generator.
        Rejected => "rejected",
        /// Its section has as many terms as it can hold: the term waits as before.
        Full => "full",
        /// The term is not there any more, or somebody has decided on it: nothing was changed.
        Gone => "gone",
    }
}

/// How often each outcome came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReviewCounts {
    /// Count as they were written.
    pub accepted: u64,
    /// Count in the person's words.
    pub edited: u64,
    /// Never come back.
    pub rejected: u64,
    /// Wait as before, because their section is full.
    pub full: u64,
    /// Were not there any more.
    pub gone: u64,
}

impl FromIterator<ReviewOutcome> for ReviewCounts {
    fn from_iter<I: IntoIterator<Item = ReviewOutcome>>(outcomes: I) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *match outcome {
                ReviewOutcome::Accepted => &mut counts.accepted,
                ReviewOutcome::Edited => &mut counts.edited,
                ReviewOutcome::Rejected => &mut counts.rejected,
                ReviewOutcome::Full => &mut counts.full,
                ReviewOutcome::Gone => &mut counts.gone,
            } += 1;
        }
        counts
    }
}
