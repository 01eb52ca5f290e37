//! Tags out of a file from outside: JSON lines, CSV or plain text. Every line becomes a tag, a blank, or a refusal
//! that says why; none stops the others.

use std::{io, io::BufRead};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::{
    cli::{
        lines::{Input, Line, Lines, MAX_LINE_BYTES},
        render::printable,
    },
    domain::{TagName, TagType},
};

/// How much of a refused text is shown, in characters.
const SHOWN_CHARS: usize = 60;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// By the file's name; stdin by its first character
    Auto,
    /// One object a line: {"tag_type": "genre", "name": "dub"}, further keys ignored
    Jsonl,
    /// A header with the column name, and tag_type unless --type is given
    Csv,
    /// One name a line
    Text,
}

/// A line that cannot be a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Refusal {
    /// Its number, from 1.
    pub(super) line: u64,
    /// Why.
    pub(super) reason: String,
    /// Its beginning, printable.
    pub(super) text: String,
}

impl Refusal {
    fn new(line: u64, reason: impl Into<String>, text: &str) -> Self {
        Self { line, reason: reason.into(), text: printable(text, SHOWN_CHARS) }
    }
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Tag(TagType, TagName),
    Blank,
    Refused(Refusal),
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The command line lacks something for this file.
    #[error("{0}")]
    Usage(String),
}

/// The format of a file called `name`, of which `input` is the beginning.
pub(super) fn format_of(name: &str, input: &mut Input) -> io::Result<Format> {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    Ok(match extension.as_deref() {
        Some("jsonl" | "ndjson" | "json") => Format::Jsonl,
        Some("csv" | "tsv") => Format::Csv,
        _ if name == "-" && input.fill_buf()?.trim_ascii_start().starts_with(b"{") => Format::Jsonl,
        _ => Format::Text,
    })
}

/// Reads every row; `tag_type` is that of rows that do not say.
pub(super) fn read(
    input: Input,
    format: Format,
    tag_type: Option<TagType>,
    on_row: impl FnMut(Row),
) -> Result<(), ReadError> {
    match format {
        Format::Jsonl => json_lines(input, tag_type, on_row)?,
        Format::Csv => csv_rows(input, tag_type, on_row)?,
        Format::Text | Format::Auto => {
            let tag_type = tag_type.ok_or_else(|| {
                ReadError::Usage(
                    "plain text does not say whether its lines are genres or moods: add --type genre or --type mood"
                        .to_owned(),
                )
            })?;
            each_line(input, on_row, |number, text| named(number, tag_type, text))?;
        }
    }
    Ok(())
}

fn each_line(input: Input, mut on_row: impl FnMut(Row), row: impl Fn(u64, &str) -> Row) -> io::Result<()> {
    let mut lines = Lines::new(input);
    while let Some((number, line)) = lines.next()? {
        on_row(match line {
            Line::Text(text) if text.trim().is_empty() => Row::Blank,
            Line::Text(text) => row(number, &text),
            Line::NotUtf8 => Row::Refused(Refusal::new(number, "the line is not UTF-8 text", "")),
            Line::TooLong => {
                Row::Refused(Refusal::new(number, format!("the line has more than {MAX_LINE_BYTES} bytes"), ""))
            }
        });
    }
    Ok(())
}

fn named(line: u64, tag_type: TagType, name: &str) -> Row {
    match TagName::parse(name) {
        Ok(name) => Row::Tag(tag_type, name),
        Err(error) => Row::Refused(Refusal::new(line, error.to_string(), name.trim())),
    }
}

/// A row's own type, else the one of the command line.
fn typed(line: u64, own: Option<&str>, tag_type: Option<TagType>, name: &str) -> Row {
    let own = own.map(str::trim).filter(|own| !own.is_empty());
    match (own.map(str::parse::<TagType>), tag_type) {
        (Some(Ok(own)), _) => named(line, own, name),
        (Some(Err(error)), _) => Row::Refused(Refusal::new(line, error, name)),
        (None, Some(tag_type)) => named(line, tag_type, name),
        (None, None) => Row::Refused(Refusal::new(line, "it has no tag_type: add one, or give --type", name)),
    }
}

#[derive(Deserialize)]
struct JsonRow {
    #[serde(default)]
    tag_type: Option<String>,
    #[serde(alias = "tag_name")]
    name: String,
}

fn json_lines(input: Input, tag_type: Option<TagType>, on_row: impl FnMut(Row)) -> io::Result<()> {
    each_line(input, on_row, |number, text| match serde_json::from_str::<JsonRow>(text) {
        Ok(row) => typed(number, row.tag_type.as_deref(), tag_type, &row.name),
        Err(_) if text.trim_start().starts_with('[') => {
            let reason = "it is a JSON array: write one object a line, for example with `jq -c '.[]'`";
            Row::Refused(Refusal::new(number, reason, text.trim()))
        }
        Err(error) => {
            // The number of the line is known better here.
            let error = error.to_string().replace("line 1 ", "");
            let reason = format!("it is no JSON object with tag_type and name: {}", printable(&error, 100));
            Row::Refused(Refusal::new(number, reason, text.trim()))
        }
    })
}

fn csv_rows(mut input: Input, tag_type: Option<TagType>, mut on_row: impl FnMut(Row)) -> Result<(), ReadError> {
    let delimiter = delimiter(input.fill_buf()?);
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(input);
    let io_error = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    };
    let header = reader.byte_headers().map_err(io_error)?.clone();
    let column = |names: [&str; 2]| {
        header.iter().position(|cell| {
            let cell = String::from_utf8_lossy(cell);
            names.iter().any(|name| cell.trim().eq_ignore_ascii_case(name))
        })
    };
    let Some(name_column) = column(["name", "tag_name"]) else {
        return Err(ReadError::Usage(
            "the CSV file needs a header with the column `name` (and `tag_type`, unless --type is given); for a bare \
             list of names use --format text"
                .to_owned(),
        ));
    };
    let type_column = column(["tag_type", "type"]);
    if type_column.is_none() && tag_type.is_none() {
        return Err(ReadError::Usage(
            "the CSV file has no column `tag_type`: add --type genre or --type mood".to_owned(),
        ));
    }
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(io_error)? {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| std::str::from_utf8(record.get(column).unwrap_or_default());
        let own_type = type_column.map_or(Ok(""), cell);
        on_row(match (cell(name_column), own_type) {
            (Ok(name), _) if name.trim().is_empty() => Row::Blank,
            (Ok(name), _) if name.contains('\n') => {
                let reason = "the name runs over several lines: is a quotation mark missing?";
                Row::Refused(Refusal::new(line, reason, name))
            }
            (Ok(name), Ok(own)) => typed(line, Some(own), tag_type, name),
            _ => Row::Refused(Refusal::new(line, "the line is not UTF-8 text", "")),
        });
    }
    Ok(())
}

/// What separates the cells of the first line: spreadsheets write `;` where the comma is a decimal point.
fn delimiter(beginning: &[u8]) -> u8 {
    let header = beginning.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.split(|&byte| byte == delimiter).count();
    // The last of equals wins: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::*;

    fn rows(text: &[u8], format: Format, tag_type: Option<TagType>) -> Vec<Row> {
        let input: Input = BufReader::new(Box::new(Cursor::new(text.to_vec())));
        let mut rows = Vec::new();
        read(input, format, tag_type, |row| rows.push(row)).unwrap();
        rows
    }

    fn genre(name: &str) -> Row {
        Row::Tag(TagType::Genre, TagName::parse(name).unwrap())
    }

    fn refused(row: &Row) -> &Refusal {
        match row {
            Row::Refused(refusal) => refusal,
            other => panic!("{other:?} is not refused"),
        }
    }

    #[test]
    fn plain_text_is_a_name_a_line() {
        let rows = rows(b" dub \r\n\n\x01rock\nmath rock\n\xff\n", Format::Text, Some(TagType::Genre));
        assert_eq!(rows[0], genre("dub"));
        assert_eq!(rows[1], Row::Blank);
        assert_eq!(refused(&rows[2]).line, 3);
        assert_eq!(refused(&rows[2]).text, "\\u{1}rock");
        assert_eq!(rows[3], genre("math rock"));
        assert!(refused(&rows[4]).reason.contains("UTF-8"));
    }

    #[test]
    fn json_lines_ignore_further_keys_and_name_what_is_missing() {
        let text = br#"{"tag_type":"genre","name":"dub","aliases":["x"]}
{"name":"dub"}
{"tag_type":"colour","name":"dub"}
{"tag_type":"genre"}
[{"tag_type":"genre","name":"dub"}]
nonsense"#;
        let rows = rows(text, Format::Jsonl, None);
        assert_eq!(rows[0], genre("dub"));
        let reasons: Vec<&str> = rows[1..].iter().map(|row| refused(row).reason.as_str()).collect();
        for (reason, expected) in reasons.iter().zip(["--type", "genre", "missing field", "array", "JSON object"]) {
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn csv_finds_its_columns_and_its_separator() {
        let text = "Tag_Type;Name;n\ngenre;\"dub; roots\";1\n;ska;2\ngenre;;3\n".as_bytes();
        let rows = rows(text, Format::Csv, Some(TagType::Genre));
        assert_eq!(rows, [genre("dub; roots"), genre("ska"), Row::Blank]);
    }

    #[test]
    fn a_csv_quote_that_never_closes_is_refused_with_its_line() {
        let rows = rows(b"name\ndub\n\"ska\nrock\n", Format::Csv, Some(TagType::Genre));
        assert_eq!(rows[0], genre("dub"));
        assert_eq!(refused(&rows[1]).line, 3);
    }
}
