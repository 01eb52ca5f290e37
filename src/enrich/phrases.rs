//! What summaries say, in both languages: `data/phrases.tsv`.

use std::{collections::HashMap, sync::LazyLock};

use crate::domain::Lang;

const PHRASES: &str = include_str!("../../data/phrases.tsv");

static LOADED: LazyLock<HashMap<&str, [&str; 2]>> = LazyLock::new(|| {
    let phrase = |line: &'static str| {
        let mut fields = line.split('\t');
        Some((fields.next()?, [fields.next()?, fields.next()?]))
    };
    PHRASES.lines().filter(|line| !line.starts_with('#')).filter_map(phrase).collect()
});

/// The phrase of a key; `None` where there is nothing to say.
pub(super) fn phrase(key: &str, lang: Lang) -> Option<&'static str> {
    let texts = LOADED.get(key)?;
    Some(match lang {
        Lang::En => texts[0],
        Lang::Fr => texts[1],
    })
}

/// The phrase of a key with these values in its places.
pub(super) fn filled(key: &str, lang: Lang, values: &[&str]) -> String {
    let mut parts = phrase(key, lang).unwrap_or_default().split("{}");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        text.push_str(values.get(at).copied().unwrap_or_default());
        text.push_str(part);
    }
    text
}

/// `a, b and c`.
pub(super) fn listed(items: &[&str], lang: Lang) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} {} {last}", rest.join(", "), phrase("and", lang).unwrap_or("&")),
    }
}

/// With a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(char::to_uppercase).into_iter().flatten().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_stands_in_both_languages_with_as_many_places() {
        let lines: Vec<&str> = PHRASES.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), LOADED.len(), "each key once");
        for (key, [en, fr]) in LOADED.iter() {
            assert!(!en.is_empty() && !fr.is_empty(), "{key}");
            assert_eq!(en.matches("{}").count(), fr.matches("{}").count(), "{key}");
        }
    }

    #[test]
    fn places_are_filled_in_their_order() {
        assert_eq!(filled("sentence.tempo", Lang::En, &["Slow", "72"]), "Slow tempo (72 BPM)");
        assert_eq!(listed(&["a", "b", "c"], Lang::Fr), "a, b et c");
        assert_eq!(capital("électro"), "Électro");
    }
}
