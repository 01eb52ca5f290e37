//! Lists that are data: the genres of ID3v1 by their number, and what stands in genre fields without being one.

use std::{collections::HashMap, sync::LazyLock};

use crate::domain::key;

const ID3_GENRES: &str = include_str!("../../data/id3-genres.tsv");
const SET_ASIDE: &str = include_str!("../../data/set-aside.tsv");

/// A genre of ID3v1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumberedGenre {
    /// As the list has it.
    pub(super) name: &'static str,
    /// What it is read as; `None` where it says nothing of a genre.
    pub(super) reads: Option<&'static str>,
}

/// The lines of a list as fields, without its comments.
fn fields(list: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    list.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

static NUMBERED: LazyLock<HashMap<u32, NumberedGenre>> = LazyLock::new(|| {
    let genre = |line: Vec<&'static str>| {
        let [number, name, reads] = line[..] else { return None };
        let reads = match reads {
            "-" => None,
            "" => Some(name),
            other => Some(other),
        };
        Some((number.parse().ok()?, NumberedGenre { name, reads }))
    };
    fields(ID3_GENRES).filter_map(genre).collect()
});

/// The genre of an ID3v1 number.
pub(super) fn numbered_genre(number: u32) -> Option<NumberedGenre> {
    NUMBERED.get(&number).copied()
}

/// What is set aside, by its key: what it is, as a whole, as a last and as a first word.
#[derive(Default)]
struct SetAside {
    whole: HashMap<String, &'static str>,
    ending: HashMap<String, &'static str>,
    beginning: HashMap<String, &'static str>,
}

static ASIDE: LazyLock<SetAside> = LazyLock::new(|| {
    let mut aside = SetAside::default();
    for line in fields(SET_ASIDE) {
        let [how, text, what] = line[..] else { continue };
        let list = match how {
            "ending" => &mut aside.ending,
            "beginning" => &mut aside.beginning,
            _ => &mut aside.whole,
        };
        list.insert(key(text), what);
    }
    aside
});

/// What a text is that is set aside as a whole.
pub(super) fn set_aside(key: &str) -> Option<&'static str> {
    ASIDE.whole.get(key).copied()
}

/// What a text of these words is by its first or last one.
pub(super) fn set_aside_by_words(words: &[String]) -> Option<&'static str> {
    let [first, .., last] = words else { return None };
    ASIDE.ending.get(last).or_else(|| ASIDE.beginning.get(first)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_from_0_to_191_is_a_genre() {
        assert_eq!(NUMBERED.len(), 192);
        assert!((0..192).all(|number| numbered_genre(number).is_some()));
        assert_eq!(numbered_genre(192), None);
        assert_eq!(numbered_genre(17).and_then(|genre| genre.reads), Some("Rock"));
        assert_eq!(numbered_genre(12).map(|genre| genre.reads), Some(None));
    }

    #[test]
    fn every_line_of_what_is_set_aside_is_read() {
        let lines: Vec<_> = fields(SET_ASIDE).collect();
        for line in &lines {
            assert_eq!(line.len(), 3, "{line:?}");
            assert!(matches!(line[0], "whole" | "ending" | "beginning"), "{line:?}");
        }
        assert!(lines.len() > 100);
        assert_eq!(set_aside(&key("N/A")), Some("a placeholder"));
    }
}
