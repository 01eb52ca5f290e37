//! The names of tags as other programs get them.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::TagType,
    enrich::vocabulary::{Place, Vocabulary},
};

/// A tag with the names that mean it and no other tag of its type as much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTag<'a> {
    /// Where it stands in the vocabulary.
    pub place: Place,
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name as written.
    pub name: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Its other names as written, without those that differ from a name before them by case alone.
    pub others: Vec<&'a str>,
}

impl<'a> NamedTag<'a> {
    /// The tag at a place.
    pub(super) fn at(vocabulary: &'a Vocabulary, place: Place) -> Self {
        let tag = vocabulary.at(place);
        let mut seen = HashSet::from([tag.name.to_lowercase()]);
        let others = vocabulary.other_names(place).map(|term| term.term.as_str());
        Self {
            place,
            tag_type: tag.tag_type,
            name: &tag.name,
            key: &tag.key,
            others: others.filter(|name| seen.insert(name.to_lowercase())).collect(),
        }
    }

    /// The name, then the other names.
    pub fn all(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.name).chain(self.others.iter().copied())
    }
}

/// The tags of a library, of one type or of both, by type and name.
pub fn named_tags(vocabulary: &Vocabulary, only: Option<TagType>) -> Vec<NamedTag<'_>> {
    sorted(vocabulary.places().filter(|place| wanted(vocabulary, *place, only)).map(|at| NamedTag::at(vocabulary, at)))
}

/// Those and what the lexicon has beside them.
pub(super) fn known_tags(vocabulary: &Vocabulary, only: TagType) -> Vec<NamedTag<'_>> {
    let places = vocabulary.places().chain(vocabulary.suggestions());
    sorted(places.filter(|place| wanted(vocabulary, *place, Some(only))).map(|at| NamedTag::at(vocabulary, at)))
}

fn wanted(vocabulary: &Vocabulary, place: Place, only: Option<TagType>) -> bool {
    only.is_none_or(|only| vocabulary.at(place).tag_type == only)
}

/// By type and name, so that the order of insertion never shows.
fn sorted<'a>(tags: impl Iterator<Item = NamedTag<'a>>) -> Vec<NamedTag<'a>> {
    let mut tags: Vec<NamedTag<'_>> = tags.collect();
    tags.sort_by_cached_key(|tag| (tag.tag_type, tag.name.to_lowercase(), tag.name));
    tags
}

/// Whether a text stays on one line in every program: U+2028 and U+2029 part lines in some.
pub(super) fn is_one_line(text: &str) -> bool {
    !text.contains(['\u{2028}', '\u{2029}'])
}

/// A text for each tag by which a rule about it can be named: its type and key, and a number from the second on that has both.
pub(super) fn tag_ids<'a, 'b: 'a>(tags: impl Iterator<Item = &'a NamedTag<'b>>) -> impl Iterator<Item = String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    tags.map(move |tag| {
        let id = format!("{}-{}", tag.tag_type, tag.key);
        let count = seen.entry(id.clone()).or_default();
        *count += 1;
        if *count == 1 { id } else { format!("{id}-{count}") }
    })
}
