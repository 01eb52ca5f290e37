//! The searchable terms in memory, found by key, by stem, by trigram and by their first letters.
//!
//! An inverted index whose lists only grow: a row that changes leaves its former terms as dead places, and the lists
//! are made anew once these are many. Equal hits are ordered by what they say, never by when they came in.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    domain::{Lang, Section, SharedText, Synonyms, TagType, keep_first, parse_stems, rarity},
    store::{CandidateTag, EXACT_OR_MISSPELT_SHARE, MatchedTerm, Recall, Recalled, may_be_misspelt},
};

/// Dead places are swept away once they are more than this share (one in …) of all.
const SWEEP_SHARE: usize = 3;

/// Trigrams of a query that a term must share beyond those that typing errors may have changed.
const LEFT_TRIGRAMS: usize = 3;

/// A short word whose letters changed places keeps hardly a trigram; its beginning is right mostly. In characters of a key.
const SHORT_KEY: std::ops::RangeInclusive<usize> = 4..=8;

/// By how many characters such a word may differ in length.
const SHORT_KEY_SLACK: usize = 2;

/// A place in the list of terms.
type Place = u32;

/// All active terms of all active rows.
#[derive(Debug, Default)]
pub(super) struct TermIndex {
    /// `None` is a dead place.
    terms: Vec<Option<Indexed>>,
    rows: HashMap<i64, IndexedRow>,
    by_key: HashMap<Box<str>, Vec<Place>>,
    by_stem: HashMap<Box<str>, Vec<Place>>,
    /// Names alone: what people misspell.
    by_trigram: HashMap<[char; 3], Vec<Place>>,
    /// Names alone.
    by_beginning: HashMap<[char; 2], Vec<Place>>,
    dead: usize,
}

/// A row with the places of its terms.
#[derive(Debug)]
struct IndexedRow {
    tag: Arc<CandidateTag>,
    places: Vec<Place>,
}

/// A term with what recall looks at.
#[derive(Debug)]
struct Indexed {
    term: Arc<MatchedTerm>,
    tag: Arc<CandidateTag>,
    /// Length of the key in characters.
    key_length: usize,
}

impl Indexed {
    fn is_name(&self) -> bool {
        self.term.section.is_name()
    }

    /// Orders hits of one worth: names first, short terms first, then the alphabet.
    fn order(&self) -> (bool, bool, usize, &str, &str, TagType) {
        let section = self.term.section;
        (
            section != Section::Name,
            section == Section::RelatedTags,
            self.term.stems.len(),
            &self.term.term,
            &self.tag.name,
            self.tag.tag_type,
        )
    }
}

impl TermIndex {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = i64> {
        self.rows.keys().copied()
    }

    /// A row's tag.
    pub(super) fn tag(&self, synonym_id: i64) -> Option<&CandidateTag> {
        self.rows.get(&synonym_id).map(|row| row.tag.as_ref())
    }

    /// The sections of a row, as its terms fill them.
    pub(super) fn sections(&self, synonym_id: i64) -> Option<Synonyms> {
        let mut sections = Synonyms::default();
        for indexed in self.rows.get(&synonym_id)?.places.iter().filter_map(|place| self.at(*place)) {
            sections.push(indexed.term.section, indexed.term.lang, &indexed.term.term);
        }
        Some(sections)
    }

    /// Replaces a row's terms.
    pub(super) fn upsert(&mut self, synonym_id: i64, tag_type: TagType, tag_name: &str, terms: Vec<MatchedTerm>) {
        self.remove(synonym_id);
        if self.dead * SWEEP_SHARE > self.terms.len() {
            self.sweep();
        }
        let key = terms.iter().find(|term| term.section == Section::Name).map(|term| &*term.key);
        let [name, key] = SharedText::of([tag_name, key.unwrap_or_default()]);
        let tag = Arc::new(CandidateTag { tag_type, name, key, state: 0 });
        for term in terms {
            let key_length = term.key.chars().count();
            self.insert(Indexed { term: Arc::new(term), tag: Arc::clone(&tag), key_length });
        }
    }

    /// Takes a row out, if it is there.
    pub(super) fn remove(&mut self, synonym_id: i64) {
        for place in self.rows.remove(&synonym_id).into_iter().flat_map(|row| row.places) {
            self.terms[place as usize] = None;
            self.dead += 1;
        }
    }

    fn insert(&mut self, indexed: Indexed) {
        // Four thousand million terms do not fit into memory.
        let Ok(place) = Place::try_from(self.terms.len()) else { return };
        let key: Vec<char> = indexed.term.key.chars().collect();
        push(&mut self.by_key, &indexed.term.key, place);
        for stem in parse_stems(&indexed.term.stems).flatten() {
            push(&mut self.by_stem, stem, place);
        }
        if indexed.is_name() {
            for trigram in key.array_windows::<3>() {
                push_once(self.by_trigram.entry(*trigram).or_default(), place);
            }
            if let Some([first, second, ..]) = key.get(..2) {
                self.by_beginning.entry([*first, *second]).or_default().push(place);
            }
        }
        let row = self.rows.entry(indexed.term.synonym_id);
        row.or_insert_with(|| IndexedRow { tag: Arc::clone(&indexed.tag), places: Vec::new() }).places.push(place);
        self.terms.push(Some(indexed));
    }

    /// Makes all lists anew, without the dead places.
    fn sweep(&mut self) {
        let terms = std::mem::take(self).terms;
        for indexed in terms.into_iter().flatten() {
            self.insert(indexed);
        }
    }

    fn at(&self, place: Place) -> Option<&Indexed> {
        self.terms.get(place as usize).and_then(Option::as_ref)
    }

    /// The names of the tags that are called by one of these keys in French, by key: of several the first in the alphabet.
    pub(super) fn names_by_french(&self, keys: &[String]) -> HashMap<String, String> {
        let name = |key: &String| {
            let places = self.by_key.get(key.as_str())?.iter();
            let french = places
                .filter_map(|place| self.at(*place))
                .filter(|indexed| indexed.term.section == Section::Translations && indexed.term.lang == Some(Lang::Fr));
            Some((key.clone(), french.map(|indexed| &*indexed.tag.name).min()?.to_string()))
        };
        keys.iter().filter_map(name).collect()
    }

    /// The terms that meet the query: by its key or that of a phrase of it, by its trigrams or beginning where no name has
    /// its key, and by its words. The first two keep to their share of the limit, words get what is left of it, each its best first: neither a frequent
    /// word nor a frequent key crowds out the rest.
    pub(super) fn recall(&self, recall: &Recall<'_>) -> Recalled {
        let live =
            |place: Place| self.at(place).filter(|term| recall.tag_type.is_none_or(|kind| kind == term.tag.tag_type));
        let mut found: Vec<Place> = Vec::new();

        let having = |keys: &[String], weight: f64| -> Vec<(f64, Place)> {
            let places = keys.iter().filter_map(|key| self.by_key.get(key.as_str())).flatten();
            places.filter(|place| live(**place).is_some()).map(|place| (weight, *place)).collect()
        };
        let is_name = |(_, place): &(f64, Place)| live(*place).is_some_and(Indexed::is_name);
        let mut by_key = having(recall.keys, 1.0);
        by_key.dedup();
        let share = recall.term_limit.div_ceil(EXACT_OR_MISSPELT_SHARE);
        let misspelt = !by_key.iter().any(is_name);
        by_key.extend(having(recall.phrases, 0.0).into_iter().filter(is_name));
        self.keep_best(by_key, share, &mut found);

        let lists: Vec<Vec<Place>> = recall.stems.iter().map(|stems| self.by_word(stems)).collect();
        let word_tags: Vec<usize> = lists.iter().map(|list| self.tags_among(list)).collect();
        let is_known = |stem: &str| self.knows(stem);
        if let Some(text) = recall.fuzzy_key.filter(|_| misspelt && may_be_misspelt(recall.stems, is_known)) {
            let key: Vec<char> = text.chars().collect();
            for mut hits in [self.by_trigrams(&key), self.by_beginning(&key, text)] {
                hits.retain(|(_, place)| live(*place).is_some());
                self.keep_best(hits, share, &mut found);
            }
        }

        let weights = word_tags.iter().map(|tags| rarity(*tags, self.len()));
        let hits = weighed(lists.iter().map(Vec::as_slice).zip(weights));
        self.keep_best(
            hits.into_iter().filter(|(_, place)| live(*place).is_some()).collect(),
            recall.term_limit,
            &mut found,
        );

        let mut seen = HashSet::new();
        found.retain(|place| seen.insert(*place));
        found.truncate(recall.term_limit);
        let terms =
            found.into_iter().filter_map(|place| self.at(place)).map(|indexed| Arc::clone(&indexed.term)).collect();
        Recalled { terms, word_tags, tag_count: self.len(), ..Recalled::default() }
    }

    /// Whether a word with this stem stands in a term.
    pub(super) fn knows(&self, stem: &str) -> bool {
        self.by_stem.get(stem).is_some_and(|list| list.iter().any(|place| self.at(*place).is_some()))
    }

    /// The terms that hold a word by one of its stems, each once, in order.
    fn by_word(&self, stems: &[String]) -> Vec<Place> {
        let mut places: Vec<Place> =
            stems.iter().filter_map(|stem| self.by_stem.get(stem.as_str())).flatten().copied().collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// How many tags these terms belong to. Terms of one row stand together.
    fn tags_among(&self, places: &[Place]) -> usize {
        let mut rows: Vec<i64> =
            places.iter().filter_map(|place| self.at(*place)).map(|indexed| indexed.term.synonym_id).collect();
        rows.dedup();
        rows.len()
    }

    /// Terms that share enough of the rarest trigrams of a key.
    ///
    /// Of any `n` trigrams of which typing errors may change `m`, each `m + k` have `k` that are left: looking up the
    /// rarest `m + k` finds all that a look-up of all would find (the prefix filter of set similarity joins; Chaudhuri
    /// et al., 2006, "A primitive operator for similarity joins in data cleaning").
    fn by_trigrams(&self, key: &[char]) -> Vec<(f64, Place)> {
        let none: &[Place] = &[];
        let mut trigrams: Vec<&[char; 3]> = key.array_windows::<3>().collect();
        trigrams.sort_unstable();
        trigrams.dedup();
        let mut lists: Vec<&[Place]> =
            trigrams.iter().map(|trigram| self.by_trigram.get(*trigram).map_or(none, Vec::as_slice)).collect();
        lists.sort_by_key(|list| list.len());
        let changed = changed_trigrams(key.len());
        lists.truncate(changed + LEFT_TRIGRAMS);
        let shared = lists.len().saturating_sub(changed).max(1);
        let mut hits = weighed(lists.into_iter().zip(std::iter::repeat(1.0)));
        let shared = f64::from(u32::try_from(shared).unwrap_or(u32::MAX));
        hits.retain(|(count, _)| *count >= shared);
        for (count, place) in &mut hits {
            *count -= self.length_penalty(*place, key.len());
        }
        hits
    }

    /// Names that begin with the key, and those that begin as a short one does and are about as long.
    fn by_beginning(&self, key: &[char], text: &str) -> Vec<(f64, Place)> {
        let Some([first, second, ..]) = key.get(..2) else { return Vec::new() };
        let places = self.by_beginning.get(&[*first, *second]).map_or(&[][..], Vec::as_slice);
        let is_short = SHORT_KEY.contains(&key.len());
        let near = |place: &&Place| {
            self.at(**place).is_some_and(|indexed| {
                let is_as_long = indexed.key_length.abs_diff(key.len()) <= SHORT_KEY_SLACK;
                (is_short && is_as_long) || indexed.term.key.starts_with(text)
            })
        };
        places.iter().filter(near).map(|place| (-self.length_penalty(*place, key.len()), *place)).collect()
    }

    /// Of terms that share equally many trigrams, the one of about the same length is the likelier.
    fn length_penalty(&self, place: Place, length: usize) -> f64 {
        let difference = self.at(place).map_or(0, |indexed| indexed.key_length.abs_diff(length));
        f64::from(u32::try_from(difference).unwrap_or(u32::MAX)) * 0.01
    }

    /// Adds the best of these hits to what was found.
    fn keep_best(&self, mut hits: Vec<(f64, Place)>, limit: usize, found: &mut Vec<Place>) {
        let order = |place: Place| self.at(place).map(Indexed::order);
        let better = |a: &(f64, Place), b: &(f64, Place)| b.0.total_cmp(&a.0).then_with(|| order(a.1).cmp(&order(b.1)));
        keep_first(&mut hits, limit, better);
        found.extend(hits.into_iter().map(|(_, place)| place));
    }
}

fn push(lists: &mut HashMap<Box<str>, Vec<Place>>, key: &str, place: Place) {
    if let Some(list) = lists.get_mut(key) {
        push_once(list, place);
    } else {
        lists.insert(key.into(), vec![place]);
    }
}

fn push_once(list: &mut Vec<Place>, place: Place) {
    if list.last() != Some(&place) {
        list.push(place);
    }
}

/// Adds up the weights of the lists that each place stands in.
fn weighed<'a>(lists: impl Iterator<Item = (&'a [Place], f64)>) -> Vec<(f64, Place)> {
    let mut hits: Vec<(f64, Place)> =
        lists.flat_map(|(list, weight)| list.iter().map(move |place| (weight, *place))).collect();
    hits.sort_unstable_by_key(|(_, place)| *place);
    hits.dedup_by(|next, kept| {
        let same = next.1 == kept.1;
        if same {
            kept.0 += next.0;
        }
        same
    });
    hits
}

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
    use crate::domain::{Confidence, key, stem_groups, stems};

    fn term(synonym_id: i64, section: Section, text: &str) -> MatchedTerm {
        let [term, key, stems] = SharedText::of([text, &key(text), &stems(text)]);
        MatchedTerm { synonym_id, section, lang: None, term, key, stems, confidence: Confidence::CERTAIN }
    }

    fn index(rows: &[(i64, &[&str])]) -> TermIndex {
        let mut index = TermIndex::default();
        for (id, texts) in rows {
            let terms = texts.iter().map(|text| term(*id, Section::SearchTerms, text)).collect();
            index.upsert(*id, TagType::Genre, texts[0], terms);
        }
        index
    }

    fn met(index: &TermIndex, query: &str, term_limit: usize) -> Vec<String> {
        let (keys, stems) = ([key(query)], stem_groups(query));
        let recall = Recall {
            keys: &keys,
            phrases: &[],
            stems: &stems,
            fuzzy_key: Some(&keys[0]),
            vector: None,
            tag_type: None,
            term_limit,
            vector_limit: 0,
        };
        let mut met: Vec<String> = index.recall(&recall).terms.iter().map(|term| term.term.to_string()).collect();
        met.sort();
        met
    }

    #[test]
    fn a_row_that_changes_is_found_by_its_new_terms_alone_however_often() {
        let mut index = index(&[(1, &["acid house", "warehouse rave"]), (2, &["deep house"])]);
        for turn in 0..50 {
            let text = format!("turn{turn} house");
            index.upsert(1, TagType::Genre, &text, vec![term(1, Section::SearchTerms, &text)]);
            assert_eq!(met(&index, "house", 9), ["deep house".to_owned(), text]);
        }
        assert!(index.terms.len() < 10, "{} places for 2 terms", index.terms.len());
        index.remove(1);
        assert_eq!(met(&index, "house", 9), ["deep house"]);
        assert_eq!((index.tag(1), index.tag(2).map(|tag| &*tag.name)), (None, Some("deep house")));
    }

    #[test]
    fn a_rare_word_weighs_more_than_a_frequent_one() {
        let many: Vec<(i64, Vec<&str>)> = (10..40).map(|id| (id, vec!["rock"])).collect();
        let mut rows: Vec<(i64, &[&str])> = many.iter().map(|(id, texts)| (*id, texts.as_slice())).collect();
        rows.push((1, &["bagpipe"]));
        assert_eq!(met(&index(&rows), "rock bagpipe", 1), ["bagpipe"]);
    }

    #[test]
    fn what_is_met_does_not_depend_on_the_order_of_insertion() {
        let rows: Vec<(i64, &[&str])> =
            vec![(1, &["slow rock"]), (2, &["fast rock"]), (3, &["soft rock"]), (4, &["hard rock"])];
        let turned: Vec<(i64, &[&str])> = rows.iter().rev().copied().collect();
        for limit in 1..4 {
            assert_eq!(met(&index(&rows), "rock", limit), met(&index(&turned), "rock", limit));
        }
    }

    #[test]
    fn the_number_of_tags_that_a_word_stands_in_is_told() {
        let index = index(&[(1, &["slow rock", "rock ballad"]), (2, &["rock"]), (3, &["pop"])]);
        let stems = stem_groups("slow rock tango");
        let recall = Recall {
            keys: &[],
            phrases: &[],
            stems: &stems,
            fuzzy_key: None,
            vector: None,
            tag_type: None,
            term_limit: 9,
            vector_limit: 0,
        };
        let recalled = index.recall(&recall);
        assert_eq!((recalled.word_tags, recalled.tag_count), (vec![1, 2, 0], 3));
    }
}
