//! `musonym jobs`: the queue of background work.

mod batch;
pub(super) mod pause;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    render,
};
use crate::{
    app::open_store,
    config::Settings,
    domain::{Job, JobKind, JobState},
    store::{JobFilter, Page, RetryFilter, Store},
};

/// Jobs read from the database at once.
const PAGE: usize = 200;

/// Longest error in a list, in characters; `show` has all of it.
const ERROR_CHARS: usize = 120;

/// Show and steer background work.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym jobs list --state dead
  musonym jobs retry 42
  musonym jobs batch 3 --watch
  musonym jobs pause --for 2h")]
pub(super) struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// List jobs, newest first
    #[command(after_help = "Examples:
  musonym jobs list
  musonym jobs list --state dead --kind generate --limit 100
  musonym jobs list --json | jq 'select(.last_error != null)'")]
    List(ListArgs),
    /// Show one job
    #[command(after_help = "Example:
  musonym jobs show 42 --json")]
    Show(JobArgs),
    /// Queue failed, dead or cancelled jobs anew
    #[command(after_help = "Examples:
  musonym jobs retry 42
  musonym jobs retry 42 43 44
  musonym jobs retry --all                            what failed or is dead
  musonym jobs retry --all --state dead --kind generate --error \"no answer\"")]
    Retry(RetryArgs),
    /// Take back queued or running jobs
    #[command(after_help = "Examples:
  musonym jobs cancel 42
  musonym jobs cancel --all --kind generate --yes     what waits; what runs goes on")]
    Cancel(CancelArgs),
    /// List batches of generation, show or watch one, or take back what waits of it
    #[command(after_help = "Examples:
  musonym jobs batch
  musonym jobs batch 3 --watch
  musonym jobs batch 3 --cancel")]
    Batch(batch::BatchArgs),
    /// Let no worker begin anything new, for a time or until `resume`
    #[command(after_help = "Examples:
  musonym jobs pause --for 2h
  musonym jobs pause                 until `musonym jobs resume`")]
    Pause(pause::PauseArgs),
    /// Let work go on after a pause
    #[command(after_help = "Example:
  musonym jobs resume")]
    Resume(pause::ResumeArgs),
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Only in this state: queued, running, succeeded, failed, dead, cancelled
    #[arg(long)]
    state: Option<JobState>,
    /// Only of this kind: generate, embed
    #[arg(long)]
    kind: Option<JobKind>,
    /// Most jobs
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct JobArgs {
    /// Number of the job
    id: i64,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct RetryArgs {
    /// Numbers of the jobs
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    ids: Vec<i64>,
    /// Every job that failed or is dead; what was done since is not done again
    #[arg(long)]
    all: bool,
    /// With --all, only in this state: failed, dead, cancelled
    #[arg(long, requires = "all", conflicts_with = "ids", value_parser = parse_ended)]
    state: Option<JobState>,
    /// With --all, only of this kind: generate, embed
    #[arg(long, requires = "all", conflicts_with = "ids")]
    kind: Option<JobKind>,
    /// With --all, only those whose last error has this text in it
    #[arg(long, requires = "all", conflicts_with = "ids", value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    error: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct CancelArgs {
    /// Numbers of the jobs
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    ids: Vec<i64>,
    /// Every queued job; needs --yes
    #[arg(long, requires = "yes")]
    all: bool,
    /// With --all, only of this kind: generate, embed
    #[arg(long, requires = "all", conflicts_with = "ids")]
    kind: Option<JobKind>,
    /// Do take back all of them
    #[arg(long, requires = "all", conflicts_with = "ids")]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_ended(text: &str) -> Result<JobState, String> {
    match text.parse()? {
        state @ (JobState::Failed | JobState::Dead | JobState::Cancelled) => Ok(state),
        other => Err(format!("state is failed, dead or cancelled, not {other}")),
    }
}

pub(super) async fn run(args: JobsArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let store = store.as_ref();
    let mut output = Output::new();
    let done = match args.command {
        JobsCommand::List(args) => list(&args, store, &mut output).await,
        JobsCommand::Show(args) => show(&args, store, &mut output).await,
        JobsCommand::Retry(args) => retry(args, store, &mut output).await,
        JobsCommand::Cancel(args) => cancel(&args, store, &mut output).await,
        JobsCommand::Batch(args) => batch::run(&args, store, &mut output).await,
        JobsCommand::Pause(args) => pause::pause(&args, store, &mut output).await,
        JobsCommand::Resume(args) => pause::resume(&args, store, &mut output).await,
    };
    store.close().await;
    output.flush()?;
    done
}

async fn list(args: &ListArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let filter = JobFilter { state: args.state, kind: args.kind };
    let mut jobs: Vec<Job> = Vec::new();
    let mut cursor = None;
    while jobs.len() < args.limit {
        let page = Page { cursor, limit: PAGE.min(args.limit - jobs.len()) };
        let listing = store.list_jobs(&filter, &page).await?;
        jobs.extend(listing.items);
        cursor = listing.next;
        if cursor.is_none() {
            break;
        }
    }
    if args.output.json {
        return jobs.iter().try_for_each(|job| output.json(job));
    }
    let counts = store.job_counts().await?;
    let mut table = render::table(["ID", "KIND", "STATE", "TRIED", "CHANGED (UTC)", "LAST ERROR"]);
    for job in &jobs {
        table.add_row([
            job.id.to_string(),
            job.kind.to_string(),
            job.state.to_string(),
            format!("{}/{}", job.attempts, job.max_attempts),
            job.updated_at.format("%m-%d %H:%M:%S").to_string(),
            render::printable(job.last_error.as_deref().unwrap_or_default(), ERROR_CHARS),
        ]);
    }
    if !jobs.is_empty() {
        output.line(render::text(&table))?;
    }
    output.flush()?;
    say(format_args!(
        "{} queued, {} running, {} succeeded, {} failed, {} dead, {} cancelled",
        counts.queued, counts.running, counts.succeeded, counts.failed, counts.dead, counts.cancelled
    ));
    if let Some(paused) = store.jobs_paused().await? {
        say(pause::told(&paused));
    }
    Ok(())
}

async fn show(args: &JobArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let missing = || CliError::Failed(format!("there is no job {}: see `musonym jobs list`", args.id));
    let job = store.job(args.id).await?.ok_or_else(missing)?;
    print(&job, args.output, output)
}

#[derive(Clone, Copy)]
enum Change {
    Retry,
    Cancel,
}

async fn retry(args: RetryArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    if !args.all {
        return change(&args.ids, args.output, store, output, Change::Retry).await;
    }
    let filter = RetryFilter { state: args.state, kind: args.kind, error_contains: args.error };
    let retried = store.retry_jobs(&filter).await?;
    if args.output.json {
        return output.json(&json!({ "retried": retried }));
    }
    output.line(format_args!("{} queued again", render::count(retried, "job", "jobs")))
}

async fn cancel(args: &CancelArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    if !args.all {
        return change(&args.ids, args.output, store, output, Change::Cancel).await;
    }
    let cancelled = store.cancel_queued(args.kind).await?;
    if args.output.json {
        return output.json(&json!({ "cancelled": cancelled }));
    }
    output.line(format_args!("{} cancelled", render::count(cancelled, "job", "jobs")))
}

/// Each by itself: one that cannot be changed does not keep the others from it.
async fn change(
    ids: &[i64],
    args: OutputArgs,
    store: &dyn Store,
    output: &mut Output,
    change: Change,
) -> Result<(), CliError> {
    let mut failed = false;
    for &id in ids {
        let changed = match change {
            Change::Retry => store.retry_job(id).await,
            Change::Cancel => store.cancel_job(id).await,
        };
        match changed {
            Ok(job) if args.json => output.json(&job)?,
            Ok(job) => output.line(format_args!("job {id}: {}", job.state))?,
            Err(error) => {
                failed = true;
                say(format_args!("job {id}: {error}"));
            }
        }
    }
    if failed { Err(CliError::Reported) } else { Ok(()) }
}

fn print(job: &Job, args: OutputArgs, output: &mut Output) -> Result<(), CliError> {
    if args.json {
        return output.json(job);
    }
    let result = job.result.as_ref().map(ToString::to_string);
    for (name, value) in [
        ("id", job.id.to_string()),
        ("kind", job.kind.to_string()),
        ("payload", job.payload.to_string()),
        ("priority", job.priority.value().to_string()),
        ("state", job.state.to_string()),
        ("attempts", format!("{} of {}", job.attempts, job.max_attempts)),
        ("not before", job.run_at.to_rfc3339()),
        ("batch", job.batch_id.map_or_else(|| "-".to_owned(), |batch| batch.to_string())),
        ("last error", job.last_error.clone().unwrap_or_else(|| "-".to_owned())),
        ("result", result.unwrap_or_else(|| "-".to_owned())),
        ("created", job.created_at.to_rfc3339()),
        ("changed", job.updated_at.to_rfc3339()),
    ] {
        output.line(format_args!("{name:<12}{}", render::printable_lines(&value)))?;
    }
    Ok(())
}
