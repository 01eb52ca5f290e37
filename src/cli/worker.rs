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
  musonym worker --metrics 127.0.0.1:9187

Any number of workers may share a database; each job is done by one of them.")]
pub(super) struct WorkerArgs {
    /// Serve /metrics for Prometheus there, without any key
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<std::net::SocketAddr>,
}

pub(super) async fn run(args: WorkerArgs, settings: Settings) -> Result<(), CliError> {
    let shutdown = Shutdown::on_signals()?;
    let app = App::open(settings).await?;
    let chosen = app.generator().await?;
    Ok(work(&app, chosen, args.metrics, &shutdown).await?)
}
