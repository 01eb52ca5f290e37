//! The tags of a library with their terms in memory, and every key by which one of them is met. Beside them stands the
//! shipped lexicon: what it knows and the library does not have is a suggestion.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::spelling::Spellings;
use crate::{
    domain::{Lang, Section, TagType, key, loose_key},
    generate::{LexiconTag, lexicon_entries},
    store::{KeyedTerm, TagWithTerms},
};

/// From this confidence on, a search term whose language is known is another name and no description.
const NAMING_CONFIDENCE: f64 = 0.8;

/// Below this confidence another name is a guess, by which nothing is renamed: a spelling variant has 0.2, a name that was put
/// together of known parts 0.5.
const SURE_CONFIDENCE: f64 = 0.5;

/// How far each way of meeting a tag can be trusted. Another name lies from 0.90 to 0.99 by its confidence, as in a search.
const NAME_SCORE: f64 = 1.0;
const OTHER_NAME_SCORE: f64 = 0.9;
const OTHER_NAME_SPAN: f64 = 0.09;
/// A name of which only `music` was left out.
const LOOSE_NAME_SCORE: f64 = 0.88;
/// A description that somebody who does not know the name would type.
const SEARCH_TERM_SCORE: f64 = 0.6;
const SEARCH_TERM_SPAN: f64 = 0.1;

/// A tag of the library, or an entry of the lexicon.
#[derive(Clone, Debug)]
pub struct KnownTag {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its number within its type; `None` in the lexicon.
    pub id: Option<i64>,
    /// Its name.
    pub name: String,
    /// The key of its name.
    pub key: String,
    /// Its active terms. Of an entry of the lexicon, only other names.
    pub terms: Vec<KeyedTerm>,
    /// Keys of the names of its direct parents.
    broader: Vec<String>,
    /// One sentence in English and one in French, where the lexicon has them.
    pub description: Option<[&'static str; 2]>,
}

/// In which of its roles a key meets a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// The tag's own name.
    Name,
    /// Another name.
    Alias,
    /// Its name in a language.
    Translation,
    /// A description.
    SearchTerm,
}

/// A tag that a key may mean.
#[derive(Clone, Copy, Debug)]
struct Meaning {
    place: u32,
    kind: NameKind,
    score: f64,
    /// Which of the tag's terms; of the name itself `u32::MAX`.
    term: u32,
}

/// Where a tag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    in_lexicon: bool,
    at: u32,
}

/// A tag that was met.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The tag.
    pub place: Place,
    /// In which role its term was met.
    pub kind: NameKind,
    /// How far this can be trusted, 0 to 1.
    pub score: f64,
    /// The term as written; `None` for the name itself.
    pub term: Option<String>,
}

/// Tags with their look-ups.
#[derive(Debug, Default)]
struct Tags {
    all: Vec<KnownTag>,
    names: HashMap<Box<str>, Vec<Meaning>>,
    own: HashMap<(TagType, Box<str>), u32>,
}

impl Tags {
    fn add(&mut self, tag: KnownTag) {
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        // Of two tags of one key the older stands for both.
        self.own.entry((tag.tag_type, tag.key.as_str().into())).or_insert(place);
        let mut met = vec![(tag.key.clone(), NameKind::Name, NAME_SCORE, u32::MAX)];
        let loose = loose_key(&tag.name);
        if loose != tag.key {
            met.push((loose, NameKind::Name, LOOSE_NAME_SCORE, u32::MAX));
        }
        for (at, term) in (0u32..).zip(&tag.terms) {
            if let Some((kind, score)) = role(term) {
                met.push((term.key.clone(), kind, score, at));
            }
        }
        for (key, kind, score, term) in met {
            if key.is_empty() {
                continue;
            }
            let meanings = self.names.entry(key.into()).or_default();
            match meanings.iter_mut().find(|meaning| meaning.place == place) {
                Some(known) if known.score >= score => {}
                Some(known) => *known = Meaning { place, kind, score, term },
                None => meanings.push(Meaning { place, kind, score, term }),
            }
        }
        self.all.push(tag);
    }

    /// Puts the likeliest meaning first; of equal ones genres, then the older tag.
    fn finish(mut self) -> Self {
        for meanings in self.names.values_mut() {
            meanings.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
            meanings.shrink_to_fit();
        }
        self
    }

    fn place_of(&self, tag_type: TagType, key: &str) -> Option<u32> {
        self.own.get(&(tag_type, Box::from(key))).copied()
    }
}

/// What a term says its tag is called; `None` for one that only stands near it.
fn role(term: &KeyedTerm) -> Option<(NameKind, f64)> {
    let confidence = term.confidence.value();
    let other_name = OTHER_NAME_SCORE + OTHER_NAME_SPAN * confidence;
    match term.section {
        Section::Translations => Some((NameKind::Translation, other_name)),
        Section::SearchTerms if term.lang.is_none() || confidence >= NAMING_CONFIDENCE => {
            Some((NameKind::Alias, other_name))
        }
        Section::SearchTerms => Some((NameKind::SearchTerm, SEARCH_TERM_SCORE + SEARCH_TERM_SPAN * confidence)),
        Section::Name | Section::RelatedTags | Section::UsageContext => None,
    }
}

/// The entries of the lexicon with their names.
static LEXICON: LazyLock<Tags> = LazyLock::new(|| {
    let mut tags = Tags::default();
    for entry in lexicon_entries() {
        let mut tag = known_entry(&entry, None);
        // What the library does not have is met by its names alone, and told by none of its terms.
        tag.terms.retain(|term| matches!(role(term), Some((NameKind::Alias | NameKind::Translation, _))));
        tags.add(tag);
    }
    tags.finish()
});

/// Reads the lexicon, unless it was read before: some 100 ms.
pub(super) fn load_lexicon() {
    LazyLock::force(&LEXICON);
}

fn known_entry(entry: &LexiconTag, id: Option<i64>) -> KnownTag {
    let keyed = |term: &crate::domain::Term| KeyedTerm {
        section: term.section,
        lang: term.lang,
        key: term.key(),
        term: term.term.clone(),
        confidence: term.confidence,
    };
    KnownTag {
        tag_type: entry.tag_type,
        id,
        name: entry.name.to_string(),
        key: entry.name.key(),
        terms: entry.terms.iter().map(keyed).collect(),
        broader: entry.broader.iter().map(|name| key(name)).collect(),
        description: Some(entry.description),
    }
}

/// The tags of a library as of one state of it.
#[derive(Debug)]
pub struct Vocabulary {
    tags: Tags,
    spellings: Spellings,
}

impl Vocabulary {
    /// The starter vocabulary: every entry of the lexicon as a tag, numbered from 1.
    pub fn starter() -> Self {
        let mut tags = Tags::default();
        for (id, entry) in (1i64..).zip(lexicon_entries()) {
            tags.add(known_entry(&entry, Some(id)));
        }
        Self::finish(tags)
    }

    /// These tags, in the order of type and number.
    pub fn of(tags: impl IntoIterator<Item = TagWithTerms>) -> Self {
        let mut known = Tags::default();
        for TagWithTerms { tag_type, id, name, confidence: _, terms } in tags {
            let key = key(&name);
            let entry = LEXICON.place_of(tag_type, &key).map(|at| &LEXICON.all[at as usize]);
            known.add(KnownTag {
                tag_type,
                id: Some(id),
                name,
                key,
                terms,
                broader: entry.map(|entry| entry.broader.clone()).unwrap_or_default(),
                description: entry.and_then(|entry| entry.description),
            });
        }
        Self::finish(known)
    }

    fn finish(tags: Tags) -> Self {
        let tags = tags.finish();
        let names = |meanings: &[Meaning]| meanings.iter().any(|meaning| meaning.score >= OTHER_NAME_SCORE);
        let naming = tags.names.iter().filter(|(_, meanings)| names(meanings)).map(|(key, _)| key.clone());
        let spellings = Spellings::of(naming);
        Self { tags, spellings }
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.tags.all.len()
    }

    /// Whether there is no tag at all.
    pub fn is_empty(&self) -> bool {
        self.tags.all.is_empty()
    }

    /// The tag at a place.
    pub fn at(&self, place: Place) -> &KnownTag {
        let tags = if place.in_lexicon { &LEXICON.all } else { &self.tags.all };
        &tags[place.at as usize]
    }

    /// The tags of the library, by type and number.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        (0u32..).zip(&self.tags.all).map(|(at, _)| Place { in_lexicon: false, at })
    }

    /// What the lexicon has and the library does not, in the lexicon's order.
    pub fn suggestions(&self) -> impl Iterator<Item = Place> {
        let is_new = move |(_, entry): &(u32, &KnownTag)| self.tags.place_of(entry.tag_type, &entry.key).is_none();
        (0u32..).zip(&LEXICON.all).filter(is_new).map(|(at, _)| Place { in_lexicon: true, at })
    }

    /// What else a tag is called: the aliases and translations that mean it more than any other tag of its type, in their order.
    pub fn other_names(&self, place: Place) -> impl Iterator<Item = &KeyedTerm> {
        let tag = self.at(place);
        tag.terms.iter().filter(move |term| {
            matches!(role(term), Some((NameKind::Alias | NameKind::Translation, _)))
                && term.confidence.value() >= SURE_CONFIDENCE
                && self.means_alone(&term.key, place, tag.tag_type)
        })
    }

    /// The entry of the lexicon that a tag of the library is by another name, as `dnb` is `drum and bass`; `None` where the
    /// lexicon has the tag by its own name, or the library the entry.
    pub fn entry_of_alias(&self, place: Place) -> Option<Place> {
        let tag = self.at(place);
        if place.in_lexicon || LEXICON.place_of(tag.tag_type, &tag.key).is_some() {
            return None;
        }
        let is_of_type = |meaning: &&Meaning| LEXICON.all[meaning.place as usize].tag_type == tag.tag_type;
        let meaning = LEXICON.names.get(tag.key.as_str())?.iter().find(is_of_type)?;
        let entry = &LEXICON.all[meaning.place as usize];
        let is_new = self.tags.place_of(entry.tag_type, &entry.key).is_none();
        is_new.then_some(Place { in_lexicon: true, at: meaning.place })
    }

    /// Whether a key means this tag, and no other one of its type as much. What is the name of a tag means that one, in the
    /// lexicon too, unless this is what it is.
    fn means_alone(&self, key: &str, place: Place, tag_type: TagType) -> bool {
        let named = self.place_of(tag_type, key);
        if named.is_some_and(|named| named != place) && named != self.entry_of_alias(place) {
            return false;
        }
        let hits = self.meanings(key, Some(tag_type));
        let best = hits.iter().map(|hit| hit.score).fold(0.0, f64::max);
        let mut equals = hits.iter().filter(|hit| hit.score >= best);
        equals.next().is_some_and(|hit| hit.place == place) && equals.next().is_none()
    }

    /// The tag of this very name, or of its key.
    pub fn named(&self, tag_type: TagType, name: &str) -> Option<Place> {
        self.place_of(tag_type, &key(name))
    }

    /// The tag of this key, of the library or else of the lexicon.
    fn place_of(&self, tag_type: TagType, key: &str) -> Option<Place> {
        let known = self.tags.place_of(tag_type, key).map(|at| Place { in_lexicon: false, at });
        known.or_else(|| LEXICON.place_of(tag_type, key).map(|at| Place { in_lexicon: true, at }))
    }

    /// What a key may mean, the likeliest first: tags of the library, else what the lexicon knows. Another name that the
    /// lexicon has for a tag of the library meets it, too.
    pub fn meanings(&self, key: &str, tag_type: Option<TagType>) -> Vec<Hit> {
        let is_wanted = |tag: &KnownTag| tag_type.is_none_or(|wanted| wanted == tag.tag_type);
        let hit = |tags: &Tags, in_lexicon: bool, meaning: &Meaning| {
            let tag = &tags.all[meaning.place as usize];
            is_wanted(tag).then(|| Hit {
                place: Place { in_lexicon, at: meaning.place },
                kind: meaning.kind,
                score: meaning.score,
                term: tag.terms.get(meaning.term as usize).map(|term| term.term.clone()),
            })
        };
        let known = self.tags.names.get(key).into_iter().flatten();
        let hits: Vec<Hit> = known.filter_map(|meaning| hit(&self.tags, false, meaning)).collect();
        if hits.iter().any(|hit| hit.kind != NameKind::SearchTerm) {
            return hits;
        }
        let shipped = LEXICON.names.get(key).into_iter().flatten();
        let mut found: Vec<Hit> = shipped.filter_map(|meaning| hit(&LEXICON, true, meaning)).collect();
        for hit in &mut found {
            let entry = &LEXICON.all[hit.place.at as usize];
            if let Some(place) = self.place_of(entry.tag_type, &entry.key) {
                hit.place = place;
            }
        }
        // The library's own tags before those that it could have.
        found.sort_by_key(|hit| hit.place.in_lexicon);
        found.extend(hits);
        found
    }

    /// Whether a place is one that the library does not have.
    pub const fn is_suggestion(&self, place: Place) -> bool {
        place.in_lexicon
    }

    /// The key of a known name that this misspelt key is nearest to, and the errors that lie between. `None` where several
    /// are as near and mean different tags.
    pub fn nearest(&self, misspelt: &str) -> Option<(&str, f64)> {
        let best = |key: &str| self.tags.names.get(key).and_then(|meanings| meanings.first()).map(|first| first.place);
        self.spellings.nearest(misspelt, |a, b| best(a) == best(b))
    }

    /// The direct parents of a tag.
    pub fn parents(&self, place: Place) -> Vec<Place> {
        let tag = self.at(place);
        tag.broader.iter().filter_map(|key| self.place_of(tag.tag_type, key)).collect()
    }

    /// The ancestors of a tag, nearest first, each once.
    pub fn ancestors(&self, place: Place) -> Vec<Place> {
        let (mut found, mut seen) = (Vec::new(), HashSet::from([place]));
        let mut level = vec![place];
        while !level.is_empty() {
            level = level.iter().flat_map(|place| self.parents(*place)).filter(|place| seen.insert(*place)).collect();
            found.extend(&level);
        }
        found
    }

    /// What a tag is called in a language: its first translation that is no mere alias, else its name.
    pub fn name_in(&self, place: Place, lang: Lang) -> &str {
        let tag = self.at(place);
        let is_name = |term: &&KeyedTerm| term.section == Section::Translations && term.lang == Some(lang);
        match lang {
            Lang::En => &tag.name,
            Lang::Fr => tag.terms.iter().find(is_name).map_or(tag.name.as_str(), |term| term.term.as_str()),
        }
    }
}
