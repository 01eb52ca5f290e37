//! The language of a generated term, as far as its letters and small words show it.

use crate::domain::{Lang, Section};

/// Words that stand in French terms and hardly in terms of another language. `de` and `la` are Spanish and Portuguese
/// too, `on` and `an` are English.
const FRENCH_WORDS: [&str; 21] = [
    "du", "des", "les", "et", "pour", "avec", "dans", "sur", "au", "aux", "une", "sans", "chez", "à", "où", "entre",
    "ou", "qui", "pendant", "après", "avant",
];

/// Letters of French; what Spanish or Portuguese share is decided by [`FOREIGN_LETTERS`].
const FRENCH_LETTERS: [char; 11] = ['é', 'è', 'ê', 'ë', 'à', 'â', 'ç', 'î', 'ô', 'û', 'œ'];

/// Letters that French does not have.
const FOREIGN_LETTERS: [char; 14] = ['á', 'í', 'ó', 'ú', 'ñ', 'ã', 'õ', 'ä', 'ö', 'ß', 'å', 'ø', 'ł', 'ő'];

/// French where the term shows it, else unknown: a term without accents may be either language. Related tags are
/// names, which have no language.
pub(super) fn guess(section: Section, term: &str) -> Option<Lang> {
    if !matches!(section, Section::SearchTerms | Section::UsageContext) {
        return None;
    }
    let lower = term.to_lowercase();
    if lower.contains(FOREIGN_LETTERS) {
        return None;
    }
    let small_word = lower.split_whitespace().any(|word| FRENCH_WORDS.contains(&word) || elides(word));
    (small_word || lower.contains(FRENCH_LETTERS)).then_some(Lang::Fr)
}

/// Words that stand in English terms and not in French ones. Names of music are English in French, too (`bass music`).
const ENGLISH_WORDS: [&str; 8] = ["the", "of", "with", "for", "from", "my", "your", "that"];

/// The language that a term shows by its small words or letters; `None` where it may be either.
pub(crate) fn shown_language(term: &str) -> Option<Lang> {
    let lower = term.to_lowercase();
    if lower.split_whitespace().any(|word| ENGLISH_WORDS.contains(&word)) {
        return Some(Lang::En);
    }
    guess(Section::SearchTerms, term)
}

/// `d'été`, `l’amour`, but not `d'n'b`.
fn elides(word: &str) -> bool {
    let Some((article, rest)) = word.split_once(['\'', '’']) else { return false };
    matches!(article, "d" | "l" | "qu" | "j") && rest.chars().count() > 2 && rest.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_is_known_by_its_letters_and_small_words() {
        for (term, expected) in [
            ("musique d'été", true),
            ("blues du delta", true),
            ("pour courir", true),
            ("éthéré", true),
            ("musique d’ambiance", true),
            ("techno", false),
            ("d'n'b", false),
            ("rock 'n' roll", false),
            ("samba de roda", false),
            ("música española", false),
            ("reggaetón", false),
            ("drum and bass", false),
        ] {
            assert_eq!(guess(Section::SearchTerms, term).is_some(), expected, "{term}");
        }
        assert_eq!(guess(Section::RelatedTags, "variété"), None);
    }

    #[test]
    fn a_term_shows_its_language_by_its_small_words() {
        assert_eq!(shown_language("songs of the sea"), Some(Lang::En));
        assert_eq!(shown_language("chansons de la mer"), None);
        assert_eq!(shown_language("chants des marins"), Some(Lang::Fr));
        assert_eq!(shown_language("bass music"), None, "a name that French has, too");
    }
}
