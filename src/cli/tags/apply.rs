//! `musonym tags apply`: writes the names of tags into the files of a library; shows first what it would do.

use std::path::{Path, PathBuf};

use chrono::Utc;
use clap::Args;
use comfy_table::{ColumnConstraint, Width};
use serde_json::json;

use super::library::{LibraryArgs, refuse_inside, resolve};
use crate::{
    app::{Shutdown, create_folder, open_store},
    cli::{
        OutputArgs,
        error::CliError,
        output::{Output, say},
        progress::bar,
        render::{self, count, printable},
    },
    config::Settings,
    enrich::Enricher,
    scan::{Backup, Change, Plan, UndoFile, WriteError, in_place, plan, to_copy},
};

/// How much of a path and of values is shown.
const MAX_PATH_CHARS: usize = 120;
const MAX_VALUE_CHARS: usize = 120;

/// The folder below this program's folder for data.
const BACKUPS: &str = "tag-backups";

/// Write the names of tags into the genre and mood fields of files.
///
/// Without --to and --in-place it only shows what would change. Values that mean the same as a tag of the vocabulary get its
/// name (`Hip-Hop; Rap` becomes `hip hop` and `rap`); what is not understood, or only as a kind of something, stays as it is.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags apply ~/Music                     show what would change
  musonym tags apply ~/Music --to /tmp/changed   write changed copies there
  musonym tags apply ~/Music --in-place          change the files themselves
  musonym tags apply ~/Music --json | jq -c '.genres // empty'

Scan first: names are those of the vocabulary, which a scan fills. --in-place
keeps each original in a backup and writes an undo file; `musonym tags undo
FILE` brings everything back, byte by byte.")]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    library: LibraryArgs,
    /// Write changed copies below this folder; what is there already stays
    #[arg(long, value_name = "FOLDER", conflicts_with = "in_place")]
    to: Option<PathBuf>,
    /// Change the files themselves, with a backup and an undo file
    #[arg(long)]
    in_place: bool,
    /// New folder for originals and undo file [default: in the data folder]
    #[arg(long, value_name = "FOLDER", requires = "in_place")]
    backup: Option<PathBuf>,
    /// Only show what would change, whatever else is given
    #[arg(long)]
    dry_run: bool,
    /// Leave values alone that are understood with a lower score
    #[arg(long, value_name = "0..1", default_value_t = 0.75)]
    min_score: f64,
    /// Most rows that are shown, 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where changes go.
enum Target {
    Nowhere,
    Copies(PathBuf),
    InPlace(Backup),
}

/// What became of a change: `None` where nothing was to be done.
type Outcome = Option<Result<(), String>>;

pub(super) async fn run(args: ApplyArgs, settings: Settings) -> Result<(), CliError> {
    let root = args.library.root()?;
    for (folder, flag) in [(&args.to, "--to"), (&args.backup, "--backup")] {
        if let Some(folder) = folder {
            refuse_inside(&root, folder, flag)?;
        }
    }
    let library = args.library.read(root, &settings).await?;
    let store = open_store(&settings).await?;
    let enricher = Enricher::new(store.clone());
    let resolved = resolve(&enricher, &library.strings, args.min_score, false).await;
    let vocabulary = enricher.vocabulary().await;
    store.close().await;
    let (resolved, _) = resolved?;
    if vocabulary?.is_empty() {
        say("the database has no tags yet: `musonym tags scan` brings in those of the library");
    }
    let Plan { changes, unchanged, unnamed } = plan(&library.reading.files, &resolved, args.min_score);
    let target = target(&args, &settings, &library.name, changes.is_empty())?;
    let undo = match &target {
        Target::InPlace(backup) => Some(backup.undo.path().to_owned()),
        Target::Nowhere | Target::Copies(_) => None,
    };
    let done = write(changes, target).await?;
    print(&args, &done, undo.as_deref(), unchanged)?;
    let left_out = library.reading.problems.len() as u64;
    if left_out > 0 {
        say(format_args!(
            "{} left out: `musonym tags scan` says why",
            count(left_out, "file or folder", "files or folders")
        ));
    }
    for name in &unnamed {
        say(format_args!("{}: left alone, for its name is no UTF-8: rename it", printable(name, MAX_PATH_CHARS)));
    }
    conclude(&done, undo.as_deref())
}

/// Where changes go; the backup of a change in place is made here.
fn target(args: &ApplyArgs, settings: &Settings, library: &str, is_empty: bool) -> Result<Target, CliError> {
    if args.dry_run || is_empty {
        return Ok(Target::Nowhere);
    }
    if let Some(folder) = &args.to {
        create_folder(folder)?;
        return Ok(Target::Copies(folder.clone()));
    }
    if !args.in_place {
        return Ok(Target::Nowhere);
    }
    let now = Utc::now();
    let folder = match (&args.backup, &settings.data_folder) {
        (Some(folder), _) => folder.clone(),
        (None, Some(data)) => data.join(BACKUPS).join(now.format("%Y%m%dT%H%M%S%3fZ").to_string()),
        (None, None) => {
            return Err(CliError::Usage("this user has no home: name a folder with --backup".to_owned()));
        }
    };
    create_folder(&folder)?;
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let undo = UndoFile::create(&folder.join("undo.jsonl"), library, now)?;
    Ok(Target::InPlace(Backup { folder, undo }))
}

/// Writes one file after the other; a signal stops between two.
async fn write(changes: Vec<Change>, mut target: Target) -> Result<Vec<(Change, Outcome)>, CliError> {
    if matches!(target, Target::Nowhere) {
        return Ok(changes.into_iter().map(|change| (change, None)).collect());
    }
    let stop = Shutdown::on_signals()?.token().clone();
    let bar = bar("writing", changes.len() as u64);
    let written = tokio::task::spawn_blocking(move || {
        let mut done = Vec::new();
        for change in changes {
            let outcome = if stop.is_cancelled() {
                None
            } else {
                let written = match &mut target {
                    Target::Nowhere => Ok(()),
                    Target::Copies(folder) => to_copy(&change, folder),
                    Target::InPlace(backup) => in_place(&change, backup),
                };
                if matches!(written, Err(WriteError::Undo(_))) {
                    // Nothing is changed that could not be undone.
                    stop.cancel();
                }
                Some(written.map_err(|error| error.to_string()))
            };
            done.push((change, outcome));
            bar.inc(1);
        }
        bar.finish_and_clear();
        done
    });
    written.await.map_err(|error| CliError::Failed(format!("writing ended badly: {error}")))
}

fn print(args: &ApplyArgs, done: &[(Change, Outcome)], undo: Option<&Path>, unchanged: u64) -> Result<(), CliError> {
    let mut output = Output::new();
    if args.output.json {
        for (change, outcome) in done {
            let (outcome, detail) = match outcome {
                None => ("planned", None),
                Some(Ok(())) => ("written", None),
                Some(Err(detail)) => ("failed", Some(detail)),
            };
            output.json(&json!({
                "path": change.relative, "container": change.container, "genres": change.genres, "moods": change.moods,
                "outcome": outcome, "detail": detail,
            }))?;
        }
        let undo = undo.map(|undo| undo.display().to_string());
        output.json(&json!({ "summary": { "changes": done.len(), "unchanged": unchanged, "undo": undo } }))?;
        return output.flush();
    }
    let shown = if args.limit == 0 { done.len() } else { args.limit.min(done.len()) };
    let mut table = render::table(["FILE", "FIELD", "NOW", "THEN"]);
    for (change, _) in &done[..shown] {
        let mut path = printable(&change.relative, MAX_PATH_CHARS);
        for (field, edit) in change.edits() {
            let values = |values: &[String]| printable(&values.join(" · "), MAX_VALUE_CHARS);
            let path = std::mem::take(&mut path);
            table.add_row([path, field.to_string(), values(&edit.before), values(&edit.after)]);
        }
    }
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(28)));
    }
    if shown > 0 {
        output.line(render::text(&table))?;
    }
    if shown < done.len() {
        output.line(format_args!("… and {} more (--limit 0 shows all)", done.len() - shown))?;
    }
    let files = count(done.len() as u64, "file differs", "files differ");
    output.line(format_args!("{files} from the vocabulary, {unchanged} do not"))?;
    output.flush()
}

/// Says what was written, and ends with what failed.
fn conclude(done: &[(Change, Outcome)], undo: Option<&Path>) -> Result<(), CliError> {
    let mut failed = 0;
    for (change, outcome) in done {
        if let Some(Err(detail)) = outcome {
            failed += 1;
            say(format_args!("{}: {detail}", printable(&change.relative, MAX_PATH_CHARS)));
        }
    }
    let written = done.iter().filter(|(_, outcome)| matches!(outcome, Some(Ok(())))).count();
    let attempted = done.iter().filter(|(_, outcome)| outcome.is_some()).count();
    if attempted == 0 {
        if !done.is_empty() {
            say("nothing was written: --to FOLDER writes changed copies, --in-place changes the files");
        }
        return Ok(());
    }
    say(format_args!("{} written", count(written as u64, "file was", "files were")));
    if let Some(undo) = undo {
        say(format_args!("`musonym tags undo {}` brings the originals back", undo.display()));
    }
    if failed > 0 {
        return Err(CliError::Failed(format!("{} not written", count(failed, "file was", "files were"))));
    }
    if attempted < done.len() { Err(CliError::Interrupted) } else { Ok(()) }
}
