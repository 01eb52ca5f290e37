//! Occasions: contexts that several entries share, which say of an occasion what one plays then.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;

use super::lookup::Lexicon;
use crate::domain::{TagType, key};

/// Further occasions, one a line.
const FURTHER: &str = include_str!("../../../data/occasions.jsonl");

/// A context of one entry alone describes that entry; an occasion has several.
const FEWEST_TAGS: usize = 2;

/// A tag by its type and the key of its name.
pub(crate) type TagKey = (TagType, String);

/// A line of `data/occasions.jsonl`: words for one occasion, and names of entries that one plays then.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Further {
    en: Vec<String>,
    moods: Vec<String>,
    genres: Vec<String>,
}

impl Further {
    /// Where the entries of its names stand.
    fn entries(&self, lexicon: &Lexicon) -> Vec<usize> {
        let moods = self.moods.iter().map(|name| (TagType::Mood, name));
        let genres = self.genres.iter().map(|name| (TagType::Genre, name));
        moods.chain(genres).filter_map(|(tag_type, name)| lexicon.place(tag_type, &key(name))).collect()
    }
}

/// What the lexicon knows to play when.
pub(crate) struct Occasions {
    /// The lexicon's tags.
    pub(crate) tags: Vec<TagKey>,
    /// English words for an occasion, with the places of its tags, in the order of the words.
    pub(crate) wordings: Vec<(String, Vec<usize>)>,
}

impl Occasions {
    /// Those of the built-in lexicon.
    pub(crate) fn get() -> &'static Self {
        static GATHERED: OnceLock<Occasions> = OnceLock::new();
        GATHERED.get_or_init(|| Self::of(Lexicon::get()))
    }

    fn of(lexicon: &Lexicon) -> Self {
        let mut wordings: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, entry) in lexicon.entries.iter().enumerate() {
            for wording in &entry.usage_context.en {
                wordings.entry(wording.clone()).or_default().push(place);
            }
        }
        wordings.retain(|_, entries| entries.len() >= FEWEST_TAGS);
        for further in FURTHER.lines().filter_map(|line| serde_json::from_str::<Further>(line).ok()) {
            let entries = further.entries(lexicon);
            for wording in further.en {
                let known = wordings.entry(wording).or_default();
                known.extend(&entries);
                known.sort_unstable();
                known.dedup();
            }
        }
        let tags = lexicon.entries.iter().map(|entry| (entry.tag_type, entry.name.key())).collect();
        Self { tags, wordings: wordings.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::domain::MAX_TERM_CHARS;

    #[test]
    fn every_line_is_an_occasion_of_known_tags() {
        let lexicon = Lexicon::get();
        let mut seen = HashSet::new();
        for (number, line) in (1..).zip(FURTHER.lines()) {
            let further: Further = serde_json::from_str(line).unwrap_or_else(|error| panic!("{number}: {error}"));
            let named = further.moods.len() + further.genres.len();
            assert_eq!(further.entries(lexicon).len(), named, "{number}: not all are entries");
            assert!(named >= FEWEST_TAGS, "{number}: {named} tags");
            for wording in &further.en {
                assert!(seen.insert(key(wording)), "{number}: {wording:?} stands twice");
                assert!((1..=MAX_TERM_CHARS).contains(&wording.chars().count()), "{number}: {wording:?}");
            }
        }
    }
}
