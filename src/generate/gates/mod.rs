//! The gates between a model's answer and the database: what passes is a short, clean, plausible term, and what does
//! not is dropped with its reason. A model's answer is untrusted text.
//!
//! An answer goes through `extract` (find the JSON), `shapes` (read the sections, whatever shape they have) and
//! `rules` (one term by itself); this file keeps what only the whole answer can tell: repetitions and bounds.

mod extract;
mod language;
mod rules;
mod shapes;

use serde::Serialize;

use crate::domain::{Confidence, Lang, Section, Source, TagName, Term, TermStatus, key};
use crate::ollama::printable;
pub(crate) use language::shown_language;
use rules::Rules;
use shapes::{Entry, Text};

/// Longest term of a generator in characters; longer ones are sentences.
pub const MAX_GENERATED_CHARS: usize = 60;
/// Most words of a term; more are a sentence.
pub const MAX_GENERATED_WORDS: usize = 8;
/// Search terms that a full answer has.
pub const MIN_SEARCH_TERMS: usize = 5;
/// Most search terms that are kept.
pub const MAX_SEARCH_TERMS: usize = 10;
/// Most related tags that are kept.
pub const MAX_RELATED: usize = 8;
/// Most usage contexts that are kept.
pub const MAX_USAGE: usize = 6;
/// Most translations that are kept of each language.
pub const MAX_TRANSLATIONS: usize = 4;

/// Entries that are looked at. A sound answer has at most 32; a list of many thousands would only cost time.
const MAX_ENTRIES: usize = 500;
/// How much of a dropped entry is kept for the trace, in characters.
const MAX_DROPPED_CHARS: usize = 80;

/// What came through the gates.
#[derive(Clone, Debug, PartialEq)]
pub struct Gated {
    /// The terms, at least one; their confidence is that of the whole as a first try.
    pub terms: Vec<Term>,
    /// What was dropped.
    pub dropped: Vec<Dropped>,
    /// Entries that the model wrote: those kept and those dropped.
    pub written: usize,
    /// Whether prose or a fence around the JSON had to be cut away.
    pub lenient: bool,
}

/// An entry that was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Where it stood.
    pub section: Section,
    /// Its beginning, made printable.
    pub term: String,
    /// Why.
    pub reason: DropReason,
}

/// Why an entry was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// A number, null, or something nested where a text belongs.
    NotText,
    /// It has control characters or others that cannot be seen.
    ControlCharacter,
    /// HTML, markdown, a URL, braces.
    Markup,
    /// Over [`MAX_GENERATED_CHARS`].
    TooLong,
    /// Over [`MAX_GENERATED_WORDS`].
    TooManyWords,
    /// No letter or digit in it.
    Empty,
    /// The name of the tag itself, as a search term or related tag.
    OwnName,
    /// Its key stands in the same section already.
    Repeated,
    /// Written in a script that is neither Latin nor one of the tag's name.
    ForeignScript,
    /// Words of the prompt handed back.
    PromptEcho,
    /// A person has taken it out before.
    Rejected,
    /// The section is full.
    OverBound,
    /// A translation into no language that is kept, or into none at all.
    NoLanguage,
}

/// Why an answer as a whole cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No JSON object in it.
    #[error("it has no JSON")]
    NotJson,
    /// The JSON breaks off; half a JSON is never mended.
    #[error("its JSON is cut off")]
    Truncated,
    /// JSON, but not one of the sections in it.
    #[error("its JSON has none of the sections")]
    NoSections,
    /// Nothing came through.
    #[error("none of its {} entries can be kept", .dropped.len())]
    NothingLeft {
        /// What was dropped.
        dropped: Vec<Dropped>,
    },
}

/// Puts a raw answer through the gates. `rejected_keys`: keys of terms that must not come back.
///
/// # Errors
/// [`GateError`] when nothing of it can be used.
pub fn pass(raw: &str, tag: &TagName, rejected_keys: &[String]) -> Result<Gated, GateError> {
    let found = extract::first_answer(raw)?;
    let mut entries = shapes::entries(&found.object);
    entries.truncate(MAX_ENTRIES);
    let written = entries.len();

    let rules = Rules::of(tag);
    let own_key = tag.key();
    let mut terms: Vec<Term> = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    let mut dropped: Vec<Dropped> = Vec::new();
    for entry in entries {
        let verdict = entry_text(&entry).and_then(|text| {
            let term = rules.clean(text)?;
            let key = key(&term);
            let same_list =
                |kept: &Term| kept.section == entry.section && list_lang(kept.section, kept.lang) == entry.lang;
            let names_tag = matches!(entry.section, Section::SearchTerms | Section::RelatedTags);
            if names_tag && key == own_key {
                Err(DropReason::OwnName)
            } else if terms.iter().zip(&keys).any(|(kept, kept_key)| same_list(kept) && *kept_key == key) {
                Err(DropReason::Repeated)
            } else if rejected_keys.contains(&key) {
                Err(DropReason::Rejected)
            } else if terms.iter().filter(|kept| same_list(kept)).count() >= bound(entry.section) {
                Err(DropReason::OverBound)
            } else {
                Ok((term, key))
            }
        });
        match verdict {
            Ok((term, key)) => {
                let lang = entry.lang.or_else(|| language::guess(entry.section, &term));
                terms.push(Term {
                    section: entry.section,
                    lang,
                    term,
                    source: Source::Ollama,
                    confidence: Confidence::clamped(0.0),
                    status: TermStatus::Active,
                });
                keys.push(key);
            }
            Err(reason) => {
                let term = printable(entry.text.as_str(), MAX_DROPPED_CHARS);
                dropped.push(Dropped { section: entry.section, term, reason });
            }
        }
    }
    if terms.is_empty() {
        return Err(GateError::NothingLeft { dropped });
    }
    let mut gated = Gated { terms, dropped, written, lenient: found.lenient };
    let confidence = confidence(&gated, false);
    for term in &mut gated.terms {
        term.confidence = confidence;
    }
    Ok(gated)
}

/// The rules for one term by itself, for terms that are stored already.
pub(crate) struct TermRules(Rules);

impl TermRules {
    /// Those for the terms of a tag of this name.
    pub(crate) fn of(tag_name: &str) -> Self {
        Self(Rules::of_name(tag_name))
    }

    /// What this term would be dropped for if a generator wrote it now.
    pub(crate) fn problem(&self, term: &str) -> Option<DropReason> {
        self.0.clean(term).err()
    }
}

/// The text of an entry that can become a term.
fn entry_text(entry: &Entry) -> Result<&str, DropReason> {
    match &entry.text {
        Text::Other(_) => Err(DropReason::NotText),
        Text::Words(_) if entry.section == Section::Translations && entry.lang.is_none() => Err(DropReason::NoLanguage),
        Text::Words(words) => Ok(words),
    }
}

/// The language by which a section is divided into lists: only translations are.
fn list_lang(section: Section, lang: Option<Lang>) -> Option<Lang> {
    if section == Section::Translations { lang } else { None }
}

const fn bound(section: Section) -> usize {
    match section {
        Section::SearchTerms => MAX_SEARCH_TERMS,
        Section::RelatedTags => MAX_RELATED,
        Section::UsageContext => MAX_USAGE,
        Section::Translations => MAX_TRANSLATIONS,
        Section::Name => 0,
    }
}

/// How far an answer can be trusted, always within 0.1..=0.8: a machine wrote it, and nobody has looked yet.
///
/// `0.75 × kept / written × min(search terms, 5) / 5 × (1 − 0.1 × missing sections)`, then `− 0.05` when prose had to
/// be cut away and `− 0.1` when a second try was needed. A full clean answer has 0.75. The factors are a judgement,
/// not a measurement; what they must do is put a doubtful answer below a sound one.
pub fn confidence(gated: &Gated, second_try: bool) -> Confidence {
    const FULL_ANSWER: f64 = 0.75;
    const MISSING_SECTION: f64 = 0.1;
    const LENIENT: f64 = 0.05;
    const SECOND_TRY: f64 = 0.1;
    let count = |section| gated.terms.iter().filter(|term| term.section == section).count();
    let share = ratio(gated.terms.len(), gated.written);
    let search = ratio(count(Section::SearchTerms).min(MIN_SEARCH_TERMS), MIN_SEARCH_TERMS);
    let sections = [Section::SearchTerms, Section::RelatedTags, Section::UsageContext, Section::Translations];
    let missing: f64 = sections.into_iter().filter(|&section| count(section) == 0).map(|_| MISSING_SECTION).sum();
    let mut value = FULL_ANSWER * share * search * (1.0 - missing);
    if gated.lenient {
        value -= LENIENT;
    }
    if second_try {
        value -= SECOND_TRY;
    }
    Confidence::clamped(value.clamp(0.1, 0.8))
}

fn ratio(part: usize, whole: usize) -> f64 {
    let number = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    (number(part) / number(whole.max(1))).min(1.0)
}

#[cfg(test)]
mod tests;
