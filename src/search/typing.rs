//! Typing errors: how many lie between what was typed and what was meant.

/// A letter beside the right one on the keyboard, a letter typed twice or once instead of twice, and two letters swapped are
/// likelier than any other error.
const LIKELY_ERROR: f64 = 0.7;

/// The letters as they lie on the two keyboards of the languages at hand, row by row.
const KEYBOARDS: [[&str; 3]; 2] = [["qwertyuiop", "asdfghjkl", "zxcvbnm"], ["azertyuiop", "qsdfghjklm", "wxcvbn"]];

/// The errors that turn one text into the other (optimal string alignment: a letter more, less or other, two neighbours
/// swapped), each counted by how likely it is.
pub(super) fn errors(typed: &str, meant: &str) -> f64 {
    let (typed, meant): (Vec<char>, Vec<char>) = (typed.chars().collect(), meant.chars().collect());
    let width = meant.len() + 1;
    // Three rows of the table: that of the letter, the one before and the one before that.
    let mut before_last = vec![0.0f64; width];
    let mut last: Vec<f64> = (0..width).map(count).collect();
    for (place, letter) in typed.iter().enumerate() {
        let mut row = vec![count(place + 1); width];
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
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

/// A letter for another.
fn replacing(typed: char, meant: char) -> f64 {
    if KEYBOARDS.iter().any(|rows| are_neighbours(rows, typed, meant)) { LIKELY_ERROR } else { 1.0 }
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
            assert!((errors(typed, meant) - expected).abs() < 1e-9, "{typed} ~ {meant}: {}", errors(typed, meant));
            assert!((errors(meant, typed) - expected).abs() < 1e-9, "{meant} ~ {typed}");
        }
    }

    #[test]
    fn there_are_never_more_errors_than_unweighted_ones() {
        let words = ["melancholic", "melancolique", "techno", "tecno", "house", "", "drumnbass", "drumandbas"];
        for typed in words {
            for meant in words {
                let unweighted = count(strsim::osa_distance(typed, meant));
                let weighted = errors(typed, meant);
                assert!(weighted <= unweighted && weighted >= LIKELY_ERROR * unweighted - 1e-9, "{typed} ~ {meant}");
            }
        }
    }
}
