//! `musonym restore`: a backup in place of the database.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{OutputArgs, error::CliError, output::Output, render::count};
use crate::{app::restore, config::Settings};

/// Put a backup in place of the database.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym restore /backups/musonym.db
  musonym restore --force /backups/musonym.db --database sqlite:/srv/music.db

Stop `musonym serve` and the workers first: a database that is open is left
alone. The backup is checked whole before anything is touched, and the former
database stays beside the new one as *.before-restore. For PostgreSQL the
command tells how to call pg_restore.")]
pub(super) struct RestoreArgs {
    /// A file that `musonym backup` wrote
    file: PathBuf,
    /// Replace a database that has tags, or that cannot be read
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: RestoreArgs, settings: Settings) -> Result<(), CliError> {
    let restored = restore(&settings, &args.file, args.force).await?;
    let mut output = Output::new();
    let (database, former) = (restored.database.display(), restored.former.as_ref().map(|former| former.display()));
    if args.output.json {
        output.json(&json!({
            "database": database.to_string(), "former": former.map(|former| former.to_string()), "tags": restored.tags,
        }))?;
    } else {
        let tags = count(restored.tags.unsigned_abs(), "tag", "tags");
        output.line(format_args!("{database}: restored, {tags}"))?;
        if let Some(former) = former {
            output.line(format_args!("the former database is {former}"))?;
        }
    }
    output.flush()
}
