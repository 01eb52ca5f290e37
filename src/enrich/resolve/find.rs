//! What one value means: the ways to know it, the surest first.

use super::{
    answer::{PartKind, Period},
    clean::{with_lost_letters, without_digits, without_remark},
    period::{decade_name, period},
    split::inverted,
};
use crate::{
    domain::{TagType, is_noise_word, key, loose_key, split_elisions, words, words as words_of},
    enrich::{
        lists::{set_aside, set_aside_by_words},
        vocabulary::{Hit, NameKind, Place, Vocabulary},
    },
    generate::{is_place, is_qualifier},
};

/// What a name is worth that was not met as it stands: in the plural, misspelt (less so much for each error), without `music`.
const PLURAL_FACTOR: f64 = 0.95;
const SPELLING_SCORE: f64 = 0.88;
const SPELLING_ERROR: f64 = 0.1;
const LOOSE_FACTOR: f64 = 0.97;

/// What it is worth to know of which kind it is: with every word known, and with one that is not.
const BROADER_SCORE: f64 = 0.6;
const GUESS_SCORE: f64 = 0.4;

/// Most words of a value that is taken apart: what is longer is a sentence.
const MAX_WORDS: usize = 8;

/// Longest place or quality, in words.
const MAX_QUALIFIER: usize = 3;

/// Longest value that may be a name, in bytes: what is longer is looked at no further.
const MAX_VALUE_BYTES: usize = 400;

/// Words that join and say nothing.
const CONNECTORS: [&str; 20] = [
    "n", "and", "et", "the", "of", "from", "in", "with", "a", "de", "du", "des", "d", "l", "la", "le", "les", "en",
    "au", "aux",
];

/// What was found of a value.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) kind: PartKind,
    /// What it may mean, the likeliest first; of an ambiguous one none is meant.
    pub(super) hits: Vec<(Place, f64)>,
    /// Another tag that it is as well: `gospel` of `gospel r&b`.
    pub(super) also: Option<Place>,
    pub(super) period: Option<Period>,
    pub(super) why: String,
}

impl Finding {
    fn without_tag(kind: PartKind, why: String) -> Self {
        Self { kind, hits: Vec::new(), also: None, period: None, why }
    }
}

/// Looks values up.
pub(super) struct Finder<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) tag_type: Option<TagType>,
}

impl Finder<'_> {
    /// Whether a text is the name of something, so that it is not parted.
    pub(super) fn is_known(&self, text: &str) -> bool {
        if text.len() > MAX_VALUE_BYTES {
            return false;
        }
        let key = key(text);
        self.names(&key).is_some() || set_aside(&key).is_some() || {
            let loose = loose_key(text);
            loose != key && self.names(&loose).is_some()
        }
    }

    fn hits(&self, key: &str) -> Vec<Hit> {
        self.vocabulary.meanings(key, self.tag_type)
    }

    /// What is called by this key, where anything is.
    fn names(&self, key: &str) -> Option<Vec<Hit>> {
        let mut hits = self.hits(key);
        hits.retain(|hit| hit.kind != NameKind::SearchTerm);
        (!hits.is_empty()).then_some(hits)
    }

    /// What a value means.
    pub(super) fn find(&self, text: &str) -> Finding {
        if text.len() > MAX_VALUE_BYTES {
            return Finding::without_tag(PartKind::Unknown, "It is too long to be a name.".to_owned());
        }
        if let Some(found) = self.called(text, 1.0, "") {
            return found;
        }
        if text.contains('+')
            && let Some(found) = self.called(&text.replace('+', "&"), 1.0, "")
        {
            return found;
        }
        let own_key = key(text);
        let own_words = words(text);
        if let Some(what) = set_aside(&own_key).or_else(|| set_aside_by_words(&own_words)) {
            return Finding::without_tag(PartKind::SetAside, format!("It is {what}."));
        }
        if is_address(text) {
            return Finding::without_tag(PartKind::SetAside, "It is an address.".to_owned());
        }
        if let Some((value, remark)) = without_remark(text) {
            let mut found = self.find(value);
            found.why = format!("Without the remark in brackets: {}", found.why);
            found.period = found.period.or_else(|| period(remark).map(|(period, _)| period));
            return found;
        }
        if let Some(upright) = inverted(text) {
            return self.find(&upright);
        }
        if let Some((years, left)) = period(text) {
            return self.in_period(years, &left);
        }
        self.respelt(text, &own_key, &own_words)
            .or_else(|| self.described(&own_key))
            .or_else(|| self.kind_of(&own_words))
            .unwrap_or_else(|| {
                let why =
                    if self.vocabulary.is_empty() { "The library has no tags." } else { "Nothing is known of it." };
                Finding::without_tag(PartKind::Unknown, why.to_owned())
            })
    }

    /// By a name, also without `music` in it.
    fn called(&self, text: &str, factor: f64, how: &str) -> Option<Finding> {
        let own_key = key(text);
        if let Some(hits) = self.names(&own_key) {
            return Some(self.finding(&hits, factor, how));
        }
        let loose = loose_key(text);
        let hits = if loose == own_key { None } else { self.names(&loose) };
        hits.map(|hits| self.finding(&hits, factor * LOOSE_FACTOR, how))
    }

    /// Whatever decade it is of, and what is left without that.
    fn in_period(&self, years: Period, left: &str) -> Finding {
        if left.is_empty() {
            let tag = decade_name(years).and_then(|name| self.names(&key(&name)));
            let hits = tag.iter().flatten().map(|hit| (hit.place, hit.score)).collect();
            let why = if years.from == years.to { "It is a year." } else { "It is a decade." };
            return Finding { kind: PartKind::Period, hits, also: None, period: Some(years), why: why.to_owned() };
        }
        let mut found = self.find(left);
        found.why = format!("Without the years in it: {}", found.why);
        found.period = Some(years);
        found
    }

    /// In the plural, with digits for letters, with a lost letter, misspelt.
    fn respelt(&self, text: &str, own_key: &str, own_words: &[String]) -> Option<Finding> {
        for singular in singulars(own_words) {
            if let Some(hits) = self.names(&singular) {
                return Some(Finding {
                    kind: PartKind::Plural,
                    ..self.finding(&hits, PLURAL_FACTOR, "In the plural. ")
                });
            }
        }
        let respelt = without_digits(text).into_iter().chain(with_lost_letters(text));
        for respelt in respelt {
            if let Some(found) = self.called(&respelt, SPELLING_SCORE, &format!("Read as `{respelt}`. ")) {
                return Some(Finding { kind: PartKind::Spelling, ..found });
            }
        }
        let loose = loose_key(text);
        let (meant, errors) = self
            .vocabulary
            .nearest(own_key)
            .or_else(|| self.vocabulary.nearest(&loose).filter(|_| loose != own_key))?;
        let hits = self.names(meant)?;
        let score = SPELLING_SCORE - SPELLING_ERROR * errors;
        let found = self.finding(&hits, score, "");
        let name = found.hits.first().map(|(place, _)| self.vocabulary.at(*place).name.clone()).unwrap_or_default();
        let why = format!("Misspelt: {errors:.1} typing errors from `{meant}`, which is `{name}`.");
        Some(Finding { kind: PartKind::Spelling, why, ..found })
    }

    /// By a search term that describes it.
    fn described(&self, own_key: &str) -> Option<Finding> {
        let hits = self.hits(own_key);
        (!hits.is_empty()).then(|| self.finding(&hits, 1.0, ""))
    }

    /// By what it is a kind of. English puts the genre last, French first; what stands beside it says where or how it is played,
    /// or is another genre. With a word that nothing is known of it is a guess.
    fn kind_of(&self, own_words: &[String]) -> Option<Finding> {
        let words: Vec<String> = own_words
            .iter()
            .flat_map(|word| words_of(&split_elisions(word)))
            .filter(|word| !is_noise_word(word))
            .collect();
        if !(2..=MAX_WORDS).contains(&words.len()) {
            return None;
        }
        let ends = (1..words.len()).map(|at| (&words[at..], &words[..at], true));
        let beginnings = (1..words.len()).rev().map(|at| (&words[..at], &words[at..], false));
        let mut guess = None;
        for (head, beside, is_english) in ends.chain(beginnings) {
            let Some(hits) = self.names(&head.concat()).or_else(|| self.plural(head)) else { continue };
            // A place is no genre of which the rest would be a kind (`tango brésilien`), and two letters are none.
            let is_head = head.concat().chars().count() > 2 && !is_place(&head.concat());
            // Before the rest a mere alias is as often part of another name (`Daft Punk`, `daft` being silly).
            let is_sure = hits.first().is_some_and(|hit| is_english || is_own_name(hit));
            let Some(first) = hits.first().filter(|_| is_head && is_sure) else { continue };
            let name = self.vocabulary.at(first.place).name.clone();
            let joined = beside.join(" ");
            let hits: Vec<_> = hits.iter().map(|hit| (hit.place, BROADER_SCORE * hit.score)).collect();
            // A place beside a genre is a kind of it, though there are tags for the music of places.
            let says_where = is_place(&beside.concat());
            let other = self.names(&beside.concat()).and_then(|hits| hits.into_iter().next());
            if let Some(other) = other.filter(|hit| !says_where && hit.place != first.place && self.is_genre(hit)) {
                let why = format!("It is both `{joined}` and `{name}`.");
                return Some(Finding { kind: PartKind::Broader, hits, also: Some(other.place), period: None, why });
            }
            if self.say_how(beside) {
                let why = format!("A kind of `{name}` that the library does not tell apart: `{joined}`.");
                return Some(Finding { kind: PartKind::Broader, hits, also: None, period: None, why });
            }
            guess.get_or_insert_with(|| {
                let hits = hits.iter().map(|(place, score)| (*place, score * GUESS_SCORE / BROADER_SCORE)).collect();
                let why = format!("Nothing is known of `{joined}` beside `{name}`.");
                Finding { kind: PartKind::Unknown, hits, also: None, period: None, why }
            });
        }
        guess
    }

    fn plural(&self, words: &[String]) -> Option<Vec<Hit>> {
        singulars(words).iter().find_map(|key| self.names(key))
    }

    fn is_genre(&self, hit: &Hit) -> bool {
        // Not one whose name lacks `music`: `early` is no genre.
        let is_whole = hit.kind == NameKind::Name && hit.score >= 1.0;
        is_whole && self.vocabulary.at(hit.place).tag_type == TagType::Genre
    }

    /// Whether words only say of which kind a genre is: places, qualities, names of something.
    fn say_how(&self, words: &[String]) -> bool {
        let says_how = |words: &[String]| {
            let key = words.concat();
            let names = || self.names(&key).is_some_and(|hits| hits.iter().any(is_own_name));
            CONNECTORS.contains(&key.as_str()) || is_qualifier(&key) || names()
        };
        // Whether the first so many words do: `puerto rican` is one of two.
        let mut done = vec![true];
        for end in 1..=words.len() {
            done.push(
                (end.saturating_sub(MAX_QUALIFIER)..end).any(|start| done[start] && says_how(&words[start..end])),
            );
        }
        done.last().copied().unwrap_or_default()
    }

    /// What these hits say, each so much less sure.
    fn finding(&self, hits: &[Hit], factor: f64, how: &str) -> Finding {
        let Some(first) = hits.first() else {
            return Finding::without_tag(PartKind::Unknown, "Nothing is known of it.".to_owned());
        };
        let tag_type = |hit: &Hit| self.vocabulary.at(hit.place).tag_type;
        let rivals = hits.iter().skip(1).filter(|hit| (hit.score - first.score).abs() < 1e-9);
        let rivals = rivals.filter(|hit| tag_type(hit) == tag_type(first) && hit.kind != NameKind::Name);
        let is_ambiguous = rivals.count() > 0;
        let name = &self.vocabulary.at(first.place).name;
        let term = first.term.as_deref().unwrap_or(name);
        let kind = match (is_ambiguous, first.kind) {
            (true, _) => PartKind::Ambiguous,
            (_, NameKind::Name) => PartKind::Exact,
            (_, NameKind::Alias) => PartKind::Alias,
            (_, NameKind::Translation) => PartKind::Translation,
            (_, NameKind::SearchTerm) => PartKind::SearchTerm,
        };
        let why = match kind {
            PartKind::Ambiguous => format!("{how}`{term}` means several tags, none more than another."),
            PartKind::Exact => format!("{how}It is the name of `{name}`."),
            PartKind::Alias => format!("{how}`{term}` is another name of `{name}`."),
            PartKind::Translation => format!("{how}`{term}` is what `{name}` is called."),
            _ => format!("{how}`{term}` describes `{name}`."),
        };
        let hits = hits.iter().map(|hit| (hit.place, hit.score * factor)).collect();
        Finding { kind, hits, also: None, period: None, why }
    }
}

/// Whether it is what the tag is called in either language: a mere alias (`daft` of `silly`) is as often part of another name.
fn is_own_name(hit: &Hit) -> bool {
    hit.kind == NameKind::Translation || hit.kind == NameKind::Name && hit.score >= 1.0
}

/// The keys of words in the singular, English and French: `opéras-rock`, `symphonies`.
fn singulars(words: &[String]) -> Vec<String> {
    let singular = |word: &String| -> Vec<String> {
        let plural = word.strip_suffix('s').or_else(|| word.strip_suffix('x')).filter(|rest| rest.len() > 2);
        let y = word.strip_suffix("ies").filter(|rest| rest.len() > 2).map(|rest| format!("{rest}y"));
        let al = word.strip_suffix("aux").filter(|rest| rest.len() > 2).map(|rest| format!("{rest}al"));
        plural.map(str::to_owned).into_iter().chain(y).chain(al).collect()
    };
    let mut keys = Vec::new();
    // All of them, and the last alone.
    let all: Vec<String> = words.iter().map(|word| singular(word).into_iter().next().unwrap_or(word.clone())).collect();
    if all != words {
        keys.push(all.concat());
    }
    if let Some((last, rest)) = words.split_last() {
        keys.extend(singular(last).into_iter().map(|last| rest.concat() + &last));
    }
    keys.dedup();
    keys
}

/// Whether a text is where something lies in the net.
fn is_address(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let is_domain = |text: &str| {
        let domain = text.split('/').next().unwrap_or_default();
        [".com", ".org", ".net", ".fr", ".de", ".ru", ".info", ".co.uk", ".io"].iter().any(|end| domain.ends_with(end))
            && !domain.contains(' ')
    };
    text.contains("://") || text.starts_with("www.") || is_domain(&text) || text.contains('@') && text.contains('.')
}
