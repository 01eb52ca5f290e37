//! The built-in lexicon as a generator: what `data/lexicon.jsonl` says of a tag, else its spelling variants alone.
//!
//! The file's format is documented in `docs/LEXICON.md`.

use std::{collections::HashMap, sync::OnceLock};

use async_trait::async_trait;
use serde::Deserialize;

use super::{GenerateError, Generation, GenerationRequest, Generator};
use crate::domain::{
    Confidence, Lang, MAX_TERM_CHARS, Section, Source, TagName, TagRef, TagType, Term, TermStatus, key,
};

/// The lexicon, one entry a line.
const LEXICON: &str = include_str!("../../data/lexicon.jsonl");

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

/// Terms in each language.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByLanguage {
    en: Vec<String>,
    fr: Vec<String>,
}

/// One entry of the lexicon.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tag_type: TagType,
    name: TagName,
    aliases: Vec<String>,
    search_terms: ByLanguage,
    related_tags: Vec<String>,
    usage_context: ByLanguage,
    translations: ByLanguage,
    #[expect(dead_code, reason = "read by the linter of the file, not by the generator")]
    broader: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the linter of the file, not by the generator"))]
    description: HashMap<Lang, String>,
}

/// The entries with their look-ups.
struct Lexicon {
    entries: Vec<Entry>,
    by_name: HashMap<(TagType, String), usize>,
    /// Aliases and translations that stand under one entry only; what stands under several names nothing.
    by_alias: HashMap<(TagType, String), Option<usize>>,
}

impl Lexicon {
    fn get() -> &'static Self {
        static LOADED: OnceLock<Lexicon> = OnceLock::new();
        LOADED.get_or_init(|| Self::parse(LEXICON))
    }

    fn parse(text: &str) -> Self {
        #[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
        let entries: Vec<Entry> =
            text.lines().map(|line| serde_json::from_str(line).expect("the built-in lexicon is well-formed")).collect();
        let by_name = entries
            .iter()
            .enumerate()
            .map(|(place, entry)| ((entry.tag_type, entry.name.key()), place))
            .collect::<HashMap<_, _>>();
        let mut by_alias: HashMap<(TagType, String), Option<usize>> = HashMap::new();
        for (place, entry) in entries.iter().enumerate() {
            for alias in entry.aliases.iter().chain(&entry.translations.en).chain(&entry.translations.fr) {
                by_alias
                    .entry((entry.tag_type, key(alias)))
                    .and_modify(|known| *known = known.filter(|known| *known == place))
                    .or_insert(Some(place));
            }
        }
        Self { entries, by_name, by_alias }
    }

    fn by_name(&self, tag: &TagRef) -> Option<&Entry> {
        self.by_name.get(&(tag.tag_type, tag.tag_name.key())).map(|place| &self.entries[*place])
    }

    fn by_alias(&self, tag: &TagRef) -> Option<&Entry> {
        self.by_alias.get(&(tag.tag_type, tag.tag_name.key())).copied().flatten().map(|place| &self.entries[place])
    }
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
    let names = |list: &[String], section, lang| -> Vec<Term> {
        list.iter().map(|text| term(section, lang, text, NAME_TERM_CONFIDENCE)).collect()
    };
    let loose = |list: &[String], section, lang| -> Vec<Term> {
        list.iter().map(|text| term(section, lang, text, LOOSE_TERM_CONFIDENCE)).collect()
    };
    [
        names(&entry.aliases, Section::SearchTerms, None),
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
    fn every_entry_names_its_tag_once_and_fills_every_section() {
        let lexicon = Lexicon::get();
        assert_eq!(lexicon.by_name.len(), lexicon.entries.len(), "two entries share a key");
        for entry in &lexicon.entries {
            let terms = entry_terms(entry);
            for section in [Section::SearchTerms, Section::RelatedTags, Section::UsageContext, Section::Translations] {
                assert!(terms.iter().any(|term| term.section == section), "{}: no {section}", entry.name);
            }
            for lang in [Lang::En, Lang::Fr] {
                assert!(terms.iter().any(|term| term.lang == Some(lang)), "{}: nothing in {lang}", entry.name);
                assert!(entry.description.contains_key(&lang), "{}: no description in {lang}", entry.name);
            }
            for term in terms {
                assert!(!term.key().is_empty() && term.term.chars().count() <= 60, "{}: {:?}", entry.name, term.term);
            }
        }
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
}
