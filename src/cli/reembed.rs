//! `musonym reembed`: changes the database over to another embedding model while it serves.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    progress::{FillProgress, drain_queue},
    pull::pull,
    render::count,
};
use crate::{
    app::{App, Shutdown},
    config::{EmbedProvider, Settings},
    embed::{ChangeError, ChangeStep, Changed, EmbedModel, ModelChange, SpaceChange},
};

/// First pause while a server is not there; doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Change over to another embedding model while search goes on with the former.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym reembed --model ollama:embeddinggemma
  musonym reembed --model ollama:nomic-embed-text --pull
  musonym reembed                         go on with a change that was interrupted
  musonym reembed --abandon               give it up
  musonym reembed --model builtin

A second set of vectors is made beside the one in use, and takes its place at
once when it is whole. Running servers and workers change over with it, whatever
embed.model says there. Ctrl-C stops; what is done is kept.")]
pub(super) struct ReembedArgs {
    /// Model to change over to, ollama:NAME or builtin [default: that of a change under way, else the configured one]
    #[arg(long, value_name = "MODEL")]
    model: Option<EmbedModel>,
    /// Fetch the model into Ollama where it is missing
    #[arg(long)]
    pull: bool,
    /// Give up a change to another model and drop what it has made; without --model that is all
    #[arg(long)]
    abandon: bool,
    /// Where the model is in force already: embed here what lacks a vector, rather than leave it to a worker
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ReembedArgs, settings: Settings) -> Result<(), CliError> {
    let shutdown = Shutdown::on_signals()?;
    let app = App::open(settings).await?;
    let done = Box::pin(change_over(&app, &args, &shutdown)).await;
    app.close().await;
    done
}

async fn change_over(app: &App, args: &ReembedArgs, shutdown: &Shutdown) -> Result<(), CliError> {
    if args.abandon && args.model.is_none() {
        return abandon(app, args.output).await;
    }
    let started = Instant::now();
    let begun = async {
        if args.pull
            && let Some(model) = wanted(app, args).await?
        {
            pull(&app.ollama, &model).await?;
        }
        Ok(app.embedder.begin_change(args.model.as_ref(), app.settings.embed.batch, args.abandon).await?)
    };
    let begun = tokio::select! {
        begun = begun => begun,
        () = shutdown.token().cancelled() => Err(CliError::Interrupted),
    };
    let mut change = match begun? {
        SpaceChange::InForce { space, queued } => return in_force(app, args, (&space, queued), shutdown).await,
        SpaceChange::Begun(change) => change,
    };
    let changed = fill(&mut change, shutdown).await?;
    let seconds = started.elapsed().as_secs_f64();
    let mut output = Output::new();
    let next = change.next();
    if args.output.json {
        output.json(&json!({
            "model": next.model, "space": next.space, "former": change.former(), "embedded": changed.embedded,
            "failed": changed.failed, "queued": changed.queued, "seconds": (seconds * 10.0).round() / 10.0,
        }))?;
    } else {
        let tags = count(changed.embedded, "tag", "tags");
        output.line(format_args!("{}: {tags} embedded in {seconds:.0} s, in use from now on", next.space))?;
    }
    output.flush()?;
    if let Some(other) = app.embedder.status().await.configured {
        say(format_args!("the settings name {other}: that is the choice for a new database only"));
    }
    rebuild_index(app, shutdown).await;
    refused(&changed)
}

/// The model in Ollama that `--pull` fetches.
async fn wanted(app: &App, args: &ReembedArgs) -> Result<Option<String>, CliError> {
    let under_way = app.store.next_space().await?.and_then(|next| next.model.parse().ok());
    Ok(match args.model.clone().or(under_way) {
        Some(EmbedModel::Ollama(name)) => Some(name),
        Some(EmbedModel::Builtin) => None,
        None => (app.settings.embed.provider != EmbedProvider::Builtin).then(|| app.settings.embed.model.clone()),
    })
}

async fn abandon(app: &App, args: OutputArgs) -> Result<(), CliError> {
    let given_up = app.embedder.abandon_change().await?;
    let mut output = Output::new();
    if args.json {
        output.json(&json!({ "abandoned": given_up.as_ref().map(|next| &next.model) }))?;
    } else {
        output.line(match &given_up {
            Some(next) => format!("the change to {} is given up, and what it had made is dropped", next.model),
            None => "no change of the model is under way".to_owned(),
        })?;
    }
    output.flush()
}

/// The model is in force already: what lacks a vector is embedded by jobs.
async fn in_force(
    app: &App,
    args: &ReembedArgs,
    (space, queued): (&str, u64),
    shutdown: &Shutdown,
) -> Result<(), CliError> {
    let failed = if args.wait && queued > 0 { drain_queue(app, app.generator().await?, shutdown).await? } else { 0 };
    let mut output = Output::new();
    if args.output.json {
        output.json(&json!({ "space": space, "queued": queued, "failed": failed }))?;
    } else {
        output.line(format_args!("{space} is in use already: {} to embed", count(queued, "tag", "tags")))?;
    }
    output.flush()?;
    if queued > 0 && !args.wait {
        say("a running `musonym serve` or `musonym worker` embeds them");
    }
    if failed > 0 {
        let jobs = count(failed, "job", "jobs");
        return Err(CliError::Failed(format!("{jobs} failed: see `musonym jobs list --state dead`")));
    }
    Ok(())
}

/// Fills the next space and switches to it, however long a server stays away meanwhile.
async fn fill(change: &mut ModelChange, shutdown: &Shutdown) -> Result<Changed, CliError> {
    let start = change.progress().await?;
    let tags = count(start.rows.saturating_sub(start.done), "tag", "tags");
    let beside = match change.former() {
        Some(former) => format!("; search goes on in {former} meanwhile"),
        None => String::new(),
    };
    let before = if start.done > 0 { format!(", {} of {} are done", start.done, start.rows) } else { String::new() };
    say(format_args!("embedding {tags} with {}{before}{beside}", change.describe()));
    let mut shown = FillProgress::new(start);
    let mut pause = FIRST_PAUSE;
    loop {
        let stepped = tokio::select! {
            stepped = step(change) => stepped,
            () = shutdown.token().cancelled() => return Err(interrupted(change).await),
        };
        match stepped {
            Ok(Step::Embedded) => {
                pause = FIRST_PAUSE;
                shown.embedded(change.embedded());
            }
            Ok(Step::Again) => shown.stands_at(change.progress().await?),
            Ok(Step::Done(changed)) => {
                shown.finish();
                return Ok(changed);
            }
            Err(error) if error.is_outage() => {
                shown.waits(&error.to_string());
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = shutdown.token().cancelled() => return Err(interrupted(change).await),
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a step of the change brought.
enum Step {
    Embedded,
    /// Tags have come or changed since all were embedded.
    Again,
    Done(Changed),
}

async fn step(change: &mut ModelChange) -> Result<Step, ChangeError> {
    Ok(match change.step().await? {
        ChangeStep::Embedded => Step::Embedded,
        ChangeStep::Filled => change.switch().await?.map_or(Step::Again, Step::Done),
    })
}

async fn interrupted(change: &ModelChange) -> CliError {
    if let Ok(progress) = change.progress().await {
        let model = &change.next().model;
        say(format_args!(
            "{} of {} tags are done and kept: `musonym reembed --model {model}` goes on, `musonym reembed --abandon` drops them",
            progress.done, progress.rows
        ));
    }
    CliError::Interrupted
}

/// The index of the vectors was dropped for the switch. A worker would build it within a minute.
async fn rebuild_index(app: &App, shutdown: &Shutdown) {
    let built = tokio::select! {
        built = app.store.maintain_vector_index() => built,
        () = shutdown.token().cancelled() => return,
    };
    match built {
        Ok(Some(what)) => say(what),
        Ok(None) => {}
        Err(error) => say(format_args!("the index of the vectors is left to the worker: {error}")),
    }
}

fn refused(changed: &Changed) -> Result<(), CliError> {
    let Some(error) = &changed.error else { return Ok(()) };
    let tags = count(u64::try_from(changed.failed).unwrap_or_default(), "tag", "tags");
    Err(CliError::Failed(format!(
        "{tags} could not be embedded and are found by words alone; jobs try again (`musonym jobs list --state dead`): {error}"
    )))
}
