//! The words of the project as types: tags, synonyms, terms, jobs, and the normaliser behind every key.
//!
//! Nothing here does I/O; every other module points at this one.

mod calibration;
mod job;
mod normalise;
mod order;
mod outbound;
mod shared_text;
mod span;
mod stem;
mod synonyms;
mod tag;
mod term;
mod trace;

pub use calibration::Calibration;
pub use job::{
    EmbedPayload, GeneratePayload, Job, JobKind, JobState, Lease, LeasedJob, NewJob, Priority, RELATED_TAGS,
};
pub use normalise::{NORMALISER_VERSION, differs_by_noise, is_noise, is_noise_word, key, loose_key, words};
pub use order::keep_first;
pub use outbound::{DeliveryState, OutboundKind};
pub use shared_text::SharedText;

pub use span::{AGE_UNITS, PAUSE_UNITS, SpanError, age_text, parse_span};
pub use stem::{parse_stems, rarity, split_elisions, stem_groups, stems, telling_words};
pub use synonyms::{
    Difference, MAX_TERM_CHARS, SECTION_MAX_TERMS, SynonymRecord, Synonyms, SynonymsError, TermError, Translations,
    term_text,
};
pub use tag::{MAX_TAG_NAME_CHARS, Tag, TagName, TagNameError, TagRef, TagType};
pub(crate) use term::word_enum;
pub use term::{Confidence, ConfidenceError, Lang, ReviewStatus, Section, Source, Term, TermStatus};
pub use trace::TraceId;

/// Moments are UTC, as everywhere in the API.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
