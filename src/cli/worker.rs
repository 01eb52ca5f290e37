//! `musonym worker`: works on the queue, without the server.

use clap::Args;

use super::error::CliError;
use crate::{
    app::{App, Shutdown, work},
    config::Settings,
};

/// Work on the queue, without the HTTP server.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym worker
  musonym worker --database sqlite:/srv/music.db --log debug

Any number of workers may share a database; each job is done by one of them.")]
pub(super) struct WorkerArgs {}

pub(super) async fn run(_args: WorkerArgs, settings: Settings) -> Result<(), CliError> {
    let shutdown = Shutdown::on_signals()?;
    let app = App::open(settings).await?;
    let chosen = app.generator().await?;
    Ok(work(&app, chosen, &shutdown).await?)
}
