//! The report as a page for people: one file, nothing loaded from elsewhere, nothing executed. Whatever came from a file is
//! escaped.

use std::fmt::{self, Display, Formatter, Write};

use super::{
    RawFound, Report, TagFound,
    chart::{self, Bar},
};

/// Rows of a table that are shown; the JSON has all of them.
const ROWS: usize = 500;

/// Tags in the chart.
const CHARTED: usize = 25;

/// Spellings of a tag that are shown.
const SPELLINGS: usize = 12;

const STYLE: &str = "\
:root { color-scheme: light dark; --text: #1d232a; --soft: #5c6773; --line: #d8dee4; --back: #fff; --good: #1f7a5c;
  --part: #c78c2e; --none: #b8435a; --aside: #9aa5b1; --bar: #5b8fd1; }
@media (prefers-color-scheme: dark) { :root { --text: #e3e8ee; --soft: #9aa5b1; --line: #38424d; --back: #14181d;
  --good: #3fae86; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: var(--text); background: var(--back);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } p, caption { color: var(--soft); }
code { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; } svg text { fill: var(--text); }
.bar { fill: var(--bar); } .mark, .part { fill: var(--part); } .whole { fill: var(--good); } .none { fill: var(--none); }
.aside { fill: var(--aside); }
";

/// A text as it may stand in HTML, in attributes, too.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // They would turn the rest of the page around, or are no characters of HTML.
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    f.write_char('\u{fffd}')?;
                }
                other if other.is_control() && other != '\n' => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The report as HTML.
pub fn page(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut text, report);
    text
}

fn write_page(text: &mut String, report: &Report) -> fmt::Result {
    let folder = Escaped(&report.folder);
    writeln!(
        text,
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Genres and moods of {folder}</title><style>{STYLE}</style></head><body>
<h1>Genres and moods of <code>{folder}</code></h1>"#
    )?;
    summary(text, report)?;
    charts(text, report)?;
    tags(text, &report.tags)?;
    raw(
        text,
        "Not understood",
        "What nothing, or not all, is known of. It was left as it is.",
        &report.not_understood,
    )?;
    raw(text, "Set aside", "Placeholders, years and the like: no genre and no mood.", &report.set_aside)?;
    problems(text, report)?;
    writeln!(text, "</body></html>")
}

fn summary(text: &mut String, report: &Report) -> fmt::Result {
    let (files, strings) = (&report.files, &report.strings);
    let merged = report.tags.iter().filter(|tag| tag.spellings.len() > 1).count();
    writeln!(
        text,
        "<p>{} audio files were found on {}: {} were read, {} were as an earlier scan knew them, {} were left out with a \
         problem. {} have a genre, {} a mood. {} different values stand in them, which are {} tags; {merged} of these are \
         spelt in several ways.</p>",
        files.audio,
        report.finished_at.format("%Y-%m-%d %H:%M UTC"),
        files.read,
        files.from_state,
        files.with_problem,
        files.with_genre,
        files.with_mood,
        strings.different,
        report.tags.len(),
    )
}

fn charts(text: &mut String, report: &Report) -> fmt::Result {
    let strings = &report.strings;
    writeln!(text, "<h2>How the values were understood</h2>")?;
    let shares = [
        ("wholly", "whole", strings.whole),
        ("in part", "part", strings.partly),
        ("not", "none", strings.unknown),
        ("set aside", "aside", strings.set_aside),
    ];
    chart::parts(text, "Different values by how they were understood", &shares)?;
    writeln!(text, "<h2>The most frequent tags</h2>")?;
    let bars: Vec<Bar<'_>> =
        report.tags.iter().take(CHARTED).map(|tag| Bar { label: &tag.tag_name, value: tag.files, marked: 0 }).collect();
    chart::bars(text, "Files by tag", &bars)?;
    let mut merged: Vec<&TagFound> = report.tags.iter().filter(|tag| tag.spellings.len() > 1).collect();
    merged.sort_by_key(|tag| std::cmp::Reverse(tag.spellings.len()));
    if !merged.is_empty() {
        writeln!(text, "<h2>The tags of most spellings</h2>")?;
        let spellings = |tag: &TagFound| tag.spellings.len() as u64;
        let bars: Vec<Bar<'_>> = merged
            .iter()
            .take(CHARTED)
            .map(|tag| Bar { label: &tag.tag_name, value: spellings(tag), marked: 0 })
            .collect();
        chart::bars(text, "Spellings by tag", &bars)?;
    }
    writeln!(text, "<h2>Files by kind</h2><p>In another colour: those that were left out with a problem.</p>")?;
    let bars: Vec<Bar<'_>> = report
        .containers
        .iter()
        .map(|of| Bar { label: of.container.as_str(), value: of.files, marked: of.with_problem })
        .collect();
    chart::bars(text, "Files by kind", &bars)
}

fn tags(text: &mut String, tags: &[TagFound]) -> fmt::Result {
    writeln!(text, "<h2>Tags</h2><table>")?;
    caption(text, tags.len())?;
    writeln!(text, r#"<tr><th>tag</th><th>type</th><th class="n">files</th><th></th><th>spelt</th></tr>"#)?;
    for tag in tags.iter().take(ROWS) {
        let note = match (tag.created, tag.in_library) {
            (true, _) => "new",
            (false, true) => "",
            (false, false) => "not in the vocabulary",
        };
        write!(
            text,
            r#"<tr><td>{}</td><td>{}</td><td class="n">{}</td><td>{note}</td><td>"#,
            Escaped(&tag.tag_name),
            tag.tag_type,
            tag.files
        )?;
        for (at, spelling) in tag.spellings.iter().take(SPELLINGS).enumerate() {
            let between = if at == 0 { "" } else { " · " };
            write!(text, "{between}{} ({})", Escaped(&spelling.text), spelling.files)?;
        }
        if tag.spellings.len() > SPELLINGS {
            write!(text, " and {} more", tag.spellings.len() - SPELLINGS)?;
        }
        writeln!(text, "</td></tr>")?;
    }
    writeln!(text, "</table>")
}

fn raw(text: &mut String, title: &str, about: &str, rows: &[RawFound]) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(text, "<h2>{title}</h2><p>{about}</p><table>")?;
    caption(text, rows.len())?;
    writeln!(text, r#"<tr><th>value</th><th>field</th><th class="n">files</th><th>of it</th><th>perhaps</th></tr>"#)?;
    for row in rows.iter().take(ROWS) {
        writeln!(
            text,
            r#"<tr><td>{}</td><td>{}</td><td class="n">{}</td><td>{}</td><td>{}</td></tr>"#,
            Escaped(&row.raw),
            row.field,
            row.files,
            Escaped(&row.parts.join(" · ")),
            Escaped(&row.maybe.join(", "))
        )?;
    }
    writeln!(text, "</table>")
}

fn problems(text: &mut String, report: &Report) -> fmt::Result {
    if report.problems.is_empty() {
        return Ok(());
    }
    writeln!(text, "<h2>Problems</h2><table>")?;
    caption(text, report.problems.len())?;
    writeln!(text, "<tr><th>path</th><th>kind</th><th>why</th></tr>")?;
    for problem in report.problems.iter().take(ROWS) {
        let (path, detail) = (Escaped(&problem.path), Escaped(&problem.detail));
        writeln!(text, "<tr><td>{path}</td><td>{}</td><td>{detail}</td></tr>", problem.kind)?;
    }
    writeln!(text, "</table>")
}

/// How many rows there are, where not all are shown.
fn caption(text: &mut String, rows: usize) -> fmt::Result {
    if rows > ROWS {
        writeln!(text, "<caption>The first {ROWS} of {rows}; the JSON has all.</caption>")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_a_file_cannot_become_markup() {
        let escaped = Escaped("<script>\"'&\u{202e}\u{0}").to_string();
        assert_eq!(escaped, "&lt;script&gt;&quot;&#39;&amp;\u{fffd}\u{fffd}");
    }
}
