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

Every command that opens the database does this by itself; this one does no
more than that.")]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: MigrateArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let version = store.schema_version().await?;
    let mut output = Output::new();
    if args.output.json {
        output.json(&json!({ "database": store.describe(), "schema_version": version }))?;
    } else {
        output.line(format_args!("{}: schema version {version}", store.describe()))?;
    }
    store.close().await;
    output.flush()
}
