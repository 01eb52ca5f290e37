//! `musonym export`: every tag with what is stored for it, one JSON object a line, after a header.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    progress::bar,
    render::count,
};
use crate::{
    app::open_store,
    config::Settings,
    store::{ExportDetail, ExportHeader, ExportRow, Page, Store},
};

/// Tags read from the database at once.
const PAGE: usize = 200;

/// Write every tag with its synonyms, one JSON object a line.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym export vocabulary.jsonl
  musonym export | gzip > vocabulary.jsonl.gz
  musonym export --plain | jq -r 'select(.synonyms == null) | .name'
  musonym export | musonym import - --database postgres://…  (moving up)

`musonym import` reads the file back, here or in another installation, where
nothing is generated or embedded again. An export holds each tag with its
synonyms (those in use, else the newest that were taken out), rejected and
waiting terms, history and vectors. Jobs, webhook deliveries, older synonyms
that were taken out and the history of deleted tags stay behind; `musonym
backup` takes along everything.")]
pub(super) struct ExportArgs {
    /// The file, replaced once the export is complete; stdout when left out or -
    file: Option<PathBuf>,
    /// Leave out vectors, history and moments: for people who read and edit
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ExportArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let detail = if args.plain { ExportDetail::Plain } else { ExportDetail::Complete };
    let exported = match args.file.filter(|file| file != Path::new("-")) {
        None => to_stdout(store.as_ref(), detail).await,
        Some(file) => to_file(store.as_ref(), detail, &file, args.output).await,
    };
    store.close().await;
    exported
}

async fn to_stdout(store: &dyn Store, detail: ExportDetail) -> Result<(), CliError> {
    let mut output = Output::new();
    let tags = each_line(store, detail, |line| output.json(line)).await?;
    output.flush()?;
    say(format_args!("{} exported", count(tags, "tag", "tags")));
    Ok(())
}

/// Into a file beside the one asked for, then in its place: whoever reads it never finds half an export.
async fn to_file(store: &dyn Store, detail: ExportDetail, file: &Path, args: OutputArgs) -> Result<(), CliError> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(name);
    let unwritable = |error: std::io::Error| CliError::Failed(format!("cannot write {}: {error}", file.display()));
    let mut writer = BufWriter::new(File::create(&partial).map_err(unwritable)?);
    let exported = each_line(store, detail, |line| {
        serde_json::to_writer(&mut writer, line).map_err(std::io::Error::from).map_err(unwritable)?;
        writer.write_all(b"\n").map_err(unwritable)
    })
    .await;
    let finished = exported.and_then(|tags| {
        let file_written = writer.into_inner().map_err(|error| unwritable(error.into_error()))?;
        file_written.sync_all().map_err(unwritable)?;
        std::fs::rename(&partial, file).map_err(unwritable)?;
        Ok(tags)
    });
    let tags = match finished {
        Ok(tags) => tags,
        Err(error) => {
            // What is half written helps nobody; if it cannot be removed the first error still tells more.
            let _ = std::fs::remove_file(&partial);
            return Err(error);
        }
    };
    let mut output = Output::new();
    if args.json {
        output.json(&json!({ "file": file.to_string_lossy(), "tags": tags }))?;
    } else {
        output.line(format_args!("{}: {} exported", file.display(), count(tags, "tag", "tags")))?;
    }
    output.flush()
}

/// A line of an export.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Header(&'a ExportHeader),
    Row(&'a ExportRow),
}

/// Hands out the lines, a page of tags in memory at a time. Returns the number of tags.
async fn each_line(
    store: &dyn Store,
    detail: ExportDetail,
    mut write: impl FnMut(&Line<'_>) -> Result<(), CliError>,
) -> Result<u64, CliError> {
    if detail == ExportDetail::Complete {
        write(&Line::Header(&store.export_header().await?))?;
    }
    let bar = bar("exporting", 0);
    let mut page = Page { cursor: None, limit: PAGE };
    let mut tags: u64 = 0;
    loop {
        let listing = store.export_rows(&page, detail).await?;
        for row in &listing.items {
            write(&Line::Row(row))?;
            tags += 1;
        }
        // How many will come is not known: the bar counts.
        bar.set_length(tags);
        bar.set_position(tags);
        match listing.next {
            Some(next) => page.cursor = Some(next),
            None => break,
        }
    }
    bar.finish_and_clear();
    Ok(tags)
}
