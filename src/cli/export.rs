//! `musonym export`: every tag with everything stored for it, one JSON object a line.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;
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
    store::{ExportRow, Page, Store},
};

/// Tags read from the database at once.
const PAGE: usize = 200;

/// Write every tag with its synonyms, one JSON object a line.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym export vocabulary.jsonl
  musonym export | gzip > vocabulary.jsonl.gz
  musonym export | jq -r 'select(.synonyms == null) | .name'

`musonym import` reads the file back, here or in another installation.")]
pub(super) struct ExportArgs {
    /// The file, replaced once the export is complete; stdout when left out or -
    file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ExportArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let exported = match args.file.filter(|file| file != Path::new("-")) {
        None => to_stdout(store.as_ref()).await,
        Some(file) => to_file(store.as_ref(), &file, args.output).await,
    };
    store.close().await;
    exported
}

async fn to_stdout(store: &dyn Store) -> Result<(), CliError> {
    let mut output = Output::new();
    let tags = each_row(store, |row| output.json(row)).await?;
    output.flush()?;
    say(format_args!("{} exported", count(tags, "tag", "tags")));
    Ok(())
}

/// Into a file beside the one asked for, then in its place: whoever reads it never finds half an export.
async fn to_file(store: &dyn Store, file: &Path, args: OutputArgs) -> Result<(), CliError> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(name);
    let unwritable = |error: std::io::Error| CliError::Failed(format!("cannot write {}: {error}", file.display()));
    let mut writer = BufWriter::new(File::create(&partial).map_err(unwritable)?);
    let exported = each_row(store, |row| {
        serde_json::to_writer(&mut writer, row).map_err(std::io::Error::from).map_err(unwritable)?;
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

async fn each_row(
    store: &dyn Store,
    mut write: impl FnMut(&ExportRow) -> Result<(), CliError>,
) -> Result<u64, CliError> {
    let bar = bar("exporting", 0);
    let mut page = Page { cursor: None, limit: PAGE };
    let mut tags: u64 = 0;
    loop {
        let listing = store.export_rows(&page).await?;
        for row in &listing.items {
            write(row)?;
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
