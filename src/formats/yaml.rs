//! Scalars of YAML 1.1, as beets reads them (PyYAML): written so that every name comes back as the text it is, and read.

use std::fmt::Write;

/// Plain words that YAML 1.1 reads as something else than a text.
const RESERVED: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// A text as a scalar: plain where nothing about it is special, else in double quotes.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Letters, digits, and single spaces and hyphens between them, beginning with a letter: no number and no date begins so.
fn is_plain(text: &str) -> bool {
    let is_inner = |character: char| character.is_alphanumeric() || character == ' ' || character == '-';
    text.starts_with(char::is_alphabetic)
        && text.ends_with(char::is_alphanumeric)
        && text.chars().all(is_inner)
        && !RESERVED.contains(&text.to_lowercase().as_str())
}

/// A text in double quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            character if is_printable(character) => quoted.push(character),
            character => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\U{:08x}", u32::from(character));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// What may stand in a stream as it is. Line breaks and the mark of byte order, which may in places, never need to.
fn is_printable(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The text of a scalar that stands alone on its line, and what follows it; without the comment at the end.
///
/// # Errors
/// What is not a plain, a single-quoted or a double-quoted scalar.
pub(super) fn read_scalar(text: &str) -> Result<(String, &str), String> {
    match text.chars().next() {
        Some('"') => read_double(&text[1..]),
        Some('\'') => read_single(&text[1..]),
        Some('[' | '{' | '&' | '*' | '!' | '|' | '>' | '%' | '@' | '`') => {
            Err("it is YAML beyond nested lists of names: write one name a line".to_owned())
        }
        _ => Ok(read_plain(text)),
    }
}

/// Up to the colon of a key, or a comment, or the end.
fn read_plain(text: &str) -> (String, &str) {
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        let rest = &text[at + character.len_utf8()..];
        let ends_word = rest.is_empty() || rest.starts_with(char::is_whitespace);
        let begins_word = text[..at].ends_with(char::is_whitespace);
        if (character == ':' && ends_word) || (character == '#' && (at == 0 || begins_word)) {
            end = at;
            break;
        }
    }
    (text[..end].trim().to_owned(), &text[end..])
}

fn read_single(text: &str) -> Result<(String, &str), String> {
    let mut found = String::new();
    let mut rest = text;
    loop {
        let Some((before, after)) = rest.split_once('\'') else { return Err("a quotation mark is missing".to_owned()) };
        found.push_str(before);
        match after.strip_prefix('\'') {
            // Two of them stand for one.
            Some(after) => {
                found.push('\'');
                rest = after;
            }
            None => return Ok((found, after)),
        }
    }
}

fn read_double(text: &str) -> Result<(String, &str), String> {
    let mut found = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((found, &text[at + 1..])),
            '\\' => {
                let escape = characters.next().map(|(_, escape)| escape);
                let digits = match escape {
                    Some('x') => 2,
                    Some('u') => 4,
                    Some('U') => 8,
                    Some(escape @ ('"' | '\\' | '/' | ' ')) => {
                        found.push(escape);
                        continue;
                    }
                    other => {
                        let other = other.map(String::from).unwrap_or_default();
                        return Err(format!("the escape \\{} is not read here", other.escape_debug()));
                    }
                };
                let number: String = characters.by_ref().take(digits).map(|(_, digit)| digit).collect();
                let decoded = u32::from_str_radix(&number, 16).ok().filter(|_| number.len() == digits);
                found.push(decoded.and_then(char::from_u32).ok_or("an escape is no character")?);
            }
            character => found.push(character),
        }
    }
    Err("a quotation mark is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was() {
        for (text, written) in [
            ("drum and bass", "drum and bass"),
            ("coupé-décalé", "coupé-décalé"),
            ("r&b", "\"r&b\""),
            ("2-step", "\"2-step\""),
            ("No", "\"No\""),
            ("1e3", "\"1e3\""),
            ("a: b", "\"a: b\""),
            ("say \"hi\" \\", "\"say \\\"hi\\\" \\\\\""),
            ("a\u{2028}b", "\"a\\U00002028b\""),
            ("#1", "\"#1\""),
        ] {
            assert_eq!(scalar(text), written);
            assert_eq!(read_scalar(written), Ok((text.to_owned(), "")), "{written}");
        }
    }

    #[test]
    fn scalars_of_other_hands_are_read() {
        for (written, text, rest) in [
            ("rock: # loud", "rock", ": # loud"),
            ("rock # loud", "rock", "# loud"),
            ("r&b", "r&b", ""),
            ("c#", "c#", ""),
            ("a:b", "a:b", ""),
            ("'rock ''n'' roll':", "rock 'n' roll", ":"),
            ("\"caf\\xe9 \\u00e9\"", "café é", ""),
        ] {
            assert_eq!(read_scalar(written), Ok((text.to_owned(), rest)), "{written}");
        }
        for wrong in ["[a, b]", "*a", "\"open", "'open", "\"\\q\"", "\"\\ud800\"", "\"\\x4\""] {
            assert!(read_scalar(wrong).is_err(), "{wrong}");
        }
    }
}
