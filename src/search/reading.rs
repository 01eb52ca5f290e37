//! Composite queries: what is asked for, what is joined to it and what is to be left out (`calm but not sad`, `techno sombre
//! sans voix`, `jazz + rain`), by rules in English and French.
//!
//! A word that leaves out (`not`, `without`, `sans`, `pas`, `-vocals`) does so up to the next word that ends its reach (`but`,
//! `for`, a comma, a joiner); `and`, `or` and `nor` go on with it. What is known by a name that holds such a word (`no wave`)
//! is a name.

use std::collections::HashSet;

use crate::domain::{is_noise, key, words};

/// Parts of one query, wanted and unwanted each: more are read as one with the last.
const MOST_PARTS: usize = 3;

/// Most words of a name that begins with a word that leaves out.
const LONGEST_NAME: usize = 4;

/// What leaves out that which follows, folded; the longest come first.
const NEGATORS: [&[&str]; 27] = [
    &["anything", "but"],
    &["everything", "but"],
    &["other", "than"],
    &["tout", "sauf"],
    &["pas", "trop"],
    &["not", "too"],
    &["sans", "aucun"],
    &["sans", "aucune"],
    &["surtout", "pas"],
    &["rien", "de"],
    &["a", "part"],
    &["not"],
    &["no"],
    &["nothing"],
    &["neither"],
    &["nor"],
    &["without"],
    &["wo"],
    &["except"],
    &["excluding"],
    &["minus"],
    &["sans"],
    &["pas"],
    &["sauf"],
    &["hors"],
    &["hormis"],
    &["ni"],
];

/// What joins two things that are both wanted.
const JOINERS: [&[&str]; 11] = [
    &["+"],
    &["mixed", "with"],
    &["crossed", "with"],
    &["blended", "with"],
    &["meets"],
    &["melange", "a"],
    &["melange", "avec"],
    &["mele", "a"],
    &["mele", "de"],
    &["croise", "avec"],
    &["rencontre"],
];

/// What ends the reach of a negator, and says nothing itself.
const TURNS: [&str; 2] = ["but", "mais"];

/// What ends the reach of a negator, and belongs to what is wanted.
const RESUMERS: [&str; 8] = ["for", "with", "to", "pour", "avec", "while", "when", "quand"];

/// What goes on with what was before: wanted or not.
const LINKS: [&str; 7] = ["and", "or", "nor", "et", "ou", "n", "&"];

/// What says nothing at the end of a part or the beginning of an unwanted one (`qui ne sont pas tristes`, `sans de la batterie`).
const FILLERS: [&str; 30] = [
    "that", "which", "is", "are", "isn", "aren", "be", "does", "do", "t", "it", "s", "qui", "que", "ne", "n", "est",
    "sont", "soit", "de", "d", "la", "le", "les", "the", "a", "with", "avec", "nest", "cest",
];

/// A query taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// What is asked for: the query itself unless it is composite.
    pub(super) wanted: Vec<String>,
    /// What is to be left out.
    pub(super) unwanted: Vec<String>,
}

impl Reading {
    /// A query that is not taken apart.
    pub(super) fn plain(query: &str) -> Self {
        Self { wanted: vec![query.to_owned()], unwanted: Vec::new() }
    }

    /// Whether the query has more than one part.
    pub(super) fn is_composite(&self) -> bool {
        self.wanted.len() > 1 || !self.unwanted.is_empty()
    }

    /// Takes a query apart. `names` are the keys of [`guarded_keys`] that are names in the vocabulary.
    pub(super) fn of(query: &str, names: &HashSet<String>) -> Self {
        let tokens = tokens(query);
        let mut reading = Reader::default();
        let mut at = 0;
        while at < tokens.len() {
            if let Some(length) =
                guarded(&tokens[at..]).find(|length| names.contains(&joined_key(&tokens[at..at + length])))
            {
                reading.part.extend(tokens[at..at + length].iter().map(|token| token.written.clone()));
                at += length;
                continue;
            }
            at += reading.take(&tokens[at..]);
        }
        reading.end_part();
        let (mut wanted, unwanted) = (reading.wanted, reading.unwanted);
        wanted.retain(|part| !is_noise(part));
        if wanted.is_empty() || (wanted.len() == 1 && unwanted.is_empty()) {
            // "not sad": of all that the query is near to, what is sad is left out.
            wanted = vec![query.to_owned()];
        }
        Self { wanted, unwanted }
    }
}

/// Whether a query holds a word that takes it apart: most do not, and are spared the look at the vocabulary.
pub(super) fn may_be_composite(query: &str) -> bool {
    Reading::of(query, &HashSet::new()).is_composite()
}

/// The keys of the phrases of a query that begin with a word that leaves out: one that is a name is no negation.
pub(super) fn guarded_keys(query: &str) -> Vec<String> {
    let tokens = tokens(query);
    let phrases = (0..tokens.len()).flat_map(|at| {
        let rest = &tokens[at..];
        guarded(rest).map(|length| joined_key(&rest[..length])).collect::<Vec<_>>()
    });
    phrases.collect()
}

/// Whether a text leaves something out itself (`without words`): such a term is no example of what it names.
pub(super) fn negates(text: &str) -> bool {
    let tokens = tokens(text);
    (0..tokens.len()).any(|at| starts_with_any(&tokens[at..], &NEGATORS).is_some())
}

/// Lengths of the phrases at the beginning of `tokens` that a name may take up, the longest first; none where no negator
/// stands there.
fn guarded(tokens: &[Token]) -> impl Iterator<Item = usize> + use<> {
    let begins = starts_with_any(tokens, &NEGATORS).is_some();
    let longest = if begins { LONGEST_NAME.min(tokens.len()) } else { 0 };
    (2..=longest).rev()
}

/// A word of the query, as written and folded.
#[derive(Debug)]
struct Token {
    written: String,
    folded: String,
    /// Whether a comma or the like stands behind it.
    ends: bool,
}

fn tokens(query: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for raw in query.replace('+', " + ").replace("n't", " not").replace("n’t", " not").split_whitespace() {
        let ends = raw.ends_with([',', ';', '.', '!', ':']);
        let written = raw.trim_matches([',', ';', '.', '!', '?', ':', '"', '(', ')']);
        // A hyphen before a word, as search engines read it.
        if let Some(word) = written.strip_prefix(['-', '\u{2212}']).filter(|word| word.chars().count() > 1) {
            tokens.push(Token { written: "not".to_owned(), folded: "not".to_owned(), ends: false });
            tokens.push(Token { written: word.to_owned(), folded: words(word).concat(), ends: true });
            continue;
        }
        if written.is_empty() {
            if let Some(Token { ends: last, .. }) = tokens.last_mut() {
                *last |= ends;
            }
            continue;
        }
        // A sign alone has no words.
        let folded = Some(words(written).concat()).filter(|folded| !folded.is_empty());
        let folded = folded.unwrap_or_else(|| written.to_owned());
        tokens.push(Token { written: written.to_owned(), folded, ends });
    }
    tokens
}

fn joined_key(tokens: &[Token]) -> String {
    key(&tokens.iter().map(|token| token.written.as_str()).collect::<Vec<_>>().join(" "))
}

/// How many tokens at the beginning are one of these phrases.
fn starts_with_any(tokens: &[Token], phrases: &[&[&str]]) -> Option<usize> {
    let starts = |phrase: &&&[&str]| {
        tokens.len() >= phrase.len() && phrase.iter().zip(tokens).all(|(word, token)| inflected(&token.folded, word))
    };
    phrases.iter().find(starts).map(|phrase| phrase.len())
}

/// `mélangée` and `mêlés` are `mélangé` and `mêlé`.
fn inflected(word: &str, plain: &str) -> bool {
    word == plain || (plain.len() > 3 && word.strip_prefix(plain).is_some_and(|rest| matches!(rest, "e" | "s" | "es")))
}

/// The parts found so far, and the one that is being read.
#[derive(Default)]
struct Reader {
    wanted: Vec<String>,
    unwanted: Vec<String>,
    part: Vec<String>,
    leaves_out: bool,
    /// Whether what is wanted now goes on with what was wanted before.
    resumes: bool,
}

impl Reader {
    /// Reads the first token or phrase; how many tokens that were.
    fn take(&mut self, tokens: &[Token]) -> usize {
        let Some(token) = tokens.first() else { return 0 };
        let folded = token.folded.as_str();
        // At the very end a negator has nothing to leave out.
        if let Some(length) = starts_with_any(tokens, &NEGATORS).filter(|length| tokens.len() > *length) {
            self.end_part();
            self.leaves_out = true;
            return length;
        }
        let inside = !(self.wanted.is_empty() && self.unwanted.is_empty() && self.part.is_empty());
        if let Some(length) = starts_with_any(tokens, &JOINERS).filter(|length| inside && tokens.len() > *length) {
            self.end_part();
            self.leaves_out = false;
            return length;
        }
        if TURNS.contains(&folded) && inside && tokens.len() > 1 {
            self.end_part();
            self.leaves_out = false;
            return 1;
        }
        if self.leaves_out && LINKS.contains(&folded) {
            self.end_part();
            self.leaves_out = true;
            return 1;
        }
        if self.leaves_out && RESUMERS.contains(&folded) && !self.part.is_empty() {
            self.resume();
        }
        self.part.push(token.written.clone());
        if token.ends && self.leaves_out {
            self.resume();
        }
        1
    }

    /// Ends an unwanted part; what follows belongs to what was wanted before it.
    fn resume(&mut self) {
        self.end_part();
        (self.leaves_out, self.resumes) = (false, true);
    }

    /// Puts the part that was read to the others.
    fn end_part(&mut self) {
        let is_filler = |word: &&String| {
            let folded = words(word).concat();
            FILLERS.contains(&folded.as_str()) || LINKS.contains(&folded.as_str())
        };
        let mut part = std::mem::take(&mut self.part);
        let kept = part.iter().rposition(|word| !is_filler(&word)).map_or(0, |last| last + 1);
        part.truncate(kept);
        if self.leaves_out {
            let start = part.iter().position(|word| !is_filler(&word)).unwrap_or(part.len());
            part.drain(..start);
        }
        if part.is_empty() {
            return;
        }
        let resumes = !self.leaves_out && std::mem::take(&mut self.resumes);
        let (text, parts) = (part.join(" "), if self.leaves_out { &mut self.unwanted } else { &mut self.wanted });
        let is_full = parts.len() >= MOST_PARTS;
        match parts.last_mut().filter(|_| resumes || is_full) {
            Some(last) => *last = format!("{last} {text}"),
            None => parts.push(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> (Vec<String>, Vec<String>) {
        let reading = Reading::of(query, &HashSet::new());
        (reading.wanted, reading.unwanted)
    }

    #[test]
    fn what_is_left_out_is_told_from_what_is_wanted() {
        for (query, wanted, unwanted) in [
            ("calm but not sad", &["calm"][..], &["sad"][..]),
            ("calme mais pas triste", &["calme"], &["triste"]),
            ("dark techno without vocals", &["dark techno"], &["vocals"]),
            ("techno sombre sans voix", &["techno sombre"], &["voix"]),
            ("Ambient, no drums or vocals", &["Ambient"], &["drums", "vocals"]),
            ("rock sans batterie ni voix", &["rock"], &["batterie", "voix"]),
            ("music that is not sad", &["music that is not sad"], &["sad"]),
            ("piano -jazz", &["piano"], &["jazz"]),
            ("jazz without saxophone for dinner", &["jazz for dinner"], &["saxophone"]),
            ("pas triste, mais calme", &["calme"], &["triste"]),
            ("pop, neither sad nor slow", &["pop"], &["sad", "slow"]),
            ("folk w/o banjo", &["folk"], &["banjo"]),
            ("musique brésilienne à part la samba", &["musique brésilienne"], &["samba"]),
            ("house that isn't commercial", &["house"], &["commercial"]),
            ("des chansons qui ne sont pas tristes", &["des chansons"], &["tristes"]),
        ] {
            let expected =
                (wanted.iter().map(ToString::to_string).collect(), unwanted.iter().map(ToString::to_string).collect());
            assert_eq!(read(query), expected, "{query}");
        }
    }

    #[test]
    fn what_is_joined_is_wanted_together() {
        for (query, wanted) in [
            ("jazz + rain", &["jazz", "rain"][..]),
            ("jazz+pluie", &["jazz", "pluie"]),
            ("jazz meets hip hop", &["jazz", "hip hop"]),
            ("rock mélangé à de l'électro", &["rock", "de l'électro"]),
            ("calm but dark", &["calm", "dark"]),
        ] {
            assert_eq!(read(query).0, wanted, "{query}");
            assert!(read(query).1.is_empty(), "{query}");
        }
    }

    #[test]
    fn other_queries_stay_whole() {
        for query in [
            "drum & bass",
            "r&b",
            "rock and roll",
            "music with strings",
            "pop/rock",
            "lo-fi",
            "sans",
            "not",
            "+",
            "songs for a walk",
        ] {
            assert_eq!(Reading::of(query, &HashSet::new()), Reading::plain(query), "{query}");
        }
    }

    #[test]
    fn a_name_that_holds_such_a_word_is_a_name() {
        let names: HashSet<String> = guarded_keys("dark no wave").into_iter().filter(|key| key == "nowave").collect();
        assert_eq!(names.len(), 1);
        assert_eq!(Reading::of("dark no wave", &names), Reading::plain("dark no wave"));
        assert_eq!(read("dark no wave").1, ["wave"]);
    }

    #[test]
    fn however_many_parts_there_are_none_is_lost() {
        let reading = Reading::of("a1 + b1 + c1 + d1 without e1 and f1 and g1 and h1", &HashSet::new());
        assert_eq!(reading.wanted, ["a1", "b1", "c1 d1"]);
        assert_eq!(reading.unwanted, ["e1", "f1", "g1 h1"]);
    }

    #[test]
    fn a_term_may_leave_something_out_itself() {
        assert!(negates("songs without words") && negates("sans paroles") && !negates("vocal trance"));
    }
}
