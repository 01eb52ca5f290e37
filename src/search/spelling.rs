//! Misspelt words inside a query (`sad paino music`): what stands neither in the vocabulary nor in the dictionary, and is no
//! English word, is read as the word of the dictionary that is nearest by typing errors.
//!
//! Names as a whole are met by trigrams in the store; here it is one word of several, and what the embedder hears.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use super::{
    answer::Corrected,
    typing::{errors, letters, may_be_near},
};
use crate::{
    domain::{split_elisions, words},
    embed::is_english_word,
};

/// The words of the lexicon and the glossary, folded, the most frequent first. `MUSONYM_BLESS=1 cargo test --lib words` writes
/// it anew.
const WORDS: &str = include_str!("../../data/words.txt");

/// Shorter words have too many neighbours, in characters.
const SHORTEST: usize = 5;

/// From this length on, two likely errors are forgiven rather than one of any kind.
const LONG: usize = 8;
const MOST_ERRORS: f64 = 1.0;
const MOST_ERRORS_OF_LONG: f64 = 1.4;

/// A word of the dictionary.
struct Word {
    text: &'static str,
    /// Its [`letters`].
    letters: u32,
    length: usize,
}

/// The dictionary, read once.
struct Dictionary {
    /// By their first letter: it is right nearly always, even in a misspelt word.
    words: HashMap<char, Vec<Word>>,
    known: HashSet<&'static str>,
}

impl Dictionary {
    fn get() -> &'static Self {
        static LOADED: OnceLock<Dictionary> = OnceLock::new();
        LOADED.get_or_init(|| {
            let mut words: HashMap<char, Vec<Word>> = HashMap::new();
            for text in WORDS.lines() {
                let word = Word { text, letters: letters(text), length: text.chars().count() };
                words.entry(text.chars().next().unwrap_or_default()).or_default().push(word);
            }
            Self { words, known: WORDS.lines().collect() }
        })
    }

    /// The word that was meant: the one of the fewest errors, of several the most frequent.
    fn nearest(&self, typed: &str) -> Option<&'static str> {
        let (letters, length) = (letters(typed), typed.chars().count());
        let (forgiven, most) = match length {
            0..SHORTEST => return None,
            SHORTEST..LONG => (1, MOST_ERRORS),
            _ => (2, MOST_ERRORS_OF_LONG),
        };
        let may_be = |word: &&Word| {
            may_be_near(word.letters, letters, forgiven) && word.length.abs_diff(length) <= forgiven as usize
        };
        let with_errors = |word: &Word| Some((errors(typed, word.text, most)?, word.text));
        let near = self.words.get(&typed.chars().next()?)?.iter().filter(may_be).filter_map(with_errors);
        near.reduce(|best, next| if next.0 < best.0 { next } else { best }).map(|(_, text)| text)
    }
}

/// The words of a query that may be misspelt, folded: long enough, and not in the dictionary.
pub(super) fn unknown_words(query: &str) -> Vec<String> {
    let dictionary = Dictionary::get();
    let is_unknown = |word: &String| {
        word.chars().count() >= SHORTEST
            && !dictionary.known.contains(word.as_str())
            && word.chars().all(char::is_alphabetic)
            && !is_english_word(word)
    };
    let mut unknown: Vec<String> = words(&split_elisions(query)).into_iter().filter(is_unknown).collect();
    unknown.dedup();
    unknown
}

/// The query with these words of it as the dictionary spells them, and which those are.
pub(super) fn corrected(query: &str, unknown: &[String]) -> (String, Vec<Corrected>) {
    let dictionary = Dictionary::get();
    let meant: HashMap<&str, &str> =
        unknown.iter().filter_map(|word| Some((word.as_str(), dictionary.nearest(word)?))).collect();
    if meant.is_empty() {
        return (query.to_owned(), Vec::new());
    }
    let (mut text, mut corrections) = (String::with_capacity(query.len()), Vec::new());
    for part in query.split_inclusive(|letter: char| !letter.is_alphanumeric()) {
        let word = part.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        match meant.get_key_value(words(word).concat().as_str()) {
            Some((typed, right)) => {
                corrections.push(Corrected { from: (*typed).to_owned(), to: (*right).to_owned() });
                text.push_str(right);
                text.push_str(&part[word.len()..]);
            }
            None => text.push_str(part),
        }
    }
    (text, corrections)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::generate::LEXICON;

    fn read(query: &str) -> String {
        corrected(query, &unknown_words(query)).0
    }

    #[test]
    fn a_misspelt_word_is_read_as_the_nearest() {
        for (query, meant) in [
            ("sad paino music", "sad piano music"),
            ("musique mélancoliqe", "musique melancolique"),
            ("l'atmosphere hypnotiqeu", "l'atmosphere hypnotique"),
            ("gutiar, drums", "guitar, drums"),
        ] {
            assert_eq!(read(query), meant);
        }
    }

    #[test]
    fn words_that_are_known_short_or_far_from_any_stay() {
        for query in ["sad piano music", "jazs", "xqzzvyw music", "808s and 303s", "mathrock", "xylophagous", "été", ""]
        {
            assert_eq!(read(query), query);
        }
    }

    /// The dictionary holds what the lexicon and the glossary say more than once, and their names.
    #[test]
    fn the_words_are_those_of_lexicon_and_glossary() {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut add = |text: &str, times: usize| {
            for word in words(&split_elisions(text)) {
                if word.chars().count() >= 4 && word.chars().all(char::is_alphabetic) {
                    *counts.entry(word).or_default() += times;
                }
            }
        };
        for line in LEXICON.lines() {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            texts(&entry, &mut |text, is_name| add(text, if is_name { 2 } else { 1 }));
        }
        for line in super::super::gloss::GLOSSARY.lines() {
            add(line, 2);
        }
        let mut kept: Vec<(&String, &usize)> = counts.iter().filter(|(_, count)| **count > 1).collect();
        kept.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let text: String = kept.into_iter().map(|(word, _)| format!("{word}\n")).collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/words.txt");
        if std::env::var_os("MUSONYM_BLESS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert!(
            text == std::fs::read_to_string(path).unwrap(),
            "MUSONYM_BLESS=1 cargo test --lib words writes it anew"
        );
    }

    /// Every text in an entry, and whether it is a name of it.
    fn texts(value: &serde_json::Value, add: &mut dyn FnMut(&str, bool)) {
        match value {
            serde_json::Value::String(text) => add(text, false),
            serde_json::Value::Array(values) => values.iter().for_each(|value| texts(value, add)),
            serde_json::Value::Object(fields) => {
                for (field, value) in fields {
                    match (field.as_str(), value) {
                        ("tag_type", _) => {}
                        ("name", serde_json::Value::String(text)) => add(text, true),
                        _ => texts(value, add),
                    }
                }
            }
            _ => {}
        }
    }
}
