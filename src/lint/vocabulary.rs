//! What the vocabulary as a whole says, learnt in a first reading of all tags: the second looks at each tag against it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use super::finding::{FoundTag, MAX_LISTED_TAGS};
use crate::{
    domain::{Lang, Section, Source, TagType, key, words},
    generate::{MAX_CONTEXT_SHARE, MIN_ENTRIES_FOR_SHARES},
    store::{ContentToLint, RowToLint, TagToLint},
};

/// Shorter words of names ("of", "la") say nothing.
const MIN_WORD_CHARS: usize = 3;

/// A tag as others are compared with it.
#[derive(Debug)]
pub(super) struct KnownTag {
    pub(super) tag: FoundTag,
    pub(super) key: String,
    /// Whether a person wrote its row.
    pub(super) by_person: bool,
}

/// How often a key was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Tags that claim it as an alias.
    aliases: u32,
    /// Rows that have it anywhere.
    rows: u32,
}

/// All tags, and of their terms how often each key stands where. Keys are counted by their hash: a million of them take less
/// memory so, and whatever is reported was met again as it is written.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// In the order of reading: by type and number.
    tags: Vec<KnownTag>,
    by_key: BTreeMap<(TagType, String), Vec<usize>>,
    seen: HashMap<u64, Seen>,
    hasher: RandomState,
    rows: HashMap<TagType, usize>,
    terms: usize,
    name_words: HashSet<String>,
}

/// A term of a row with its key.
pub(super) struct RowTerm<'a> {
    pub(super) section: Section,
    pub(super) lang: Option<Lang>,
    pub(super) term: &'a str,
    pub(super) key: String,
}

impl RowTerm<'_> {
    /// Whether it says what the tag is called.
    pub(super) const fn is_alias(&self) -> bool {
        matches!(self.section, Section::SearchTerms | Section::Translations)
    }
}

/// The terms of a row.
pub(super) fn terms_of(row: &RowToLint) -> Vec<RowTerm<'_>> {
    row.synonyms
        .lists()
        .into_iter()
        .flat_map(|(section, lang, terms)| {
            terms.iter().map(move |term| RowTerm { section, lang, term, key: key(term) })
        })
        .collect()
}

/// The tag as findings name it.
pub(super) fn found(tag: &TagToLint) -> FoundTag {
    let synonym_id = match &tag.content {
        ContentToLint::Row(row) => Some(row.synonym_id),
        _ => None,
    };
    FoundTag { tag_type: tag.tag_type, tag_id: tag.id, tag_name: tag.name.clone(), synonym_id }
}

impl Vocabulary {
    /// Takes in a tag; returns its place.
    pub(super) fn learn(&mut self, tag: &TagToLint) -> usize {
        let (place, own_key) = (self.tags.len(), key(&tag.name));
        let mut by_person = false;
        if let ContentToLint::Row(row) = &tag.content {
            by_person = row.source == Source::Manual;
            *self.rows.entry(tag.tag_type).or_default() += 1;
            let terms = terms_of(row);
            self.terms += terms.len();
            let aliases: HashSet<&str> =
                terms.iter().filter(|term| term.is_alias() && term.key != own_key).map(|term| &*term.key).collect();
            let all: HashSet<&str> = terms.iter().map(|term| &*term.key).collect();
            for key in all {
                let seen = self.seen.entry(self.hasher.hash_one((tag.tag_type, key))).or_default();
                seen.rows += 1;
                seen.aliases += u32::from(aliases.contains(key));
            }
        }
        self.name_words.extend(words(&tag.name).into_iter().filter(|word| word.chars().count() >= MIN_WORD_CHARS));
        self.by_key.entry((tag.tag_type, own_key.clone())).or_default().push(place);
        self.tags.push(KnownTag { tag: found(tag), key: own_key, by_person });
        place
    }

    /// How many tags there are.
    pub(super) const fn len(&self) -> usize {
        self.tags.len()
    }

    /// How many rows of a type there are.
    pub(super) fn rows_of(&self, tag_type: TagType) -> usize {
        self.rows.get(&tag_type).copied().unwrap_or_default()
    }

    /// How many terms there are.
    pub(super) const fn terms(&self) -> usize {
        self.terms
    }

    /// The tag at a place.
    pub(super) fn at(&self, place: usize) -> &KnownTag {
        &self.tags[place]
    }

    /// Tags whose names have one key, where there are several: the oldest first.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = Vec<&KnownTag>> {
        let several = self.by_key.values().filter(|places| places.len() > 1);
        several.map(|places| places.iter().map(|place| self.at(*place)).collect())
    }

    /// The tags of a type whose names have this key.
    pub(super) fn named(&self, tag_type: TagType, key: &str) -> impl Iterator<Item = &KnownTag> {
        let places = self.by_key.get(&(tag_type, key.to_owned()));
        places.into_iter().flatten().map(|place| self.at(*place))
    }

    /// Of two tags that are one, the one that goes and the one that stays: what a person wrote, else the older.
    pub(super) fn goes_and_stays<'a>(&self, a: &'a FoundTag, b: &'a FoundTag) -> (&'a FoundTag, &'a FoundTag) {
        let by_person = |tag: &FoundTag| {
            self.named(tag.tag_type, &key(&tag.tag_name)).any(|known| known.by_person && known.tag == *tag)
        };
        let rank = |tag: &FoundTag| (!by_person(tag), tag.tag_id);
        if rank(a) < rank(b) { (b, a) } else { (a, b) }
    }

    /// Whether a word stands in the name of any tag.
    pub(super) fn knows_word(&self, word: &str) -> bool {
        self.name_words.contains(word)
    }

    fn seen(&self, tag_type: TagType, key: &str) -> Seen {
        self.seen.get(&self.hasher.hash_one((tag_type, key))).copied().unwrap_or_default()
    }

    /// Whether several tags of a type claim a key as an alias.
    pub(super) fn is_shared(&self, tag_type: TagType, key: &str) -> bool {
        self.seen(tag_type, key).aliases > 1
    }

    /// Whether a key stands in more rows of a type than one that says something.
    pub(super) fn is_frequent(&self, tag_type: TagType, key: &str) -> bool {
        is_frequent(self.seen(tag_type, key).rows as usize, self.rows_of(tag_type))
    }
}

/// Whether so many of all rows are so many that a term in them says nothing: the rule of the lexicon.
#[expect(clippy::cast_precision_loss, reason = "counts of rows are small")]
pub(super) fn is_frequent(rows: usize, all: usize) -> bool {
    all >= MIN_ENTRIES_FOR_SHARES && rows as f64 / all as f64 > MAX_CONTEXT_SHARE
}

/// Which tags have a key, and how it is first written.
#[derive(Debug, Default)]
pub(super) struct Holders(BTreeMap<(TagType, String), Held>);

/// The tags that have a key.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) section: Section,
    pub(super) lang: Option<Lang>,
    pub(super) term: String,
    /// Up to [`MAX_LISTED_TAGS`] of them.
    pub(super) tags: Vec<FoundTag>,
    pub(super) count: usize,
}

impl Holders {
    /// Takes in that a tag has a term. Tags come in their order, each term of one after the other.
    pub(super) fn add(&mut self, tag: &FoundTag, term: &RowTerm<'_>) {
        let held = self.0.entry((tag.tag_type, term.key.clone())).or_insert_with(|| Held {
            section: term.section,
            lang: term.lang,
            term: term.term.to_owned(),
            tags: Vec::new(),
            count: 0,
        });
        if held.count < MAX_LISTED_TAGS {
            held.tags.push(tag.clone());
        }
        held.count += 1;
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (TagType, Held)> {
        self.0.into_iter().map(|((tag_type, _), held)| (tag_type, held))
    }
}
