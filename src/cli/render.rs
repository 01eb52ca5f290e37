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

/// Columns whose cells never wrap: words and numbers that are short, and looked for.
pub(super) fn keep_whole(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// The table's text without the spaces that fill its lines.
pub(super) fn text(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// A text on lines of at most 80 characters, broken between words.
pub(super) fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > usize::from(COLUMNS) {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

/// How much is said of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
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

/// Search results with the two scores behind each: what met the query, in which language, and how well words and meaning
/// fit. One line a result where the terms are short.
pub(super) fn bands<'a>(results: impl IntoIterator<Item = &'a SearchHit>) -> String {
    let mut table = table(["SCORE", "TYPE", "TAG", "WORDS", "MEANING", "BECAUSE OF"]);
    let part = |score: Option<f64>| score.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"));
    for hit in results {
        table.add_row([
            format!("{:.3}", hit.score),
            hit.tag_type.to_string(),
            hit.tag_name.clone(),
            part(hit.fts_score),
            part(hit.vector_score),
            matched(hit),
        ]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(24)));
    }
    text(&table)
}

/// The kind of match, the term and its language.
fn matched(hit: &SearchHit) -> String {
    let mut text = kind(hit.matched.kind).to_owned();
    if let Some(term) = &hit.matched.term {
        let _ = write!(text, ": {term}");
    }
    if let Some(lang) = hit.matched.lang {
        let _ = write!(text, " ({lang})");
    }
    text
}

fn why(hit: &SearchHit, detail: Detail) -> String {
    let mut text = matched(hit);
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
    fn a_long_text_is_broken_between_words() {
        let text = wrapped(&"seules → alone, ".repeat(12));
        assert!(text.lines().count() > 1 && text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(wrapped("short"), "short");
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
