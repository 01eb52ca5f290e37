//! `musonym tags import`: the tags of a file. What cannot be a tag is refused line by line; the rest goes in, in
//! batches of one transaction each.

use std::{collections::HashSet, path::PathBuf};

use clap::Args;
use serde::Serialize;

use super::rows::{Format, ReadError, Refusal, Row, format_of, read};
use crate::{
    app::open_store,
    cli::{
        OutputArgs,
        error::CliError,
        lines,
        output::{Output, say},
        progress::bar,
        render::{count, printable},
    },
    config::Settings,
    domain::{Priority, TagName, TagType},
    store::Store,
};

/// Tags of one transaction: long enough to be quick, short enough that others get to write between two.
const BATCH: usize = 500;

/// Import tags from a file; their synonyms are written in the background.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags import tags.jsonl
  musonym tags import library.txt --type genre --dry-run
  musonym tags import genres.csv --type genre --strict
  cut -f2 library.tsv | musonym tags import - --type genre

Lines that cannot be a tag are refused with their number and the reason; the
others are imported all the same, unless --strict is given. What is there
already, in any spelling, is left as it is, so an import can be repeated.")]
pub(super) struct ImportArgs {
    /// The file; - is stdin
    file: PathBuf,
    /// Type of the tags of lines that do not say
    #[arg(long = "type", value_name = "genre|mood")]
    tag_type: Option<TagType>,
    /// How the file is written
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// Read and check everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write nothing and fail when any line is refused
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What became of a file.
#[derive(Debug, Default, Serialize)]
struct Summary {
    created: u64,
    present: u64,
    refused: u64,
    blank: u64,
    dry_run: bool,
    refusals: Vec<Refusal>,
}

pub(super) async fn run(args: ImportArgs, settings: Settings) -> Result<(), CliError> {
    let mut summary = Summary { dry_run: args.dry_run, ..Summary::default() };
    let tags = parse(&args, &mut summary)?;
    let strictly_refused = args.strict && summary.refused > 0;
    if !strictly_refused {
        let store = open_store(&settings).await?;
        let written = if args.dry_run {
            foresee(store.as_ref(), &tags, &mut summary).await
        } else {
            write(store.as_ref(), &tags, &mut summary).await
        };
        store.close().await;
        written?;
    }
    print(&args, &summary)?;
    if strictly_refused {
        let lines = count(summary.refused, "line was refused", "lines were refused");
        return Err(CliError::Failed(format!("{lines}, so nothing was written (--strict)")));
    }
    if summary.created > 0 && !args.dry_run {
        say(
            "a running `musonym serve` or `musonym worker` writes their synonyms; `musonym generate --missing --wait` does it here",
        );
    }
    Ok(())
}

/// The whole file, checked; refusals are told as they come.
fn parse(args: &ImportArgs, summary: &mut Summary) -> Result<Vec<(TagType, TagName)>, CliError> {
    let mut input = lines::open(&args.file)?;
    let broken_off = |error: &std::io::Error| lines::broken_off(&args.file, error);
    let format = match args.format {
        Format::Auto => format_of(&args.file.to_string_lossy(), &mut input).map_err(|error| broken_off(&error))?,
        format => format,
    };
    let mut tags = Vec::new();
    read(input, format, args.tag_type, |row| match row {
        Row::Tag(tag_type, name) => tags.push((tag_type, name)),
        Row::Blank => summary.blank += 1,
        Row::Refused(refusal) => {
            summary.refused += 1;
            say(format_args!("line {}: {}{}", refusal.line, refusal.reason, quoted(&refusal.text)));
            if args.output.json {
                summary.refusals.push(refusal);
            }
        }
    })
    .map_err(|error| match error {
        ReadError::Io(error) => broken_off(&error),
        ReadError::Usage(text) => CliError::Usage(text),
    })?;
    Ok(tags)
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": \"{text}\"") }
}

async fn write(store: &dyn Store, tags: &[(TagType, TagName)], summary: &mut Summary) -> Result<(), CliError> {
    let bar = bar("importing", tags.len().try_into().unwrap_or(u64::MAX));
    for batch in tags.chunks(BATCH) {
        let created = match store.create_tags(batch, Priority::LOW).await {
            Ok(created) => created,
            Err(error) => {
                bar.abandon();
                let done = count(summary.created, "tag was", "tags were");
                return Err(CliError::Failed(format!(
                    "{error}\n{done} imported before that; the same command again goes on from there"
                )));
            }
        };
        for tag in created {
            if tag.created {
                summary.created += 1;
            } else {
                summary.present += 1;
            }
        }
        bar.inc(batch.len().try_into().unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
    Ok(())
}

/// What an import would do, told from the database and the file alone.
async fn foresee(store: &dyn Store, tags: &[(TagType, TagName)], summary: &mut Summary) -> Result<(), CliError> {
    let bar = bar("checking", tags.len().try_into().unwrap_or(u64::MAX));
    let mut keys: HashSet<(TagType, String)> = HashSet::new();
    for (tag_type, name) in tags {
        let is_new = keys.insert((*tag_type, name.key()));
        if is_new && store.tag_by_name(*tag_type, name.as_str()).await?.is_none() {
            summary.created += 1;
        } else {
            summary.present += 1;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn print(args: &ImportArgs, summary: &Summary) -> Result<(), CliError> {
    let mut output = Output::new();
    if args.output.json {
        output.json(summary)?;
    } else {
        let created = if args.dry_run { "would be created" } else { "created" };
        let tags = |number| count(number, "tag", "tags");
        output.line(format_args!(
            "{}: {} {created}, {} already there, {} refused, {} blank",
            printable(&args.file.to_string_lossy(), 60),
            tags(summary.created),
            summary.present,
            count(summary.refused, "line", "lines"),
            summary.blank
        ))?;
    }
    output.flush()
}
