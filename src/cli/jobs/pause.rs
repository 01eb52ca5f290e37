//! `musonym jobs pause` and `musonym jobs resume`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{CliError, Output, OutputArgs};
use crate::{
    domain::{PAUSE_UNITS, SpanError, parse_span},
    store::{Paused, Store},
};

#[derive(Args, Debug)]
pub(super) struct PauseArgs {
    /// Pause for this long, for example 30m, 2h, 1d [default: until `musonym jobs resume`]
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_pause)]
    span: Option<Duration>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_pause(text: &str) -> Result<Duration, SpanError> {
    parse_span(text, PAUSE_UNITS)
}

pub(super) async fn pause(args: &PauseArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let paused = store.pause_jobs(args.span.map(|span| chrono::Utc::now() + span)).await?;
    if args.output.json {
        return output.json(&state(Some(paused)));
    }
    output.line(format_args!("{}; what runs goes on to its end", told(&paused)))
}

pub(super) async fn resume(args: &ResumeArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let was_paused = store.resume_jobs().await?;
    if args.output.json {
        return output.json(&state(None));
    }
    output.line(if was_paused { "work goes on" } else { "work was not paused" })
}

fn state(paused: Option<Paused>) -> serde_json::Value {
    json!({
        "paused": paused.is_some(),
        "paused_since": paused.map(|paused| paused.since),
        "paused_until": paused.and_then(|paused| paused.until),
    })
}

/// Until when work is paused, for people.
pub(in crate::cli) fn told(paused: &Paused) -> String {
    match paused.until {
        Some(until) => format!("work is paused until {} UTC", until.format("%Y-%m-%d %H:%M:%S")),
        None => "work is paused until `musonym jobs resume`".to_owned(),
    }
}
