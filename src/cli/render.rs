//! How results look on a terminal of 80 columns: plain tables, no colours.

use std::fmt::Write;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, TableStyle, Width, presets::NOTHING};

use crate::{
    domain::{Lang, Section, Synonyms},
    search::{MatchKind, SearchAnswer, SearchHit},
};

/// Width of every table.
const COLUMNS: u16 = 80;

/// Rules above and below a header are more noise than help at this width.
const STYLE: TableStyle = NOTHING;

/// A table with this header, at most 80 columns wide; long cells wrap.
pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(COLUMNS)
        .set_header(header.to_vec());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// The table's text without the spaces that fill its lines.
pub(super) fn text(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// How much is said of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Why it was found.
    Reason,
    /// The kind of match and the term, then why it was found.
    Match,
    /// The scores of both branches too.
    Scores,
}

/// Search results, best first: score, type, tag, and how and why it was found.
pub(super) fn hits<'a>(results: impl IntoIterator<Item = &'a SearchHit>, detail: Detail) -> String {
    let mut table = table(["SCORE", "TYPE", "TAG", "MATCH"]);
    for hit in results {
        table.add_row([format!("{:.3}", hit.score), hit.tag_type.to_string(), hit.tag_name.clone(), why(hit, detail)]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(26)));
    }
    text(&table)
}

fn why(hit: &SearchHit, detail: Detail) -> String {
    if let (Detail::Reason, Some(explain)) = (detail, &hit.explain) {
        return explain.reason.clone();
    }
    let mut text = kind(hit.matched.kind).to_owned();
    if let Some(term) = &hit.matched.term {
        let _ = write!(text, ": {term}");
    }
    if let Some(lang) = hit.matched.lang {
        let _ = write!(text, " ({lang})");
    }
    let Some(explain) = &hit.explain else {
        return text;
    };
    let _ = write!(text, "\n{}", explain.reason);
    if detail == Detail::Scores {
        let number = |score: Option<f64>| score.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}"));
        let _ = write!(
            text,
            "\nwords {} × {}, meaning {} × {} (cosine {})",
            number(hit.fts_score),
            explain.lexical_weight,
            number(hit.vector_score),
            explain.vector_weight,
            number(explain.cosine)
        );
    }
    text
}

const fn kind(kind: MatchKind) -> &'static str {
    match kind {
        MatchKind::Exact => "name",
        MatchKind::Alias => "alias",
        MatchKind::Translation => "translation",
        MatchKind::Text => "words",
        MatchKind::Fuzzy => "misspelling",
        MatchKind::Vector => "meaning",
    }
}

/// How the query was read, for `--explain`.
pub(super) fn reading(answer: &SearchAnswer) -> String {
    let Some(explain) = &answer.explain else {
        return String::new();
    };
    let stems: Vec<String> = explain.stems.iter().map(|group| group.join("|")).collect();
    format!(
        "key: {}\nstems: {}\nembedded: {}\nspace: {}\ncandidates: {} by words, {} by meaning",
        explain.key,
        stems.join(" "),
        explain.embedded_text.as_deref().unwrap_or("-"),
        explain.space.as_deref().unwrap_or("-"),
        explain.lexical_candidates,
        explain.vector_candidates
    )
}

/// The sections of a tag, a line each.
pub(super) fn sections(synonyms: &Synonyms) -> Vec<String> {
    let line = |(section, lang, terms): (Section, Option<Lang>, &[String])| {
        let name = lang.map_or_else(|| section.to_string(), |lang| format!("{section}.{lang}"));
        printable_lines(&format!("{name}: {}", terms.join(" | ")))
    };
    synonyms.lists().into_iter().map(line).collect()
}

/// A text from outside on one line: control characters escaped, at most `max` characters.
pub(super) fn printable(text: &str, max: usize) -> String {
    let mut line = String::new();
    for (position, character) in text.chars().enumerate() {
        if position == max {
            line.push('…');
            break;
        }
        push_printable(&mut line, character);
    }
    line
}

/// A text of several lines from outside, fit for a terminal.
pub(super) fn printable_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' { lines.push('\n') } else { push_printable(&mut lines, character) }
    }
    lines
}

fn push_printable(text: &mut String, character: char) {
    // Control characters drive the terminal; marks of direction turn the rest of the line around.
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || turns {
        text.extend(character.escape_default());
    } else {
        text.push(character);
    }
}

/// `1 tag`, `1,121 tags`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_drive_a_terminal_is_escaped() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}b", 60), "a\\u{1b}[31m\\u{202e}b");
        assert_eq!(printable("électro", 3), "éle…");
        assert_eq!(printable_lines("{\n\t}"), "{\n\\t}");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(1, "tag", "tags"), "1 tag");
        assert_eq!(count(1_121, "tag", "tags"), "1,121 tags");
        assert_eq!(count(123_456, "tag", "tags"), "123,456 tags");
    }

    #[test]
    fn a_table_keeps_to_80_columns() {
        let mut table = table(["A", "B"]);
        table.add_row(["x".repeat(30), "many words ".repeat(20)]);
        assert!(text(&table).lines().all(|line| line.chars().count() <= 80));
    }
}
