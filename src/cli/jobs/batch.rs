//! `musonym jobs batch`: generation of many tags and how far it is.

use clap::Args;

use super::{CliError, Output, OutputArgs, PAGE, render};
use crate::{
    cli::batches::{find, outlook, standing, watch},
    store::{Batch, BatchAsk, BatchOf, Page, Store},
};

#[derive(Args, Debug)]
pub(super) struct BatchArgs {
    /// Number of the batch [default: all, newest first]
    id: Option<i64>,
    /// Show it live until it is over
    #[arg(long, requires = "id")]
    watch: bool,
    /// Take back what waits of it; what runs goes on to its end
    #[arg(long, requires = "id", conflicts_with = "watch")]
    cancel: bool,
    /// Most batches of the list
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &BatchArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let Some(id) = args.id else { return list(args, store, output).await };
    let batch = if args.cancel {
        store.cancel_batch(id).await?
    } else if args.watch {
        watch(store, id).await?
    } else {
        find(store, id).await?
    };
    if args.output.json {
        return output.json(&batch);
    }
    output.line(format_args!("{} ({})", standing(&batch), asked(&batch.asked)))?;
    let outlook = outlook(&batch);
    if outlook.is_empty() { Ok(()) } else { output.line(outlook) }
}

async fn list(args: &BatchArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut cursor = None;
    while batches.len() < args.limit {
        let page = Page { cursor, limit: PAGE.min(args.limit - batches.len()) };
        let listing = store.list_batches(&page).await?;
        batches.extend(listing.items);
        cursor = listing.next;
        if cursor.is_none() {
            break;
        }
    }
    if args.output.json {
        return batches.iter().try_for_each(|batch| output.json(batch));
    }
    let mut table = render::table(["ID", "ASKED FOR", "STATE", "DONE", "FAILED", "LEFT", "OF", "BEGUN (UTC)"]);
    for batch in &batches {
        table.add_row([
            batch.id.to_string(),
            asked(&batch.asked),
            batch.state.to_string(),
            batch.done.to_string(),
            batch.failed.to_string(),
            batch.left.to_string(),
            batch.total.to_string(),
            batch.created_at.format("%m-%d %H:%M:%S").to_string(),
        ]);
    }
    if batches.is_empty() { Ok(()) } else { output.line(render::text(&table)) }
}

/// What was asked for, as the flags of `musonym generate` say it.
fn asked(asked: &BatchAsk) -> String {
    let what = match (asked.of, asked.source, &asked.older_than) {
        (BatchOf::Source, Some(source), _) => format!("--source {source}"),
        (BatchOf::OlderThan, _, Some(age)) => format!("--older-than {age}"),
        (BatchOf::Missing, ..) => "--missing".to_owned(),
        (BatchOf::All | BatchOf::Source | BatchOf::OlderThan, ..) => "--all".to_owned(),
    };
    if asked.force { what + " --force" } else { what }
}
