//! Typing errors: how many lie between what was typed and what was meant.

use std::sync::LazyLock;

/// A letter beside the right one on the keyboard, a letter typed twice or once instead of twice, and two letters swapped are
/// likelier than any other error.
const LIKELY_ERROR: f64 = 0.7;

/// The letters as they lie on the two keyboards of the languages at hand, row by row.
const KEYBOARDS: [[&str; 3]; 2] = [["qwertyuiop", "asdfghjkl", "zxcvbnm"], ["azertyuiop", "qsdfghjklm", "wxcvbn"]];

/// The errors that turn one text into the other (optimal string alignment: a letter more, less or other, two neighbours
/// swapped), each counted by how likely it is. `None` where they are more than `most`.
pub(crate) fn errors(typed: &str, meant: &str, most: f64) -> Option<f64> {
    let (typed, meant): (Vec<char>, Vec<char>) = (typed.chars().collect(), meant.chars().collect());
    let width = meant.len() + 1;
    // Three rows of the table: that of the letter, the one before and the one before that.
    let (mut before_last, mut row) = (vec![0.0f64; width], vec![0.0f64; width]);
    let mut last: Vec<f64> = (0..width).map(count).collect();
    let mut fewest = 0.0f64;
    for (place, letter) in typed.iter().enumerate() {
        row[0] = count(place + 1);
        let before = std::mem::replace(&mut fewest, row[0]);
        for (other_place, other) in meant.iter().enumerate() {
            let at = other_place + 1;
            let replaced = last[at - 1] + if letter == other { 0.0 } else { replacing(*letter, *other) };
            let added = last[at] + repeating(&typed, place);
            let left_out = row[at - 1] + repeating(&meant, other_place);
            row[at] = replaced.min(added).min(left_out);
            let swapped = place > 0
                && other_place > 0
                && typed[place - 1] == *other
                && meant[other_place - 1] == *letter
                && letter != other;
            if swapped {
                row[at] = row[at].min(before_last[at - 2] + LIKELY_ERROR);
            }
            fewest = fewest.min(row[at]);
        }
        // The next rows are made of these two, and never fewer errors.
        if fewest > most && before > most {
            return None;
        }
        std::mem::swap(&mut before_last, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last.last().copied().filter(|errors| *errors <= most)
}

/// Which letters a text has, one bit each; one for all that are none of `a` to `z`.
pub(crate) fn letters(text: &str) -> u32 {
    text.chars().fold(0, |set, letter| set | bit(letter))
}

fn bit(letter: char) -> u32 {
    if letter.is_ascii_lowercase() { 1 << (u32::from(letter) - u32::from('a')) } else { 1 << 31 }
}

/// Whether so many errors may turn a text with these [`letters`] into one with those; comparing them is dear. By an error one
/// letter goes from the set at most, and one comes.
pub(crate) const fn may_be_near(letters: u32, others: u32, errors: u32) -> bool {
    (letters & !others).count_ones() <= errors && (others & !letters).count_ones() <= errors
}

/// A letter for another.
fn replacing(typed: char, meant: char) -> f64 {
    /// For each letter from `a` on, the set of its neighbours.
    static NEIGHBOURS: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let near = |one, other: &char| KEYBOARDS.iter().any(|rows| are_neighbours(rows, one, *other));
        ('a'..='z')
            .map(|one| ('a'..='z').filter(|other| near(one, other)).fold(0, |set, other| set | bit(other)))
            .collect()
    });
    let place = u32::from(typed).wrapping_sub(u32::from('a')) as usize;
    let is_near = NEIGHBOURS.get(place).is_some_and(|near| near & bit(meant) != 0);
    if is_near { LIKELY_ERROR } else { 1.0 }
}

/// A letter too many or too few, that may be a repetition.
fn repeating(letters: &[char], place: usize) -> f64 {
    let repeats = place.checked_sub(1).is_some_and(|before| letters[before] == letters[place]);
    if repeats { LIKELY_ERROR } else { 1.0 }
}

/// Whether two keys touch: side by side, or in rows one above the other, which are shifted by half a key.
fn are_neighbours(rows: &[&str; 3], one: char, other: char) -> bool {
    let place = |letter: char| rows.iter().enumerate().find_map(|(row, keys)| Some((row, keys.find(letter)?)));
    let (Some((row, column)), Some((other_row, other_column))) = (place(one), place(other)) else { return false };
    match other_row.cmp(&row) {
        std::cmp::Ordering::Equal => column.abs_diff(other_column) == 1,
        std::cmp::Ordering::Greater => other_row - row == 1 && (other_column == column || other_column + 1 == column),
        std::cmp::Ordering::Less => row - other_row == 1 && (other_column == column || other_column == column + 1),
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_errors_count_less_than_others() {
        for (typed, meant, expected) in [
            ("techno", "techno", 0.0),
            ("tehcno", "techno", 0.7),
            ("techni", "techno", 0.7),
            ("techna", "techno", 1.0),
            ("speeddmetal", "speedmetal", 0.7),
            ("regae", "reggae", 0.7),
            ("rehgae", "reggae", 0.7),
            ("qmbient", "ambient", 0.7),
            ("funk", "punk", 1.0),
            ("", "pop", 3.0),
        ] {
            for (one, other) in [(typed, meant), (meant, typed)] {
                let found = errors(one, other, expected).unwrap();
                assert!((found - expected).abs() < 1e-9, "{one} ~ {other}: {found}");
                assert_eq!(errors(one, other, expected - 0.1), None, "{one} ~ {other}");
            }
        }
    }

    #[test]
    fn there_are_never_more_errors_than_unweighted_ones() {
        let words = ["melancholic", "melancolique", "techno", "tecno", "house", "", "drumnbass", "drumandbas"];
        for typed in words {
            for meant in words {
                let unweighted = count(strsim::osa_distance(typed, meant));
                let weighted = errors(typed, meant, f64::INFINITY).unwrap();
                assert!(weighted <= unweighted && weighted >= LIKELY_ERROR * unweighted - 1e-9, "{typed} ~ {meant}");
                let errors = u32::try_from(strsim::osa_distance(typed, meant)).unwrap();
                assert!(may_be_near(letters(typed), letters(meant), errors), "{typed} ~ {meant}");
            }
        }
    }
}
