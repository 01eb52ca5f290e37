//! Parting what holds several values, without breaking names that hold a separator: of all ways to part a text the one counts
//! that knows the most of it.

use super::clean::trimmed;

/// Most values of one raw string; what follows is left out, and the answer says so.
pub(super) const MAX_PARTS: usize = 500;

/// Most pieces that are looked at together: no name holds more separators.
const MAX_JOINED: usize = 4;

/// What a way of parting costs: a known piece…
const KNOWN: f64 = 1.0;
/// … that spans a separator which usually parts values…
const SPANNING: f64 = 1.1;
/// … and one of which nothing is known, by the number of its pieces.
const UNKNOWN: f64 = 1.5;
const UNKNOWN_PIECE: f64 = 1.0;

/// How strongly a separator parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// It joins words of one name as often: `&`, `and`.
    Weak,
    /// It parts values, and stands in a few names: `/`, `,`, `+`.
    Usual,
    /// It stands in no name: `;`, `|`, a line break.
    Sure,
}

/// A piece of text and the separator behind it.
#[derive(Debug)]
struct Piece<'a> {
    start: usize,
    text: &'a str,
    behind: Strength,
}

/// The values of a text, trimmed; `is_known` says whether a text is the name of something. At most [`MAX_PARTS`] and one.
pub(super) fn split<'a>(text: &'a str, is_known: &impl Fn(&str) -> bool) -> Vec<&'a str> {
    let mut values = Vec::new();
    let pieces = pieces(text);
    for group in pieces.split_inclusive(|piece| piece.behind == Strength::Sure) {
        values.extend(part(text, group, is_known).into_iter().map(trimmed).filter(|value| !value.is_empty()));
        if values.len() > MAX_PARTS {
            break;
        }
    }
    values
}

/// Cuts a text at everything that may be a separator.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut start, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        match separator(text, at) {
            Some((length, behind)) => {
                pieces.push(Piece { start, text: &text[start..at], behind });
                at += length;
                start = at;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    pieces.push(Piece { start, text: &text[start..], behind: Strength::Sure });
    pieces
}

/// The separator that begins at this byte: its length and strength.
fn separator(text: &str, at: usize) -> Option<(usize, Strength)> {
    let rest = &text[at..];
    let first = rest.chars().next()?;
    let length = first.len_utf8();
    let spaced = text[..at].ends_with(char::is_whitespace) && rest[length..].starts_with(char::is_whitespace);
    match first {
        ';'
        | '；'
        | '|'
        | '｜'
        | '¦'
        | '\\'
        | '\0'
        | '\t'
        | '\n'
        | '\r'
        | '\u{1c}'..='\u{1f}'
        | '\u{2028}'
        | '\u{2029}' => Some((length, Strength::Sure)),
        ':' if rest.starts_with("::") => Some((2, Strength::Sure)),
        ':' if rest[1..].starts_with(char::is_whitespace) => Some((1, Strength::Usual)),
        '/' | '／' | ',' | '，' | '、' | '+' | '＋' | '>' | '·' | '•' | '●' => Some((length, Strength::Usual)),
        '-' if rest.starts_with("--") => Some((2, Strength::Usual)),
        '-' | '–' | '—' | '~' if spaced => Some((length, Strength::Usual)),
        // A hashtag begins a value of its own.
        '#' if text[..at].ends_with(char::is_whitespace) => Some((1, Strength::Usual)),
        '&' | '＆' => Some((length, Strength::Weak)),
        ' ' => {
            let word = rest[1..].split(' ').next().unwrap_or_default();
            let joins = ["and", "et", "und", "y", "e"].iter().any(|known| word.eq_ignore_ascii_case(known));
            (joins && rest.len() > word.len() + 2).then(|| (word.len() + 2, Strength::Weak))
        }
        _ => None,
    }
}

/// The cheapest way to part the pieces between two sure separators.
fn part<'a>(text: &'a str, pieces: &[Piece<'a>], is_known: &impl Fn(&str) -> bool) -> Vec<&'a str> {
    let whole = span(text, pieces);
    if pieces.len() == 1 || is_heading(whole) {
        return vec![whole];
    }
    // The cheapest way to part the first so many pieces, and where its last value begins.
    let mut cheapest: Vec<(f64, usize)> = vec![(0.0, 0)];
    let mut knows_any = false;
    for end in 1..=pieces.len() {
        let mut best = (f64::INFINITY, 0);
        for start in end.saturating_sub(MAX_JOINED)..end {
            let joined = &pieces[start..end];
            let usual = joined[..joined.len() - 1].iter().filter(|piece| piece.behind >= Strength::Usual).count();
            let value = trimmed(span(text, joined));
            let cost = if value.is_empty() {
                0.0
            } else if is_known(value) || (value.contains('+') && is_known(&value.replace('+', "&"))) {
                knows_any = true;
                KNOWN + SPANNING * count(usual)
            } else if usual == 0 {
                UNKNOWN + UNKNOWN_PIECE * count(joined.len())
            } else {
                continue;
            };
            let all = cheapest[start].0 + cost;
            // Of ways as cheap the one of the longest last value.
            if all < best.0 {
                best = (all, start);
            }
        }
        cheapest.push(best);
    }
    // `AC/DC`: nothing is known of any of it, and it is one word. A list of unknown values has spaces.
    if !knows_any && !whole.contains(char::is_whitespace) && whole.chars().count() < 16 {
        return vec![whole];
    }
    let (mut values, mut end) = (Vec::new(), pieces.len());
    while end > 0 {
        let start = cheapest[end].1;
        values.push(span(text, &pieces[start..end]));
        end = start;
    }
    values.reverse();
    values
}

/// The text from the first of these pieces to the last.
fn span<'a>(text: &'a str, pieces: &[Piece<'a>]) -> &'a str {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return "" };
    &text[first.start..last.start + last.text.len()]
}

/// Whether this is a heading of a catalogue that stands the wrong way round: `Chorals, Préludes de`.
fn is_heading(text: &str) -> bool {
    inverted(text).is_some()
}

/// A heading of a catalogue the right way round: `Travailleurs, Chansons de` → `Chansons de Travailleurs`.
pub(super) fn inverted(text: &str) -> Option<String> {
    let (last, first) = text.split_once(", ")?;
    let opens = [" de", " du", " des", " de la", " d'", " en", " of", " for"].iter().any(|end| first.ends_with(end));
    (opens && !first.contains(',')).then(|| format!("{first} {last}"))
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key;

    fn values(text: &str) -> Vec<&str> {
        let known = ["hip-hop", "rap", "r&b", "rock", "pop", "drum & bass", "singer/songwriter", "country", "rock pop"];
        let keys: Vec<String> = known.iter().map(|name| key(name)).collect();
        split(text, &|value: &str| keys.contains(&key(value)))
    }

    #[test]
    fn several_values_are_parted_and_names_with_a_separator_are_not() {
        for (text, expected) in [
            ("Rock; Pop", &["Rock", "Pop"][..]),
            ("Hip-Hop, Rap & R&B", &["Hip-Hop", "Rap", "R&B"]),
            ("Rock/Pop", &["Rock", "Pop"]),
            ("Drum & Bass", &["Drum & Bass"]),
            ("Singer/Songwriter", &["Singer/Songwriter"]),
            ("Singer/Songwriter/Pop", &["Singer/Songwriter", "Pop"]),
            ("AC/DC", &["AC/DC"]),
            ("Simon & Garfunkel", &["Simon & Garfunkel"]),
            ("Rock & Pop", &["Rock", "Pop"]),
            ("R+B", &["R+B"]),
            ("Pop + Country", &["Pop", "Country"]),
            ("#rock #pop", &["rock", "pop"]),
            ("Rock\u{1f}Pop", &["Rock", "Pop"]),
            ("Chorals, Préludes de", &["Chorals, Préludes de"]),
            ("pop;", &["pop"]),
            (";;", &[]),
            ("", &[]),
            ("Rock and Pop and Rap", &["Rock", "Pop", "Rap"]),
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn more_values_than_anybody_reads_are_cut() {
        assert_eq!(split(&"a;".repeat(2_000), &|_: &str| false).len(), MAX_PARTS + 1);
    }
}
