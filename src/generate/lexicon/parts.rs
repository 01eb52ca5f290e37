//! What a name that the lexicon does not have is made of: a genre it has, and words beside it.
//!
//! English puts the genre last (`dark minimal techno`), French first (`techno minimale sombre`). Of the readings of a name
//! the one that leaves no word unexplained counts, the English one first.

use super::{
    entry::Entry,
    lookup::Lexicon,
    words::{Affix, Word, Words, prefix, suffix_of},
};
use crate::domain::{TagType, is_noise_word, key, split_elisions, words};

/// Most words of a name that is read: what is longer is a sentence.
const MAX_WORDS: usize = 8;

/// Most words that may stay unexplained beside a genre: the last word of two unknown ones and a genre still is one
/// ("oulu underground indie"); in a longer name it is chance.
const MAX_UNKNOWN: usize = 2;

/// Shortest part of a joined word, in letters: shorter ones stand in words by chance.
const MIN_PART: usize = 3;

/// Words that join and say nothing, as [`words`] writes them.
const CONNECTORS: [&str; 22] = [
    "n", "and", "et", "the", "of", "from", "in", "with", "a", "de", "du", "des", "d", "l", "la", "le", "les", "en",
    "au", "aux", "avec", "s",
];

/// A word or phrase beside the genre.
#[derive(Debug)]
pub(super) struct Modifier<'a> {
    /// Its place in the table of words.
    pub(super) word: Option<&'static Word>,
    /// What the lexicon knows of it: a mood, a decade, or another genre.
    pub(super) entry: Option<&'a Entry>,
    /// Whether the name says it otherwise than English usually does.
    pub(super) is_renamed: bool,
}

impl Modifier<'_> {
    /// In English.
    pub(super) fn english(&self) -> Option<&str> {
        self.word.map(|word| word.english).or_else(|| self.entry.map(|entry| entry.name.as_str()))
    }

    /// The decade that it is, as its entry is called: `70s`.
    pub(super) fn decade(&self) -> Option<(&str, &str)> {
        let entry = self.entry.filter(|entry| entry.tag_type == TagType::Mood)?;
        let french = entry.translations.fr.first().filter(|name| name.starts_with("années "))?;
        Some((entry.name.as_str(), french))
    }
}

/// A name, taken apart.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    /// The genre that it is a kind of.
    pub(super) head: Option<&'a Entry>,
    /// What stands beside it, in the order of the name.
    pub(super) modifiers: Vec<Modifier<'a>>,
    /// A prefix or suffix that makes another genre of it.
    pub(super) affix: Option<&'static Affix>,
    /// Words that nothing is known of.
    pub(super) unknown: usize,
    /// Whether the genre stands first, as in French.
    pub(super) head_first: bool,
}

impl<'a> Parts<'a> {
    /// Takes a name apart. Nothing is known of it where there is neither head nor modifier.
    pub(super) fn of(lexicon: &'a Lexicon, name: &str) -> Self {
        let mut tokens = words(&split_elisions(name));
        tokens.retain(|word| !is_noise_word(word));
        let tokens: Vec<String> = tokens.into_iter().flat_map(|word| parted(lexicon, word)).collect();
        let parts = Self::read(lexicon, &tokens);
        if parts.is_known() && parts.unknown == 0 {
            return parts;
        }
        // Catalogues speak of many: `Opéras-rock`.
        let single: Vec<String> = tokens.iter().map(|word| singular(word).to_owned()).collect();
        let in_singular = if single == tokens { Self::default() } else { Self::read(lexicon, &single) };
        if in_singular.is_known() && in_singular.unknown == 0 { in_singular } else { parts }
    }

    fn read(lexicon: &'a Lexicon, tokens: &[String]) -> Self {
        if tokens.is_empty() || tokens.len() > MAX_WORDS {
            return Self::default();
        }
        let reader = Reader { lexicon, tokens };
        // A word that is a place or quality first ("rap japonais", "cumbia celtique") is the head only for want of another.
        let mut readings: Vec<Self> = [true, false]
            .into_iter()
            .flat_map(|strict| [reader.head_last(strict), reader.head_first(strict)])
            .flatten()
            .collect();
        if let Some(whole) = readings.iter().position(|reading| reading.unknown == 0) {
            return readings.swap_remove(whole);
        }
        let explained = reader.modifiers(0..tokens.len(), Self::default());
        if explained.unknown == 0 && explained.affix.is_none() {
            return explained;
        }
        // Where words are unknown, the first word may be anything ("rock lobster"), unless the last is an adjective of a
        // language that puts the genre first ("rock sergipano").
        let romance = tokens.len() > 1 && tokens.last().is_some_and(|last| has_romance_ending(last));
        let likely = |reading: &Self| {
            if reading.head_first { romance && reading.unknown == 1 } else { reading.unknown <= MAX_UNKNOWN }
        };
        readings.into_iter().find(likely).unwrap_or_default()
    }

    /// Whether anything is known that lends it something.
    pub(super) fn is_known(&self) -> bool {
        self.head.is_some() || self.modifiers.iter().any(|modifier| modifier.entry.is_some())
    }
}

struct Reader<'a, 't> {
    lexicon: &'a Lexicon,
    tokens: &'t [String],
}

impl<'a> Reader<'a, '_> {
    fn key(&self, span: std::ops::Range<usize>) -> String {
        key(&self.tokens[span].join(" "))
    }

    fn genre(&self, span: std::ops::Range<usize>, strict: bool) -> Option<&'a Entry> {
        let key = self.key(span);
        let is_word = strict && Words::get().find(&key).is_some();
        self.lexicon.find(TagType::Genre, &key).filter(|_| !is_word)
    }

    /// The longest genre at the end, what stands before it modifies it. A suffix may follow it: `wave` behind a genre is
    /// one, and a genre where it stands alone.
    fn head_last(&self, strict: bool) -> Option<Parts<'a>> {
        let all = self.tokens.len();
        let ending = |mut starts: std::ops::Range<usize>, end: usize, affix: Option<&'static Affix>| {
            starts.find_map(|start| Some((self.genre(start..end, strict)?, start, affix)))
        };
        let (head, start, affix) = ending(0..all - 1, all, None)
            .or_else(|| ending(0..all - 1, all - 1, Some(suffix_of(self.tokens.last()?)?)))
            .or_else(|| ending(all - 1..all, all, None))?;
        Some(self.modifiers(0..start, Parts { head: Some(head), affix, ..Parts::default() }))
    }

    /// The longest genre at the start, what follows modifies it.
    fn head_first(&self, strict: bool) -> Option<Parts<'a>> {
        let all = self.tokens.len();
        let (head, end) = (1..all).rev().find_map(|end| Some((self.genre(0..end, strict)?, end)))?;
        Some(self.modifiers(end..all, Parts { head: Some(head), head_first: true, ..Parts::default() }))
    }

    /// Explains the words of a span, longest phrases first.
    fn modifiers(&self, span: std::ops::Range<usize>, mut parts: Parts<'a>) -> Parts<'a> {
        let (mut at, end) = (span.start, span.end);
        while at < end {
            let phrase = (at + 1..=end).rev().find_map(|stop| Some((self.modifier(at..stop)?, stop)));
            let word = self.tokens[at].as_str();
            if let Some((modifier, stop)) = phrase {
                parts.modifiers.push(modifier);
                at = stop;
                continue;
            }
            match prefix(word) {
                // It belongs to what follows, which must be the genre.
                Some(affix) if at + 1 == end && !parts.head_first && parts.affix.is_none() => parts.affix = Some(affix),
                _ if CONNECTORS.contains(&word) || is_number(word) => {}
                _ => parts.unknown += 1,
            }
            at += 1;
        }
        parts
    }

    fn modifier(&self, span: std::ops::Range<usize>) -> Option<Modifier<'a>> {
        let single = span.len() == 1;
        let key = self.key(span);
        let word = Words::get().find(&key);
        // A word of the table is known to the lexicon under its English name.
        let known_as = word.map_or_else(|| key.clone(), |word| crate::domain::key(word.english));
        let mood = self.lexicon.find(TagType::Mood, &known_as);
        let entry = mood.or_else(|| self.lexicon.find(TagType::Genre, &known_as));
        // A prefix of its own ("electro", "neo") may be a genre too, and is that first where it stands alone.
        if word.is_some() || entry.is_some() {
            return Some(Modifier { word, entry, is_renamed: key != known_as });
        }
        let decade = if single { decade(&key) } else { None };
        let entry = self.lexicon.find(TagType::Mood, &decade?)?;
        Some(Modifier { word: None, entry: Some(entry), is_renamed: true })
    }
}

/// Whether a word ends as adjectives of French, Spanish, Portuguese or Italian do that say where somebody is from.
fn has_romance_ending(word: &str) -> bool {
    const ENDINGS: [&str; 18] = [
        "ano", "ana", "ense", "eno", "ena", "ico", "ica", "ino", "ina", "ais", "aise", "ois", "oise", "ien", "ienne",
        "eiro", "eira", "ique",
    ];
    ENDINGS.iter().any(|ending| word.strip_suffix(ending).is_some_and(|stem| stem.chars().count() >= MIN_PART))
}

/// Numbers of genres in old files (`(96)Big Band`) and years say nothing that is known.
fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
}

/// A word without the ending of the plural, which both languages share.
fn singular(word: &str) -> &str {
    word.strip_suffix('s').filter(|stem| stem.chars().count() > MIN_PART && !stem.ends_with('s')).unwrap_or(word)
}

/// The decade of a year, as its entry is called.
fn decade(word: &str) -> Option<String> {
    let year: u16 = word.parse().ok().filter(|year| (1940..2010).contains(year))?;
    let decade = year / 10 * 10;
    Some(if decade == 2000 { "2000s".to_owned() } else { format!("{}s", decade % 100) })
}

/// A joined word in its two parts, where both are known and the whole is not: `dreamgaze` is none, `folkgaze` is.
fn parted(lexicon: &Lexicon, word: String) -> Vec<String> {
    let is_genre = |key: &str| lexicon.find(TagType::Genre, key).is_some();
    let known = is_genre(&word)
        || lexicon.find(TagType::Mood, &word).is_some()
        || Words::get().find(&word).is_some()
        || prefix(&word).is_some()
        || suffix_of(&word).is_some();
    if known || word.chars().count() > crate::domain::MAX_TAG_NAME_CHARS {
        return vec![word];
    }
    let long = |part: &str| part.chars().count() >= MIN_PART;
    // Moods are everyday words, which stand in many others ("lighthouse").
    let fits_left =
        |left: &str| prefix(left).is_some() || (long(left) && (is_genre(left) || Words::get().find(left).is_some()));
    let fits_right = |right: &str| long(right) && (is_genre(right) || suffix_of(right).is_some());
    let parts = word.char_indices().skip(1).map(|(at, _)| word.split_at(at));
    match parts.into_iter().find(|(left, right)| fits_left(left) && fits_right(right)) {
        Some((left, right)) => vec![left.to_owned(), right.to_owned()],
        None => vec![word],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a name in short: `head: modifiers (affix) +unknown`.
    fn read(name: &str) -> String {
        let parts = Parts::of(Lexicon::get(), name);
        let head = parts.head.map_or("-", |head| head.name.as_str());
        let modifiers: Vec<&str> = parts.modifiers.iter().filter_map(Modifier::english).collect();
        let affix = if parts.affix.is_some() { " (affix)" } else { "" };
        let unknown = if parts.unknown > 0 { format!(" +{}", parts.unknown) } else { String::new() };
        let order = if parts.head_first { "<" } else { ":" };
        format!("{head}{order} {}{affix}{unknown}", modifiers.join(", "))
    }

    #[test]
    fn the_head_is_the_last_part_in_english_and_the_first_in_french() {
        for (name, expected) in [
            ("dark minimal techno", "minimal techno: dark"),
            ("techno minimale sombre", "minimal techno< dark"),
            ("swedish indie rock", "indie rock: swedish"),
            ("rap marseillais", "rap< marseille"),
            ("Hip hop in Africa", "hip hop< african"),
            ("r&b italiano", "r&b< italian"),
            ("soul années 70", "soul< 70s"),
            ("70s soul", "soul: 70s"),
            ("chillout (1971)", "chillout< 70s"),
            ("cumbia celtique", "cumbia< celtic"),
            ("jazz music", "jazz: "),
            ("(96)Big Band", "big band: "),
            ("eurodance (2021)", "eurodance< "),
            ("Opéras-rock", "rock opera: "),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
    }

    #[test]
    fn prefixes_suffixes_and_joined_words_are_parts() {
        for (name, expected) in [
            ("post-tango", "tango:  (affix)"),
            ("tango revival", "tango:  (affix)"),
            ("posttango", "tango:  (affix)"),
            ("tangocore", "tango:  (affix)"),
            ("folkgaze", "folk:  (affix)"),
            ("japanese post-tango", "tango: japanese (affix)"),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
    }

    #[test]
    fn a_word_that_nobody_knows_leaves_the_genre_at_the_end_and_nothing_else() {
        assert_eq!(read("oulu rock"), "rock:  +1");
        assert_eq!(read("rock sergipano"), "rock<  +1");
        for name in ["asdfgh", "rock lobster", "24", "(164)(47)", "one two three four rock", "!!!", "lighthouse"] {
            assert!(!Parts::of(Lexicon::get(), name).is_known(), "{name}: {}", read(name));
        }
    }
}
