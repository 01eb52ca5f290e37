//! The text that stands for a tag: `{name}. {search_terms}. {related_tags}. {usage_context}`, in English, of fixed
//! order and length. A change here makes another embedding space: raise [`TEMPLATE_VERSION`].

use crate::domain::{Lang, Section, Term};

/// Part of every space's fingerprint.
pub(super) const TEMPLATE_VERSION: &str = "name-terms-related-usage-1";

/// Most terms of each section in the text.
const SEARCH_TERMS: usize = 10;
const RELATED_TAGS: usize = 8;
const USAGE_CONTEXTS: usize = 6;

/// The text of a tag with these active terms. Terms known to be French are left out: the default models are English.
pub fn document_text(tag_name: &str, terms: &[Term]) -> String {
    let section = |section, most| {
        let english: Vec<&str> = terms
            .iter()
            .filter(|term| term.section == section && term.lang != Some(Lang::Fr))
            .map(|term| term.term.as_str())
            .take(most)
            .collect();
        english.join(", ")
    };
    let sections = [
        section(Section::SearchTerms, SEARCH_TERMS),
        section(Section::RelatedTags, RELATED_TAGS),
        section(Section::UsageContext, USAGE_CONTEXTS),
    ];
    let mut text = tag_name.to_owned();
    for section in sections.iter().filter(|section| !section.is_empty()) {
        text.push_str(". ");
        text.push_str(section);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Confidence, Source, TermStatus};

    #[test]
    fn the_text_holds_the_english_terms_in_order() {
        let term = |section, lang, text: &str| Term {
            section,
            lang,
            term: text.to_owned(),
            source: Source::Lexicon,
            confidence: Confidence::CERTAIN,
            status: TermStatus::Active,
        };
        let terms = [
            term(Section::UsageContext, Some(Lang::En), "late night"),
            term(Section::SearchTerms, None, "rap"),
            term(Section::SearchTerms, Some(Lang::Fr), "musique de rue"),
            term(Section::SearchTerms, Some(Lang::En), "boom bap"),
            term(Section::Translations, Some(Lang::En), "hip hop"),
        ];
        assert_eq!(document_text("hip hop", &terms), "hip hop. rap, boom bap. late night");
        assert_eq!(document_text("hip hop", &[]), "hip hop");
    }
}
