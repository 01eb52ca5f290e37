//! Mending of raw text before it is read: bytes that were taken for another encoding, letters that only look right, marks that
//! mean nothing.

use std::borrow::Cow;

use crate::domain::key;

/// How often a text may have been encoded anew: twice is met in libraries that went through two programs.
const MAX_REPAIRS: usize = 2;

/// What Windows-1252 has at 0x80 to 0x9F; `\0` where it has nothing.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•',
    '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// Cyrillic letters that look like Latin ones.
const LOOK_ALIKES: [(char, char); 20] = [
    ('а', 'a'),
    ('в', 'b'),
    ('е', 'e'),
    ('к', 'k'),
    ('м', 'm'),
    ('н', 'h'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('т', 't'),
    ('у', 'y'),
    ('х', 'x'),
    ('А', 'A'),
    ('В', 'B'),
    ('Е', 'E'),
    ('К', 'K'),
    ('М', 'M'),
    ('О', 'O'),
    ('Р', 'P'),
    ('С', 'C'),
];

/// Digits that stand for letters.
const DIGIT_LETTERS: [(char, char); 6] = [('0', 'o'), ('1', 'i'), ('3', 'e'), ('4', 'a'), ('5', 's'), ('7', 't')];

/// The text with what can be mended without knowing a word: encoding, look-alikes, entities of HTML.
pub(super) fn mended(raw: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(raw);
    for _ in 0..MAX_REPAIRS {
        match repaired(&text) {
            Some(better) => text = Cow::Owned(better),
            None => break,
        }
    }
    if text.contains('&') {
        for (entity, plain) in [("&amp;", "&"), ("&#39;", "'"), ("&apos;", "'"), ("&quot;", "\""), ("&nbsp;", " ")] {
            if text.contains(entity) {
                text = Cow::Owned(text.replace(entity, plain));
            }
        }
    }
    if let Some(latin) = without_look_alikes(&text) {
        text = Cow::Owned(latin);
    }
    text
}

/// The text as it was before its UTF-8 was read as Windows-1252 or Latin-1; `None` where it was not.
fn repaired(text: &str) -> Option<String> {
    if !text.chars().any(|c| matches!(c, '\u{c2}'..='\u{f4}')) {
        return None;
    }
    let byte = |c: char| {
        if let Ok(byte) = u8::try_from(u32::from(c)) {
            return Some(byte);
        }
        let place = WINDOWS_1252.iter().position(|known| *known == c)?;
        u8::try_from(0x80 + place).ok()
    };
    let bytes: Vec<u8> = text.chars().map(byte).collect::<Option<_>>()?;
    // Text that was right is no valid UTF-8 when its letters are taken for bytes.
    let better = String::from_utf8(bytes).ok()?;
    (!better.is_ascii() && better.len() < text.len()).then_some(better)
}

/// The text with Latin letters for Cyrillic ones in words that have both; `None` where there are none.
fn without_look_alikes(text: &str) -> Option<String> {
    let is_cyrillic = |c: char| matches!(c, '\u{400}'..='\u{4ff}');
    if !text.chars().any(is_cyrillic) || !text.chars().any(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    let latin = |c: char| LOOK_ALIKES.iter().find(|(known, _)| *known == c).map(|(_, latin)| *latin);
    let word = |word: &str| -> String {
        let mixed = word.chars().any(|c| c.is_ascii_alphabetic());
        if mixed { word.chars().map(|c| latin(c).unwrap_or(c)).collect() } else { word.to_owned() }
    };
    Some(text.split_inclusive(char::is_whitespace).map(word).collect())
}

/// The text with letters for the digits inside its words (`r0ck`); `None` where there are none.
pub(super) fn without_digits(text: &str) -> Option<String> {
    let mut changed = false;
    let word = |word: &str| -> String {
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        let digits = word.chars().filter(char::is_ascii_digit).count();
        if digits == 0 || letters <= digits {
            return word.to_owned();
        }
        let letter = |c: char| DIGIT_LETTERS.iter().find(|(digit, _)| *digit == c).map_or(c, |(_, letter)| *letter);
        word.chars().map(letter).collect()
    };
    let words = text.split_inclusive(char::is_whitespace).map(|written| {
        let read = word(written);
        changed |= read != written;
        read
    });
    let text: String = words.collect();
    changed.then_some(text)
}

/// The texts that a letter lost in encoding (`�`) may have stood for.
pub(super) fn with_lost_letters(text: &str) -> impl Iterator<Item = String> + '_ {
    let letters = if text.contains('\u{fffd}') { "eaoiucn" } else { "" };
    letters.chars().map(|letter| text.replace('\u{fffd}', letter.encode_utf8(&mut [0; 4])))
}

/// A value without what surrounds it: white space, quotes, brackets around the whole, a hashtag's sign, `100%`.
pub(super) fn trimmed(text: &str) -> &str {
    let mut text = text;
    loop {
        let before = text;
        text = text.trim_matches(|c: char| {
            c.is_whitespace()
                || c.is_control()
                || matches!(
                    c,
                    '"' | '\'' | '“' | '”' | '«' | '»' | '‹' | '›' | ',' | ';' | '*' | '\u{feff}' | '\u{200b}'
                )
        });
        for (open, close) in [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')] {
            let inside = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
            if let Some(inside) = inside.filter(|inside| !inside.contains([open, close])) {
                text = inside;
            }
        }
        text = text.trim_start_matches('#');
        if let Some((rest, last)) = text.rsplit_once(' ')
            && let Some(number) = last.strip_suffix('%')
            && number.bytes().all(|b| b.is_ascii_digit())
        {
            text = rest;
        }
        if text == before {
            return text;
        }
    }
}

/// A value without a remark in brackets at its end, and the remark: `New AC (NAC)`. `None` where it has none.
pub(super) fn without_remark(text: &str) -> Option<(&str, &str)> {
    let open = text.rfind(['(', '['])?;
    let remark = text[open..].strip_suffix([')', ']'])?;
    let value = text[..open].trim_end();
    (!key(value).is_empty()).then_some((value, &remark[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_that_was_read_as_something_else_is_read_anew() {
        for (raw, meant) in [
            ("Ã©lectro", "électro"),
            ("raÃ¯", "raï"),
            ("franÃ§aise", "française"),
            ("ÃƒÂ©lectro", "électro"),
            ("dâ€™amour", "d’amour"),
        ] {
            assert_eq!(mended(raw), meant);
        }
    }

    #[test]
    fn what_was_right_stays() {
        for text in ["électro", "Ångström", "São Paulo", "naïve", "Ã", "rock", "рок", "日本", ""] {
            assert_eq!(mended(text), text);
        }
    }

    #[test]
    fn letters_that_only_look_latin_become_latin() {
        assert_eq!(mended("аmericаnа"), "americana");
        assert_eq!(mended("русский рок"), "русский рок");
        assert_eq!(without_digits("tr0pical r0ck").as_deref(), Some("tropical rock"));
        assert_eq!(without_digits("80s rock 2"), None);
    }

    #[test]
    fn what_surrounds_a_value_goes() {
        for (raw, value) in [
            (" \"sea shanty\" ", "sea shanty"),
            ("(future funk)", "future funk"),
            ("#jazz-pop", "jazz-pop"),
            ("speed metal 100%", "speed metal"),
            ("«Chanson»", "Chanson"),
            ("(a) (b)", "(a) (b)"),
            ("", ""),
        ] {
            assert_eq!(trimmed(raw), value);
        }
        assert_eq!(without_remark("acid rock (2018)"), Some(("acid rock", "2018")));
        assert_eq!(without_remark("(2018)"), None);
    }
}
