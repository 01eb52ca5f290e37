//! Reads the sections of an answer in the shapes that small models give them, without guessing at meaning: what is
//! nested where a text belongs stays what it is and is dropped later, with its reason.

use serde_json::{Map, Value};

use super::MAX_GENERATED_CHARS;
use crate::domain::{Lang, Section, key};

/// A list that came as one text is taken apart when it has at least this many parts …
const MIN_LIST_PARTS: usize = 3;
/// … of at most this many words each; else it is a sentence with commas.
const MAX_LIST_PART_WORDS: usize = 4;

/// One entry of a section as the model wrote it.
pub(super) struct Entry {
    pub(super) section: Section,
    /// The language it was listed under; translations only.
    pub(super) lang: Option<Lang>,
    pub(super) text: Text,
}

/// What an entry holds.
pub(super) enum Text {
    Words(String),
    /// The JSON of something that is no text.
    Other(String),
}

impl Text {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Words(text) | Self::Other(text) => text,
        }
    }
}

/// The section that a name in the answer means, by its key: case and separators do not matter.
pub(super) fn section_of(name: &str) -> Option<Section> {
    match key(name).as_str() {
        "searchterms" | "searchterm" | "termesderecherche" => Some(Section::SearchTerms),
        "relatedtags" | "relatedtag" | "tagsassocies" | "tagsmusicalementlies" => Some(Section::RelatedTags),
        "usagecontext" | "usagecontexts" | "contextesdusage" | "contextedusage" => Some(Section::UsageContext),
        "translations" | "translation" | "traductions" | "traduction" => Some(Section::Translations),
        _ => None,
    }
}

fn lang_of(name: &str) -> Option<Lang> {
    match key(name).as_str() {
        "fr" | "fra" | "fre" | "french" | "francais" | "frfr" | "frca" => Some(Lang::Fr),
        "en" | "eng" | "english" | "anglais" | "enus" | "engb" => Some(Lang::En),
        _ => None,
    }
}

/// Every entry of every section, in the order of the sections.
pub(super) fn entries(object: &Map<String, Value>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for section in [Section::SearchTerms, Section::RelatedTags, Section::UsageContext, Section::Translations] {
        for (_, value) in object.iter().filter(|(name, _)| section_of(name) == Some(section)) {
            if section == Section::Translations {
                translations(value, &mut entries);
            } else {
                list(section, None, value, &mut entries);
            }
        }
    }
    entries
}

/// A list of texts, or one text in its place.
fn list(section: Section, lang: Option<Lang>, value: &Value, entries: &mut Vec<Entry>) {
    let mut push = |text| entries.push(Entry { section, lang, text });
    match value {
        Value::Null => {}
        // In the place of a whole list, a comma divides.
        Value::String(text) => parts(text).for_each(|part| push(Text::Words(part.to_owned()))),
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::String(text) => unpacked(text).into_iter().for_each(|part| push(Text::Words(part))),
                    other => push(Text::Other(other.to_string())),
                }
            }
        }
        other => push(Text::Other(other.to_string())),
    }
}

/// An entry of a list, which may be a list itself written into one text. A comma alone does not show that (`crosby,
/// stills & nash`): the text is too long for a term, and all its parts are short.
fn unpacked(text: &str) -> Vec<String> {
    let found: Vec<&str> = parts(text).collect();
    let is_list = text.chars().count() > MAX_GENERATED_CHARS
        && found.len() >= MIN_LIST_PARTS
        && found.iter().all(|part| part.split_whitespace().count() <= MAX_LIST_PART_WORDS);
    if is_list { found.into_iter().map(str::to_owned).collect() } else { vec![text.to_owned()] }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// Translations as `{"FR": […], "EN": "…"}`, as a list of such objects, or as texts `FR: …, EN: …`. A flat list of
/// words tells no language, and none is guessed: `chanson` may be either.
fn translations(value: &Value, entries: &mut Vec<Entry>) {
    let section = Section::Translations;
    match value {
        Value::Null => {}
        Value::Object(by_language) => {
            for (name, value) in by_language {
                list(section, lang_of(name), value, entries);
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(_) | Value::String(_) => translations(item, entries),
                    other => entries.push(Entry { section, lang: None, text: Text::Other(other.to_string()) }),
                }
            }
        }
        Value::String(text) => {
            let mut lang = None;
            for part in parts(text) {
                let named = part.split_once(':').and_then(|(name, rest)| Some((lang_of(name)?, rest.trim())));
                let words = named.map_or(part, |(_, rest)| rest);
                lang = named.map(|(named, _)| named).or(lang);
                entries.push(Entry { section, lang, text: Text::Words(words.to_owned()) });
            }
        }
        other => entries.push(Entry { section, lang: None, text: Text::Other(other.to_string()) }),
    }
}
