//! `musonym export`: every tag with what is stored for it, one JSON object a line, after a header; or what another program reads
//! of it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    OutputArgs,
    error::CliError,
    export_format::{self, ExportFormat},
    new_file::NewFile,
    output::{Output, say},
    progress::bar,
    render::count,
};
use crate::{
    app::open_store,
    config::Settings,
    domain::TagType,
    store::{ExportDetail, ExportHeader, ExportRow, Page, Store},
};

/// Tags read from the database at once.
const PAGE: usize = 200;

/// Write every tag with its synonyms, one JSON object a line, or what another program reads of them.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym export vocabulary.jsonl
  musonym export | gzip > vocabulary.jsonl.gz
  musonym export --plain | jq -r 'select(.synonyms == null) | .name'
  musonym export | musonym import - --database postgres://…  (moving up)
  musonym export --format beets-tree genres-tree.yaml
  musonym export --format solr --type genre synonyms.txt
  musonym export --format navidrome --mood calm calm.nsp
  musonym export --format navidrome --usage \"rainy day\" rain.nsp

`musonym import` reads the file back, here or in another installation, where
nothing is generated or embedded again. An export holds each tag with its
synonyms (those in use, else the newest that were taken out), rejected and
waiting terms, history and vectors. Jobs, webhook deliveries, older synonyms
that were taken out and the history of deleted tags stay behind; `musonym
backup` takes along everything. docs/FORMATS.md has the formats of other programs.")]
pub(super) struct ExportArgs {
    /// The file, replaced once the export is complete; stdout when left out or -
    file: Option<PathBuf>,
    /// Leave out vectors, history and moments: for people who read and edit
    #[arg(long)]
    plain: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(super) format: ExportFormat,
    /// Only genres or only moods: for csv and the synonyms of search engines
    #[arg(long = "type", value_name = "genre|mood")]
    pub(super) tag_type: Option<TagType>,
    /// The mood that a playlist is for: for navidrome
    #[arg(long, conflicts_with = "usage")]
    pub(super) mood: Option<String>,
    /// The occasion that a playlist is for, as in usage contexts: for navidrome
    #[arg(long, value_name = "OCCASION")]
    pub(super) usage: Option<String>,
    /// Most tracks of a playlist [default: 100]: for navidrome
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ExportArgs, settings: Settings) -> Result<(), CliError> {
    export_format::check(&args, args.plain)?;
    let store = open_store(&settings).await?;
    if args.format != ExportFormat::Jsonl {
        let exported = export_format::text(&store, &args).await;
        store.close().await;
        return export_format::write(&exported?, args.file.as_deref(), args.output);
    }
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

async fn to_file(store: &dyn Store, detail: ExportDetail, file: &Path, args: OutputArgs) -> Result<(), CliError> {
    let mut new = NewFile::create(file)?;
    let tags = each_line(store, detail, |line| {
        let mut text = serde_json::to_vec(line).map_err(|error| CliError::Failed(format!("no JSON: {error}")))?;
        text.push(b'\n');
        new.write(&text)
    })
    .await?;
    new.finish()?;
    told(file, tags, args)
}

/// Says what a file holds now.
pub(super) fn told(file: &Path, tags: u64, args: OutputArgs) -> Result<(), CliError> {
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
