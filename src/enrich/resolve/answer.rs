//! What is asked of the resolver and what it answers, as they travel on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{TagName, TagType, word_enum};

/// Most strings of one call.
pub const MAX_STRINGS: usize = 5_000;

/// Longest raw string in Unicode scalar values; the longest that were met in libraries hold some hundreds of values.
pub const MAX_RAW_CHARS: usize = 20_000;

/// Most tags on a whitelist.
pub const MAX_WHITELIST: usize = 5_000;

/// Most alternatives of a part.
pub const MAX_ALTERNATIVES: usize = 10;

/// How to choose among what a string may mean.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResolveOptions {
    /// Of one type only.
    pub tag_type: Option<TagType>,
    /// Of several tags of one string, leave out those that are the parents of another: `rock` beside `punk rock`.
    #[schema(default = false)]
    pub prefer_specific: bool,
    /// Replace each tag by its nearest parent on the whitelist; without a whitelist by its topmost parent.
    #[schema(default = false)]
    pub roll_up: bool,
    /// The only tags to answer with, in any spelling; empty for all.
    #[schema(max_items = 5000)]
    pub whitelist: Vec<TagName>,
    /// Most tags of a string, the surest first.
    #[schema(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
    /// Tags below this score are only told as alternatives.
    #[schema(minimum = 0.0, maximum = 1.0, default = 0.5)]
    pub min_score: f64,
    /// Most alternatives of a part.
    #[schema(minimum = 0, maximum = 10, default = 3)]
    pub alternatives: usize,
}

impl Default for ResolveOptions {
    fn default() -> Self {
        Self {
            tag_type: None,
            prefer_specific: false,
            roll_up: false,
            whitelist: Vec::new(),
            limit: None,
            min_score: 0.5,
            alternatives: 3,
        }
    }
}

/// Why nothing can be resolved so.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// The least score is no score.
    #[error("min_score is a number from 0 to 1, not {0}")]
    MinScore(f64),
    /// The limit is out of range.
    #[error("limit is 1 to 100, not {0}")]
    Limit(usize),
    /// The number of alternatives is out of range.
    #[error("alternatives is 0 to {MAX_ALTERNATIVES}, not {0}")]
    Alternatives(usize),
    /// The whitelist is too long.
    #[error("whitelist has up to {MAX_WHITELIST} tags, not {0}")]
    Whitelist(usize),
    /// A name on the whitelist is that of no tag.
    #[error("whitelist: there is no tag `{0}`, neither in the library nor in the lexicon")]
    UnknownTag(String),
}

impl ResolveOptions {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`OptionsError`] names the option.
    pub fn validate(&self) -> Result<(), OptionsError> {
        if !(0.0..=1.0).contains(&self.min_score) {
            return Err(OptionsError::MinScore(self.min_score));
        }
        if let Some(limit) = self.limit.filter(|limit| !(1..=100).contains(limit)) {
            return Err(OptionsError::Limit(limit));
        }
        if self.alternatives > MAX_ALTERNATIVES {
            return Err(OptionsError::Alternatives(self.alternatives));
        }
        if self.whitelist.len() > MAX_WHITELIST {
            return Err(OptionsError::Whitelist(self.whitelist.len()));
        }
        Ok(())
    }
}

word_enum! {
    /// How a part of a raw string was understood.
    PartKind, "kind" {
        /// The name of a tag, in any spelling.
        Exact => "exact",
        /// Another name of a tag.
        Alias => "alias",
        /// The name of a tag in another language.
        Translation => "translation",
        /// A description that stands among the search terms of a tag.
        SearchTerm => "search_term",
        /// A known name in the plural.
        Plural => "plural",
        /// A known name, misspelt.
        Spelling => "spelling",
        /// What it is a kind of: `pop` of `albanian pop`.
        Broader => "broader",
        /// The library has no such tag, but the lexicon knows it: see `suggestion`.
        Lexicon => "lexicon",
        /// A year or decade.
        Period => "period",
        /// No genre and no mood: a placeholder, an address, a format, the name of a label.
        SetAside => "set_aside",
        /// It means several tags, none more than another: see `alternatives`.
        Ambiguous => "ambiguous",
        /// Nothing is known of it.
        Unknown => "unknown",
    }
}

/// A tag that a string was resolved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResolvedTag {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name in the library.
    #[schema(example = "hip hop")]
    pub tag_name: String,
    /// Its number within its type.
    pub id: i64,
}

/// A tag that a part may mean as well.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Alternative {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name.
    pub tag_name: String,
    /// How sure, 0 to 1.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub score: f64,
    /// Whether the library has it.
    pub in_library: bool,
}

/// A tag that the lexicon knows and the library does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suggestion {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name in the lexicon.
    pub tag_name: String,
}

/// The years that a part names, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Period {
    /// The first year.
    #[schema(example = 1980)]
    pub from: u16,
    /// The last year.
    #[schema(example = 1989)]
    pub to: u16,
}

/// One of the values that a raw string holds.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ResolvedPart {
    /// What was read, mended and trimmed.
    #[schema(example = "Hip-Hop")]
    pub text: String,
    /// The tag; `null` where there is none or none is sure enough.
    pub tag: Option<ResolvedTag>,
    /// How it was understood.
    pub kind: PartKind,
    /// How sure, 0 to 1; `null` where nothing is known.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub score: Option<f64>,
    /// What else it may mean, the likeliest first.
    pub alternatives: Vec<Alternative>,
    /// What the lexicon would call it where the library has no such tag.
    pub suggestion: Option<Suggestion>,
    /// The name of the tag that was rolled up into `tag`.
    pub rolled_up_from: Option<String>,
    /// The years it names.
    pub period: Option<Period>,
    /// The reason in words.
    pub why: String,
}

/// Why one string could not be read; the others are answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResolveProblem {
    /// `too_long`.
    pub code: String,
    /// A sentence.
    pub detail: String,
}

/// What became of one raw string.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ResolvedString {
    /// As given, cut at 200 characters.
    pub raw: String,
    /// The tags of its parts, each once, in the order of the parts.
    pub tags: Vec<ResolvedTag>,
    /// Its values.
    pub parts: Vec<ResolvedPart>,
    /// Why it could not be read.
    pub error: Option<ResolveProblem>,
}
