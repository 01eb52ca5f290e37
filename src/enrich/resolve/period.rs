//! Years and decades in a value: `1984`, `80s`, `the 90's`, `années 80`.

use super::answer::Period;
use crate::domain::words;

/// Years that music is sorted by.
const FIRST_YEAR: u16 = 1400;
const LAST_YEAR: u16 = 2099;

/// The first decade that two digits mean as one of the last century; below they mean this one.
const FIRST_OF_LAST_CENTURY: u16 = 30;

/// Words that stand beside a decade and say nothing without it.
const BESIDE: [&str; 16] = [
    "the", "early", "mid", "late", "annees", "les", "des", "annee", "year", "years", "in", "of", "from", "de", "debut",
    "fin",
];

/// The years that a text names, and the words that are left without them. `None` where it names none.
pub(super) fn period(text: &str) -> Option<(Period, String)> {
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let words = words(text);
    let decade_word = words.iter().any(|word| matches!(word.as_str(), "annees" | "annee"));
    let (place, found) = words.iter().enumerate().find_map(|(place, word)| Some((place, read(word, decade_word)?)))?;
    let is_left = |(at, word): &(usize, &String)| *at != place && !BESIDE.contains(&word.as_str());
    let left: Vec<&str> = words.iter().enumerate().filter(is_left).map(|(_, word)| word.as_str()).collect();
    Some((found, left.join(" ")))
}

/// The years of a word as [`words`] writes it.
fn read(word: &str, decade_word: bool) -> Option<Period> {
    let (digits, is_decade) = match word.strip_suffix('s') {
        Some(digits) => (digits, true),
        None => (word, decade_word),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u16 = digits.parse().ok()?;
    match (digits.len(), is_decade) {
        (4, false) if (FIRST_YEAR..=LAST_YEAR).contains(&number) => Some(Period { from: number, to: number }),
        (4, true) if number.is_multiple_of(10) && (FIRST_YEAR..=LAST_YEAR).contains(&number) => {
            Some(Period { from: number, to: number + 9 })
        }
        (2, true) if number.is_multiple_of(10) => {
            let from = if number >= FIRST_OF_LAST_CENTURY { 1900 + number } else { 2000 + number };
            Some(Period { from, to: from + 9 })
        }
        _ => None,
    }
}

/// How a decade is called.
pub(super) fn decade_name(period: Period) -> Option<String> {
    let is_decade = period.from.is_multiple_of(10) && period.to == period.from + 9;
    match period.from {
        from if !is_decade || from < 1900 => None,
        from @ 1930..2000 => Some(format!("{}s", from - 1900)),
        from => Some(format!("{from}s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_and_decades_are_told_from_what_is_left() {
        for (text, from, to, left) in [
            ("1984", 1984, 1984, ""),
            ("80s", 1980, 1989, ""),
            ("the 90's", 1990, 1999, ""),
            ("années 80", 1980, 1989, ""),
            ("90s zydeco", 1990, 1999, "zydeco"),
            ("2020s UK underground rap", 2020, 2029, "uk underground rap"),
            ("00s tropical rock", 2000, 2009, "tropical rock"),
            ("années 70 spectralism", 1970, 1979, "spectralism"),
        ] {
            assert_eq!(period(text), Some((Period { from, to }, left.to_owned())), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_none() {
        for text in ["80", "2 tone", "808s", "blink 182", "5s", "rock", "", "85s", "9999"] {
            assert_eq!(period(text), None, "{text}");
        }
    }
}
