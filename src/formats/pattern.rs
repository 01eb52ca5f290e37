//! Regular expressions of Python's `re` that match a name however it is spelt: with hyphens, with spaces, in one word, and with
//! any of the words that connect two others. They are what equal keys mean ([`crate::domain::key`]), but for accents.

use std::fmt::Write;

/// What may stand between two words of a name, and need not.
const SEPARATORS: &str = "[ '’‐./_-]*";

/// What connects two words of a name.
const CONNECTOR: &str = "(?:&|and|et|n)";

/// A part of a name.
enum Part<'a> {
    Word(&'a str),
    Connector,
}

/// The expression for a name, in lower case, to be matched against the whole of a text without regard to case.
pub(super) fn pattern(name: &str) -> String {
    let name = name.to_lowercase();
    let Some(parts) = parts(&name) else { return escaped(&name) };
    let mut pattern = String::new();
    if name.starts_with(is_separator) {
        pattern.push_str(SEPARATORS);
    }
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            pattern.push_str(SEPARATORS);
        }
        pattern.push_str(match part {
            Part::Word(word) => word,
            Part::Connector => CONNECTOR,
        });
    }
    if name.ends_with(is_separator) {
        pattern.push_str(SEPARATORS);
    }
    pattern
}

/// Whether a name has more than one spelling.
pub(super) fn is_flexible(pattern: &str) -> bool {
    pattern.contains(SEPARATORS)
}

fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '\'' | '’' | '‐' | '.' | '/' | '_' | '-')
}

/// The words of a name and what connects them; `None` where it has other characters or no word.
fn parts(name: &str) -> Option<Vec<Part<'_>>> {
    let mut words: Vec<&str> = Vec::new();
    for chunk in name.split(is_separator).filter(|chunk| !chunk.is_empty()) {
        for (at, word) in chunk.split('&').enumerate() {
            if at > 0 {
                words.push("&");
            }
            if !word.chars().all(char::is_alphanumeric) {
                return None;
            }
            words.extend(Some(word).filter(|word| !word.is_empty()));
        }
    }
    let last = words.len().checked_sub(1)?;
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (at, word) in words.into_iter().enumerate() {
        match word {
            // At an edge it connects nothing.
            "&" if at == 0 || at == last => return None,
            "&" | "n" | "and" | "et" if at > 0 && at < last => {
                // "drum & n bass" connects once.
                if matches!(parts.last(), Some(Part::Word(_))) {
                    parts.push(Part::Connector);
                }
            }
            word => parts.push(Part::Word(word)),
        }
    }
    Some(parts)
}

/// A text that means itself in an expression. `=` is written by its number, for lists of `expression=replacement`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        match character {
            '=' => escaped.push_str("\\x3d"),
            character if character.is_ascii_punctuation() => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\{character}");
            }
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_in_all_its_spellings() {
        let between = SEPARATORS;
        assert_eq!(pattern("dnb"), "dnb");
        assert_eq!(pattern("Hip-Hop"), format!("hip{between}hop"));
        assert_eq!(pattern("Drum & Bass"), format!("drum{between}{CONNECTOR}{between}bass"));
        assert_eq!(pattern("rock 'n' roll"), format!("rock{between}{CONNECTOR}{between}roll"));
        assert_eq!(pattern("R&B"), format!("r{between}{CONNECTOR}{between}b"));
        assert_eq!(pattern("’80s"), format!("{between}80s"));
        assert_eq!(pattern("chanson française"), format!("chanson{between}française"));
    }

    #[test]
    fn what_connects_nothing_is_a_word() {
        assert_eq!(pattern("n"), "n");
        assert_eq!(pattern("and one"), format!("and{SEPARATORS}one"));
        assert_eq!(pattern("&"), "\\&");
    }

    #[test]
    fn other_characters_mean_themselves() {
        assert_eq!(pattern("r+b (live) a=b\\"), "r\\+b \\(live\\) a\\x3db\\\\");
        assert_eq!(pattern("!!!"), "\\!\\!\\!");
        assert!(!is_flexible(&pattern("!!!")) && is_flexible(&pattern("hip hop")));
    }
}
