//! Terms: one entry of a section, with its language, source, confidence and status.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Declares an enum that reads and writes as fixed lower-case words, on the wire and in the database alike.
/// The words are `tt`: utoipa does not see the value of a `literal` that a macro hands on.
macro_rules! word_enum {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$variant_meta:meta])* $variant:ident => $word:tt),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!(
                        concat!($what, " is one of {}, not `{}`"),
                        [$($word),+].join(", "),
                        other.escape_debug()
                    )),
                }
            }
        }
    };
}
pub(crate) use word_enum;

word_enum! {
    /// Where a term stands. The first four are the sections of a tag's synonyms; the tag's own name is kept as a
    /// term too, so that one index serves both, but is no part of the synonyms.
    Section, "section" {
        /// The name of the tag itself.
        Name => "name",
        /// What people type to find it: other names, spellings, descriptions.
        SearchTerms => "search_terms",
        /// Musically related tags.
        RelatedTags => "related_tags",
        /// Occasions and activities it is played for.
        UsageContext => "usage_context",
        /// Its name in English and French.
        Translations => "translations",
    }
}

impl Section {
    /// Whether its terms are names of the tag: what people type, and misspell.
    pub const fn is_name(self) -> bool {
        matches!(self, Self::Name | Self::SearchTerms | Self::Translations)
    }
}

word_enum! {
    /// The language of a term or a query.
    Lang, "lang" {
        /// English.
        En => "en",
        /// French.
        Fr => "fr",
    }
}

word_enum! {
    /// Who wrote a term or a row.
    Source, "source" {
        /// A person, through the API or the command line; final for every generator.
        Manual => "manual",
        /// A language model behind Ollama.
        Ollama => "ollama",
        /// The built-in lexicon, or spelling variants where it has no entry.
        Lexicon => "lexicon",
        /// An imported file.
        Import => "import",
    }
}

impl Source {
    /// Whether a machine wrote it.
    pub const fn is_generator(self) -> bool {
        matches!(self, Self::Ollama | Self::Lexicon)
    }
}

word_enum! {
    /// Whether a term counts.
    TermStatus, "status" {
        /// Searched and shown.
        Active => "active",
        /// Kept aside as doubtful, not searched.
        Quarantined => "quarantined",
        /// Found by a forced regeneration for a row that a person wrote; waits for a person.
        Proposed => "proposed",
        /// Taken out by a person; no generator brings it back.
        Rejected => "rejected",
    }
}

word_enum! {
    /// A status that waits for a person's decision.
    ReviewStatus, "status" {
        /// Found by a forced regeneration for a row that a person wrote.
        Proposed => "proposed",
        /// Kept aside as doubtful.
        Quarantined => "quarantined",
    }
}

impl TermStatus {
    /// Whether a person is to decide on the term.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Proposed | Self::Quarantined)
    }
}

/// How far a row or term can be trusted: a real number, 0 (not at all) to 1 (a person said so).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, ToSchema)]
#[schema(value_type = f64, minimum = 0.0, maximum = 1.0, example = 0.8)]
pub struct Confidence(f64);

/// The number is not within 0..=1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("confidence is a number from 0 to 1, not {0}")]
pub struct ConfidenceError(f64);

impl Confidence {
    /// A person said so.
    pub const CERTAIN: Self = Self(1.0);

    /// Checks that `value` is within 0..=1 (NaN is not). Kept to twelve decimals: a number of up to fifteen digits is the
    /// same after any way through JSON, which not every parser grants to those of seventeen.
    ///
    /// # Errors
    /// [`ConfidenceError`] with the number.
    pub fn new(value: f64) -> Result<Self, ConfidenceError> {
        if !(0.0..=1.0).contains(&value) {
            return Err(ConfidenceError(value));
        }
        Ok(Self((value * 1e12).round() / 1e12))
    }

    /// The nearest confidence to a computed number; NaN counts as 0. Rounded to three decimals.
    pub fn clamped(value: f64) -> Self {
        let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        Self((value * 1000.0).round() / 1000.0)
    }

    /// What is left of a row's when so many of its generated terms turn out doubtful: `confidence × (1 − doubtful / of)`.
    #[must_use]
    pub fn lessened(self, doubtful: usize, of: usize) -> Self {
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        Self::clamped(self.0 * (1.0 - number(doubtful.min(of)) / number(of.max(1))))
    }

    /// The number, 0..=1.
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Confidence {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// One entry of a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// Where it stands.
    pub section: Section,
    /// Its language, where known. Always known for translations.
    pub lang: Option<Lang>,
    /// The words as written.
    pub term: String,
    /// Who wrote it.
    pub source: Source,
    /// How far it can be trusted.
    pub confidence: Confidence,
    /// Whether it counts.
    pub status: TermStatus,
}

impl Term {
    /// The normalised form by which two spellings are one.
    pub fn key(&self) -> String {
        super::key(&self.term)
    }

    /// Whether a machine wrote it and a person has accepted it: no generator is as sure as that.
    pub fn is_accepted(&self) -> bool {
        self.status == TermStatus::Active && self.source.is_generator() && self.confidence == Confidence::CERTAIN
    }

    /// The list it stands in: its section, and for translations its language. A key stands once in a list.
    pub fn list(&self) -> (Section, Option<Lang>) {
        match self.section {
            Section::Translations => (self.section, Some(self.lang.unwrap_or(Lang::En))),
            section => (section, None),
        }
    }
}
