//! Words that stand beside the name of a genre: places, qualities, prefixes and suffixes, with their French
//! (`data/name-words.tsv`), and the gender of the French names that they go with.

use std::{collections::HashMap, sync::OnceLock};

use crate::domain::{key, words};

/// One word a line; the file's head says what the fields are.
const TABLE: &str = include_str!("../../../data/name-words.tsv");

/// A place or a quality.
#[derive(Debug)]
pub(super) struct Word {
    /// The usual English form.
    pub(super) english: &'static str,
    /// French, masculine and feminine; `None` where French only has the phrase.
    pub(super) french: Option<[&'static str; 2]>,
    /// Where it lies, `Japan` and `du Japon`; `None` for a quality.
    pub(super) place: Option<(&'static str, &'static str)>,
}

impl Word {
    /// What stands behind a French name of this gender; where the gender is needed and not known, where it lies (`folk du
    /// Japon`), and nothing for a quality.
    pub(super) fn french(&self, gender: Option<Gender>) -> Option<&'static str> {
        let phrase = self.place.map(|(_, french)| french);
        let Some([masculine, feminine]) = self.french else { return phrase };
        match gender {
            Some(Gender::Feminine) => Some(feminine),
            Some(Gender::Masculine) => Some(masculine),
            None if masculine == feminine => Some(masculine),
            None => phrase,
        }
    }
}

/// The words by the keys of their forms.
pub(super) struct Words {
    by_key: HashMap<String, &'static Word>,
}

impl Words {
    pub(super) fn get() -> &'static Self {
        static LOADED: OnceLock<Words> = OnceLock::new();
        static WORDS: OnceLock<Vec<Line>> = OnceLock::new();
        LOADED.get_or_init(|| {
            let mut by_key = HashMap::new();
            for Line { word, english, french } in WORDS.get_or_init(|| TABLE.lines().filter_map(read).collect()) {
                for form in english.iter().chain(french) {
                    by_key.entry(key(form)).or_insert(word);
                }
            }
            Self { by_key }
        })
    }

    /// The word of this key, in either language.
    pub(super) fn find(&self, key: &str) -> Option<&'static Word> {
        self.by_key.get(key).copied()
    }
}

/// A line of the table: its word, and the forms by which it is met in either language.
struct Line {
    word: Word,
    english: Vec<&'static str>,
    french: Vec<&'static str>,
}

/// Reads a line; `None` for a comment.
fn read(line: &'static str) -> Option<Line> {
    let [_, english, place, french, phrase] = line.split('\t').collect::<Vec<_>>()[..] else { return None };
    let english: Vec<&str> = english.split(", ").collect();
    let french = (!french.is_empty()).then(|| french.split_once('/').map_or([french; 2], |(m, f)| [m, f]));
    let mut forms: Vec<&str> = french.into_iter().flatten().collect();
    if !phrase.is_empty() {
        // `du Japon` is met as `Japon`: what leads up to it is passed over.
        let articles = ["de La ", "de ", "du ", "des ", "d'"];
        forms.push(articles.iter().find_map(|article| phrase.strip_prefix(article)).unwrap_or(phrase));
    }
    let place = (!place.is_empty()).then_some((place, phrase));
    Some(Line { word: Word { english: english.first()?, french, place }, english, french: forms })
}

/// The gender of a French noun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gender {
    Masculine,
    Feminine,
}

/// First words of French names of genres, or last ones where English made the name (`le death metal`, `la deep house`).
/// Those that are used in both genders (`folk`, `samba`) are left out.
const MASCULINE: &str = "\
    rock rap jazz hiphop blues reggae metal punk funk disco gospel rnb dancehall dub dubstep hardcore garage \
    shoegaze ska swing tango flamenco piano orchestre theatre reggaeton zouk rai grunge emo merengue mambo \
    fado chant chants opera bluegrass folklore hop breakbeat grindcore rocknroll metalcore deathcore \
    breakcore hardstyle screamo";
const FEMININE: &str = "\
    musique pop house techno trance trap drill soul country salsa cumbia chanson variete electro synthwave \
    vaporwave wave bossa valse danse ballade poesie guitare polka rumba kizomba bachata fanfare polyphonie \
    synthpop bass jungle vague hyperpop";

/// Nouns of French itself: what follows them describes them.
const FRENCH_NOUNS: &str = "\
    musique chanson chant chants danse valse poesie guitare orchestre opera variete ballade fanfare \
    polyphonie folklore theatre";

fn is_one_of(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

/// The gender of a French name, where it is known. Of two words that differ (`pop punk`, `soul jazz`) nobody knows which
/// rules.
pub(super) fn gender(name: &str) -> Option<Gender> {
    let words = words(name);
    let known = |word: &String| {
        if is_one_of(MASCULINE, word) {
            Some(Gender::Masculine)
        } else {
            is_one_of(FEMININE, word).then_some(Gender::Feminine)
        }
    };
    if words.first().is_some_and(|first| is_one_of(FRENCH_NOUNS, first)) {
        return words.first().and_then(known);
    }
    if let Some(whole) = known(&key(name)) {
        return Some(whole);
    }
    let mut genders = words.iter().filter_map(known);
    let first = genders.next()?;
    genders.all(|other| other == first).then_some(first)
}

/// What stands before or behind a genre and makes another of it.
#[derive(Debug)]
pub(super) struct Affix {
    /// As it is written, and in other spellings.
    forms: &'static [&'static str],
    /// How French writes it in front of a name of its own; `None` where that is not sure.
    pub(super) french: Option<&'static str>,
    /// What someone types who does not know the name, around that of the genre.
    pub(super) english_terms: &'static [&'static str],
    /// The same in French: `{de}` is `de` and the name, `{du}` has its article between them.
    pub(super) french_terms: &'static [&'static str],
    /// Entries that the word itself points at.
    pub(super) related: &'static [&'static str],
    /// Whether it is played where the genre itself is.
    pub(super) keeps_contexts: bool,
}

/// Stand in front. Their French is the same word, as French writes `post-rock`, `néo-soul`, `nu metal`, `proto-punk`.
static PREFIXES: [Affix; 5] = [
    Affix {
        forms: &["post"],
        french: Some("post-"),
        english_terms: &["beyond {}"],
        french_terms: &["au-delà {du}"],
        related: &[],
        keeps_contexts: false,
    },
    Affix {
        forms: &["neo"],
        french: Some("néo-"),
        english_terms: &["new generation of {}", "modern {}"],
        french_terms: &["nouvelle génération {du}"],
        related: &[],
        keeps_contexts: true,
    },
    Affix {
        forms: &["nu"],
        french: Some("nu "),
        english_terms: &["new generation of {}", "modern {}"],
        french_terms: &["nouvelle génération {du}"],
        related: &[],
        keeps_contexts: true,
    },
    Affix {
        forms: &["proto"],
        french: Some("proto-"),
        english_terms: &["forerunner of {}", "early {}"],
        french_terms: &["précurseur {du}", "débuts {du}"],
        related: &[],
        keeps_contexts: false,
    },
    Affix {
        forms: &["electro"],
        french: Some("électro-"),
        english_terms: &["electronic {}", "{} with synthesizers"],
        french_terms: &["mélange {de} et d'électronique"],
        related: &["electronic"],
        keeps_contexts: false,
    },
];

/// Stand behind. What several movements share (`-core`, `-wave`, `-step`) says too little to be put into words.
static SUFFIXES: [Affix; 12] = [
    suffix(&["core"], &[]),
    suffix(&["wave"], &[]),
    suffix(&["step"], &["dubstep"]),
    suffix(&["gaze"], &["shoegaze"]),
    suffix(&["grass"], &["bluegrass"]),
    suffix(&["billy"], &["rockabilly"]),
    suffix(&["hop"], &["hip hop"]),
    suffix(&["tronica", "tronic"], &["electronic"]),
    suffix(&["ton"], &["reggaeton"]),
    suffix(&["tek", "tech"], &["techno"]),
    Affix {
        forms: &["fusion", "crossover"],
        french: None,
        english_terms: &["{} mixed with other styles", "{} blend"],
        french_terms: &["mélange {de} et d'autres styles"],
        related: &[],
        keeps_contexts: false,
    },
    Affix {
        forms: &["revival", "revivalist"],
        french: None,
        english_terms: &["{} comeback", "modern bands playing old {}"],
        french_terms: &["renouveau {du}"],
        related: &[],
        keeps_contexts: true,
    },
];

const fn suffix(forms: &'static [&'static str], related: &'static [&'static str]) -> Affix {
    Affix { forms, french: None, english_terms: &[], french_terms: &[], related, keeps_contexts: false }
}

/// The prefix that this word is.
pub(super) fn prefix(word: &str) -> Option<&'static Affix> {
    PREFIXES.iter().find(|affix| affix.forms.contains(&word))
}

/// The suffix that this word is.
pub(super) fn suffix_of(word: &str) -> Option<&'static Affix> {
    SUFFIXES.iter().find(|affix| affix.forms.contains(&word))
}

impl Affix {
    /// A French term around this name; `None` where its article is not known.
    pub(super) fn french_term(pattern: &str, name: &str) -> Option<String> {
        let term = pattern.replace("{de}", &with_de(name));
        if term.contains("{du}") { Some(term.replace("{du}", &with_article(name)?)) } else { Some(term) }
    }
}

/// Whether a word before it elides. The h of genres' names is one of other languages (`house`, `hardcore`), and does not.
fn elides(name: &str) -> bool {
    const VOWELS: [char; 14] = ['a', 'e', 'i', 'o', 'u', 'y', 'é', 'è', 'ê', 'à', 'â', 'î', 'ô', 'œ'];
    name.chars().next().is_some_and(|first| first.to_lowercase().any(|c| VOWELS.contains(&c)))
}

fn with_de(name: &str) -> String {
    if elides(name) { format!("d'{name}") } else { format!("de {name}") }
}

fn with_article(name: &str) -> Option<String> {
    if elides(name) {
        return Some(format!("de l'{name}"));
    }
    match gender(name)? {
        Gender::Masculine => Some(format!("du {name}")),
        Gender::Feminine => Some(format!("de la {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_word_and_no_form_is_of_two() {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let kind = line.split('\t').next().unwrap();
            let Line { word, english, french } = read(line).unwrap_or_else(|| panic!("five fields: {line:?}"));
            assert_eq!(kind == "place", word.place.is_some(), "{line:?}");
            assert!(word.french.is_some() || word.place.is_some(), "{line:?}");
            for form in english.into_iter().chain(french) {
                let before = seen.insert(key(form), word.english);
                assert!(before.is_none_or(|before| before == word.english), "{form:?} is {before:?} and {line:?}");
            }
        }
        assert!(seen.len() > 300, "{}", seen.len());
    }

    #[test]
    fn a_word_agrees_with_the_name_that_it_stands_behind() {
        let french = |word: &str, name: &str| Words::get().find(&key(word)).unwrap().french(gender(name));
        assert_eq!(french("japanese", "techno minimale"), Some("japonaise"));
        assert_eq!(french("japanese", "death métal"), Some("japonais"));
        assert_eq!(french("japanese", "folk"), Some("du Japon"), "le folk, la folk: nobody knows");
        assert_eq!(french("brutal", "folk"), None);
        assert_eq!(french("japanese", "soul jazz"), Some("du Japon"), "la soul, le jazz");
        assert_eq!(french("japanese", "musique de jazz"), Some("japonaise"));
        assert_eq!(french("dark", "folk"), Some("sombre"));
        assert_eq!(french("detroit", "folk"), Some("de Détroit"));
    }

    #[test]
    fn de_elides_before_a_vowel() {
        assert_eq!(["électro", "opéra", "house", "rap"].map(with_de), ["d'électro", "d'opéra", "de house", "de rap"]);
        let article = |name| with_article(name).unwrap_or_default();
        assert_eq!(["électro", "salsa", "tango", "folk"].map(article), ["de l'électro", "de la salsa", "du tango", ""]);
    }
}
