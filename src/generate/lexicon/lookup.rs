//! The entries of the lexicon by their names.

use std::{collections::HashMap, sync::OnceLock};

use super::{LEXICON, entry, entry::Entry};
use crate::domain::{TagType, key};

/// What a key that is not declared as shared says: this entry and no other.
const WHOLLY: f64 = 1.0;

/// Least weight at which a shared alias names an entry.
const MIN_NAMING_WEIGHT: f64 = 0.5;

/// The entries with their look-ups.
pub(super) struct Lexicon {
    pub(super) entries: Vec<Entry>,
    by_name: HashMap<(TagType, String), usize>,
    /// What an alias or a translation means; what means several entries about equally names nothing.
    by_alias: HashMap<(TagType, String), usize>,
}

impl Lexicon {
    /// The built-in one.
    pub(super) fn get() -> &'static Self {
        static LOADED: OnceLock<Lexicon> = OnceLock::new();
        LOADED.get_or_init(|| Self::parse(LEXICON))
    }

    pub(super) fn parse(text: &str) -> Self {
        let (entries, problems) = entry::parse(text);
        debug_assert!(problems.is_empty(), "the built-in lexicon is well-formed, and a test reads it");
        let by_name = entries
            .iter()
            .enumerate()
            .map(|(place, entry)| ((entry.tag_type, entry.name.key()), place))
            .collect::<HashMap<_, _>>();
        let mut holders: HashMap<(TagType, String), HashMap<usize, f64>> = HashMap::new();
        for (place, entry) in entries.iter().enumerate() {
            let shared = entry.shared_weights();
            for alias in entry.other_names().chain(entry.shared_aliases.keys()) {
                let key = key(alias);
                let weight = shared.get(&key).copied().unwrap_or(WHOLLY);
                holders.entry((entry.tag_type, key)).or_default().insert(place, weight);
            }
        }
        let by_alias = holders.into_iter().filter_map(|(key, holders)| Some((key, named(&holders)?))).collect();
        Self { entries, by_name, by_alias }
    }

    /// The entry whose own name has this key.
    pub(super) fn by_name(&self, tag_type: TagType, key: &str) -> Option<&Entry> {
        self.place(tag_type, key).map(|place| &self.entries[place])
    }

    /// Where the entry stands whose own name has this key.
    pub(super) fn place(&self, tag_type: TagType, key: &str) -> Option<usize> {
        self.by_name.get(&(tag_type, key.to_owned())).copied()
    }

    /// The entry that this key names as an alias or translation.
    pub(super) fn by_alias(&self, tag_type: TagType, key: &str) -> Option<&Entry> {
        self.by_alias.get(&(tag_type, key.to_owned())).map(|place| &self.entries[*place])
    }

    /// The entry of this key by any of its names.
    pub(super) fn find(&self, tag_type: TagType, key: &str) -> Option<&Entry> {
        self.by_name(tag_type, key).or_else(|| self.by_alias(tag_type, key))
    }
}

/// The entry that an alias names: the one of the largest weight, where that says enough and no other has as much.
fn named(holders: &HashMap<usize, f64>) -> Option<usize> {
    let (place, weight) = holders.iter().max_by(|a, b| a.1.total_cmp(b.1))?;
    let alone = holders.iter().all(|(other, as_much)| other == place || as_much < weight);
    (alone && *weight >= MIN_NAMING_WEIGHT).then_some(*place)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A lexicon of entries with these names, shared aliases and French translations.
    pub(in super::super) fn lexicon(entries: &[(&str, &str, &str)]) -> Lexicon {
        let line = |(name, shared, french): &(&str, &str, &str)| {
            format!(
                r#"{{"tag_type":"genre","name":"{name}","aliases":[],"shared_aliases":{shared},"related_tags":[],
                "search_terms":{{"en":[],"fr":[]}},"usage_context":{{"en":[],"fr":[]}},
                "translations":{{"en":[],"fr":["{french}"]}},"broader":[],"description":{{"en":"","fr":""}}}}"#
            )
            .replace('\n', " ")
        };
        Lexicon::parse(&entries.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_shared_alias_names_the_entry_that_it_mostly_means() {
        let named_by = |lexicon: &Lexicon, alias: &str| {
            lexicon.by_alias(TagType::Genre, &key(alias)).map(|entry| entry.name.to_string())
        };
        let found = lexicon(&[("aa", r#"{"C-C":0.7}"#, "aa"), ("bb", r#"{"cc":0.3}"#, "bb")]);
        assert_eq!(named_by(&found, "cc").as_deref(), Some("aa"));
        let found = lexicon(&[("aa", r#"{"cc":0.4}"#, "aa"), ("bb", r#"{"cc":0.3}"#, "bb")]);
        assert_eq!(named_by(&found, "cc"), None);
        let found = lexicon(&[("aa", r#"{"cc":0.5}"#, "aa"), ("bb", r#"{"cc":0.5}"#, "bb")]);
        assert_eq!(named_by(&found, "cc"), None);
        let found = lexicon(&[("aa", "{}", "cc"), ("bb", "{}", "cc")]);
        assert_eq!(named_by(&found, "cc"), None);
    }
}
