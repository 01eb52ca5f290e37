//! The built-in lexicon as a generator: what `data/lexicon.jsonl` says of a tag. Of a name that it does not have, what can
//! be said by its parts, by the entries nearest to it, and by its spelling.
//!
//! The file's format and rules, and how sure each of these is, are documented in `docs/LEXICON.md`.

mod compose;
mod entry;
mod lint;
mod lookup;
mod neighbours;
mod occasions;
mod parts;
mod words;

use std::sync::Arc;

use async_trait::async_trait;

use super::{GenerateError, Generation, GenerationRequest, Generator};
use crate::{
    domain::{
        Confidence, Lang, MAX_TERM_CHARS, Section, Source, TagName, TagType, Term, TermStatus, is_noise_word, key,
        words,
    },
    embed::Embedder,
};

use entry::Entry;
pub(crate) use lint::{MAX_CONTEXT_SHARE, MIN_ENTRIES_FOR_SHARES};
pub use lint::{Problem, check};
use lookup::Lexicon;
use neighbours::Neighbours;
pub(crate) use occasions::{Occasions, TagKey};
use parts::Parts;

/// The built-in lexicon, one entry a line.
pub const LEXICON: &str = include_str!("../../../data/lexicon.jsonl");

/// Confidence of a row that has an entry of its own.
const ENTRY_CONFIDENCE: f64 = 0.8;
/// Confidence of a row whose name is an alias or a translation of an entry.
const ALIAS_CONFIDENCE: f64 = 0.7;
/// Confidence of a row that is composed of the parts of its name, all known.
const COMPOSED_CONFIDENCE: f64 = 0.5;
/// Confidence of a row of which the genre is known, and a word beside it is not.
const PARTLY_CONFIDENCE: f64 = 0.3;
/// Confidence of a row of whose parts nothing is known: spelling variants, and what is near by its meaning.
const VARIANT_CONFIDENCE: f64 = 0.2;

/// Confidence of a term by what the entry says it is: another name of the same thing, or something looser.
const NAME_TERM_CONFIDENCE: f64 = 0.9;
const LOOSE_TERM_CONFIDENCE: f64 = 0.6;

/// Tags that a worker takes at once: looking up is cheap, each transaction is not.
const BATCH: usize = 64;

/// What an entry's own terms weigh where nothing shares them.
const WHOLLY: f64 = 1.0;

/// How sure a term is that no entry says of its tag. All of them lie below an entry's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sure {
    /// A name that is put together of known parts.
    Composed,
    /// Taken over from a part of the name.
    Loosely,
    /// Taken over from the only part that is known.
    Partly,
    /// Another way to write the name.
    Variant,
    /// Taken over from an entry that is near by its meaning alone.
    Nearby,
}

impl Sure {
    const fn confidence(self) -> f64 {
        match self {
            Self::Composed => 0.5,
            Self::Loosely => 0.4,
            Self::Partly => 0.3,
            Self::Variant => 0.2,
            Self::Nearby => 0.15,
        }
    }

    fn term(self, section: Section, lang: Option<Lang>, text: &str) -> Term {
        term(section, lang, text, self.confidence())
    }
}

/// Whether the terms of a row of this source and confidence were composed by [`LexiconGenerator`], and not written by
/// people in an entry.
pub fn is_composed(source: Source, confidence: Confidence) -> bool {
    source == Source::Lexicon && confidence.value() < ALIAS_CONFIDENCE
}

/// The names of all entries: the starter vocabulary of the demo.
pub fn lexicon_tags() -> Vec<(TagType, TagName)> {
    Lexicon::get().entries.iter().map(|entry| (entry.tag_type, entry.name.clone())).collect()
}

/// An entry as those read it who want to know of a tag without having it generated.
pub(crate) struct LexiconTag {
    /// Genre or mood.
    pub(crate) tag_type: TagType,
    /// Its name.
    pub(crate) name: &'static TagName,
    /// What a row of this name would hold.
    pub(crate) terms: Vec<Term>,
    /// The names of its direct parents, of the same type.
    pub(crate) broader: &'static [String],
    /// One sentence in English, one in French.
    pub(crate) description: [&'static str; 2],
}

/// All entries, in the order of the file.
pub(crate) fn lexicon_entries() -> impl Iterator<Item = LexiconTag> {
    Lexicon::get().entries.iter().map(|entry| LexiconTag {
        tag_type: entry.tag_type,
        name: &entry.name,
        terms: own_terms(entry),
        broader: &entry.broader,
        description: [&entry.description.en, &entry.description.fr],
    })
}

/// Whether a word of this key only says of which place or quality a genre is (`brésilien`, `modern`).
pub(crate) fn is_qualifier(key: &str) -> bool {
    words::Words::get().find(key).is_some()
}

/// Whether a word of this key says where music is from (`brésilien`).
pub(crate) fn is_place(key: &str) -> bool {
    words::Words::get().find(key).is_some_and(|word| word.place.is_some())
}

/// Looks tags up in the built-in lexicon, and composes what it does not have.
#[derive(Clone, Default)]
pub struct LexiconGenerator {
    neighbours: Option<Arc<Neighbours>>,
}

impl LexiconGenerator {
    /// One that also looks for the entries nearest to a name, in the space of this embedder: the built-in one, for which
    /// their vectors are shipped. Any other would have to embed them all first.
    pub fn with_neighbours(embedder: Arc<dyn Embedder>) -> Self {
        Self { neighbours: Some(Arc::new(Neighbours::new(embedder))) }
    }

    /// What can be said of a name that the lexicon does not have.
    async fn composed(&self, request: &GenerationRequest) -> (Vec<Term>, f64) {
        let tag = &request.tag;
        let name = tag.tag_name.as_str();
        let lexicon = Lexicon::get();
        let parts = Parts::of(lexicon, name);
        // What is said in another order or language may be an entry: "jazz de La Nouvelle-Orléans".
        let entry = parts.english_name().and_then(|name| lexicon.by_name(TagType::Genre, &key(&name)));
        if let Some(entry) = entry.filter(|entry| entry.tag_type == tag.tag_type) {
            return (alias_terms(entry), ALIAS_CONFIDENCE);
        }
        let confidence = match (parts.is_known(), parts.unknown) {
            (false, _) => VARIANT_CONFIDENCE,
            (true, 0) => COMPOSED_CONFIDENCE,
            (true, _) => PARTLY_CONFIDENCE,
        };
        let mut terms = compose::compose(&parts, tag.tag_type);
        let variants = variants(name);
        // What a name is called in a language, where that is known; else the name itself is offered.
        let named = |lang| terms.iter().any(|term| term.section == Section::Translations && term.lang == lang);
        let known = [Some(Lang::En), Some(Lang::Fr)].map(|lang| (lang, named(lang)));
        let offered = |term: &Term| term.section != Section::Translations || !known.contains(&(term.lang, true));
        terms.extend(variants.into_iter().filter(offered));
        if let Some(neighbours) = &self.neighbours {
            match neighbours.terms(tag).await {
                // Where the genre says when it is played, its neighbours need not.
                Ok(near) => {
                    let wanted =
                        |term: &Term| term.section != Section::UsageContext || confidence < COMPOSED_CONFIDENCE;
                    terms.extend(near.into_iter().filter(wanted));
                }
                // They add to what is there; nobody waits for them.
                Err(error) => tracing::warn!(%error, tag.name = name, "the nearest entries could not be found"),
            }
        }
        (terms, confidence)
    }
}

#[async_trait]
impl Generator for LexiconGenerator {
    async fn generate(&self, request: &GenerationRequest) -> Result<Generation, GenerateError> {
        let lexicon = Lexicon::get();
        let (tag_type, own_key) = (request.tag.tag_type, request.tag.tag_name.key());
        let (terms, confidence) = if let Some(entry) = lexicon.by_name(tag_type, &own_key) {
            (entry_terms(entry), ENTRY_CONFIDENCE)
        } else if let Some(entry) = lexicon.by_alias(tag_type, &own_key) {
            (alias_terms(entry), ALIAS_CONFIDENCE)
        } else {
            self.composed(request).await
        };
        let terms = without_repetitions(terms, &own_key, &request.rejected_keys);
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

/// The terms of an entry for a tag that is called otherwise.
fn alias_terms(entry: &Entry) -> Vec<Term> {
    let name = term(Section::SearchTerms, None, entry.name.as_str(), NAME_TERM_CONFIDENCE);
    std::iter::once(name).chain(entry_terms(entry)).collect()
}

/// The terms of an entry for a tag of its own name.
fn own_terms(entry: &Entry) -> Vec<Term> {
    without_repetitions(entry_terms(entry), &entry.name.key(), &[])
}

/// Each key once a list, the first of them; not the tag's own name as another name or a near tag, and nothing that a person
/// took out.
fn without_repetitions(terms: Vec<Term>, own_key: &str, rejected_keys: &[String]) -> Vec<Term> {
    let mut seen = Vec::new();
    let new = |term: &Term| {
        let key = term.key();
        let repeats_name = matches!(term.section, Section::SearchTerms | Section::RelatedTags) && key == own_key;
        let place = (term.section, term.lang.filter(|_| term.section == Section::Translations), key);
        let new = !repeats_name && !rejected_keys.contains(&place.2) && !seen.contains(&place);
        seen.push(place);
        new
    };
    terms.into_iter().filter(new).collect()
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
    let variant = |section, lang, text: &str| Sure::Variant.term(section, lang, text);
    // Other spellings have the name's own key and are met anyway; these two are for those who read the row.
    let telling: Vec<String> = words(name).into_iter().filter(|word| !is_noise_word(word)).collect();
    let mut terms = if telling.len() == words(name).len() || telling.is_empty() {
        vec![
            variant(Section::SearchTerms, Some(Lang::En), &format!("{name} music")),
            variant(Section::SearchTerms, Some(Lang::Fr), &format!("musique {name}")),
        ]
    } else {
        // It says already that it is music.
        vec![variant(Section::SearchTerms, None, &telling.join(" "))]
    };
    terms.push(variant(Section::Translations, Some(Lang::En), name));
    terms.push(variant(Section::Translations, Some(Lang::Fr), name));
    // A name of full length leaves no room for another word.
    terms.retain(|term| term.term.chars().count() <= MAX_TERM_CHARS);
    terms
}

#[cfg(test)]
mod tests {
    use super::{lookup::tests::lexicon, *};
    use crate::domain::TagRef;

    fn generate(tag_type: TagType, name: &str, rejected: &[&str]) -> Generation {
        let request = GenerationRequest {
            tag: TagRef { tag_type, tag_name: TagName::parse(name).unwrap() },
            related_tags: Vec::new(),
            rejected_keys: rejected.iter().map(|term| key(term)).collect(),
        };
        futures_util::FutureExt::now_or_never(LexiconGenerator::default().generate(&request)).unwrap().unwrap()
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
    fn a_tag_outside_the_lexicon_is_composed_of_its_parts() {
        let generation = generate(TagType::Genre, "dark minimal techno", &[]);
        assert!(has(&generation, Section::Translations, "techno minimale sombre"));
        assert!(
            has(&generation, Section::RelatedTags, "minimal techno") && has(&generation, Section::RelatedTags, "dark")
        );
        assert!(has(&generation, Section::SearchTerms, "dark mnml"), "{generation:?}");
        assert_eq!(generation.confidence.value(), COMPOSED_CONFIDENCE);
        assert!(generation.terms.iter().all(|term| term.confidence.value() < LOOSE_TERM_CONFIDENCE));
        assert!(is_composed(Source::Lexicon, generation.confidence));
        assert_eq!(generate(TagType::Genre, "oulu rock", &[]).confidence.value(), PARTLY_CONFIDENCE);
    }

    #[test]
    fn a_name_whose_english_is_an_entry_gets_the_entry() {
        let generation = generate(TagType::Genre, "cumbia du Pérou", &[]);
        assert!(has(&generation, Section::SearchTerms, "peruvian cumbia"), "{generation:?}");
        assert_eq!(generation.confidence.value(), ALIAS_CONFIDENCE);
    }

    #[test]
    fn nonsense_gets_nothing_invented() {
        for name in ["asdfgh", "(164)(47)", "Musique catholique"] {
            let generation = generate(TagType::Genre, name, &[]);
            assert!(
                generation.terms.iter().all(|term| term.confidence.value() <= VARIANT_CONFIDENCE),
                "{generation:?}"
            );
            assert!(!generation.terms.iter().any(|term| term.section == Section::RelatedTags), "{generation:?}");
        }
        assert!(has(&generate(TagType::Genre, "Musique catholique", &[]), Section::SearchTerms, "catholique"));
    }

    /// Close to one entry alone, whatever it is asked.
    struct Close(&'static str);

    #[async_trait]
    impl Embedder for Close {
        async fn space(&self) -> Result<String, crate::embed::EmbedError> {
            Ok("builtin:minilm".to_owned())
        }
        async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, crate::embed::EmbedError> {
            let cosine = |text: &String| if text.starts_with(self.0) { 0.6f32 } else { 0.5 };
            Ok(texts.iter().map(|text| vec![cosine(text), (1.0 - cosine(text).powi(2)).sqrt()]).collect())
        }
        async fn embed_query(&self, _: &str) -> Result<Vec<f32>, crate::embed::EmbedError> {
            Ok(vec![1.0, 0.0])
        }
        fn query_text(&self, query: &str) -> String {
            query.to_owned()
        }
        fn family(&self) -> &'static str {
            "builtin:"
        }
        fn describe(&self) -> String {
            "close".to_owned()
        }
    }

    #[tokio::test]
    async fn entries_that_are_near_by_meaning_lend_their_names_at_the_lowest_confidence() {
        let generator = LexiconGenerator::with_neighbours(Arc::new(Close("salsa. ")));
        let request = |name| GenerationRequest {
            tag: TagRef { tag_type: TagType::Genre, tag_name: TagName::parse(name).unwrap() },
            related_tags: Vec::new(),
            rejected_keys: Vec::new(),
        };
        let near = generator.generate(&request("gbvfi")).await.unwrap();
        let related = near.terms.iter().find(|term| term.section == Section::RelatedTags).unwrap();
        assert_eq!((related.term.as_str(), related.confidence), ("salsa", Confidence::clamped(0.15)));
        assert!(near.terms.iter().any(|term| term.section == Section::UsageContext), "{near:?}");
        assert_eq!(near.confidence.value(), VARIANT_CONFIDENCE);
        let far = LexiconGenerator::with_neighbours(Arc::new(Close("no entry begins so")));
        let far = far.generate(&request("gbvfi")).await.unwrap();
        assert!(!far.terms.iter().any(|term| term.section == Section::RelatedTags), "{far:?}");
    }

    #[test]
    fn what_a_person_took_out_does_not_come_back() {
        assert!(!has(&generate(TagType::Genre, "drum and bass", &["D&B"]), Section::SearchTerms, "dnb"));
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
