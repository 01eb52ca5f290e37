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

/// How far a worker steps back behind what else the machine does: 0 is the usual, 19 the last.
#[cfg(unix)]
const NICENESS: i32 = 10;

/// Gives this process low priority. Before any thread starts: on Linux each has its own, and hands it on.
#[cfg(unix)]
pub(super) fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the worker keeps its usual priority");
    }
}

#[cfg(not(unix))]
pub(super) fn step_back() {}

pub(super) async fn run(_args: WorkerArgs, settings: Settings) -> Result<(), CliError> {
    let shutdown = Shutdown::on_signals()?;
    let app = App::open(settings).await?;
    let chosen = app.generator().await?;
    Ok(work(&app, chosen, &shutdown).await?)
}
