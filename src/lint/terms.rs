//! Terms that hardly help anybody to find a tag: what the gates of the generators would drop, names of artists, the wrong
//! language, what stands everywhere, and the name itself.

use std::collections::HashSet;

use super::{
    finding::{Finding, FindingKind, FoundTag},
    mend,
    names::list,
    vocabulary::{Holders, RowTerm, Vocabulary},
};
use crate::{
    domain::{Lang, Section, Source, key, words},
    generate::{
        DropReason,
        gates::{MAX_GENERATED_CHARS, MAX_GENERATED_WORDS, TermRules, shown_language},
    },
    store::RowToLint,
};

/// Words of an artist's name, as far as a title of that length is hardly anything else.
const ARTIST_WORDS: std::ops::RangeInclusive<usize> = 2..=4;

/// Terms of several words that a row must have before their capitals tell how it writes.
const TERMS_THAT_TELL: usize = 4;

/// Words that join the guests of a recording to its artist.
const CREDITS: [&str; 4] = ["feat", "feat.", "ft.", "featuring"];

/// Words within a name that have no capital.
const SMALL_WORDS: [&str; 11] = ["the", "of", "and", "&", "de", "la", "le", "da", "di", "van", "von"];

/// What is wrong with the terms of a row, each by itself.
pub(super) fn suspicious(
    tag: &FoundTag,
    own_key: &str,
    row: &RowToLint,
    terms: &[RowTerm<'_>],
    vocabulary: &Vocabulary,
) -> Vec<Finding> {
    // The lexicon has a linter of its own, and names in their own scripts on purpose.
    if row.source == Source::Lexicon {
        return Vec::new();
    }
    let row = OfRow {
        tag,
        own_key,
        own_words: words(&tag.tag_name).into_iter().collect(),
        by_person: row.source == Source::Manual,
        rules: TermRules::of(&tag.tag_name),
        capitals_tell: !writes_titles(terms),
        vocabulary,
    };
    let about = |term| row.problems(term).into_iter().map(move |(kind, why)| about_term(kind, tag, term, why));
    terms.iter().flat_map(about).collect()
}

/// What the rules for a term know of its row.
struct OfRow<'a> {
    tag: &'a FoundTag,
    own_key: &'a str,
    own_words: HashSet<String>,
    by_person: bool,
    rules: TermRules,
    /// Whether the row writes capitals where names have them, and nowhere else.
    capitals_tell: bool,
    vocabulary: &'a Vocabulary,
}

impl OfRow<'_> {
    /// What is wrong with a term.
    fn problems(&self, term: &RowTerm<'_>) -> Vec<(FindingKind, String)> {
        let text = term.term;
        let mut problems = Vec::new();
        problems.extend(
            self.rules.problem(text).filter(|reason| !self.is_deliberate(*reason)).map(|reason| gated(reason, text)),
        );
        let is_name = matches!(term.section, Section::SearchTerms | Section::RelatedTags);
        if is_name && term.key == self.own_key {
            problems.push((FindingKind::OwnName, format!("`{text}` is the tag's own name, which finds it anyway.")));
        }
        if let Some((shown, listed)) = wrong_language(term, &self.own_words) {
            let (shown, listed) = (name_of(shown), name_of(listed));
            problems.push((FindingKind::WrongLanguage, format!("`{text}` looks {shown} but is listed as {listed}.")));
        }
        if is_name && self.capitals_tell && looks_like_artist(self.tag, term, self.vocabulary) {
            let why = format!("`{text}` looks like the name of an artist or a place, not of music.");
            problems.push((FindingKind::ArtistLike, why));
        }
        problems
    }

    /// Whether a person means what the gates keep from generators: a name in its own script.
    fn is_deliberate(&self, reason: DropReason) -> bool {
        self.by_person && reason == DropReason::ForeignScript
    }
}

fn about_term(kind: FindingKind, tag: &FoundTag, term: &RowTerm<'_>, why: String) -> Finding {
    Finding {
        kind,
        tags: vec![tag.clone()],
        tag_count: 1,
        section: Some(term.section),
        lang: term.lang,
        term: Some(term.term.to_owned()),
        other_terms: Vec::new(),
        why,
        mend: mend::take_out(tag.synonym_id.unwrap_or_default()),
    }
}

/// A verdict of the gates in the linter's words.
fn gated(reason: DropReason, term: &str) -> (FindingKind, String) {
    match reason {
        DropReason::Markup => (FindingKind::Markup, format!("`{term}` has markup or an address in it.")),
        DropReason::TooLong => {
            (FindingKind::TooLong, format!("`{term}` has over {MAX_GENERATED_CHARS} characters: nobody types that."))
        }
        DropReason::TooManyWords => {
            (FindingKind::TooLong, format!("`{term}` has over {MAX_GENERATED_WORDS} words: nobody types that."))
        }
        DropReason::ControlCharacter => {
            (FindingKind::Unreadable, format!("`{term}` has characters that cannot be seen."))
        }
        DropReason::Empty => (FindingKind::Unreadable, format!("`{term}` has no letter or digit in it.")),
        DropReason::ForeignScript => (
            FindingKind::ForeignScript,
            format!("`{term}` is in a script that is neither Latin nor one of the tag's name."),
        ),
        DropReason::PromptEcho => {
            (FindingKind::PromptEcho, format!("`{term}` speaks of the task that a model was given, not of music."))
        }
        other => {
            let word =
                serde_json::to_value(other).ok().and_then(|word| word.as_str().map(|word| word.replace('_', " ")));
            let word = word.unwrap_or_default();
            (FindingKind::Dropped, format!("The gates would drop `{term}` if a generator wrote it now ({word})."))
        }
    }
}

/// The language that a translation shows and the one that it is listed under, where they differ. Words of the tag's name are
/// the same in both.
fn wrong_language(term: &RowTerm<'_>, own_words: &HashSet<String>) -> Option<(Lang, Lang)> {
    let listed = term.lang.filter(|_| term.section == Section::Translations)?;
    let others = term.term.split_whitespace().filter(|word| !own_words.contains(&key(word)));
    let others = others.collect::<Vec<_>>().join(" ");
    shown_language(&others).filter(|shown| *shown != listed).map(|shown| (shown, listed))
}

const fn name_of(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "English",
        Lang::Fr => "French",
    }
}

/// Whether a row writes its terms like titles, so that capitals tell nothing.
fn writes_titles(terms: &[RowTerm<'_>]) -> bool {
    let names = terms.iter().filter(|term| matches!(term.section, Section::SearchTerms | Section::RelatedTags));
    let several: Vec<&RowTerm<'_>> = names.filter(|term| term.term.split_whitespace().count() > 1).collect();
    let titles = several.iter().filter(|term| is_title(term.term)).count();
    several.len() >= TERMS_THAT_TELL && titles * 2 > several.len()
}

/// Every word begins with a capital and goes on without: `Roy Orbison`, but not `UK garage`, `R&B` or `acid house`.
fn is_title(term: &str) -> bool {
    let words: Vec<&str> = term.split_whitespace().collect();
    let last = words.len().saturating_sub(1);
    let is_small = |place: usize, word: &str| place > 0 && place < last && SMALL_WORDS.contains(&word);
    ARTIST_WORDS.contains(&words.len())
        && words.iter().enumerate().all(|(place, word)| is_small(place, word) || is_capitalised(word))
}

fn is_capitalised(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase)
        && letters.clone().any(char::is_lowercase)
        && letters.all(|c| c.is_lowercase() || matches!(c, '\'' | '’' | '.' | '-'))
}

/// A title without any word that a tag is named by, or one that credits a guest.
fn looks_like_artist(tag: &FoundTag, term: &RowTerm<'_>, vocabulary: &Vocabulary) -> bool {
    let credits = |word: &str| CREDITS.contains(&word.to_lowercase().as_str());
    if term.term.split_whitespace().skip(1).any(credits) {
        return true;
    }
    is_title(term.term)
        && vocabulary.named(tag.tag_type, &term.key).next().is_none()
        && !words(term.term).iter().any(|word| vocabulary.knows_word(word))
}

/// Takes in the terms of a tag that stand in too many rows.
pub(super) fn collect_frequent(tag: &FoundTag, terms: &[RowTerm<'_>], vocabulary: &Vocabulary, frequent: &mut Holders) {
    let mut met: HashSet<&str> = HashSet::new();
    for term in terms {
        if vocabulary.is_frequent(tag.tag_type, &term.key) && met.insert(&term.key) {
            frequent.add(tag, term);
        }
    }
}

/// One finding for each term that stands in too many rows.
pub(super) fn frequent(frequent: Holders, vocabulary: &Vocabulary) -> Vec<Finding> {
    let still = frequent
        .into_iter()
        .filter(|(tag_type, held)| super::vocabulary::is_frequent(held.count, vocabulary.rows_of(*tag_type)));
    still
        .map(|(tag_type, held)| {
            let rows = vocabulary.rows_of(tag_type);
            let percent = held.count * 100 / rows.max(1);
            let why = format!(
                "`{}` stands in {} of {rows} rows ({percent} %), so that it tells no {tag_type} from the others: {}.",
                held.term,
                held.count,
                list(&held.tags, held.count)
            );
            let text = "Leave it where it says most, and take it out of the others: PUT /api/synonyms/{id} with the other terms.";
            Finding {
                kind: FindingKind::FrequentTerm,
                tag_count: held.count,
                section: Some(held.section),
                lang: held.lang,
                term: Some(held.term),
                other_terms: Vec::new(),
                why,
                mend: mend::decide(text),
                tags: held.tags,
            }
        })
        .collect()
}
