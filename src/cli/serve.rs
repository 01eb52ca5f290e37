//! `musonym serve`: the HTTP server, with a worker inside.

use clap::Args;

use super::error::CliError;
use crate::{
    app::{App, ServeOptions, Server, Shutdown, serve},
    config::Settings,
};

/// Serve the HTTP API, with a worker inside.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym serve
  MUSONYM_API_KEY_FILE=/run/secrets/key musonym serve --bind 0.0.0.0:8177
  musonym serve --no-worker               workers run elsewhere: musonym worker

SIGINT or SIGTERM stops within 20 seconds, a second one at once.")]
pub(super) struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8177]; other machines reach it only with an API key
    #[arg(long, value_name = "ADDRESS")]
    pub(super) bind: Option<String>,
    /// Do not work on the queue in this process
    #[arg(long)]
    no_worker: bool,
}

pub(super) async fn run(args: ServeArgs, settings: Settings) -> Result<(), CliError> {
    // Before anything that takes time, so that a taken port shows at once.
    let server = Server::bind(&settings).await?;
    let shutdown = Shutdown::on_signals()?;
    let app = App::open(settings).await?;
    let chosen = app.generator().await?;
    Ok(serve(&app, chosen, server, ServeOptions { worker: !args.no_worker }, &shutdown).await?)
}
