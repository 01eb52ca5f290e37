//! Stems: the words of a term after normalising and English or French stemming (Snowball), so that `musiques
//! tristes` meets `triste` and `studying` meets `study`. The language of a short text is rarely known, so each word
//! is stemmed in both, and either meets.

use rust_stemmers::{Algorithm, Stemmer};

use super::normalise::{NOISE_WORDS, words};

/// Words that carry no meaning of their own in a tag or a query, as [`words`] writes them.
const STOP_WORDS: [&str; 42] = [
    "a", "an", "the", "of", "for", "to", "in", "on", "at", "with", "by", "from", "is", "n", "and",
    "or", // English
    "le", "la", "les", "un", "une", "des", "du", "de", "d", "l", "pour", "dans", "sur", "au", "aux", "avec", "par",
    "en", "et", "ou", "qui", "que", "ce", "se", "sa", "son", // French
];

/// French words that elide before a vowel: `l'été`, `d'ambiance`, `qu'on`.
const ELIDED: [&str; 12] = ["l", "d", "j", "m", "t", "s", "n", "c", "qu", "jusqu", "lorsqu", "puisqu"];

/// The stems of a term as one text: words parted by spaces, the two stems of one word by `|`. Full text search takes
/// both for separators; [`parse_stems`] reads it back.
pub fn stems(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for group in stem_groups(text) {
        let word = group.join("|");
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" ")
}

/// The words of a text made by [`stems`], each with its stems.
pub fn parse_stems(stems: &str) -> impl Iterator<Item = std::str::Split<'_, char>> {
    stems.split(' ').filter(|word| !word.is_empty()).map(|word| word.split('|'))
}

/// The words of `text` that say something, each with its place among all of them: without stop words and noise words
/// (`music`) unless nothing else is there.
pub fn telling_words(text: &str) -> Vec<(usize, String)> {
    let words: Vec<(usize, String)> = words(&split_elisions(text)).into_iter().enumerate().collect();
    let meaningful = |(_, word): &&(usize, String)| !STOP_WORDS.contains(&word.as_str());
    let telling = |(_, word): &&(usize, String)| !NOISE_WORDS.contains(&word.as_str());
    let mut kept: Vec<&(usize, String)> = words.iter().filter(meaningful).filter(telling).collect();
    if kept.is_empty() {
        kept = words.iter().filter(meaningful).collect();
    }
    if kept.is_empty() {
        return words;
    }
    kept.into_iter().cloned().collect()
}

/// For each of the [`telling_words`] of `text`, in order, the one or two stems by which it can be met.
pub fn stem_groups(text: &str) -> Vec<Vec<String>> {
    let kept = telling_words(text);
    let english = Stemmer::create(Algorithm::English);
    let french = Stemmer::create(Algorithm::French);
    kept.iter()
        .map(|(_, word)| {
            let mut group = vec![english.stem(word).into_owned()];
            let french = french.stem(word).into_owned();
            if !group.contains(&french) {
                group.push(french);
            }
            group
        })
        .collect()
}

/// How much a word says that stands in so many of all tags (inverse document frequency, smoothed: Spärck Jones, 1972;
/// the form is that of BM25+).
pub fn rarity(tags_with_word: usize, tags: usize) -> f64 {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    ((count(tags) + 1.0) / (count(tags_with_word) + 0.5)).ln().max(0.1)
}

/// Parts an elided article from its word: `musique d'été` → `musique d été`.
pub fn split_elisions(text: &str) -> String {
    let mut split = String::with_capacity(text.len());
    let mut word = String::new();
    for character in text.chars() {
        if matches!(character, '\'' | '\u{2019}' | '\u{02bc}') && ELIDED.contains(&word.to_lowercase().as_str()) {
            split.push(' ');
            word.clear();
            continue;
        }
        if character.is_alphanumeric() {
            word.push(character);
        } else {
            word.clear();
        }
        split.push(character);
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meet(a: &str, b: &str) -> bool {
        let b = stem_groups(b);
        stem_groups(a).iter().all(|group| b.iter().any(|other| group.iter().any(|stem| other.contains(stem))))
    }

    #[test]
    fn inflections_meet_in_both_languages() {
        for (a, b) in [
            ("studying", "study"),
            ("sad songs", "sad song"),
            ("musiques tristes", "musique triste"),
            ("années folles", "année folle"),
            ("relaxing", "relaxed"),
            ("mélancolique", "melancoliques"),
            ("festival nights", "festivals night"),
            ("soirée d'été", "soirée été"),
            ("l’été", "ete"),
            ("songs for a funeral", "funeral"),
            ("musique pour courir", "courir"),
        ] {
            assert!(meet(a, b), "{a} ~ {b}: {} / {}", stems(a), stems(b));
        }
    }

    #[test]
    fn different_words_stay_apart() {
        for (a, b) in [("rap", "trap"), ("house", "hours"), ("metal", "mental")] {
            assert!(!meet(a, b), "{a} ~ {b}");
        }
    }

    #[test]
    fn words_without_meaning_are_kept_only_when_alone() {
        assert_eq!(stems("drum & bass"), "drum bass");
        assert_eq!(stems("the"), "the");
        assert_eq!(stems("music"), "music");
        assert_eq!(stems("dance music"), "danc");
    }
}
