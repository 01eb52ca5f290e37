//! Spans of time as people write them: `90m`, `2h`, `30d`, `4w`.

use std::time::Duration;

/// Longest span in seconds: ten years. Nobody means more, and moments this far apart can always be computed.
const LONGEST: u64 = 10 * 366 * DAY;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The units of a pause: `m`, `h`, `d`, `w`.
pub const PAUSE_UNITS: &[char] = &['m', 'h', 'd', 'w'];

/// The units of an age: `h`, `d`, `w`. No `m`, which may be read as minutes and as months.
pub const AGE_UNITS: &[char] = &['h', 'd', 'w'];

/// A text that is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It is not a number with one of the units behind it.
    #[error(
        "`{text}` is no span of time: write a whole number from 1 and one of {units} behind it, for example {example}"
    )]
    Unreadable {
        /// What was given, shortened.
        text: String,
        /// The units that may stand there.
        units: String,
        /// One that is right.
        example: String,
    },
    /// It is longer than anybody means.
    #[error("`{0}` is too long: ten years are the most")]
    TooLong(String),
}

/// Reads a whole number with one of these units behind it.
///
/// # Errors
/// [`SpanError`] says what can be written.
pub fn parse_span(text: &str, units: &[char]) -> Result<Duration, SpanError> {
    let shown = || text.chars().take(40).flat_map(char::escape_debug).collect::<String>();
    let unreadable = || SpanError::Unreadable {
        text: shown(),
        units: units.iter().map(char::to_string).collect::<Vec<_>>().join(", "),
        example: format!("3{}", units.last().copied().unwrap_or('d')),
    };
    let unit = text.chars().last().filter(|unit| units.contains(unit)).ok_or_else(unreadable)?;
    let number = &text[..text.len() - unit.len_utf8()];
    // Digits only: `u64::from_str` also takes a sign.
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unreadable());
    }
    let seconds = match unit {
        'm' => MINUTE,
        'h' => HOUR,
        'd' => DAY,
        'w' => 7 * DAY,
        _ => return Err(unreadable()),
    };
    // More digits than a u64 holds is too long, too.
    let span = number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
    match span.filter(|span| *span <= LONGEST) {
        None => Err(SpanError::TooLong(shown())),
        Some(0) => Err(unreadable()),
        Some(span) => Ok(Duration::from_secs(span)),
    }
}

/// An age in its one written form: whole days where it is some, else hours.
pub fn age_text(age: Duration) -> String {
    let seconds = age.as_secs();
    if seconds.is_multiple_of(DAY) { format!("{}d", seconds / DAY) } else { format!("{}h", seconds / HOUR) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_span() {
        for (text, seconds) in [("90m", 5_400), ("2h", 7_200), ("30d", 2_592_000), ("4w", 2_419_200)] {
            assert_eq!(parse_span(text, PAUSE_UNITS).unwrap(), Duration::from_secs(seconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_can_be_written() {
        for text in ["", "d", "30", "30 d", "-1d", "+1d", "1.5h", "0d", "30D", "30j", "é", "30dé", "3m"] {
            let error = parse_span(text, AGE_UNITS).unwrap_err().to_string();
            assert!(error.contains("h, d, w") && error.contains("3w"), "{text}: {error}");
        }
        for text in ["521w3d", "531w", "99999999999999999999d"] {
            assert!(parse_span(text, AGE_UNITS).is_err(), "{text}");
        }
        assert_eq!(parse_span("531w", AGE_UNITS), Err(SpanError::TooLong("531w".to_owned())));
        assert_eq!(age_text(parse_span("2w", AGE_UNITS).unwrap()), "14d");
        assert_eq!(age_text(parse_span("36h", AGE_UNITS).unwrap()), "36h");
        assert!(parse_span("\u{1b}[31m", PAUSE_UNITS).unwrap_err().to_string().contains("\\u{1b}"));
    }
}
