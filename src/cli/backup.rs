//! `musonym backup`: a whole copy of the database while it is in use.

use std::path::PathBuf;

use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use super::{OutputArgs, error::CliError, output::Output};
use crate::{app::backup, config::Settings};

/// Copy the whole database into a file, while it is in use.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym backup /backups/musonym.db
  musonym backup --force /backups/musonym.db --database sqlite:/srv/music.db

The copy shows the database at one moment, whoever writes meanwhile, and holds
everything: tags, synonyms, history, vectors, jobs. `musonym restore` puts it
back. For PostgreSQL the command tells how to call pg_dump.")]
pub(super) struct BackupArgs {
    /// The file of the backup
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: BackupArgs, settings: Settings) -> Result<(), CliError> {
    let made = backup(&settings, &args.file, args.force).await?;
    let mut output = Output::new();
    if args.output.json {
        output.json(&json!({
            "file": args.file.to_string_lossy(), "bytes": made.bytes, "schema_version": made.schema_version,
        }))?;
    } else {
        let size = HumanBytes(made.bytes);
        output.line(format_args!("{}: {size}, schema version {}", args.file.display(), made.schema_version))?;
    }
    output.flush()
}
