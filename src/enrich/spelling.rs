//! Names by how they are misspelt: the nearest of them by typing errors, and none where that is a guess.

use crate::{
    domain::is_noise_word,
    embed::is_english_word,
    search::typing::{errors, letters, may_be_near},
};

/// Shorter keys have too many neighbours, in characters.
const SHORTEST: usize = 5;

/// From this length on more is forgiven, and the first letter may be wrong.
const LONG: usize = 8;

/// How many typing errors are forgiven in a short and in a long key. Likely ones count 0.7, others 1.
const MOST_ERRORS: f64 = 1.0;
const MOST_ERRORS_OF_LONG: f64 = 1.4;

/// The keys of names by their length.
#[derive(Debug, Default)]
pub(super) struct Spellings(Vec<Vec<Spelling>>);

#[derive(Debug)]
struct Spelling {
    key: Box<str>,
    /// Its [`letters`].
    letters: u32,
    /// Its first and its last character: one of them is right nearly always, and comparing is dear.
    ends: (Option<char>, Option<char>),
}

fn ends(key: &str) -> (Option<char>, Option<char>) {
    (key.chars().next(), key.chars().next_back())
}

impl Spellings {
    pub(super) fn of(keys: impl Iterator<Item = Box<str>>) -> Self {
        let mut by_length: Vec<Vec<Spelling>> = Vec::new();
        for key in keys {
            let length = key.chars().count();
            if length + 1 < SHORTEST || is_noise_word(&key) {
                continue;
            }
            if by_length.len() <= length {
                by_length.resize_with(length + 1, Vec::new);
            }
            by_length[length].push(Spelling { letters: letters(&key), ends: ends(&key), key });
        }
        // Whatever order the keys came in, the same text is read alike.
        for keys in &mut by_length {
            keys.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Self(by_length)
    }

    /// The nearest key and its errors; `None` where there is none near enough, or several that are not `same`.
    pub(super) fn nearest(&self, misspelt: &str, same: impl Fn(&str, &str) -> bool) -> Option<(&str, f64)> {
        let length = misspelt.chars().count();
        let (forgiven, most) = match length {
            0..SHORTEST => return None,
            SHORTEST..LONG => (1, MOST_ERRORS),
            _ => (2, MOST_ERRORS_OF_LONG),
        };
        let (letters, (first, last)) = (letters(misspelt), ends(misspelt));
        let mut best: Option<(&str, f64)> = None;
        let mut is_guess = false;
        let lengths = self.0.iter().skip(length - forgiven as usize).take(2 * forgiven as usize + 1);
        for spelling in lengths.flatten().filter(|spelling| may_be_near(spelling.letters, letters, forgiven)) {
            if spelling.ends.0 != first && (length < LONG || spelling.ends.1 != last) {
                continue;
            }
            let Some(found) = errors(misspelt, &spelling.key, best.map_or(most, |(_, errors)| errors)) else {
                continue;
            };
            match best {
                Some((known, errors)) if found >= errors => is_guess |= !same(known, &spelling.key),
                _ => (best, is_guess) = (Some((&*spelling.key, found)), false),
            }
        }
        // A word that is English as it stands was meant as it stands.
        best.filter(|_| !is_guess && !is_english_word(misspelt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(misspelt: &str, keys: &[&str]) -> Option<String> {
        let spellings = Spellings::of(keys.iter().map(|key| (*key).into()));
        spellings.nearest(misspelt, |_, _| false).map(|(key, _)| key.to_owned())
    }

    #[test]
    fn a_misspelt_name_is_read_as_the_nearest() {
        for (misspelt, meant) in [("regae", "reggae"), ("tecnho", "techno"), ("progresiverock", "progressiverock")] {
            assert_eq!(nearest(misspelt, &["reggae", "techno", "progressiverock"]).as_deref(), Some(meant));
        }
    }

    #[test]
    fn what_is_short_english_far_or_a_guess_is_left_alone() {
        for (text, keys) in [
            ("pok", &["pop", "rock"][..]),
            ("horse", &["house"]),
            ("yunk", &["funk", "punk"]),
            ("xyzzyqw", &["reggae"]),
            ("darkstap", &["darkstep", "darkstop"]),
            ("", &["pop"]),
        ] {
            assert_eq!(nearest(text, keys), None, "{text}");
        }
    }
}
