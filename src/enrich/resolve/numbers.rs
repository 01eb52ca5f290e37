//! Genres by the numbers of ID3v1, as ID3v2 writes them: `(17)Rock`, `(51)(39)`, `17`.

use crate::enrich::lists::{NumberedGenre, numbered_genre};

/// What stands in a value that begins with numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Numbered<'a> {
    /// The numbers in their order, with their genres; `None` where the list has no such number.
    pub(super) genres: Vec<(u32, Option<NumberedGenre>)>,
    /// What stands behind them, which says it better: `(4)Eurodisco`.
    pub(super) refinement: &'a str,
}

/// Most numbers of a value.
const MAX_NUMBERS: usize = 50;

/// Reads a value; `None` where it begins with no number.
pub(super) fn numbers(value: &str) -> Option<Numbered<'_>> {
    let value = value.trim();
    let number = |digits: &str| -> Option<u32> {
        let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    };
    if let Some(bare) = number(value) {
        return Some(Numbered { genres: vec![(bare, numbered_genre(bare))], refinement: "" });
    }
    let (mut genres, mut rest) = (Vec::new(), value);
    while let Some((digits, behind)) = rest.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
        let Some(number) = number(digits).filter(|_| genres.len() < MAX_NUMBERS) else { break };
        genres.push((number, numbered_genre(number)));
        rest = behind.trim_start();
    }
    (!genres.is_empty()).then_some(Numbered { genres, refinement: rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(Vec<u32>, &str)> {
        let found = numbers(value)?;
        Some((found.genres.iter().map(|(number, _)| *number).collect(), found.refinement))
    }

    #[test]
    fn numbers_are_read_as_id3_writes_them() {
        assert_eq!(read("(17)Rock"), Some((vec![17], "Rock")));
        assert_eq!(read("(51)(39)"), Some((vec![51, 39], "")));
        assert_eq!(read(" 24 "), Some((vec![24], "")));
        assert_eq!(read("(255)"), Some((vec![255], "")));
        for other in ["Rock", "(RX)", "1984", "((17)", "80s", "(2018", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
