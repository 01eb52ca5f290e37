//! `musonym generate`: asks for synonyms, or shows what would be written.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use serde_json::json;

use super::{
    OutputArgs,
    batches::{follow, standing},
    error::CliError,
    jobs::pause::told,
    output::{Output, say},
    progress::wait_for_job,
    render::{count, printable, printable_lines, sections},
};
use crate::{
    app::{App, Shutdown},
    config::Settings,
    domain::{
        GeneratePayload, JobState, NewJob, Priority, Source, Synonyms, Tag, TagName, TagNameError, TagRef, TagType,
    },
    generate::{DropReason, GenerateError, GenerationRequest, GenerationTrace, MAX_RELATED_TAGS},
    store::{GenerationOf, StartedBatch, parse_age},
};

/// Write synonyms anew for one tag, for all, for those without any, or for those of one source or age.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym generate \"hip hop\" --wait
  musonym generate --missing
  musonym generate --all --wait
  musonym generate --source lexicon             once Ollama is there: what the
                                                lexicon wrote, by the model
  musonym generate --older-than 30d             what was last written before
  musonym generate --preview \"drum and bass\"     stores nothing

What a person has written is never overwritten: with --force, new terms wait
beside it as proposals. Many tags make a batch: `musonym jobs batch` shows how far
it is, and the same command goes on with one that is not done yet.")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["tag", "all", "missing", "source", "older_than", "preview"]))]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are what they are")]
pub(super) struct GenerateArgs {
    /// Name of the tag, in any spelling
    #[arg(value_parser = parse_name)]
    tag: Option<TagName>,
    /// Every tag
    #[arg(long)]
    all: bool,
    /// Every tag without synonyms
    #[arg(long)]
    missing: bool,
    /// Every tag whose synonyms are of this source: ollama, lexicon, import (manual with --force alone)
    #[arg(long)]
    source: Option<Source>,
    /// Every tag whose synonyms were last written longer ago than this, for example 12h, 30d, 8w
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    older_than: Option<Duration>,
    /// Show what would be written for this tag, in the database or not, and how; store nothing
    #[arg(long, value_name = "TAG", value_parser = parse_name, conflicts_with_all = ["force", "wait"])]
    preview: Option<TagName>,
    /// The tag is a genre or a mood; needed where both have the name
    #[arg(long = "type", value_name = "genre|mood", conflicts_with_all = ["all", "missing", "source", "older_than"])]
    tag_type: Option<TagType>,
    /// Also where a person has written or taken out the synonyms
    #[arg(long)]
    force: bool,
    /// Work in this process and come back when it is done
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_name(text: &str) -> Result<TagName, TagNameError> {
    TagName::parse(text)
}

pub(super) async fn run(args: GenerateArgs, settings: Settings) -> Result<(), CliError> {
    if args.source == Some(Source::Manual) && !args.force {
        return Err(CliError::Usage(
            "what a person wrote stays as it is: with --force, new terms wait beside it as proposals".to_owned(),
        ));
    }
    let shutdown = Shutdown::on_signals()?;
    let app = App::open(settings).await?;
    let done = if let Some(name) = &args.preview {
        tokio::select! {
            done = preview(&app, name, &args) => done,
            () = shutdown.token().cancelled() => Err(CliError::Interrupted),
        }
    } else if let Some(name) = &args.tag {
        one(&app, name, &args, &shutdown).await
    } else {
        many(&app, &args, &shutdown).await
    };
    app.close().await;
    done
}

/// The tag of this name; with both a genre and a mood of it, the type decides.
async fn find(app: &App, name: &TagName, tag_type: Option<TagType>) -> Result<Option<Tag>, CliError> {
    let mut found: Vec<Tag> = Vec::new();
    for one_type in TagType::ALL {
        if tag_type.is_none_or(|asked| asked == one_type) {
            found.extend(app.store.tag_by_name(one_type, name.as_str()).await?);
        }
    }
    if found.len() > 1 {
        return Err(CliError::Usage(format!("`{name}` is both a genre and a mood: add --type genre or --type mood")));
    }
    Ok(found.pop())
}

async fn one(app: &App, name: &TagName, args: &GenerateArgs, shutdown: &Shutdown) -> Result<(), CliError> {
    let missing = || CliError::Failed(format!("there is no tag `{name}`: `musonym tags add` creates it"));
    let tag = find(app, name, args.tag_type).await?.ok_or_else(missing)?;
    let payload = GeneratePayload { tag_type: tag.tag_type, tag_id: tag.id, force: args.force, refresh: true };
    let mut job = app.store.enqueue(&NewJob::generate(&payload, Priority::HIGH)).await?.job;
    if args.wait {
        if let Some(paused) = app.store.jobs_paused().await? {
            say(format_args!("{}: the job waits until then", told(&paused)));
        }
        let chosen = app.generator().await?;
        let runner = app.runner(chosen.generator);
        let stop = shutdown.token().child_token();
        let waiting = async {
            let job = wait_for_job(app, job.id, shutdown, |reason| say(format_args!("waiting: {reason}"))).await;
            // The runner hands back what else it has begun.
            stop.cancel();
            job
        };
        let (ended, ()) = tokio::join!(waiting, runner.run(stop.clone()));
        job = ended?;
    }
    let mut output = Output::new();
    if args.output.json {
        output.json(&job)?;
    } else {
        output.line(format_args!("job {} for the {} `{}`: {}", job.id, tag.tag_type, tag.name, job.state))?;
    }
    output.flush()?;
    if !args.wait {
        say_who_works();
        return Ok(());
    }
    match job.state {
        JobState::Succeeded => Ok(()),
        _ => Err(CliError::Failed(job.last_error.unwrap_or_else(|| format!("job {} was {}", job.id, job.state)))),
    }
}

async fn many(app: &App, args: &GenerateArgs, shutdown: &Shutdown) -> Result<(), CliError> {
    let of = match (args.source, args.older_than) {
        (Some(source), _) => GenerationOf::WrittenBy(source),
        (None, Some(age)) => GenerationOf::OlderThan(age),
        (None, None) if args.missing => GenerationOf::Missing,
        (None, None) => GenerationOf::Everything,
    };
    // Low, so that whoever asks for one tag meanwhile does not wait for a library.
    let StartedBatch { mut batch, created } = app.store.start_batch(of, args.force, Priority::LOW).await?;
    let (id, queued) = (batch.id, batch.left);
    let mut failed = 0;
    if args.wait {
        (batch, failed) = follow(app, app.generator().await?, batch, shutdown).await?;
    }
    let mut output = Output::new();
    if args.output.json {
        output.json(&json!({ "batch": id, "joined": !created, "queued": queued, "failed": failed }))?;
    } else if args.wait {
        output.line(standing(&batch))?;
    } else if created {
        output.line(format_args!("batch {id}: {} queued", count(queued, "job", "jobs")))?;
    } else {
        output.line(format_args!("{}; it goes on", standing(&batch)))?;
    }
    output.flush()?;
    if queued > 0 && !args.wait {
        say_who_works();
        say(format_args!("`musonym jobs batch {id} --watch` shows how far it is"));
    }
    if failed > 0 {
        let jobs = count(failed, "job", "jobs");
        return Err(CliError::Failed(format!("{jobs} failed: see `musonym jobs list --state dead`")));
    }
    Ok(())
}

fn say_who_works() {
    say("a running `musonym serve` or `musonym worker` does the work; --wait does it here");
}

async fn preview(app: &App, name: &TagName, args: &GenerateArgs) -> Result<(), CliError> {
    let tag = find(app, name, args.tag_type).await?;
    let mut request = GenerationRequest {
        tag: TagRef { tag_type: args.tag_type.unwrap_or(TagType::Genre), tag_name: name.clone() },
        related_tags: Vec::new(),
        rejected_keys: Vec::new(),
    };
    if let Some(tag) = &tag {
        request.tag.tag_type = tag.tag_type;
        request.related_tags = app.store.similar_tag_names(tag, MAX_RELATED_TAGS).await?;
        request.rejected_keys = app.store.rejected_keys(tag.tag_type, tag.id).await?;
        // A name that plain SQL wrote may break the rules of names; the one that was asked for does not.
        request.tag.tag_name = TagName::parse(&tag.name).unwrap_or(request.tag.tag_name);
    }
    let chosen = app.generator().await?;
    let describe = chosen.generator.describe();
    let generated = chosen.generator.generate(&request).await;
    let mut output = Output::new();
    let (trace, generation, problem) = match generated {
        Ok(mut generation) => (generation.trace.take(), Some(generation), None),
        // What the model answered is what one wants to see then.
        Err(GenerateError::Gates { error, trace }) => (Some(*trace), None, Some(error)),
        Err(error) => return Err(CliError::Failed(error.to_string())),
    };
    let synonyms = generation.as_ref().map(|generation| Synonyms::from_terms(&generation.terms));
    let confidence = generation.as_ref().map(|generation| generation.confidence);
    if args.output.json {
        output.json(&json!({
            "tag_type": request.tag.tag_type,
            "tag_name": request.tag.tag_name.as_str(),
            "generator": describe,
            "prompt": trace.as_ref().map(|trace| &trace.prompt),
            "answers": trace.as_ref().map(|trace| &trace.answers),
            "dropped": trace.as_ref().map(|trace| &trace.dropped),
            "synonyms": synonyms,
            "confidence": confidence,
            "problem": problem.as_ref().map(ToString::to_string),
        }))?;
    } else {
        output.line(format_args!("{} `{}`, written by {describe}", request.tag.tag_type, request.tag.tag_name))?;
        if let Some(trace) = &trace {
            print_trace(trace, &mut output)?;
        }
        if let (Some(synonyms), Some(confidence)) = (&synonyms, confidence) {
            output.line(format_args!("\n== Result, confidence {:.2}", confidence.value()))?;
            sections(synonyms).into_iter().try_for_each(|line| output.line(line))?;
        }
    }
    output.flush()?;
    say(format_args!("nothing was stored ({})", chosen.reason));
    match problem {
        Some(error) => Err(CliError::Failed(format!("the model's answer cannot be used: {error}"))),
        None => Ok(()),
    }
}

fn print_trace(trace: &GenerationTrace, output: &mut Output) -> Result<(), CliError> {
    output.line(format_args!("\n== Prompt\n{}", printable_lines(&trace.prompt)))?;
    for (number, answer) in trace.answers.iter().enumerate() {
        output.line(format_args!("\n== Answer {}\n{}", number + 1, printable_lines(answer)))?;
    }
    output.line("\n== Dropped by the gates")?;
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for dropped in &trace.dropped {
        let term = format!("{} ({})", printable(&dropped.term, 60), dropped.section);
        by_reason.entry(reason(dropped.reason)).or_default().push(term);
    }
    if by_reason.is_empty() {
        output.line("nothing")?;
    }
    for (reason, terms) in by_reason {
        output.line(format_args!("{reason}: {}", terms.join(" | ")))?;
    }
    Ok(())
}

/// A reason in the words it has on the wire.
fn reason(reason: DropReason) -> String {
    let word = serde_json::to_value(reason).ok().and_then(|value| value.as_str().map(|word| word.replace('_', " ")));
    word.unwrap_or_default()
}
