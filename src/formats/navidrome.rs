//! Navidrome: a smart playlist (`.nsp`) for a mood or an occasion: tracks whose genre or mood is one of the tags that suit it.
//! Source: <https://www.navidrome.org/docs/usage/features/smart-playlists/>

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::{Exported, json_text, names::NamedTag};
use crate::{
    domain::{Section, TagType, key, stem_groups},
    enrich::vocabulary::{Place, Vocabulary},
};

/// Most conditions of a playlist. Navidrome makes one expression of SQL of them, and SQLite takes those of a depth up to 1,000.
const MAX_CONDITIONS: usize = 500;

/// Longest name that is an abbreviation, and then stands in capitals in files: `EDM`.
const MAX_ABBREVIATION_CHARS: usize = 4;

/// What a playlist is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A mood of the library, by any of its names.
    Mood(String),
    /// An occasion, as it stands in the usage contexts of tags.
    Usage(String),
}

/// Why there is no playlist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    /// The library has no such mood.
    #[error("the library has no mood `{0}`: `musonym tags list --type mood` lists them; for an occasion use --usage")]
    NoMood(String),
    /// No tag of the library is for it.
    #[error(
        "no tag of the library has `{0}` among its usage contexts: try fewer or other words; for a mood use --mood"
    )]
    NoUsage(String),
}

#[derive(Serialize)]
struct Playlist {
    name: String,
    comment: String,
    any: Vec<Condition>,
    sort: &'static str,
    limit: usize,
}

/// One value of one field, written exactly so: `contains` would find `rap` in `trap`.
#[derive(Serialize)]
struct Condition {
    is: BTreeMap<&'static str, String>,
}

/// A playlist of at most `limit` tracks, in an order of chance.
///
/// # Errors
/// [`PlaylistError`] where no tag suits the purpose.
pub fn playlist(vocabulary: &Vocabulary, purpose: &Purpose, limit: usize) -> Result<Exported, PlaylistError> {
    let (name, places) = match purpose {
        Purpose::Mood(mood) => for_mood(vocabulary, mood).ok_or_else(|| PlaylistError::NoMood(mood.clone()))?,
        Purpose::Usage(usage) => (usage.trim().to_owned(), for_usage(vocabulary, usage)),
    };
    if places.is_empty() {
        return Err(PlaylistError::NoUsage(name));
    }
    let (mut any, mut seen) = (Vec::new(), HashSet::new());
    let (mut tags, mut left_out) = (Vec::new(), Vec::new());
    for place in places {
        let tag = NamedTag::at(vocabulary, place);
        let field = tag.tag_type.as_str();
        let is_new = |name: &String| seen.insert((field, name.clone()));
        let spellings: Vec<String> = tag.all().flat_map(spellings).filter(is_new).collect();
        if any.len() + spellings.len() > MAX_CONDITIONS {
            left_out.push(tag.name.to_owned());
            continue;
        }
        any.extend(spellings.into_iter().map(|value| Condition { is: BTreeMap::from([(field, value)]) }));
        tags.push(tag.name);
    }
    let comment = format!("By musonym, of the tags {}", tags.join(", "));
    let playlist = Playlist { name: title(&name), comment, any, sort: "random", limit };
    Ok(Exported { text: json_text(&playlist), tags: tags.len(), left_out })
}

/// A mood's name, and its tags: itself, then the genres that name it as related or that it names.
fn for_mood(vocabulary: &Vocabulary, mood: &str) -> Option<(String, Vec<Place>)> {
    let hits = vocabulary.meanings(&key(mood), Some(TagType::Mood));
    let place = hits.iter().map(|hit| hit.place).find(|place| !vocabulary.is_suggestion(*place))?;
    let tag = vocabulary.at(place);
    let related = related_keys(vocabulary, place);
    let is_near = |genre: &Place| {
        let other = vocabulary.at(*genre);
        other.tag_type == TagType::Genre
            && (related.contains(other.key.as_str()) || related_keys(vocabulary, *genre).contains(tag.key.as_str()))
    };
    let genres = by_name(vocabulary, vocabulary.places().filter(is_near).collect());
    Some((tag.name.clone(), std::iter::once(place).chain(genres).collect()))
}

fn related_keys(vocabulary: &Vocabulary, place: Place) -> HashSet<&str> {
    let terms = vocabulary.at(place).terms.iter();
    terms.filter(|term| term.section == Section::RelatedTags).map(|term| term.key.as_str()).collect()
}

/// The tags that are for an occasion: first those that have it in these very words, then those in whose contexts all of its
/// words stand; among equals the surest, then by name.
fn for_usage(vocabulary: &Vocabulary, usage: &str) -> Vec<Place> {
    let (wanted_key, wanted) = (key(usage), stem_groups(usage));
    if wanted.is_empty() {
        return Vec::new();
    }
    let stands_in = |term: &str| {
        let found = stem_groups(term);
        wanted.iter().all(|word| found.iter().any(|other| other.iter().any(|stem| word.contains(stem))))
    };
    let mut suited: Vec<(bool, f64, Place)> = Vec::new();
    for place in by_name(vocabulary, vocabulary.places().collect()) {
        let contexts = vocabulary.at(place).terms.iter().filter(|term| term.section == Section::UsageContext);
        let best = contexts
            .filter(|term| term.key == wanted_key || stands_in(&term.term))
            .map(|term| (term.key == wanted_key, term.confidence.value()))
            .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        suited.extend(best.map(|(exactly, confidence)| (exactly, confidence, place)));
    }
    // A stable sort: equals stay by name.
    suited.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    suited.into_iter().map(|(.., place)| place).collect()
}

fn by_name(vocabulary: &Vocabulary, mut places: Vec<Place>) -> Vec<Place> {
    places.sort_by_cached_key(|place| {
        let tag = vocabulary.at(*place);
        (tag.name.to_lowercase(), tag.tag_type)
    });
    places
}

/// A name as files may have it, for Navidrome compares letter by letter: as written, in lower case, with a capital on each
/// word, and an abbreviation in capitals.
fn spellings(name: &str) -> Vec<String> {
    let mut spellings = vec![name.to_owned(), name.to_lowercase(), title(name)];
    if name.chars().count() <= MAX_ABBREVIATION_CHARS {
        spellings.push(name.to_uppercase());
    }
    spellings
}

/// A text with a capital on each word.
fn title(text: &str) -> String {
    let mut title = String::with_capacity(text.len());
    let mut begins = true;
    for character in text.chars() {
        if begins {
            title.extend(character.to_uppercase());
        } else {
            title.push(character);
        }
        begins = !character.is_alphanumeric() && !matches!(character, '\'' | '’');
    }
    title
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_golden, vocabulary};
    use super::*;

    #[test]
    fn a_mood_brings_the_genres_near_to_it() {
        let exported = playlist(&vocabulary(), &Purpose::Mood("Paisible".to_owned()), 50).unwrap();
        assert_golden("navidrome.nsp", &exported.text);
    }

    #[test]
    fn an_occasion_is_met_by_its_words() {
        let exported = playlist(&vocabulary(), &Purpose::Usage("morning run".to_owned()), 100).unwrap();
        let playlist: serde_json::Value = serde_json::from_str(&exported.text).unwrap();
        assert_eq!(playlist["name"], "Morning Run");
        let values: Vec<&str> =
            playlist["any"].as_array().unwrap().iter().filter_map(|one| one["is"]["genre"].as_str()).collect();
        assert!(values.contains(&"drum and bass") && values.contains(&"Drum And Bass"), "{values:?}");
        assert!(values.contains(&"DNB") && !values.contains(&"Hip-Hop"), "{values:?}");
    }

    #[test]
    fn what_nothing_suits_is_told() {
        let of = |purpose| playlist(&vocabulary(), &purpose, 10).unwrap_err();
        assert!(of(Purpose::Mood("nowhere".to_owned())).to_string().contains("--usage"));
        assert!(of(Purpose::Usage("nowhere".to_owned())).to_string().contains("--mood"));
    }

    #[test]
    fn a_playlist_stays_within_what_sqlite_takes() {
        let names: Vec<String> = (0..400).map(|number| format!("genre number {number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let library = super::super::tests::with_genres(&names);
        let exported = playlist(&library, &Purpose::Usage("rainy day".to_owned()), 10).unwrap();
        let playlist: serde_json::Value = serde_json::from_str(&exported.text).unwrap();
        assert!(playlist["any"].as_array().unwrap().len() <= MAX_CONDITIONS);
        assert_eq!(exported.tags + exported.left_out.len(), 400);
        assert!(exported.tags > 100, "{}", exported.tags);
    }

    #[test]
    fn words_begin_with_capitals() {
        for (text, expected) in [("hip-hop", "Hip-Hop"), ("r&b", "R&B"), ("rock 'n' roll", "Rock 'n' Roll")] {
            assert_eq!(title(text), expected);
        }
    }
}
