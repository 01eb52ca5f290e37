//! `musonym migrate`: brings the database's schema up to date.

use clap::Args;
use serde_json::json;

use super::{OutputArgs, error::CliError, output::Output};
use crate::{app::open_store, config::Settings};

/// Bring the database's schema up to date and print its version.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym migrate
  musonym migrate --database sqlite:/srv/music.db --json

Every command that opens the database does this by itself. With --vector-index
the approximate index of PostgreSQL is built or rebuilt too, where the number
of rows asks for it; a worker does that by itself when it is idle.")]
pub(super) struct MigrateArgs {
    /// Build or rebuild the index of the vectors where it pays (PostgreSQL)
    #[arg(long)]
    vector_index: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: MigrateArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let version = store.schema_version().await?;
    let index = if args.vector_index { store.maintain_vector_index().await? } else { None };
    let mut output = Output::new();
    if args.output.json {
        output.json(&json!({ "database": store.describe(), "schema_version": version, "vector_index": index }))?;
    } else {
        output.line(format_args!("{}: schema version {version}", store.describe()))?;
        if args.vector_index {
            output.line(index.as_deref().unwrap_or("the vectors need no other index than they have"))?;
        }
    }
    store.close().await;
    output.flush()
}
