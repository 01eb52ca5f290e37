//! `musonym tags`: the tags themselves.

mod add;
mod apply;
mod import;
mod library;
mod list;
mod merge;
mod rows;
mod scan;
mod undo;

use clap::{Args, Subcommand};

use super::error::CliError;
use crate::config::Settings;

/// Add, list, import and merge tags; read them from a music library, and write them back.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags add \"drum and bass\" jungle --type genre
  musonym tags import library.txt --type genre
  musonym tags scan ~/Music
  musonym tags list --missing")]
pub(in crate::cli) struct TagsArgs {
    #[command(subcommand)]
    command: TagsCommand,
}

#[derive(Debug, Subcommand)]
enum TagsCommand {
    Add(add::AddArgs),
    List(list::ListArgs),
    Import(import::ImportArgs),
    Merge(merge::MergeArgs),
    Scan(scan::ScanArgs),
    Apply(apply::ApplyArgs),
    Undo(undo::UndoArgs),
}

pub(in crate::cli) async fn run(args: TagsArgs, settings: Settings) -> Result<(), CliError> {
    match args.command {
        TagsCommand::Add(args) => add::run(args, settings).await,
        TagsCommand::List(args) => list::run(args, settings).await,
        TagsCommand::Import(args) => import::run(args, settings).await,
        TagsCommand::Merge(args) => merge::run(args, settings).await,
        TagsCommand::Scan(args) => scan::run(args, settings).await,
        TagsCommand::Apply(args) => apply::run(args, settings).await,
        TagsCommand::Undo(args) => undo::run(args).await,
    }
}
