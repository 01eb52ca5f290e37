//! `musonym tags`: the tags themselves.

mod add;
mod import;
mod list;
mod merge;
mod rows;

use clap::{Args, Subcommand};

use super::error::CliError;
use crate::config::Settings;

/// Add, list, import and merge tags.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags add \"drum and bass\" jungle --type genre
  musonym tags import library.txt --type genre
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
}

pub(in crate::cli) async fn run(args: TagsArgs, settings: Settings) -> Result<(), CliError> {
    match args.command {
        TagsCommand::Add(args) => add::run(args, settings).await,
        TagsCommand::List(args) => list::run(args, settings).await,
        TagsCommand::Import(args) => import::run(args, settings).await,
        TagsCommand::Merge(args) => merge::run(args, settings).await,
    }
}
