//! One normaliser for stored terms and queries alike: two spellings of the same written thing get the same key.
//!
//! A key is compatibility-composed (NFKC), case-folded, without accents on Latin, Greek and Cyrillic letters, without
//! separators and apostrophes, with every connector between two words (`&`, `n`, `'n'`, `and`, `et`) written `n`.
//! What only knowledge can equate (`dnb` and `drum and bass`) is data, not a rule of this file.

use caseless::Caseless;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Stored with the data; a change of the rules below raises it, and stored keys are then computed anew.
pub const NORMALISER_VERSION: i64 = 4;

/// Words that say only "this is music"; dropped in [`loose_key`], never in [`key`].
pub(super) const NOISE_WORDS: [&str; 13] = [
    "genre",
    "music",
    "musique",
    "musiques",
    "musical",
    "playlist",
    "playlists",
    "song",
    "songs",
    "sound",
    "sounds",
    "style",
    "tunes",
];

/// The key of a name or term: equal keys mean the same written thing.
///
/// Empty only for a text without any visible character.
pub fn key(text: &str) -> String {
    let words = words(text);
    if words.is_empty() {
        return symbols(text);
    }
    let joined = words.concat();
    // Joining may bring letters together that compose (Hangul).
    if joined.is_ascii() { joined } else { joined.nfkc().collect() }
}

/// The key without noise words (`jazz music` → `jazz`), for a second, looser look-up. Never empty where [`key`] is not.
pub fn loose_key(text: &str) -> String {
    let kept: Vec<String> = words(text).into_iter().filter(|word| !NOISE_WORDS.contains(&word.as_str())).collect();
    // Dropping a word may leave a connector at an edge ("music and dance"): it connects nothing there.
    let edges: &[char] = &['n'];
    let is_connector = |word: &String| word.len() == 1 && word.starts_with(edges);
    let start = kept.iter().position(|word| !is_connector(word));
    let end = kept.iter().rposition(|word| !is_connector(word));
    match (start, end) {
        (Some(start), Some(end)) => kept[start..=end].concat(),
        _ => key(text),
    }
}

/// Whether a text says no more than "this is music".
pub fn is_noise(text: &str) -> bool {
    words(text).iter().all(|word| word == "n" || is_noise_word(word))
}

/// Whether a key may be this looser one with noise words around it: false for certain, true perhaps.
pub fn differs_by_noise(key: &str, loose_key: &str) -> bool {
    // A connector may stand beside a noise word.
    fn is_noise(rest: &str) -> bool {
        rest.is_empty()
            || rest.strip_prefix('n').is_some_and(is_noise)
            || NOISE_WORDS.iter().any(|word| rest.strip_prefix(word).is_some_and(is_noise))
    }
    key.match_indices(loose_key).any(|(at, found)| is_noise(&key[..at]) && is_noise(&key[at + found.len()..]))
}

/// Whether a word, as [`words`] writes it, says only "this is music".
pub fn is_noise_word(word: &str) -> bool {
    NOISE_WORDS.contains(&word)
}

/// The words of a text after folding, connectors as `n`: what [`key`] joins and what stemming starts from.
pub fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut on_letter = false;
    let mut characters = folded.chars();
    while let Some(character) = characters.next() {
        match character {
            '&' => {
                flush(&mut word, &mut words);
                words.push("&".to_owned());
            }
            // An apostrophe vanishes (`80's`, `l'été`), except around the `n` of `rock'n'roll`.
            '\'' => {
                if let Some(skip) = connector_n(&mut characters.clone()) {
                    flush(&mut word, &mut words);
                    words.push("&".to_owned());
                    for _ in 0..skip {
                        characters.next();
                    }
                } else if word == "n" {
                    flush(&mut word, &mut words);
                }
            }
            // A sharp belongs to its note (`C#`); a hashtag's sign does not.
            '#' if !word.is_empty() => word.push('#'),
            // Before the letters, for some marks count as such: a mark without a letter says nothing.
            mark if is_combining_mark(mark) => {
                if on_letter {
                    word.push(mark);
                }
                continue;
            }
            character if character.is_alphanumeric() => {
                word.push(character);
                on_letter = true;
                continue;
            }
            _ => flush(&mut word, &mut words),
        }
        on_letter = false;
    }
    flush(&mut word, &mut words);
    connect(words)
}

/// After an apostrophe: how many characters belong to an `n'` or a closing `n` (`rock 'n' roll`, `rock 'n roll`).
fn connector_n(rest: &mut impl Iterator<Item = char>) -> Option<usize> {
    if rest.next() != Some('n') {
        return None;
    }
    match rest.next() {
        Some('\'') => Some(2),
        Some(next) if next.is_alphanumeric() => None,
        _ => Some(1),
    }
}

fn flush(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Connectors between two words become `n`; a lone `&` at an edge says nothing and is dropped.
fn connect(words: Vec<String>) -> Vec<String> {
    let is_connector = |word: &str| matches!(word, "&" | "n" | "and" | "et");
    let mut connected: Vec<String> = Vec::with_capacity(words.len());
    let last = words.len().saturating_sub(1);
    for (position, word) in words.into_iter().enumerate() {
        let at_edge = position == 0 || position == last;
        match (is_connector(&word), at_edge) {
            (true, true) if word == "&" => {}
            (true, false) => {
                // "drum & n bass" connects once.
                if connected.last().is_some_and(|before| before != "n") {
                    connected.push("n".to_owned());
                }
            }
            _ => connected.push(word),
        }
    }
    connected
}

/// NFKC, case folding, letters without accents, invisible characters gone, every apostrophe `'`.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().map(|c| plain_apostrophe(c.to_ascii_lowercase())).collect();
    }
    fold_any(text)
}

/// [`fold`] for whatever is not ASCII, and for that, too.
fn fold_any(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut base = ' ';
    for character in visible(text).default_case_fold().nfd() {
        if is_combining_mark(character) {
            if !takes_accents(base) {
                folded.push(character);
            }
            continue;
        }
        base = character;
        match character {
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            _ => folded.push(character),
        }
    }
    folded.nfkc().collect()
}

/// What can be seen of a text, compatibility-composed (NFKC), with every apostrophe as `'`: those that NFKC would turn
/// into something else before it (U+00B4 becomes a space and an accent), those it brings to light after (`″`, `ŉ`).
fn visible(text: &str) -> impl Iterator<Item = char> + '_ {
    text.nfc().filter(|c| !is_invisible(*c)).map(plain_apostrophe).nfkc().map(plain_apostrophe)
}

fn plain_apostrophe(character: char) -> char {
    match character {
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{02bc}' | '\u{02b9}' | '\u{02bb}' | '\u{00b4}' | '\u{0060}'
        | '\u{2032}' | '\u{ff07}' => '\'',
        other => other,
    }
}

/// Characters that leave no mark on the page: zero widths, joiners, soft hyphens, variation selectors, tags.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether accents on this letter are a matter of spelling only: Latin, Greek and Cyrillic. In other scripts a mark
/// makes another letter (パ is not ハ).
fn takes_accents(base: char) -> bool {
    matches!(base, 'a'..='z' | '\u{00c0}'..='\u{024f}' | '\u{0250}'..='\u{02af}' | '\u{1e00}'..='\u{1eff}'
        | '\u{0370}'..='\u{03ff}' | '\u{1f00}'..='\u{1fff}' | '\u{0400}'..='\u{052f}')
}

/// The key of a name made of symbols alone (`!!!`): its visible characters without white space.
fn symbols(text: &str) -> String {
    visible(text).filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of spellings: relation, two texts, the reason; invisible characters as `\u{…}`.
    const PAIRS: &str = include_str!("normalise_pairs.tsv");

    fn unescape(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("\\u{") {
            let (code, tail) = after.split_once('}').expect("an escape ends with }");
            out.push_str(before);
            out.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
            rest = tail;
        }
        out + rest
    }

    #[test]
    fn spellings_are_one_or_apart_as_the_table_says() {
        let mut counted = 0;
        let mut wrong = Vec::new();
        for line in PAIRS.lines() {
            let [relation, a, b, reason] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("four fields: {line:?}");
            };
            let (a, b) = (unescape(a), unescape(b));
            let holds = match relation {
                "same" => key(&a) == key(&b),
                "data" | "apart" => key(&a) != key(&b),
                "loose" => key(&a) != key(&b) && loose_key(&a) == loose_key(&b),
                other => panic!("unknown relation {other:?}"),
            };
            if !holds {
                wrong.push(format!("{relation}: {a:?} → {:?}, {b:?} → {:?} ({reason})", key(&a), key(&b)));
            }
            counted += 1;
        }
        assert!(wrong.is_empty(), "{} of {counted}:\n{}", wrong.len(), wrong.join("\n"));
        assert!(counted >= 150, "only {counted} pairs");
    }

    #[test]
    fn a_key_is_never_empty_for_something_visible() {
        for text in ["!!!", "???", "&", "'", "-", "n", "music", "#", "…", "♥"] {
            assert!(!key(text).is_empty(), "{text}");
            assert!(!loose_key(text).is_empty(), "{text}");
        }
        assert_eq!(key(" \u{200b}\n"), "");
    }

    /// Every character there is, alone and beside what the rules look at.
    #[test]
    fn no_character_makes_a_key_that_has_another_key() {
        let mut wrong = Vec::new();
        for c in '\0'..=char::MAX {
            for text in [format!("{c}"), format!("{c}n"), format!("n{c}"), format!("a{c}n{c}b"), format!("a{c}{c}")] {
                let once = key(&text);
                if key(&once) != once {
                    wrong.push(format!("{text:?} → {once:?} → {:?}", key(&once)));
                }
            }
        }
        assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 5000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn normalising_twice_is_normalising_once(text in "\\PC{0,24}") {
            let once = key(&text);
            proptest::prop_assert_eq!(key(&once), once);
        }

        #[test]
        fn the_short_way_for_ascii_says_what_the_long_one_says(text in "[\\x00-\\x7f]{0,24}") {
            proptest::prop_assert_eq!(fold(&text), fold_any(&text));
        }
    }
}
