//! French words of a query put into English before it is embedded: the usual models hear nothing in French.
//!
//! The longest phrase is taken first: names in the vocabulary's own translations, then `data/glossary.tsv`, with elisions
//! parted and endings made plain (`musiques tristes` → `musique triste`).

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use super::answer::Glossed;
use crate::domain::{Lang, key, split_elisions, words};

/// `french TAB english[, other english]` a line.
pub(super) const GLOSSARY: &str = include_str!("../../data/glossary.tsv");

/// Most words of one phrase.
const LONGEST_PHRASE: usize = 5;

/// Words that only French has, as [`words`] writes them: one of them makes a query French.
const FRENCH_ONLY: [&str; 33] = [
    "pour", "avec", "sans", "dans", "les", "des", "du", "au", "aux", "une", "le", "la", "et", "qui", "que", "quand",
    "chez", "vers", "mais", "pas", "tres", "musique", "musiques", "chanson", "chansons", "annees", "sur", "sous",
    "entre", "pendant", "comme", "ou", "de",
];

/// Words that only English has: one of them, and none of the above, makes a query English.
const ENGLISH_ONLY: [&str; 22] = [
    "the", "of", "for", "with", "without", "and", "to", "music", "songs", "song", "about", "from", "by", "in", "like",
    "that", "my", "while", "when", "at", "but", "not",
];

/// What is left of the small words before an apostrophe, in English; most say nothing.
const ELIDED: [(&str, &str); 9] =
    [("l", "the"), ("d", "of"), ("qu", "that"), ("c", ""), ("j", ""), ("m", ""), ("n", ""), ("s", ""), ("t", "")];

/// The glossary, read once.
struct Glossary {
    /// By the folded words of the French, parted by spaces.
    entries: HashMap<String, &'static str>,
}

impl Glossary {
    fn get() -> &'static Self {
        static LOADED: OnceLock<Glossary> = OnceLock::new();
        LOADED.get_or_init(|| {
            let mut entries = HashMap::new();
            for line in GLOSSARY.lines() {
                let Some((french, english)) = line.split_once('\t') else { continue };
                // The first sense is the one that a listener means.
                let english = english.split(", ").next().unwrap_or(english);
                entries.entry(words(&split_elisions(french)).join(" ")).or_insert(english);
            }
            Self { entries }
        })
    }

    /// The English of some words, as they are or without their endings.
    /// The latter only where the query is French for certain: "bass" is no plural of "bas".
    fn english(&self, phrase: &[String], is_french: bool) -> Option<&'static str> {
        // Without its accent the French `à` is the English article.
        if !is_french && phrase == ["a"] {
            return None;
        }
        if let Some(english) = self.entries.get(&phrase.join(" ")) {
            return Some(english);
        }
        if !is_french {
            return None;
        }
        // One word in its other forms, or all words in their likeliest ("musiques tristes").
        if let [word] = phrase {
            return plain_forms(word).iter().find_map(|form| self.entries.get(form)).copied();
        }
        let plain = phrase.iter().map(|word| plain_forms(word).into_iter().next().unwrap_or_else(|| word.clone()));
        self.entries.get(&plain.collect::<Vec<_>>().join(" ")).copied()
    }
}

/// What a word may be without the endings of plural and feminine, the likeliest first.
fn plain_forms(word: &str) -> Vec<String> {
    const ENDINGS: [(&str, &str); 12] = [
        ("euses", "eux"),
        ("euse", "eux"),
        ("ives", "if"),
        ("ive", "if"),
        ("elles", "el"),
        ("elle", "el"),
        ("ennes", "en"),
        ("aux", "al"),
        ("eaux", "eau"),
        ("es", ""),
        ("s", ""),
        ("e", ""),
    ];
    let mut forms = Vec::new();
    if let Some(singular) = word.strip_suffix(['s', 'x']) {
        forms.push(singular.to_owned());
    }
    for (ending, plain) in ENDINGS {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.len() > 2) {
            forms.push(format!("{stem}{plain}"));
        }
    }
    forms
}

/// Whether it is one of the small words that tell a language.
pub(super) fn is_small_word(word: &str) -> bool {
    FRENCH_ONLY.contains(&word) || ENGLISH_ONLY.contains(&word)
}

/// What language a query is in, where its small words tell.
fn guess(words: &[String], text: &str) -> Option<Lang> {
    let lower = text.to_lowercase();
    // As written, too: "and" and "et" are one connector in a key.
    let raw: Vec<&str> = lower.split_whitespace().collect();
    let holds = |list: &[&str]| list.iter().any(|known| raw.contains(known) || words.iter().any(|word| word == known));
    let is_elided = split_elisions(text) != text;
    if holds(&FRENCH_ONLY) || is_elided || lower.chars().any(|c| "éèêàçùîôœ".contains(c)) {
        Some(Lang::Fr)
    } else if holds(&ENGLISH_ONLY) {
        Some(Lang::En)
    } else {
        None
    }
}

/// A query in English, as far as it was French.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gloss {
    /// What to embed.
    pub(super) text: String,
    /// The language that the query was taken for; `None` where nothing told.
    pub(super) lang: Option<Lang>,
    /// What was put into English.
    pub(super) glossed: Vec<Glossed>,
}

/// Every phrase of the query whose key may be a name in the vocabulary.
pub(super) fn phrase_keys(query: &str) -> Vec<String> {
    let words = words(&split_elisions(query));
    let mut keys: Vec<String> = Vec::new();
    for start in 0..words.len() {
        for end in start + 1..=words.len().min(start + LONGEST_PHRASE) {
            keys.push(key(&words[start..end].join(" ")));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Puts a query into English. `names` are English names of tags by the keys of their French ones. A query that may be
/// either language keeps its own words beside the English ones.
pub(super) fn gloss(query: &str, lang: Option<Lang>, names: &HashMap<String, String>) -> Gloss {
    let words = words(&split_elisions(query));
    let lang = lang.or_else(|| guess(&words, query));
    let unchanged = Gloss { text: query.to_owned(), lang, glossed: Vec::new() };
    if lang == Some(Lang::En) {
        return unchanged;
    }
    let glossary = Glossary::get();
    let is_elided = lang == Some(Lang::Fr) && split_elisions(query) != query;
    let mut english: Vec<String> = Vec::new();
    let mut glossed = Vec::new();
    let mut start = 0;
    while start < words.len() {
        let found = (1..=LONGEST_PHRASE.min(words.len() - start)).rev().find_map(|length| {
            let phrase = &words[start..start + length];
            let name = names.get(&key(&phrase.join(" "))).map(String::as_str);
            let is_french = lang == Some(Lang::Fr);
            name.or_else(|| glossary.english(phrase, is_french)).map(|english| (length, english))
        });
        let (length, text) = found.unwrap_or((1, words[start].as_str()));
        start += length;
        if found.is_some() {
            glossed.push(Glossed { from: words[start - length..start].join(" "), to: text.to_owned() });
        } else if is_elided && let Some((_, text)) = ELIDED.iter().find(|(elided, _)| *elided == text) {
            english.extend((!text.is_empty()).then(|| (*text).to_owned()));
            continue;
        }
        english.push(text.to_owned());
    }
    if glossed.is_empty() {
        return unchanged;
    }
    let mut text = english.join(" ");
    if lang.is_none() {
        text = format!("{query}, {text}");
    }
    Gloss { text, lang, glossed }
}

/// Whether a text is French, or may be: words of it have an English in the glossary.
pub fn may_be_french(text: &str) -> bool {
    let gloss = gloss(text, None, &HashMap::new());
    gloss.lang == Some(Lang::Fr) || !gloss.glossed.is_empty()
}

/// The English stems by which a French word of the query can be met, too: single words alone, for of two words one
/// would do.
pub(super) fn other_stems(gloss: &Gloss) -> HashMap<String, HashSet<String>> {
    let mut stems: HashMap<String, HashSet<String>> = HashMap::new();
    for Glossed { from, to } in &gloss.glossed {
        if from.contains(' ') || to.contains(' ') {
            continue;
        }
        let own = crate::domain::stem_groups(from).into_iter().flatten();
        let english: HashSet<String> = crate::domain::stem_groups(to).into_iter().flatten().collect();
        for stem in own {
            stems.entry(stem).or_default().extend(english.iter().cloned());
        }
    }
    stems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn english(query: &str) -> String {
        gloss(query, None, &HashMap::new()).text
    }

    #[test]
    fn french_words_are_put_into_english_phrase_by_phrase() {
        assert_eq!(english("musique triste"), "sad music");
        assert_eq!(english("musiques tristes"), "sad music");
        assert!(english("musique pour courir").contains("run"), "{}", english("musique pour courir"));
        assert!(english("chansons d'été").contains("summer"), "{}", english("chansons d'été"));
        assert!(english("boîte à rythmes").contains("drum machine"), "{}", english("boîte à rythmes"));
    }

    #[test]
    fn english_stays_as_it_is() {
        for query in ["songs about pain", "music for the main hall", "dnb", "drum and bass", "getting over a breakup"] {
            assert_eq!(english(query), query);
        }
        assert_eq!(gloss("pain", Some(Lang::En), &HashMap::new()).text, "pain");
    }

    #[test]
    fn a_word_of_either_language_keeps_itself() {
        let gloss = gloss("triste", None, &HashMap::new());
        assert_eq!((gloss.text.as_str(), gloss.lang), ("triste, sad", None));
    }

    #[test]
    fn a_text_may_be_french_where_the_glossary_knows_a_word_of_it() {
        assert!(["musique triste", "guitare planante", "triste", "pain"].into_iter().all(may_be_french));
        assert!(!["boom bap", "plumbing invoice", "songs about pain"].into_iter().any(may_be_french));
    }

    #[test]
    fn names_of_the_vocabulary_come_before_the_glossary() {
        let names = HashMap::from([(key("rock psychédélique"), "psychedelic rock".to_owned())]);
        let gloss = gloss("rock psychédélique des années soixante", None, &names);
        assert_eq!(gloss.glossed[0].to, "psychedelic rock");
    }

    #[test]
    fn the_glossary_reads_and_is_large() {
        assert!(Glossary::get().entries.len() > 3_000, "{}", Glossary::get().entries.len());
        for (number, line) in GLOSSARY.lines().enumerate() {
            let fields: Vec<&str> = line.split('\t').collect();
            assert!(fields.len() == 2 && fields.iter().all(|field| !field.trim().is_empty()), "line {}", number + 1);
        }
    }
}
