//! The synonyms of a tag: four sections, as they travel on the wire, and the row that holds them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Confidence, Lang, Section, Source, TagType, Term, TermStatus, Timestamp};

/// Longest term in Unicode scalar values, whoever wrote it.
pub const MAX_TERM_CHARS: usize = 100;

/// Most terms of one section (of one language, for translations).
pub const SECTION_MAX_TERMS: usize = 50;

/// One term, as the API describes it.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 100, example = "boom bap")]
#[expect(dead_code, reason = "only its schema is used")]
struct TermText(String);

/// The name of a tag in each language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Translations {
    /// English names.
    #[schema(max_items = 50, value_type = Vec<TermText>)]
    pub en: Vec<String>,
    /// French names.
    #[schema(max_items = 50, value_type = Vec<TermText>)]
    pub fr: Vec<String>,
}

impl Translations {
    /// The names in one language.
    pub fn of(&self, lang: Lang) -> &[String] {
        match lang {
            Lang::En => &self.en,
            Lang::Fr => &self.fr,
        }
    }

    fn of_mut(&mut self, lang: Lang) -> &mut Vec<String> {
        match lang {
            Lang::En => &mut self.en,
            Lang::Fr => &mut self.fr,
        }
    }
}

/// The four sections of a tag's synonyms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Synonyms {
    /// What people type to find the tag.
    #[schema(max_items = 50, value_type = Vec<TermText>)]
    pub search_terms: Vec<String>,
    /// Musically related tags.
    #[schema(max_items = 50, value_type = Vec<TermText>)]
    pub related_tags: Vec<String>,
    /// Occasions and activities it is played for.
    #[schema(max_items = 50, value_type = Vec<TermText>)]
    pub usage_context: Vec<String>,
    /// Its name in English and French.
    pub translations: Translations,
}

/// Why synonyms written by a person cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SynonymsError {
    /// No section has a term.
    #[error("synonyms need at least one term in one of their sections")]
    Empty,
    /// A section has too many terms.
    #[error("{section} has {count} terms, at most {SECTION_MAX_TERMS} are kept")]
    TooMany {
        /// The section.
        section: Section,
        /// How many it has.
        count: usize,
    },
    /// A term breaks a rule.
    #[error("{section} has a term that {problem}: `{term}`")]
    Term {
        /// The section.
        section: Section,
        /// The beginning of the term, made printable.
        term: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Why a text cannot be a term.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the term `{term}` {problem}")]
pub struct TermError {
    /// The beginning of the text, made printable.
    term: String,
    /// What is wrong with it.
    problem: &'static str,
}

/// Trims a text and checks that it can be a term.
///
/// # Errors
/// [`TermError`] says which rule the text breaks.
pub fn term_text(text: &str) -> Result<String, TermError> {
    let text = text.trim();
    match term_problem(text) {
        None => Ok(text.to_owned()),
        Some(problem) => Err(TermError { term: beginning(text), problem }),
    }
}

/// What one version of the sections has and the other has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// Terms that came, as written.
    pub added: Synonyms,
    /// Terms that went, as written.
    pub removed: Synonyms,
}

impl Difference {
    /// From `before` to `after`; what is absent counts as empty. Another spelling of a term is another term here.
    pub fn between(before: Option<&Synonyms>, after: Option<&Synonyms>) -> Self {
        let nothing = Synonyms::default();
        let (before, after) = (before.unwrap_or(&nothing), after.unwrap_or(&nothing));
        Self { added: after.without(before), removed: before.without(after) }
    }
}

impl Synonyms {
    /// The terms that `other` does not have in the same list.
    fn without(&self, other: &Self) -> Self {
        let rest = |mine: &[String], theirs: &[String]| -> Vec<String> {
            let theirs: HashSet<&String> = theirs.iter().collect();
            mine.iter().filter(|term| !theirs.contains(term)).cloned().collect()
        };
        Self {
            search_terms: rest(&self.search_terms, &other.search_terms),
            related_tags: rest(&self.related_tags, &other.related_tags),
            usage_context: rest(&self.usage_context, &other.usage_context),
            translations: Translations {
                en: rest(&self.translations.en, &other.translations.en),
                fr: rest(&self.translations.fr, &other.translations.fr),
            },
        }
    }

    /// Every list with its section and language (`None` where a section mixes languages).
    pub fn lists(&self) -> [(Section, Option<Lang>, &[String]); 5] {
        [
            (Section::SearchTerms, None, &self.search_terms),
            (Section::RelatedTags, None, &self.related_tags),
            (Section::UsageContext, None, &self.usage_context),
            (Section::Translations, Some(Lang::En), &self.translations.en),
            (Section::Translations, Some(Lang::Fr), &self.translations.fr),
        ]
    }

    /// Checks what a person or a file wrote and makes terms of it: trimmed, each key once a list, within bounds.
    ///
    /// # Errors
    /// [`SynonymsError`] names the first section and term that break a rule; nothing is dropped in silence but
    /// repetitions of a key.
    pub fn into_terms(self, source: Source, confidence: Confidence) -> Result<Vec<Term>, SynonymsError> {
        let mut terms: Vec<Term> = Vec::new();
        for (section, lang, list) in self.lists() {
            if list.len() > SECTION_MAX_TERMS {
                return Err(SynonymsError::TooMany { section, count: list.len() });
            }
            let mut keys: Vec<String> = Vec::with_capacity(list.len());
            for text in list {
                let text = text.trim();
                if let Some(problem) = term_problem(text) {
                    return Err(SynonymsError::Term { section, term: beginning(text), problem });
                }
                let key = super::key(text);
                if keys.contains(&key) {
                    continue;
                }
                keys.push(key);
                let status = TermStatus::Active;
                terms.push(Term { section, lang, term: text.to_owned(), source, confidence, status });
            }
        }
        if terms.is_empty() { Err(SynonymsError::Empty) } else { Ok(terms) }
    }

    /// The sections as the active ones of `terms` fill them, in their order.
    pub fn from_terms<'a>(terms: impl IntoIterator<Item = &'a Term>) -> Self {
        let mut synonyms = Self::default();
        for term in terms {
            if term.status != TermStatus::Active {
                continue;
            }
            synonyms.push(term.section, term.lang, &term.term);
        }
        synonyms
    }

    /// Adds a term to its section; the tag's name has none.
    pub fn push(&mut self, section: Section, lang: Option<Lang>, term: &str) {
        let list = match section {
            Section::Name => return,
            Section::SearchTerms => &mut self.search_terms,
            Section::RelatedTags => &mut self.related_tags,
            Section::UsageContext => &mut self.usage_context,
            Section::Translations => self.translations.of_mut(lang.unwrap_or(Lang::En)),
        };
        list.push(term.to_owned());
    }
}

/// The beginning of a text, made printable, for messages.
fn beginning(text: &str) -> String {
    text.chars().take(40).collect::<String>().escape_debug().to_string()
}

/// What is wrong with a trimmed term, if anything.
fn term_problem(text: &str) -> Option<&'static str> {
    if super::key(text).is_empty() {
        Some("is empty")
    } else if text.chars().count() > MAX_TERM_CHARS {
        Some("has over 100 characters")
    } else if text.chars().any(char::is_control) {
        Some("has a control character")
    } else {
        None
    }
}

/// The stored synonyms of one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct SynonymRecord {
    /// Number of the row.
    pub id: i64,
    /// Number of the tag within its type.
    pub tag_id: i64,
    /// Genre or mood.
    pub tag_type: TagType,
    /// The tag's name as written.
    pub tag_name: String,
    /// The four sections.
    pub synonyms: Synonyms,
    /// Who wrote the row.
    pub source: Source,
    /// How far the row can be trusted.
    pub confidence: Confidence,
    /// False once a person has taken it out.
    pub is_active: bool,
    /// Raised by one at every change of the content.
    pub version: i64,
    /// The embedding space of its vector and the vector's dimensions, once embedded.
    pub embedding: Option<(String, usize)>,
    /// First written.
    pub created_at: Timestamp,
    /// Last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_search_terms(terms: &[&str]) -> Synonyms {
        Synonyms { search_terms: terms.iter().map(ToString::to_string).collect(), ..Synonyms::default() }
    }

    fn terms(synonyms: Synonyms) -> Result<Vec<Term>, SynonymsError> {
        synonyms.into_terms(Source::Manual, Confidence::CERTAIN)
    }

    #[test]
    fn sections_survive_the_way_through_terms() {
        let synonyms = Synonyms {
            search_terms: vec!["rap".into(), "boom bap".into()],
            related_tags: vec!["trap".into()],
            usage_context: vec!["block party".into()],
            translations: Translations { en: vec!["hip hop".into()], fr: vec!["hip-hop".into()] },
        };
        let terms = terms(synonyms.clone()).unwrap();
        assert_eq!(Synonyms::from_terms(&terms), synonyms);
    }

    #[test]
    fn a_key_stands_once_in_a_section() {
        let terms = terms(with_search_terms(&["Hip-Hop", " hip hop ", "rap"])).unwrap();
        assert_eq!(terms.iter().map(|term| term.term.as_str()).collect::<Vec<_>>(), ["Hip-Hop", "rap"]);
    }

    #[test]
    fn a_difference_names_what_came_and_went_in_each_list() {
        let before = Synonyms {
            related_tags: vec!["trap".into()],
            translations: Translations { en: vec!["rap".into()], fr: vec!["rap".into()] },
            ..with_search_terms(&["Hip-Hop", "rap"])
        };
        let after = Synonyms {
            translations: Translations { en: vec!["rap".into()], fr: vec!["rap français".into()] },
            ..with_search_terms(&["hip hop", "rap"])
        };
        let Difference { added, removed } = Difference::between(Some(&before), Some(&after));
        assert_eq!((added.search_terms, removed.search_terms), (vec!["hip hop".into()], vec!["Hip-Hop".into()]));
        assert_eq!((added.related_tags, removed.related_tags), (vec![], vec!["trap".into()]));
        assert_eq!((added.translations.fr, removed.translations.fr), (vec!["rap français".into()], vec!["rap".into()]));
        assert!(added.translations.en.is_empty() && removed.translations.en.is_empty());
        assert_eq!(Difference::between(None, Some(&before)), Difference { added: before, ..Difference::default() });
    }

    #[test]
    fn the_text_of_a_term_is_trimmed_and_checked() {
        assert_eq!(term_text("  boom bap "), Ok("boom bap".to_owned()));
        assert_eq!(term_text("a\u{1}b").unwrap_err().to_string(), "the term `a\\u{1}b` has a control character");
        assert!(term_text(" ").is_err() && term_text(&"x".repeat(101)).is_err());
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        assert_eq!(terms(Synonyms::default()), Err(SynonymsError::Empty));
        let long = "x".repeat(101);
        for (bad, problem) in
            [("  ", "is empty"), (&long, "has over 100 characters"), ("a\u{1}b", "has a control character")]
        {
            let error = terms(with_search_terms(&["fine", bad])).unwrap_err();
            assert!(
                matches!(error, SynonymsError::Term { section: Section::SearchTerms, problem: p, .. } if p == problem)
            );
        }
        let many: Vec<String> = (0..51).map(|n| format!("term {n}")).collect();
        let error = terms(Synonyms { related_tags: many, ..Synonyms::default() }).unwrap_err();
        assert_eq!(error, SynonymsError::TooMany { section: Section::RelatedTags, count: 51 });
    }
}
