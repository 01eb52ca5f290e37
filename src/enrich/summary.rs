//! A track in words: what its tags and measures say, what it is played for, and with which words one would look for its like.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    characteristics::Characteristics,
    phrases::{capital, filled, listed, phrase},
    resolve::{ResolveOptions, Resolver},
    track::{Audio, Track, TrackError},
    vocabulary::{KnownTag, Place, Vocabulary},
};
use crate::{
    domain::{Lang, Section, TagType, word_enum},
    store::KeyedTerm,
};

/// Most tracks of one call.
pub const MAX_TRACKS: usize = 500;

/// Most suggestions of a track, and how many where nobody says.
pub const MAX_SUGGESTIONS: usize = 50;
const DEFAULT_SUGGESTIONS: usize = 12;

/// Occasions that are given.
const OCCASIONS: usize = 6;

/// A recognised mood counts from this probability on.
const MOOD_FROM: f64 = 0.5;

/// What the term of each section is worth as a suggestion.
const SEARCH_TERM_WEIGHT: f64 = 1.0;
const TRANSLATION_WEIGHT: f64 = 0.95;
const RELATED_WEIGHT: f64 = 0.8;
const OCCASION_WEIGHT: f64 = 0.7;

/// Each next term of a list is worth so much less.
const DECAY: f64 = 0.05;

/// What a term of which nobody knows the language is worth in a summary of one.
const UNKNOWN_LANGUAGE: f64 = 0.9;

/// In what language and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryOptions {
    /// The language of the text and of the suggestions.
    pub lang: Lang,
    /// Most suggestions, 1 to [`MAX_SUGGESTIONS`].
    pub suggestions: usize,
}

impl Default for SummaryOptions {
    fn default() -> Self {
        Self { lang: Lang::En, suggestions: DEFAULT_SUGGESTIONS }
    }
}

/// A tag of the track.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TrackTag {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name in the library.
    #[schema(example = "deep house")]
    pub tag_name: String,
    /// What it is called in the language of the summary.
    pub label: String,
    /// How sure it is that the track has it, 0 to 1.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
}

/// The tag that something comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Origin {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name.
    pub tag_name: String,
}

word_enum! {
    /// What a suggestion was drawn from.
    SuggestionKind, "from" {
        /// What people type to find the tag.
        SearchTerms => "search_terms",
        /// Its name in the language.
        Translations => "translations",
        /// A near tag.
        RelatedTags => "related_tags",
        /// An occasion that it is played for.
        UsageContext => "usage_context",
    }
}

/// Words to search with for tracks like this one.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SearchSuggestion {
    /// The words.
    #[schema(example = "rooftop bar background beats")]
    pub query: String,
    /// How well they fit, 0 to 1: how sure the tag is, times how sure its term is, times what its section is worth.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
    /// What they were drawn from.
    pub from: SuggestionKind,
    /// Of which tag.
    pub tag: Origin,
}

/// An occasion that the track suits.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Occasion {
    /// In the language of the summary.
    #[schema(example = "coding at night")]
    pub text: String,
    /// How well it fits, 0 to 1; what several tags name fits better.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
    /// The tags that name it.
    pub tags: Vec<Origin>,
}

/// A track in words.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// The language.
    pub lang: Lang,
    /// A few sentences.
    pub text: String,
    /// Its genres, the surest first.
    pub genres: Vec<TrackTag>,
    /// Its moods, the surest first: those that were named and those that were recognised.
    pub moods: Vec<TrackTag>,
    /// What of the given tags was not understood, as given.
    pub not_understood: Vec<String>,
    /// What it sounds like, in classes.
    pub characteristics: Characteristics,
    /// What it is played for, best first.
    pub context: Vec<Occasion>,
    /// Words to search with, best first, each once.
    pub suggestions: Vec<SearchSuggestion>,
}

/// The tags of a track.
pub(super) struct TrackTags {
    pub(super) known: Vec<(Place, f64)>,
    pub(super) not_understood: Vec<String>,
}

impl TrackTags {
    /// What the vocabulary makes of a track's raw tags: genres in their order, then moods.
    pub(super) fn of(track: &Track, vocabulary: &Vocabulary) -> Self {
        let mut tags = Self { known: Vec::new(), not_understood: Vec::new() };
        let defaults = ResolveOptions { alternatives: 0, ..ResolveOptions::default() };
        if let Ok(resolver) = Resolver::new(vocabulary, &defaults) {
            for raw in track.genres.iter().chain(&track.moods) {
                tags.take(raw, vocabulary, &resolver, 1.0, true);
            }
        }
        let moods = ResolveOptions { tag_type: Some(TagType::Mood), ..defaults };
        let recognised = track.audio.iter().flat_map(|audio| &audio.moods);
        if let Ok(resolver) = Resolver::new(vocabulary, &moods) {
            for (mood, probability) in recognised.filter(|(_, probability)| **probability >= MOOD_FROM) {
                tags.take(mood, vocabulary, &resolver, *probability, false);
            }
        }
        tags.known.sort_by(|a, b| b.1.total_cmp(&a.1));
        tags
    }

    fn take(&mut self, raw: &str, vocabulary: &Vocabulary, resolver: &Resolver<'_>, factor: f64, is_given: bool) {
        let found = resolver.resolve(raw);
        if found.tags.is_empty() && is_given && !raw.trim().is_empty() {
            self.not_understood.push(found.raw);
        }
        for part in found.parts {
            let Some(tag) = part.tag else { continue };
            let Some(place) = vocabulary.named(tag.tag_type, &tag.tag_name) else { continue };
            let sure = part.score.unwrap_or_default() * factor;
            match self.known.iter_mut().find(|(known, _)| *known == place) {
                Some((_, confidence)) => *confidence = confidence.max(sure),
                None => self.known.push((place, sure)),
            }
        }
    }
}

/// Sums a track up.
///
/// # Errors
/// [`TrackError`] names the field that is out of range.
pub fn summarise(track: &Track, vocabulary: &Vocabulary, options: SummaryOptions) -> Result<Summary, TrackError> {
    track.validate()?;
    let lang = options.lang;
    let tags = TrackTags::of(track, vocabulary);
    let characteristics =
        track.audio.as_ref().map_or_else(Characteristics::default, |audio| Characteristics::of(audio, lang));
    let of_type = |tag_type: TagType| -> Vec<TrackTag> {
        let tags = tags.known.iter().filter(|(place, _)| vocabulary.at(*place).tag_type == tag_type);
        tags.map(|(place, confidence)| track_tag(vocabulary, *place, *confidence, lang)).collect()
    };
    let (genres, moods) = (of_type(TagType::Genre), of_type(TagType::Mood));
    let context = occasions(&tags, vocabulary, lang);
    let text = text(&tags, &genres, &moods, track.audio.as_ref(), &characteristics, &context, vocabulary, lang);
    let suggestions = suggestions(&tags, vocabulary, options);
    let not_understood = tags.not_understood;
    Ok(Summary { lang, text, genres, moods, not_understood, characteristics, context, suggestions })
}

fn track_tag(vocabulary: &Vocabulary, place: Place, confidence: f64, lang: Lang) -> TrackTag {
    let tag = vocabulary.at(place);
    TrackTag {
        tag_type: tag.tag_type,
        tag_name: tag.name.clone(),
        label: vocabulary.name_in(place, lang).to_owned(),
        confidence: rounded(confidence),
    }
}

#[expect(clippy::too_many_arguments, reason = "all that a track is, once")]
fn text(
    tags: &TrackTags,
    genres: &[TrackTag],
    moods: &[TrackTag],
    audio: Option<&Audio>,
    characteristics: &Characteristics,
    context: &[Occasion],
    vocabulary: &Vocabulary,
    lang: Lang,
) -> String {
    let mut sentences = Vec::new();
    let labels = |tags: &[TrackTag]| -> String {
        listed(&tags.iter().take(4).map(|tag| tag.label.as_str()).collect::<Vec<_>>(), lang)
    };
    if !genres.is_empty() {
        sentences.push(format!("{}.", capital(&labels(genres))));
    }
    if !moods.is_empty() {
        sentences.push(filled("sentence.mood", lang, &[&labels(moods)]));
    }
    if let Some(sound) = sound(audio, characteristics, lang) {
        sentences.push(format!("{}.", capital(&sound)));
    }
    // What the surest tag is about, where the lexicon says it.
    let first = tags.known.first().and_then(|(place, _)| vocabulary.at(*place).description);
    sentences.extend(first.map(|texts| texts[usize::from(lang == Lang::Fr)].to_owned()));
    if !context.is_empty() {
        let texts: Vec<&str> = context.iter().take(3).map(|occasion| occasion.text.as_str()).collect();
        sentences.push(filled("sentence.context", lang, &[&listed(&texts, lang)]));
    }
    if sentences.is_empty() {
        sentences.extend(phrase("sentence.nothing", lang).map(str::to_owned));
    }
    sentences.join(" ")
}

/// What a track sounds like, in a phrase; `None` where nothing was measured.
pub(super) fn sound(audio: Option<&Audio>, characteristics: &Characteristics, lang: Lang) -> Option<String> {
    let mut parts = Vec::new();
    if let (Some(class), Some(bpm)) = (characteristics.tempo, audio.and_then(|audio| audio.bpm)) {
        let class = phrase(&format!("tempo.{class}"), lang).unwrap_or_default();
        parts.push(filled("sentence.tempo", lang, &[class, &format!("{bpm:.0}")]));
    }
    if let Some(level) = characteristics.energy {
        let level = phrase(&format!("energy.{level}"), lang).unwrap_or_default();
        parts.push(filled("sentence.energy", lang, &[level]));
    }
    if let Some(key) = &characteristics.key {
        parts.push(filled("sentence.key", lang, &[key]));
    }
    parts.extend(characteristics.remarkable(lang).into_iter().map(str::to_owned));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// How far a term speaks a language: wholly, perhaps, or not.
fn speaks(term: &KeyedTerm, lang: Lang) -> Option<f64> {
    match term.lang {
        Some(known) => (known == lang).then_some(1.0),
        None => Some(UNKNOWN_LANGUAGE),
    }
}

/// What the `at`-th of a list is worth.
fn decayed(at: usize) -> f64 {
    1.0 / (1.0 + DECAY * f64::from(u32::try_from(at).unwrap_or(u32::MAX)))
}

fn origin(tag: &KnownTag) -> Origin {
    Origin { tag_type: tag.tag_type, tag_name: tag.name.clone() }
}

/// Occasions of all tags; one that several name is surer: `1 − ∏(1 − confidence)`.
pub(super) fn occasions(tags: &TrackTags, vocabulary: &Vocabulary, lang: Lang) -> Vec<Occasion> {
    let mut found: Vec<Occasion> = Vec::new();
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for (place, sure) in &tags.known {
        let tag = vocabulary.at(*place);
        let occasions = tag.terms.iter().filter(|term| term.section == Section::UsageContext);
        let spoken = occasions.filter_map(|term| Some((term, speaks(term, lang)?)));
        for (at, (term, speaks)) in spoken.enumerate() {
            let confidence = sure * term.confidence.value() * speaks * decayed(at);
            if let Some(known) = by_key.get(term.key.as_str()) {
                let known = &mut found[*known];
                known.confidence = 1.0 - (1.0 - known.confidence) * (1.0 - confidence);
                known.tags.push(origin(tag));
            } else {
                by_key.insert(&term.key, found.len());
                found.push(Occasion { text: term.term.clone(), confidence, tags: vec![origin(tag)] });
            }
        }
    }
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(OCCASIONS);
    for occasion in &mut found {
        occasion.confidence = rounded(occasion.confidence);
    }
    found
}

/// Words to search with, each key once, none of them the name of a tag that the track has.
fn suggestions(tags: &TrackTags, vocabulary: &Vocabulary, options: SummaryOptions) -> Vec<SearchSuggestion> {
    struct Proposed<'a> {
        term: &'a KeyedTerm,
        tag: &'a KnownTag,
        from: SuggestionKind,
        confidence: f64,
    }
    let mut proposed: Vec<Proposed<'_>> = Vec::new();
    for (place, sure) in &tags.known {
        let tag = vocabulary.at(*place);
        // How many of each section came before.
        let mut counts: HashMap<Section, usize> = HashMap::new();
        for term in &tag.terms {
            let (from, weight) = match term.section {
                Section::SearchTerms => (SuggestionKind::SearchTerms, SEARCH_TERM_WEIGHT),
                Section::Translations => (SuggestionKind::Translations, TRANSLATION_WEIGHT),
                Section::RelatedTags => (SuggestionKind::RelatedTags, RELATED_WEIGHT),
                Section::UsageContext => (SuggestionKind::UsageContext, OCCASION_WEIGHT),
                Section::Name => continue,
            };
            let Some(speaks) = speaks(term, options.lang) else { continue };
            let at = counts.entry(term.section).or_default();
            let confidence = sure * term.confidence.value() * weight * speaks * decayed(*at);
            *at += 1;
            proposed.push(Proposed { term, tag, from, confidence });
        }
    }
    proposed.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut seen: HashSet<&str> = tags.known.iter().map(|(place, _)| vocabulary.at(*place).key.as_str()).collect();
    let mut kept = Vec::new();
    for Proposed { term, tag, from, confidence } in proposed {
        if kept.len() == options.suggestions {
            break;
        }
        if seen.insert(&term.key) {
            let (query, confidence) = (term.term.clone(), rounded(confidence));
            kept.push(SearchSuggestion { query, confidence, from, tag: origin(tag) });
        }
    }
    kept
}

/// To three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::enrich::track::Scale;

    static STARTER: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::starter);

    fn track() -> Track {
        let audio = Audio {
            bpm: Some(122.0),
            key: Some("A".to_owned()),
            scale: Some(Scale::Minor),
            energy: Some(0.8),
            danceability: Some(0.9),
            moods: [("sad".to_owned(), 0.7), ("happy".to_owned(), 0.1)].into(),
            ..Audio::default()
        };
        let genres = vec!["Deep House; Disco".to_owned(), "xyzzy".to_owned()];
        Track { genres, moods: vec!["mélancolique".to_owned()], audio: Some(audio) }
    }

    fn summary(lang: Lang) -> Summary {
        summarise(&track(), &STARTER, SummaryOptions { lang, ..SummaryOptions::default() }).unwrap()
    }

    fn names(tags: &[TrackTag]) -> Vec<&str> {
        tags.iter().map(|tag| tag.tag_name.as_str()).collect()
    }

    #[test]
    fn a_track_is_summed_up_in_english() {
        let summary = summary(Lang::En);
        assert_eq!(names(&summary.genres), ["deep house", "disco"]);
        assert_eq!(names(&summary.moods), ["melancholic", "sad"], "a recognised mood from 0.5 on");
        assert_eq!(summary.not_understood, ["xyzzy"]);
        for words in [
            "Deep house and disco.",
            "Mood: melancholic and sad.",
            "Lively tempo (122 BPM), high energy, in A minor, very danceable.",
            "Good for ",
        ] {
            assert!(summary.text.contains(words), "{words}: {}", summary.text);
        }
    }

    #[test]
    fn a_track_is_summed_up_in_french() {
        let summary = summary(Lang::Fr);
        for words in
            ["Ambiance : mélancolique et triste.", "Tempo vif (122 BPM), énergie élevée, en la mineur", "Pour "]
        {
            assert!(summary.text.contains(words), "{words}: {}", summary.text);
        }
        let en = STARTER.at(STARTER.named(TagType::Genre, "deep house").unwrap());
        let is_english = |text: &str| en.terms.iter().any(|term| term.lang == Some(Lang::En) && term.term == text);
        assert!(!summary.context.iter().any(|occasion| is_english(&occasion.text)), "{summary:?}");
    }

    #[test]
    fn suggestions_are_ranked_come_from_a_tag_and_stand_once() {
        for lang in [Lang::En, Lang::Fr] {
            let summary = summary(lang);
            assert_eq!(summary.suggestions.len(), DEFAULT_SUGGESTIONS);
            assert!(summary.suggestions.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence));
            let keys: HashSet<String> = summary.suggestions.iter().map(|one| crate::domain::key(&one.query)).collect();
            assert_eq!(keys.len(), summary.suggestions.len(), "{summary:?}");
            assert!(!keys.contains("deephouse") && !keys.contains("sad"), "{summary:?}");
            let all = summary.genres.iter().chain(&summary.moods);
            let tags: HashSet<&str> = all.map(|tag| tag.tag_name.as_str()).collect();
            assert!(summary.suggestions.iter().all(|one| tags.contains(one.tag.tag_name.as_str())));
        }
    }

    #[test]
    fn what_several_tags_are_played_for_comes_first() {
        let track = Track { moods: vec!["carefree".to_owned(), "driving".to_owned()], ..Track::default() };
        let summary = summarise(&track, &STARTER, SummaryOptions::default()).unwrap();
        assert!(summary.context[0].tags.len() > 1, "{:?}", summary.context);
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        let summary = summarise(&Track::default(), &STARTER, SummaryOptions::default()).unwrap();
        assert_eq!(summary.text, "Nothing is known of this track.");
        assert!(summary.suggestions.is_empty() && summary.context.is_empty());
    }
}
