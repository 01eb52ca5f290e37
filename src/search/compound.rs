//! Words that a term says otherwise, all of them together. Written apart or joined: a query for a `breakup` means `break-up ballads`,
//! one for `candle light` means `candlelight`. Or in English: `apéro entre amis` means `drinks with old friends`.

use std::ops::Range;

use super::{
    answer::Glossed,
    gloss::{Gloss, is_small_word},
};
use crate::{
    domain::{parse_stems, split_elisions, stem_groups, telling_words, words},
    embed::is_english_word,
};

/// What English verbs are joined with to nouns that are written in both ways (`warm-up`, `kickoff`, `sing-along`).
const PARTICLES: [&str; 9] = ["up", "off", "out", "down", "over", "along", "back", "away", "through"];

/// The shortest first part of such a noun, in characters.
const SHORTEST_VERB: usize = 3;

/// The shortest word that two words make together, in characters: shorter ones are met by chance.
const SHORTEST_JOINED: usize = 6;

/// Words of a query that a term may write otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Compound {
    /// A word that two words of a term may be: `breakup` by `break-up`.
    Apart {
        /// Its place among the query's words.
        word: usize,
        /// The stems of its parts.
        parts: [Vec<String>; 2],
    },
    /// Two words that one word of a term may be: `candle light` by `candlelight`.
    Together {
        /// The place of the first.
        first: usize,
        /// The stems of the one word.
        stems: Vec<String>,
    },
    /// Words whose English is a phrase, or that are one themselves: met by all words of the English, for of several one would do.
    English {
        /// The places of the words.
        words: Range<usize>,
        /// The stems of each word of the English, the longest first: it is likely to stand in the fewest terms.
        parts: Vec<Vec<String>>,
    },
}

impl Compound {
    /// The places of the query's words that it is made of.
    pub(super) fn words(&self) -> Range<usize> {
        match self {
            Self::Apart { word, .. } => *word..word + 1,
            Self::Together { first, .. } => *first..first + 2,
            Self::English { words, .. } => words.clone(),
        }
    }

    /// The stems that terms are looked up by: the particle alone stands in too many.
    pub(super) fn looked_up(&self) -> &[String] {
        match self {
            Self::Apart { parts: [verb, _], .. } => verb,
            Self::Together { stems, .. } => stems,
            Self::English { parts, .. } => parts.first().map_or(&[], Vec::as_slice),
        }
    }

    /// Keeps of those stems the ones that `is_known` says so of; whether any is left.
    pub(super) fn keep(&mut self, mut is_known: impl FnMut(&str) -> bool) -> bool {
        let stems = match self {
            Self::Apart { parts: [verb, _], .. } => verb,
            Self::Together { stems, .. } => stems,
            Self::English { parts, .. } => {
                let Some(longest) = parts.first_mut() else { return false };
                longest
            }
        };
        stems.retain(|stem| is_known(stem));
        !stems.is_empty()
    }

    /// How many words of a term, given by its stems, it is met by: 0 where it is not.
    pub(super) fn words_met(&self, term_stems: &str) -> u32 {
        let mut words = parse_stems(term_stems);
        let meets = |mut word: std::str::Split<'_, char>, stems: &[String]| {
            word.any(|stem| stems.iter().any(|own| own == stem))
        };
        match self {
            Self::Apart { parts: [verb, particle], .. } => {
                let mut before = false;
                let is_met = words.any(|word| {
                    let is_met = before && meets(word.clone(), particle);
                    before = meets(word, verb);
                    is_met
                });
                2 * u32::from(is_met)
            }
            Self::Together { stems, .. } => u32::from(words.any(|word| meets(word, stems))),
            Self::English { parts, .. } => {
                let has = |part: &Vec<String>| parse_stems(term_stems).any(|word| meets(word, part));
                if parts.iter().all(has) { parts.len().try_into().unwrap_or(u32::MAX) } else { 0 }
            }
        }
    }
}

/// What the words of a query say in English, where that takes more than one word for one.
pub(super) fn in_english(text: &str, gloss: &Gloss) -> Vec<Compound> {
    let (all, telling) = (words(&split_elisions(text)), telling_words(text));
    let mut from_here = 0;
    let mut compounds = Vec::new();
    for Glossed { from, to } in &gloss.glossed {
        let phrase: Vec<&str> = from.split(' ').collect();
        let place = all.get(from_here..).and_then(|rest| rest.windows(phrase.len()).position(|words| words == phrase));
        let Some(place) = place.map(|place| place + from_here) else { continue };
        from_here = place + phrase.len();
        let first = telling.iter().take_while(|(at, _)| *at < place).count();
        let words = first..telling.iter().take_while(|(at, _)| *at < from_here).count();
        let mut parts = stem_groups(to);
        // Of one word for one its stems know.
        let is_phrase = from.contains(' ') || to.contains(' ');
        if !is_phrase || words.is_empty() || parts.is_empty() {
            continue;
        }
        parts.sort_by_key(|stems| std::cmp::Reverse(stems.iter().map(String::len).max()));
        compounds.push(Compound::English { words, parts });
    }
    compounds
}

/// All that a query may write otherwise.
pub(super) fn compounds(text: &str) -> Vec<Compound> {
    let words = telling_words(text);
    let stems = |word: &str| stem_groups(word).concat();
    let apart = words.iter().enumerate().filter_map(|(place, (_, word))| {
        let (verb, particle) = PARTICLES.iter().find_map(|particle| Some((word.strip_suffix(particle)?, *particle)))?;
        let is_verb = verb.chars().count() >= SHORTEST_VERB && is_english_word(verb);
        is_verb.then(|| Compound::Apart { word: place, parts: [stems(verb), stems(particle)] })
    });
    let together = words.windows(2).enumerate().filter_map(|(first, pair)| {
        let [(place, one), (next, other)] = pair else { return None };
        let joined = format!("{one}{other}");
        let may_be = next - place == 1
            && joined.chars().count() >= SHORTEST_JOINED
            && ![one, other].into_iter().any(|word| is_small_word(word));
        may_be.then(|| Compound::Together { first, stems: stems(&joined) })
    });
    apart.chain(together).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stems;

    fn met(query: &str, term: &str) -> Vec<u32> {
        compounds(query).iter().map(|compound| compound.words_met(&stems(term))).filter(|met| *met > 0).collect()
    }

    #[test]
    fn what_is_written_apart_and_together_is_one() {
        assert_eq!(met("breakup", "break-up ballads"), [2]);
        assert_eq!(met("dinner by candle light", "candlelight dinner"), [1]);
        assert_eq!(met("start-up pitch", "startup demo"), [1]);
        assert_eq!(met("breakup", "make up your mind, then break"), [0; 0]);
        assert_eq!(met("group", "up the hill"), [0; 0]);
        assert_eq!(met("barbecue entre potes", "entrepôts"), [0; 0]);
    }

    #[test]
    fn french_phrases_are_met_by_all_of_their_english() {
        let glossed = |from: &str, to: &str| Glossed { from: from.to_owned(), to: to.to_owned() };
        let gloss = Gloss {
            glossed: vec![glossed("musique", "music"), glossed("apero entre amis", "drinks with friends")],
            ..Gloss::default()
        };
        let compounds = in_english("une musique d'apéro entre amis", &gloss);
        let met = |term: &str| compounds.iter().map(|compound| compound.words_met(&stems(term))).collect::<Vec<_>>();
        assert_eq!(met("drinks with old friends"), [2]);
        assert_eq!(met("dinner with friends"), [0]);
        assert_eq!(compounds[0].words(), 0..3, "of the words that say something");
        assert!(in_english("une musique d'apéro", &gloss).is_empty(), "the phrase is not there");
    }

    #[test]
    fn words_with_another_between_them_are_not_one() {
        assert_eq!(met("light of the house", "lighthouse"), [0; 0]);
        assert_eq!(met("light house", "lighthouse"), [1]);
    }
}
