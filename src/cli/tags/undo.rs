//! `musonym tags undo`: brings back the files that `tags apply --in-place` changed.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::{
        OutputArgs,
        error::CliError,
        output::{Output, say},
        render::{count, printable},
    },
    scan::{Undone, UndoneKind, undo},
};

/// How much of a path is shown.
const MAX_PATH_CHARS: usize = 200;

/// Bring back files as they were before `tags apply --in-place`, byte by byte.
///
/// A file that somebody has changed since is left alone and named.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags undo ~/.local/share/musonym/tag-backups/20261126T150000000Z/undo.jsonl
  musonym tags undo undo.jsonl --dry-run
  musonym tags undo undo.jsonl --force           also what was changed since")]
pub(super) struct UndoArgs {
    /// The undo file, with the originals beside it
    file: PathBuf,
    /// Bring back originals over later changes, too
    #[arg(long)]
    force: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: UndoArgs) -> Result<(), CliError> {
    let UndoArgs { file, force, dry_run, output: OutputArgs { json } } = args;
    let undone = tokio::task::spawn_blocking(move || undo(&file, force, dry_run));
    let undone = undone.await.map_err(|error| CliError::Failed(format!("undoing ended badly: {error}")))??;
    let mut output = Output::new();
    for one in &undone {
        if json {
            output.json(one)?;
        } else {
            output.line(format_args!("{}: {}", printable(&one.path, MAX_PATH_CHARS), words(one, dry_run)))?;
        }
    }
    output.flush()?;
    let number = |kind: UndoneKind| undone.iter().filter(|one| one.kind == kind).count() as u64;
    let restored = count(number(UndoneKind::Restored), "file", "files");
    let (verb, already) =
        (if dry_run { "would be brought back" } else { "brought back" }, number(UndoneKind::AlreadyThere));
    say(format_args!("{restored} {verb}, {already} as they were already"));
    let left = number(UndoneKind::ChangedSince) + number(UndoneKind::Failed);
    if left > 0 {
        return Err(CliError::Failed(format!("{} not brought back", count(left, "file was", "files were"))));
    }
    Ok(())
}

fn words(one: &Undone, dry_run: bool) -> String {
    let text = match one.kind {
        UndoneKind::Restored if dry_run => "would be brought back",
        UndoneKind::Restored => "brought back",
        UndoneKind::AlreadyThere => "as it was already",
        UndoneKind::ChangedSince | UndoneKind::Failed => "left alone",
    };
    match &one.detail {
        Some(detail) => format!("{text}: {detail}"),
        None => text.to_owned(),
    }
}
