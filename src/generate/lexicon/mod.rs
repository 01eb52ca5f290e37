//! The built-in lexicon as a generator: what `data/lexicon.jsonl` says of a tag, else its spelling variants alone.
//!
//! The file's format and rules are documented in `docs/LEXICON.md`.

mod entry;
mod lint;

use std::{collections::HashMap, sync::OnceLock};

use async_trait::async_trait;

use super::{GenerateError, Generation, GenerationRequest, Generator};
use crate::domain::{
    Confidence, Lang, MAX_TERM_CHARS, Section, Source, TagName, TagRef, TagType, Term, TermStatus, key,
};

use entry::Entry;
pub(crate) use lint::{MAX_CONTEXT_SHARE, MIN_ENTRIES_FOR_SHARES};
pub use lint::{Problem, check};

/// The built-in lexicon, one entry a line.
pub const LEXICON: &str = include_str!("../../../data/lexicon.jsonl");

/// Confidence of a row that has an entry of its own.
const ENTRY_CONFIDENCE: f64 = 0.8;
/// Confidence of a row whose name is an alias or a translation of an entry.
const ALIAS_CONFIDENCE: f64 = 0.7;
/// Confidence of a row without an entry: spelling variants only.
const VARIANT_CONFIDENCE: f64 = 0.2;

/// Confidence of a term by what the entry says it is: another name of the same thing, or something looser.
const NAME_TERM_CONFIDENCE: f64 = 0.9;
const LOOSE_TERM_CONFIDENCE: f64 = 0.6;

/// Tags that a worker takes at once: looking up is cheap, each transaction is not.
const BATCH: usize = 64;

/// The entries with their look-ups.
struct Lexicon {
    entries: Vec<Entry>,
    by_name: HashMap<(TagType, String), usize>,
    /// What an alias or a translation means; what means several entries about equally names nothing.
    by_alias: HashMap<(TagType, String), usize>,
}

/// What a key that is not declared as shared says: this entry and no other.
const WHOLLY: f64 = 1.0;

/// Least weight at which a shared alias names an entry.
const MIN_NAMING_WEIGHT: f64 = 0.5;

impl Lexicon {
    fn get() -> &'static Self {
        static LOADED: OnceLock<Lexicon> = OnceLock::new();
        LOADED.get_or_init(|| Self::parse(LEXICON))
    }

    fn parse(text: &str) -> Self {
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

    fn by_name(&self, tag: &TagRef) -> Option<&Entry> {
        self.by_name.get(&(tag.tag_type, tag.tag_name.key())).map(|place| &self.entries[*place])
    }

    fn by_alias(&self, tag: &TagRef) -> Option<&Entry> {
        self.by_alias.get(&(tag.tag_type, tag.tag_name.key())).map(|place| &self.entries[*place])
    }
}

/// The entry that an alias names: the one of the largest weight, where that says enough and no other has as much.
fn named(holders: &HashMap<usize, f64>) -> Option<usize> {
    let (place, weight) = holders.iter().max_by(|a, b| a.1.total_cmp(b.1))?;
    let alone = holders.iter().all(|(other, as_much)| other == place || as_much < weight);
    (alone && *weight >= MIN_NAMING_WEIGHT).then_some(*place)
}

/// The names of all entries: the starter vocabulary of the demo.
pub fn lexicon_tags() -> Vec<(TagType, TagName)> {
    Lexicon::get().entries.iter().map(|entry| (entry.tag_type, entry.name.clone())).collect()
}

/// Looks tags up in the built-in lexicon.
#[derive(Clone, Copy, Debug, Default)]
pub struct LexiconGenerator;

#[async_trait]
impl Generator for LexiconGenerator {
    async fn generate(&self, request: &GenerationRequest) -> Result<Generation, GenerateError> {
        let lexicon = Lexicon::get();
        let (terms, confidence) = if let Some(entry) = lexicon.by_name(&request.tag) {
            (entry_terms(entry), ENTRY_CONFIDENCE)
        } else if let Some(entry) = lexicon.by_alias(&request.tag) {
            let name = term(Section::SearchTerms, None, entry.name.as_str(), NAME_TERM_CONFIDENCE);
            (std::iter::once(name).chain(entry_terms(entry)).collect(), ALIAS_CONFIDENCE)
        } else {
            (variants(request.tag.tag_name.as_str()), VARIANT_CONFIDENCE)
        };
        let own_key = request.tag.tag_name.key();
        let mut seen = Vec::new();
        let terms = terms
            .into_iter()
            .filter(|term: &Term| {
                let key = term.key();
                let repeats_name = term.section == Section::SearchTerms && key == own_key;
                let place = (term.section, term.lang.filter(|_| term.section == Section::Translations), key);
                let new = !repeats_name && !request.rejected_keys.contains(&place.2) && !seen.contains(&place);
                seen.push(place);
                new
            })
            .collect();
        Ok(Generation { terms, confidence: Confidence::clamped(confidence), trace: None })
    }

    fn describe(&self) -> String {
        format!("the built-in lexicon ({} tags)", Lexicon::get().entries.len())
    }

    fn source(&self) -> Source {
        Source::Lexicon
    }

    fn batch_size(&self) -> usize {
        BATCH
    }
}

fn term(section: Section, lang: Option<Lang>, text: &str, confidence: f64) -> Term {
    Term {
        section,
        lang,
        term: text.to_owned(),
        source: Source::Lexicon,
        confidence: Confidence::clamped(confidence),
        status: TermStatus::Active,
    }
}

fn entry_terms(entry: &Entry) -> Vec<Term> {
    let shared = entry.shared_weights();
    let names = |list: &[String], section, lang| -> Vec<Term> {
        let confidence = |text: &String| NAME_TERM_CONFIDENCE * shared.get(&key(text)).unwrap_or(&WHOLLY);
        list.iter().map(|text| term(section, lang, text, confidence(text))).collect()
    };
    let loose = |list: &[String], section, lang| -> Vec<Term> {
        list.iter().map(|text| term(section, lang, text, LOOSE_TERM_CONFIDENCE)).collect()
    };
    let shared_aliases: Vec<String> = entry.shared_aliases.keys().cloned().collect();
    [
        names(&entry.aliases, Section::SearchTerms, None),
        names(&shared_aliases, Section::SearchTerms, None),
        loose(&entry.search_terms.en, Section::SearchTerms, Some(Lang::En)),
        loose(&entry.search_terms.fr, Section::SearchTerms, Some(Lang::Fr)),
        loose(&entry.related_tags, Section::RelatedTags, None),
        loose(&entry.usage_context.en, Section::UsageContext, Some(Lang::En)),
        loose(&entry.usage_context.fr, Section::UsageContext, Some(Lang::Fr)),
        names(&entry.translations.en, Section::Translations, Some(Lang::En)),
        names(&entry.translations.fr, Section::Translations, Some(Lang::Fr)),
    ]
    .concat()
}

/// What can be said of a name without knowing what it means: how else it is written, and that it is music.
fn variants(name: &str) -> Vec<Term> {
    let variant = |section, lang, text: &str| term(section, lang, text, VARIANT_CONFIDENCE);
    // Other spellings have the name's own key and are met anyway; these two are for those who read the row.
    let mut terms = vec![
        variant(Section::SearchTerms, Some(Lang::En), &format!("{name} music")),
        variant(Section::SearchTerms, Some(Lang::Fr), &format!("musique {name}")),
    ];
    terms.push(variant(Section::Translations, Some(Lang::En), name));
    terms.push(variant(Section::Translations, Some(Lang::Fr), name));
    // A name of full length leaves no room for another word.
    terms.retain(|term| term.term.chars().count() <= MAX_TERM_CHARS);
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generate(tag_type: TagType, name: &str, rejected: &[&str]) -> Generation {
        let request = GenerationRequest {
            tag: TagRef { tag_type, tag_name: TagName::parse(name).unwrap() },
            related_tags: Vec::new(),
            rejected_keys: rejected.iter().map(|term| key(term)).collect(),
        };
        futures_util::FutureExt::now_or_never(LexiconGenerator.generate(&request)).unwrap().unwrap()
    }

    fn has(generation: &Generation, section: Section, text: &str) -> bool {
        generation.terms.iter().any(|term| term.section == section && term.key() == key(text))
    }

    #[test]
    fn an_entry_is_found_by_another_spelling_of_its_name() {
        let generation = generate(TagType::Genre, "Drum & Bass", &[]);
        assert!(has(&generation, Section::SearchTerms, "dnb"));
        assert_eq!(generation.confidence.value(), ENTRY_CONFIDENCE);
    }

    #[test]
    fn a_tag_named_by_an_alias_gets_the_entry_under_its_main_name() {
        let generation = generate(TagType::Genre, "DnB", &[]);
        assert!(has(&generation, Section::SearchTerms, "drum and bass"));
        assert!(!has(&generation, Section::SearchTerms, "dnb"));
        assert_eq!(generation.confidence.value(), ALIAS_CONFIDENCE);
    }

    #[test]
    fn a_tag_outside_the_lexicon_gets_its_variants_at_low_confidence() {
        let generation = generate(TagType::Genre, "zzxqy core", &[]);
        assert!(has(&generation, Section::SearchTerms, "musique zzxqy core"));
        assert!(generation.confidence.value() <= 0.2);
    }

    #[test]
    fn what_a_person_took_out_does_not_come_back() {
        assert!(!has(&generate(TagType::Genre, "drum and bass", &["D&B"]), Section::SearchTerms, "dnb"));
    }

    /// A lexicon of entries with these names, shared aliases and French translations.
    fn lexicon(entries: &[(&str, &str, &str)]) -> Lexicon {
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

    fn named_by<'a>(lexicon: &'a Lexicon, alias: &str) -> Option<&'a str> {
        let tag = TagRef { tag_type: TagType::Genre, tag_name: TagName::parse(alias).unwrap() };
        lexicon.by_alias(&tag).map(|entry| entry.name.as_str())
    }

    #[test]
    fn a_shared_alias_names_the_entry_that_it_mostly_means() {
        let found = lexicon(&[("aa", r#"{"C-C":0.7}"#, "aa"), ("bb", r#"{"cc":0.3}"#, "bb")]);
        assert_eq!(named_by(&found, "cc"), Some("aa"));
        let found = lexicon(&[("aa", r#"{"cc":0.4}"#, "aa"), ("bb", r#"{"cc":0.3}"#, "bb")]);
        assert_eq!(named_by(&found, "cc"), None);
        let found = lexicon(&[("aa", r#"{"cc":0.5}"#, "aa"), ("bb", r#"{"cc":0.5}"#, "bb")]);
        assert_eq!(named_by(&found, "cc"), None);
        let found = lexicon(&[("aa", "{}", "cc"), ("bb", "{}", "cc")]);
        assert_eq!(named_by(&found, "cc"), None);
    }

    #[test]
    fn a_shared_alias_weighs_in_the_confidence_of_its_terms() {
        let found = lexicon(&[("aa", r#"{"cc":0.6,"dd":0.5}"#, "Dd")]);
        let confidence = |section, text: &str| {
            let found =
                entry_terms(&found.entries[0]).into_iter().find(|term| term.section == section && term.term == text);
            found.map(|term| term.confidence.value())
        };
        assert_eq!(confidence(Section::SearchTerms, "cc"), Some(Confidence::clamped(0.54).value()));
        assert_eq!(confidence(Section::Translations, "Dd"), Some(Confidence::clamped(0.45).value()));
    }
}
