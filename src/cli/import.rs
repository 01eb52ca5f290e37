//! `musonym import`: tags with their synonyms, from an export or a plain file. Nothing is written before every line
//! has been checked.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{
    OutputArgs,
    error::CliError,
    import_rows,
    lines::{self, Line, Lines, MAX_LINE_BYTES},
    output::{Output, say},
    progress::bar,
    render::{count, printable},
};
use crate::{
    app::open_store,
    config::Settings,
    store::{ExportRow, ImportOutcome, Store},
};

/// Rows of one transaction.
const BATCH: usize = 200;

/// Most wrong lines that are told one by one.
const MAX_TOLD: usize = 20;

/// Read tags with their synonyms from a file.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym import vocabulary.jsonl
  musonym import synonyms.jsonl --dry-run
  musonym export | musonym import - --database sqlite:copy.db

One JSON object a line: what `musonym export` writes, or
(on one line)
  {\"tag_type\": \"genre\", \"name\": \"dub\", \"search_terms\": [\"dub reggae\"],
   \"related_tags\": [], \"usage_context\": [], \"confidence\": 0.9,
   \"translations\": {\"en\": [], \"fr\": [\"dub\"]}}
All lines are checked before the first is written.")]
pub(super) struct ImportArgs {
    /// The file; - is stdin
    file: PathBuf,
    /// Read and check everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace also what a person has written
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What became of a file.
#[derive(Debug, Default, Serialize)]
struct Summary {
    created: u64,
    replaced: u64,
    unchanged: u64,
    kept_manual: u64,
    blank: u64,
}

pub(super) async fn run(args: ImportArgs, settings: Settings) -> Result<(), CliError> {
    let mut summary = Summary::default();
    let rows = parse(&args.file, &mut summary)?;
    let store = open_store(&settings).await?;
    if args.dry_run {
        let known = count_known(store.as_ref(), &rows).await?;
        store.close().await;
        return print_dry_run(&args, &rows, known);
    }
    let written = write(store.as_ref(), &rows, args.replace, &mut summary).await;
    store.close().await;
    written?;
    let mut output = Output::new();
    if args.output.json {
        output.json(&summary)?;
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

/// Every row of the file, or all that is wrong with it.
fn parse(file: &Path, summary: &mut Summary) -> Result<Vec<ExportRow>, CliError> {
    let mut lines = Lines::new(lines::open(file)?);
    let mut rows: Vec<ExportRow> = Vec::new();
    let mut first_lines: HashMap<(crate::domain::TagType, String), u64> = HashMap::new();
    let mut wrong: usize = 0;
    while let Some((number, line)) = lines.next().map_err(|error| lines::broken_off(file, &error))? {
        let row = match line {
            Line::Text(text) if text.trim().is_empty() => {
                summary.blank += 1;
                continue;
            }
            Line::Text(text) => import_rows::parse(&text),
            Line::NotUtf8 => Err("it is not UTF-8 text".to_owned()),
            Line::TooLong => Err(format!("it has more than {MAX_LINE_BYTES} bytes")),
        };
        let checked =
            row.and_then(|row| match first_lines.insert((row.tag_type, row.name.as_str().to_owned()), number) {
                Some(first) => Err(format!("the {} `{}` stands on line {first} already", row.tag_type, row.name)),
                None => Ok(row),
            });
        match checked {
            Ok(row) => rows.push(row),
            Err(problem) => {
                wrong += 1;
                if wrong <= MAX_TOLD {
                    say(format_args!("line {number}: {problem}"));
                }
            }
        }
    }
    if wrong == 0 {
        return Ok(rows);
    }
    if wrong > MAX_TOLD {
        say(format_args!("and {} more", wrong - MAX_TOLD));
    }
    let lines = count(wrong.try_into().unwrap_or(u64::MAX), "line is", "lines are");
    Err(CliError::Failed(format!("{lines} wrong, so nothing was written: mend the file and run the command again")))
}

async fn write(store: &dyn Store, rows: &[ExportRow], replace: bool, summary: &mut Summary) -> Result<(), CliError> {
    let bar = bar("importing", rows.len().try_into().unwrap_or(u64::MAX));
    let mut done: u64 = 0;
    for batch in rows.chunks(BATCH) {
        let outcomes = match store.import_rows(batch, replace).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                bar.abandon();
                let done = count(done, "tag was", "tags were");
                return Err(CliError::Failed(format!(
                    "{error}\n{done} imported before that; the same command again takes up the rest"
                )));
            }
        };
        for outcome in outcomes {
            done += 1;
            *match outcome {
                ImportOutcome::Created => &mut summary.created,
                ImportOutcome::Replaced => &mut summary.replaced,
                ImportOutcome::Unchanged => &mut summary.unchanged,
                ImportOutcome::KeptManual => &mut summary.kept_manual,
            } += 1;
        }
        bar.set_position(done);
    }
    bar.finish_and_clear();
    Ok(())
}

async fn count_known(store: &dyn Store, rows: &[ExportRow]) -> Result<u64, CliError> {
    let mut known = 0;
    for row in rows {
        known += u64::from(store.tag_by_name(row.tag_type, row.name.as_str()).await?.is_some());
    }
    Ok(known)
}

fn print_dry_run(args: &ImportArgs, rows: &[ExportRow], known: u64) -> Result<(), CliError> {
    let all: u64 = rows.len().try_into().unwrap_or(u64::MAX);
    let with_synonyms = rows.iter().filter(|row| row.synonyms.is_some()).count();
    let mut output = Output::new();
    if args.output.json {
        output.json(&serde_json::json!({
            "dry_run": true, "new": all - known, "present": known, "with_synonyms": with_synonyms,
        }))?;
    } else {
        output.line(format_args!(
            "{}: {} would be created, {known} are there already; {with_synonyms} bring synonyms",
            printable(&args.file.to_string_lossy(), 60),
            count(all - known, "tag", "tags")
        ))?;
    }
    output.flush()
}
