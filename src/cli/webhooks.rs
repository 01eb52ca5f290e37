//! `musonym webhooks`: what subscribers are told.

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
    domain::{DeliveryState, OutboundKind},
    jobs::outbound::{Message, Sender, Subscriber},
    store::{OutboundDelivery, OutboundSubscriber, Page, Store, StoreError},
};

/// Deliveries read from the database at once.
const PAGE: usize = 200;

/// Longest error in a list, in characters; `--json` has all of it.
const ERROR_CHARS: usize = 80;

/// Show and steer what subscribers are told by webhooks.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym webhooks test                   send each subscriber a signed test
  musonym webhooks list --state dead
  musonym webhooks retry 42

Subscribers are named in the configuration: [[webhooks.subscribers]], see config.example.toml.")]
pub(super) struct WebhooksArgs {
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// List deliveries, newest first
    #[command(after_help = "Examples:
  musonym webhooks list
  musonym webhooks list --state dead --limit 100
  musonym webhooks list --json | jq .log")]
    List(ListArgs),
    /// Send webhooks again, now and with fresh attempts
    #[command(after_help = "Examples:
  musonym webhooks retry 42
  musonym webhooks retry 42 43 44")]
    Retry(RetryArgs),
    /// Send a signed test to subscribers; one that was disabled and takes it is enabled again
    #[command(after_help = "Examples:
  musonym webhooks test
  musonym webhooks test library.example   those with this in their URL")]
    Test(TestArgs),
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Only in this state: pending, delivered, dead
    #[arg(long)]
    state: Option<DeliveryState>,
    /// Most deliveries
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct RetryArgs {
    /// Numbers of the deliveries
    #[arg(required = true, value_name = "ID")]
    ids: Vec<i64>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct TestArgs {
    /// Only subscribers with this text in their URL
    #[arg(value_name = "TEXT")]
    url: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: WebhooksArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let mut output = Output::new();
    let done = match args.command {
        WebhooksCommand::List(args) => list(&args, &*store, &mut output).await,
        WebhooksCommand::Retry(args) => retry(&args, &*store, &mut output).await,
        WebhooksCommand::Test(args) => test(&args, &settings, &*store, &mut output).await,
    };
    store.close().await;
    output.flush()?;
    done
}

async fn list(args: &ListArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let mut deliveries: Vec<OutboundDelivery> = Vec::new();
    let mut cursor = None;
    while deliveries.len() < args.limit {
        let page = Page { cursor, limit: PAGE.min(args.limit - deliveries.len()) };
        let listing = store.list_deliveries(args.state, &page).await?;
        deliveries.extend(listing.items);
        cursor = listing.next;
        if cursor.is_none() {
            break;
        }
    }
    if args.output.json {
        return deliveries.iter().try_for_each(|delivery| output.json(delivery));
    }
    let mut table = render::table(["ID", "EVENT", "TAG", "STATE", "TRIED", "TO, NEXT TRY, LAST ERROR"]);
    for delivery in &deliveries {
        let tag = delivery.data["tag_name"].as_str().unwrap_or_default();
        let next = delivery.next_at.map(|next| next.format("next try %m-%d %H:%M:%S UTC").to_string());
        let error = delivery.last_error.as_deref().map(|error| render::printable(error, ERROR_CHARS));
        let to = render::printable(&delivery.url, ERROR_CHARS);
        table.add_row([
            delivery.id.to_string(),
            delivery.event.to_string(),
            render::printable(tag, ERROR_CHARS),
            delivery.state.to_string(),
            delivery.attempts.to_string(),
            [Some(to), next, error].into_iter().flatten().collect::<Vec<_>>().join("\n"),
        ]);
    }
    render::keep_whole(&mut table, &[0, 1, 3, 4]);
    if !deliveries.is_empty() {
        output.line(render::text(&table))?;
    }
    output.flush()?;
    let subscribers = store.outbound_subscribers().await?;
    if subscribers.is_empty() {
        say("nobody is told of changes: no process that works has [[webhooks.subscribers]]");
    }
    for subscriber in &subscribers {
        say(told(subscriber));
    }
    Ok(())
}

/// How subscribers fare, in words, and whether one of them is disabled; `None` where nobody is told anything.
pub(super) async fn standing(store: &dyn Store) -> Result<Option<(String, bool)>, StoreError> {
    let subscribers = store.outbound_subscribers().await?;
    if subscribers.is_empty() {
        return Ok(None);
    }
    let count = render::count(u64::try_from(subscribers.len()).unwrap_or_default(), "subscriber", "subscribers");
    let disabled = subscribers.iter().filter(|subscriber| subscriber.disabled_at.is_some()).count();
    let dead = store.list_deliveries(Some(DeliveryState::Dead), &Page::first(1)).await?.items.pop();
    let parts = [
        Some(count),
        (disabled > 0).then(|| format!("{disabled} disabled after 410 Gone")),
        dead.map(|dead| {
            let moment = dead.updated_at.format("%Y-%m-%d %H:%M UTC");
            format!("last given up at {moment} (musonym webhooks list --state dead)")
        }),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    Ok(Some((text, disabled > 0)))
}

/// A subscriber in words: `https://library.example/hook: synonyms.updated`.
fn told(subscriber: &OutboundSubscriber) -> String {
    let events: Vec<&str> = subscriber.events.iter().copied().map(OutboundKind::as_str).collect();
    let disabled = subscriber.disabled_at.map(|at| {
        format!(" (disabled since {}: it answered 410; see `musonym webhooks test`)", at.format("%Y-%m-%d %H:%M UTC"))
    });
    format!("{}: {}{}", subscriber.url, events.join(", "), disabled.unwrap_or_default())
}

/// Each by itself: one that cannot be sent again does not keep the others from it.
async fn retry(args: &RetryArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let mut failed = false;
    for &id in &args.ids {
        match store.retry_delivery(id).await {
            Ok(delivery) if args.output.json => output.json(&delivery)?,
            Ok(delivery) => output.line(format_args!("delivery {id}: {}", delivery.state))?,
            Err(error) => {
                failed = true;
                say(format_args!("delivery {id}: {error}"));
            }
        }
    }
    if failed { Err(CliError::Reported) } else { Ok(()) }
}

async fn test(args: &TestArgs, settings: &Settings, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let asked = args.url.as_deref().unwrap_or_default();
    let outbound = &settings.outbound;
    let wanted: Vec<&Subscriber> =
        outbound.subscribers.iter().filter(|subscriber| subscriber.shown().contains(asked)).collect();
    if wanted.is_empty() {
        return Err(CliError::Failed(if outbound.subscribers.is_empty() {
            "no subscribers are configured: add [[webhooks.subscribers]] to musonym.toml, as config.example.toml shows"
                .to_owned()
        } else {
            format!("no subscriber has `{}` in its URL", render::printable(asked, ERROR_CHARS))
        }));
    }
    let sender = Sender::new(outbound).map_err(CliError::Failed)?;
    let known = store.outbound_subscribers().await?;
    let mut failed = false;
    for subscriber in wanted {
        let reply = sender.send(subscriber, &Message::test()).await;
        let disabled = known.iter().find(|known| known.url_key == subscriber.key() && known.disabled_at.is_some());
        let enabled = match disabled {
            Some(disabled) if reply.is_taken() => store.enable_outbound_subscriber(disabled.id).await?,
            _ => false,
        };
        failed |= !reply.is_taken();
        if args.output.json {
            output.json(&json!({ "url": subscriber.shown(), "attempt": reply.attempt, "enabled": enabled }))?;
            continue;
        }
        let took = reply.attempt.elapsed_ms;
        let outcome = match &reply.attempt.error {
            Some(error) => render::printable(error, 200),
            None => format!("taken in {took} ms{}", if enabled { ", and enabled again" } else { "" }),
        };
        output.line(format_args!("{}: {outcome}", subscriber.shown()))?;
    }
    if failed { Err(CliError::Reported) } else { Ok(()) }
}
