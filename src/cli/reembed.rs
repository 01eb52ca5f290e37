//! `musonym reembed`: changes the database over to another embedding model.

use clap::Args;
use serde_json::json;

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    progress::drain_queue,
    render::count,
};
use crate::{
    app::{App, Shutdown},
    config::Settings,
};

/// Embed everything anew with the configured model.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  MUSONYM_EMBED__MODEL=embeddinggemma musonym reembed
  musonym reembed --wait

Needed after a change of embed.model: vectors of two models cannot be compared.
Until a row is embedded anew, search finds it by words and the built-in vectors.")]
pub(super) struct ReembedArgs {
    /// Embed in this process and come back when it is done
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ReembedArgs, settings: Settings) -> Result<(), CliError> {
    let shutdown = Shutdown::on_signals()?;
    let app = App::open(settings).await?;
    let switched = async { Ok((app.embedder.switch_space().await?, app.embedder.active_space().await?)) };
    let (queued, space) = tokio::select! {
        switched = switched => switched,
        () = shutdown.token().cancelled() => Err(CliError::Interrupted),
    }?;
    let failed = if args.wait && queued > 0 { drain_queue(&app, app.generator().await?, &shutdown).await? } else { 0 };
    let mut output = Output::new();
    if args.output.json {
        output.json(&json!({ "space": space, "queued": queued, "failed": failed }))?;
    } else {
        output.line(format_args!("{space}: {} to embed", count(queued, "tag", "tags")))?;
    }
    output.flush()?;
    app.close().await;
    if queued > 0 && !args.wait {
        say("a running `musonym serve` or `musonym worker` embeds them");
    }
    if failed > 0 {
        let jobs = count(failed, "job", "jobs");
        return Err(CliError::Failed(format!("{jobs} failed: see `musonym jobs list --state dead`")));
    }
    Ok(())
}
