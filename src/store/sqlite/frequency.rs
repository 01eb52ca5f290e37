//! Which stems and trigrams are frequent: recall starts from the rare ones, for a frequent one ("rock", `ing`) costs
//! most and tells least.
//!
//! The counts are read now and then and may be stale: they decide what is looked up, never what a match is worth.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use crate::store::Result;

/// Up to so many terms a stem or trigram counts as rare and is not held here.
const RARE: u32 = 32;

/// Most terms that are looked at for the stems of a query, beyond its rarest word.
const STEM_BUDGET: u32 = 1_000;

/// Changes of the vocabulary after which the counts are read again, at least.
const STALE_AFTER: i64 = 500;

/// How many terms each frequent stem and trigram stands in.
#[derive(Debug, Default)]
pub(super) struct Frequencies {
    /// The vocabulary version they were read at.
    version: i64,
    stems: HashMap<String, u32>,
    trigrams: HashMap<String, u32>,
}

impl Frequencies {
    pub(super) async fn load(connection: &mut SqliteConnection, version: i64) -> Result<Self> {
        let stems: Vec<(String, u32)> = sqlx::query_as("SELECT term, doc FROM term_stem_frequency WHERE doc > ?")
            .bind(RARE)
            .fetch_all(&mut *connection)
            .await?;
        let trigrams: Vec<(String, u32)> = sqlx::query_as("SELECT term, doc FROM term_trigram_frequency WHERE doc > ?")
            .bind(RARE)
            .fetch_all(&mut *connection)
            .await?;
        Ok(Self { version, stems: stems.into_iter().collect(), trigrams: trigrams.into_iter().collect() })
    }

    /// Whether so much has changed since that they should be read again: the larger the vocabulary, the less often.
    pub(super) const fn is_stale(&self, version: i64) -> bool {
        version < self.version || version - self.version > STALE_AFTER + self.version / 4
    }

    /// The stems to look up, each with its weight (rarer weighs more): those of the rarest word, and of further
    /// words as long as they are not too frequent together.
    pub(super) fn telling_stems<'a>(&self, words: &'a [Vec<String>]) -> Vec<(&'a str, f64)> {
        let count = |stem: &String| self.stems.get(stem).copied().unwrap_or(RARE);
        let mut words: Vec<(u32, &[String])> =
            words.iter().map(|stems| (stems.iter().map(count).sum(), stems.as_slice())).collect();
        words.sort_by_key(|(count, _)| *count);
        let mut telling = Vec::new();
        let mut spent = 0;
        for (frequency, stems) in words {
            if spent > 0 && spent + frequency > STEM_BUDGET {
                break;
            }
            spent += frequency;
            telling.extend(stems.iter().map(|stem| (stem.as_str(), 1.0 / f64::from(count(stem)))));
        }
        telling
    }

    /// The rarest trigrams of a key, and how many of them a term must share.
    ///
    /// Of any `n` trigrams of which typing errors may change `m`, each `m + k` have `k` that are left: looking up the
    /// rarest `m + k` finds all that a look-up of all would find (the prefix filter of set similarity joins; Chaudhuri
    /// et al., 2006, "A primitive operator for similarity joins in data cleaning").
    pub(super) fn telling_trigrams(&self, key: &str) -> (Vec<String>, usize) {
        let characters: Vec<char> = key.chars().collect();
        let mut trigrams: Vec<String> = characters.windows(3).map(|window| window.iter().collect()).collect();
        trigrams.sort_by_cached_key(|trigram| (self.trigrams.get(trigram).copied().unwrap_or(RARE), trigram.clone()));
        trigrams.dedup();
        let changed = changed_trigrams(characters.len());
        trigrams.truncate(changed + LEFT_TRIGRAMS);
        let shared = trigrams.len().saturating_sub(changed).max(1);
        (trigrams, shared)
    }
}

/// Trigrams that are looked up beyond those that errors may change: the more, the fewer terms share so many by chance.
const LEFT_TRIGRAMS: usize = 3;

/// How many trigrams typing errors may change in a key of this length: a wrong letter changes three, a swap of
/// neighbours four.
const fn changed_trigrams(length: usize) -> usize {
    match length {
        0..=9 => 4,
        10..=17 => 6,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frequencies() -> Frequencies {
        let counted = |pairs: &[(&str, u32)]| pairs.iter().map(|(word, n)| ((*word).to_owned(), *n)).collect();
        Frequencies {
            version: 0,
            stems: counted(&[("rock", 2_500), ("progress", 90)]),
            trigrams: counted(&[("roc", 2_000), ("ock", 2_100)]),
        }
    }

    fn words(words: &[&str]) -> Vec<Vec<String>> {
        words.iter().map(|word| vec![(*word).to_owned()]).collect()
    }

    #[test]
    fn a_frequent_word_is_left_aside_beside_a_rare_one_but_not_alone() {
        let (both, alone) = (words(&["rock", "progress"]), words(&["rock"]));
        let stems = |telling: Vec<(&str, f64)>| telling.iter().map(|(stem, _)| (*stem).to_owned()).collect::<Vec<_>>();
        assert_eq!(stems(frequencies().telling_stems(&both)), ["progress"]);
        assert_eq!(stems(frequencies().telling_stems(&alone)), ["rock"]);
        assert!(frequencies().telling_stems(&[]).is_empty());
    }

    #[test]
    fn the_rarest_trigrams_come_first_and_are_few() {
        let (trigrams, shared) = frequencies().telling_trigrams("hrock");
        assert_eq!((trigrams.join(" "), shared), ("hro roc ock".to_owned(), 1));
        let (trigrams, shared) = frequencies().telling_trigrams(&"abcdefghijklmnop".repeat(3));
        assert_eq!((trigrams.len(), shared), (12, 3));
        assert!(frequencies().telling_trigrams("ab").0.is_empty());
    }
}
