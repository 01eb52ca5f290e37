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

/// Those of one type, and what the lexicon has beside them.
pub(super) fn known_tags(vocabulary: &Vocabulary, only: TagType) -> Vec<NamedTag<'_>> {
    let stand_ins = stand_ins(vocabulary);
    let places = vocabulary.places().chain(vocabulary.suggestions().filter(|entry| !stand_ins.contains_key(entry)));
    sorted(places.filter(|place| wanted(vocabulary, *place, Some(only))).map(|at| NamedTag::at(vocabulary, at)))
}

/// The entries of the lexicon that the library has by another name, each with the first tag that is called so.
pub(super) fn stand_ins(vocabulary: &Vocabulary) -> HashMap<Place, Place> {
    let mut stand_ins = HashMap::new();
    for place in vocabulary.places() {
        if let Some(entry) = vocabulary.entry_of_alias(place) {
            stand_ins.entry(entry).or_insert(place);
        }
    }
    stand_ins
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

#[cfg(test)]
mod tests {
    use super::super::tests::{tag, vocabulary};
    use super::*;
    use crate::domain::Section;

    #[test]
    fn a_name_of_two_tags_is_given_to_neither() {
        let library = vocabulary();
        let tags = named_tags(&library, Some(TagType::Mood));
        let names: Vec<(&str, &[&str])> = tags.iter().map(|tag| (tag.name, &tag.others[..])).collect();
        assert_eq!(names, [("calm", &["paisible", "calme"][..]), ("melancholic", &["blue"][..])]);
    }

    #[test]
    fn the_name_of_a_genre_of_the_lexicon_is_no_other_name() {
        let terms = [(Section::SearchTerms, None, "RnB", 0.9), (Section::SearchTerms, None, "urban r&b", 0.9)];
        let library = Vocabulary::of([tag(TagType::Genre, 1, "contemporary r&b", &terms)]);
        assert_eq!(named_tags(&library, None)[0].others, ["urban r&b"]);
        // The lexicon's own one is met beside it, and not a second time.
        let known = known_tags(&library, TagType::Genre);
        let count = |name: &str| known.iter().filter(|tag| tag.name == name).count();
        assert_eq!((count("contemporary r&b"), count("r&b")), (1, 1));
    }

    #[test]
    fn a_tag_that_is_an_entry_by_another_name_has_the_names_of_it() {
        let terms = [(Section::SearchTerms, None, "drum and bass", 0.9)];
        let library = Vocabulary::of([tag(TagType::Genre, 1, "dnb", &terms)]);
        assert_eq!(named_tags(&library, None)[0].others, ["drum and bass"]);
        let known = known_tags(&library, TagType::Genre);
        assert!(known.iter().any(|tag| tag.name == "dnb") && known.iter().all(|tag| tag.name != "drum and bass"));
    }

    #[test]
    fn a_rule_is_named_by_type_and_key() {
        let library = Vocabulary::of([
            tag(TagType::Genre, 1, "hip hop", &[]),
            tag(TagType::Genre, 2, "Hip-Hop", &[]),
            tag(TagType::Mood, 1, "hip hop", &[]),
        ]);
        let tags = named_tags(&library, None);
        let ids: Vec<String> = tag_ids(tags.iter()).collect();
        assert_eq!(ids, ["genre-hiphop", "genre-hiphop-2", "mood-hiphop"]);
    }
}
