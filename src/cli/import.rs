//! `musonym import`: tags with their synonyms, from an export or a plain file, or what a file of another program says of them
//! (`import_format`). An export is read twice: nothing is written before every line has been checked, and no more than a batch of
//! rows is in memory.

use std::{
    collections::HashMap,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{
    OutputArgs,
    error::CliError,
    import_format::{self, ImportFormat},
    import_rows::{self, Parsed},
    import_vectors::{Spaces, Vectors},
    lines::{self, Line, Lines, Rereadable},
    output::{Output, say},
    progress::bar,
    render::{count, printable},
};
use crate::{
    app::open_store,
    config::Settings,
    domain::TagType,
    store::{ExportHeader, ImportOutcome, Store},
};

/// Most rows of one transaction.
pub(super) const BATCH: usize = 200;

/// Text from which on a transaction takes no more rows: the histories of some tags are long.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Longest line: a tag with its vectors and a history of thousands of changes.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// Most wrong lines that are told one by one.
pub(super) const MAX_TOLD: usize = 20;

/// Read tags with their synonyms from a file.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym import vocabulary.jsonl
  musonym import synonyms.jsonl --dry-run
  musonym export | musonym import - --database sqlite:copy.db
  musonym import vocabulary.csv
  musonym import genres-tree.yaml --format beets-tree
  musonym import synonyms.txt --format solr --type genre

One JSON object a line: what `musonym export` writes, or
(on one line)
  {\"tag_type\": \"genre\", \"name\": \"dub\", \"search_terms\": [\"dub reggae\"],
   \"related_tags\": [], \"usage_context\": [], \"confidence\": 0.9,
   \"translations\": {\"en\": [], \"fr\": [\"dub\"]}}
All lines are checked before the first is written.

A tag that has no synonyms here gets those of an export as they were, with
version, moments, history and vectors; elsewhere the import is a change like any
other. Vectors fit one embedding model: a database that is embedded by another
one goes on with its own.

A tree of genres and a synonyms file add to what is there, as a person's own
words: docs/FORMATS.md has the formats.")]
pub(super) struct ImportArgs {
    /// The file; - is stdin
    pub(super) file: PathBuf,
    /// How the file is written
    #[arg(long, value_enum, default_value_t = ImportFormat::Auto)]
    format: ImportFormat,
    /// Type of the tags of lines that do not say: for csv and solr
    #[arg(long = "type", value_name = "genre|mood")]
    pub(super) tag_type: Option<TagType>,
    /// Read and check everything, write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Replace also what a person has written
    #[arg(long)]
    pub(super) replace: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What became of a file.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    created: u64,
    replaced: u64,
    unchanged: u64,
    kept_manual: u64,
    blank: u64,
    /// Vectors of embedding spaces that this database has no use for.
    vectors_left_out: u64,
}

/// What the first reading has found.
#[derive(Default)]
struct Checked {
    header: Option<ExportHeader>,
    rows: u64,
    with_synonyms: u64,
    blank: u64,
    spaces: Spaces,
}

pub(super) async fn run(args: ImportArgs, settings: Settings) -> Result<(), CliError> {
    let format = args.format.settle(&args.file);
    if format != ImportFormat::Jsonl {
        return import_format::run(&args, format, &settings).await;
    }
    if args.tag_type.is_some() {
        return Err(CliError::Usage("rows of JSON name their tag_type: leave out --type".to_owned()));
    }
    let input = Rereadable::open(&args.file)?;
    let checked = check(&args.file, &input)?;
    let store = open_store(&settings).await?;
    if args.dry_run {
        let known = count_known(store.as_ref(), &args.file, &input).await;
        store.close().await;
        return print_dry_run(&args, checked.rows, checked.with_synonyms, known?);
    }
    let written = write(store.as_ref(), &args, &input, &checked).await;
    store.close().await;
    print(&args, &written?)
}

/// Says what became of a file.
pub(super) fn print(args: &ImportArgs, summary: &Summary) -> Result<(), CliError> {
    let mut output = Output::new();
    if args.output.json {
        output.json(summary)?;
    } else {
        output.line(format_args!(
            "{}: {} created, {} replaced, {} unchanged, {} kept as a person wrote them",
            printable(&args.file.to_string_lossy(), 60),
            count(summary.created, "tag", "tags"),
            summary.replaced,
            summary.unchanged,
            summary.kept_manual
        ))?;
    }
    output.flush()?;
    if summary.kept_manual > 0 {
        say("--replace replaces also what a person has written");
    }
    Ok(())
}

/// A line: its number, its length in bytes, and what it holds or why it holds nothing.
type NumberedRow = (u64, usize, Result<Parsed, String>);

/// The lines of a file that are not blank.
struct Rows<'a> {
    file: &'a Path,
    lines: Lines<BufReader<&'a File>>,
    blank: u64,
}

impl<'a> Rows<'a> {
    fn of(file: &'a Path, input: &'a Rereadable) -> Result<Self, CliError> {
        let reader = input.read().map_err(|error| lines::broken_off(file, &error))?;
        Ok(Self { file, lines: Lines::with_longest(reader, MAX_LINE_BYTES), blank: 0 })
    }

    fn next(&mut self) -> Result<Option<NumberedRow>, CliError> {
        while let Some((number, line)) = self.lines.next().map_err(|error| lines::broken_off(self.file, &error))? {
            let (length, parsed) = match line {
                Line::Text(text) if text.trim().is_empty() => {
                    self.blank += 1;
                    continue;
                }
                Line::Text(text) => (text.len(), import_rows::parse(&text)),
                Line::NotUtf8 => (0, Err("it is not UTF-8 text".to_owned())),
                Line::TooLong => (0, Err(format!("it has more than {MAX_LINE_BYTES} bytes"))),
            };
            return Ok(Some((number, length, parsed)));
        }
        Ok(None)
    }
}

/// Reads the whole file and says what it holds, or all that is wrong with it.
fn check(file: &Path, input: &Rereadable) -> Result<Checked, CliError> {
    let mut rows = Rows::of(file, input)?;
    let mut checked = Checked::default();
    let mut first_lines: HashMap<(TagType, String), u64> = HashMap::new();
    let mut wrong: usize = 0;
    while let Some((number, _, parsed)) = rows.next()? {
        let first = checked.rows == 0 && wrong == 0 && checked.header.is_none();
        let problem = match parsed {
            Err(problem) => problem,
            Ok(Parsed::Header(header)) if first => {
                checked.header = Some(header);
                continue;
            }
            Ok(Parsed::Header(_)) => {
                "the header of an export is its first line: import the exports one by one".to_owned()
            }
            Ok(Parsed::Row(row)) => {
                checked.rows += 1;
                checked.with_synonyms += u64::from(row.synonyms.is_some());
                let twin = first_lines.insert((row.tag_type, row.name.as_str().to_owned()), number);
                match (twin, checked.spaces.add(&row)) {
                    (None, Ok(())) => continue,
                    (Some(first), _) => format!("the {} `{}` stands on line {first} already", row.tag_type, row.name),
                    (None, Err(problem)) => problem,
                }
            }
        };
        wrong += 1;
        if wrong <= MAX_TOLD {
            say(format_args!("line {number}: {problem}"));
        }
    }
    if wrong == 0 {
        checked.blank = rows.blank;
        return Ok(checked);
    }
    Err(nothing_written(wrong))
}

/// Says how many lines are wrong, when the first of them were told one by one.
pub(super) fn nothing_written(wrong: usize) -> CliError {
    if wrong > MAX_TOLD {
        say(format_args!("and {} more", wrong - MAX_TOLD));
    }
    let lines = count(wrong.try_into().unwrap_or(u64::MAX), "line is", "lines are");
    CliError::Failed(format!("{lines} wrong, so nothing was written: mend the file and run the command again"))
}

async fn write(
    store: &dyn Store,
    args: &ImportArgs,
    input: &Rereadable,
    checked: &Checked,
) -> Result<Summary, CliError> {
    let bar = bar("importing", checked.rows);
    let mut summary = Summary { blank: checked.blank, ..Summary::default() };
    let written = write_rows(store, args, input, checked, &mut summary, |done| bar.set_position(done)).await;
    match written {
        Ok(()) => {
            bar.finish_and_clear();
            Ok(summary)
        }
        Err(error) => {
            bar.abandon();
            Err(broken_off(&error, &summary))
        }
    }
}

/// An import that ended half-way.
pub(super) fn broken_off(error: &CliError, summary: &Summary) -> CliError {
    let done = count(summary.done(), "tag was", "tags were");
    CliError::Failed(format!("{error}\n{done} imported before that; the same command again takes up the rest"))
}

async fn write_rows(
    store: &dyn Store,
    args: &ImportArgs,
    input: &Rereadable,
    checked: &Checked,
    summary: &mut Summary,
    progress: impl Fn(u64),
) -> Result<(), CliError> {
    let vectors = Vectors::settle(store, checked.header.as_ref(), &checked.spaces).await?;
    let mut rows = Rows::of(&args.file, input)?;
    let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
    loop {
        let next = rows.next()?;
        let ended = next.is_none();
        match next {
            None | Some((_, _, Ok(Parsed::Header(_)))) => {}
            Some((_, length, Ok(Parsed::Row(mut row)))) => {
                summary.vectors_left_out += vectors.strip(&mut row);
                bytes += length;
                batch.push(row);
            }
            Some((number, _, Err(problem))) => {
                return Err(CliError::Failed(format!("line {number} has changed while it was imported: {problem}")));
            }
        }
        if batch.len() == BATCH || bytes >= BATCH_BYTES || (ended && !batch.is_empty()) {
            store.import_rows(&batch, args.replace).await?.into_iter().for_each(|outcome| summary.count(outcome));
            progress(summary.done());
            batch.clear();
            bytes = 0;
        }
        if ended {
            return Ok(());
        }
    }
}

impl Summary {
    /// Counts a row.
    pub(super) fn count(&mut self, outcome: ImportOutcome) {
        *match outcome {
            ImportOutcome::Created => &mut self.created,
            ImportOutcome::Replaced => &mut self.replaced,
            ImportOutcome::Unchanged => &mut self.unchanged,
            ImportOutcome::KeptManual => &mut self.kept_manual,
        } += 1;
    }

    /// How many rows are counted.
    pub(super) fn done(&self) -> u64 {
        self.created + self.replaced + self.unchanged + self.kept_manual
    }
}

async fn count_known(store: &dyn Store, file: &Path, input: &Rereadable) -> Result<u64, CliError> {
    let mut rows = Rows::of(file, input)?;
    let mut known = 0;
    while let Some((_, _, parsed)) = rows.next()? {
        if let Ok(Parsed::Row(row)) = parsed {
            known += u64::from(store.tag_by_name(row.tag_type, row.name.as_str()).await?.is_some());
        }
    }
    Ok(known)
}

/// Says what would become of a file.
pub(super) fn print_dry_run(args: &ImportArgs, rows: u64, with_synonyms: u64, known: u64) -> Result<(), CliError> {
    let new = rows.saturating_sub(known);
    let mut output = Output::new();
    if args.output.json {
        output.json(&serde_json::json!({
            "dry_run": true, "new": new, "present": known, "with_synonyms": with_synonyms,
        }))?;
    } else {
        output.line(format_args!(
            "{}: {} would be created, {known} are there already; {with_synonyms} bring synonyms",
            printable(&args.file.to_string_lossy(), 60),
            count(new, "tag", "tags")
        ))?;
    }
    output.flush()
}
