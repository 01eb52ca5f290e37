//! `musonym review`: terms that wait for a person, listed, decided on by number or in bulk, or walked through.

mod walk;

use std::io::{self, BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use comfy_table::{ColumnConstraint, Width};
use serde_json::json;

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    render::{self, count, printable},
};
use crate::{
    app::open_store,
    config::Settings,
    domain::{MAX_TERM_CHARS, ReviewStatus, TagType, TermError, term_text},
    store::{BulkVerdict, Decision, Page, ReviewCounts, ReviewFilter, ReviewItem, ReviewOutcome, Store, Verdict},
};

/// Terms read from the database at once.
const PAGE: usize = 200;

/// Terms of a list where nobody says how many.
const DEFAULT_LIMIT: usize = 50;

/// Decide on terms that wait for a person.
///
/// Doubtful ones (quarantined), and what a forced generation found for a tag whose synonyms a person wrote (proposed).
/// Without a subcommand, on a terminal: one term after the other.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym review                        asks for one term after the other
  musonym review --status proposed --type genre
  musonym review list
  musonym review accept 41 42
  musonym review edit 43 \"boom bap\"
  musonym review reject --all --status quarantined --yes

A term that is rejected never comes back from a generator.")]
pub(super) struct ReviewArgs {
    #[command(subcommand)]
    command: Option<ReviewCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum ReviewCommand {
    /// List the terms that wait
    #[command(after_help = "Examples:
  musonym review list --status proposed
  musonym review list --json | jq -r .term")]
    List(ListArgs),
    /// Let terms count from now on
    #[command(after_help = "Examples:
  musonym review accept 41 42
  musonym review accept --all --type mood")]
    Accept(DecideArgs),
    /// Throw terms out; no generator brings them back
    #[command(after_help = "Examples:
  musonym review reject 41 42
  musonym review reject --all --row 7 --yes")]
    Reject(DecideArgs),
    /// Let a term count in other words
    #[command(after_help = "Example:
  musonym review edit 43 \"boom bap\"")]
    Edit(EditArgs),
}

#[derive(Args, Clone, Copy, Debug)]
struct FilterArgs {
    /// Only in this status: proposed, quarantined
    #[arg(long)]
    status: Option<ReviewStatus>,
    /// Only of genres or only of moods
    #[arg(long = "type", value_name = "genre|mood")]
    tag_type: Option<TagType>,
    /// Only of this row of synonyms
    #[arg(long, value_name = "ID")]
    row: Option<i64>,
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Most terms
    #[arg(long, default_value_t = DEFAULT_LIMIT, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct DecideArgs {
    /// Numbers of the terms
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<i64>,
    /// Every term that waits, or those that the filters let through
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: FilterArgs,
    /// Do not ask before deciding on all
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct EditArgs {
    /// Number of the term
    id: i64,
    /// The new words
    #[arg(value_parser = parse_term)]
    text: String,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_term(text: &str) -> Result<String, TermError> {
    term_text(text)
}

impl FilterArgs {
    const fn filter(self) -> ReviewFilter {
        ReviewFilter { status: self.status, tag_type: self.tag_type, synonym_id: self.row }
    }
}

impl ListArgs {
    /// Whether nobody said anything of a list.
    fn is_default(&self) -> bool {
        self.filter.filter() == ReviewFilter::default() && self.limit == DEFAULT_LIMIT && !self.output.json
    }
}

impl DecideArgs {
    /// What clap cannot say of flags that several commands share; nothing is opened before.
    fn check(&self) -> Result<(), CliError> {
        if !self.all && self.filter.filter() != ReviewFilter::default() {
            return Err(CliError::Usage("the filters go with --all, not with numbers".to_owned()));
        }
        if self.all && !self.yes && !io::stdin().is_terminal() {
            return Err(CliError::Usage("--all decides on many terms at once: add --yes".to_owned()));
        }
        Ok(())
    }
}

pub(super) async fn run(args: ReviewArgs, settings: Settings) -> Result<(), CliError> {
    // clap's own rule for this would also keep `--database` from standing before a subcommand.
    if args.command.is_some() && !args.list.is_default() {
        return Err(CliError::Usage("filters and --json go behind the subcommand".to_owned()));
    }
    if let Some(ReviewCommand::Accept(args) | ReviewCommand::Reject(args)) = &args.command {
        args.check()?;
    }
    let store = open_store(&settings).await?;
    let store = store.as_ref();
    let mut output = Output::new();
    let done = match args.command {
        None if io::stdin().is_terminal() && !args.list.output.json => walk(&args.list, store, &mut output).await,
        None => list(&args.list, store, &mut output).await,
        Some(ReviewCommand::List(args)) => list(&args, store, &mut output).await,
        Some(ReviewCommand::Accept(args)) => decide(&args, BulkVerdict::Accept, store, &mut output).await,
        Some(ReviewCommand::Reject(args)) => decide(&args, BulkVerdict::Reject, store, &mut output).await,
        Some(ReviewCommand::Edit(EditArgs { id, text, output: args })) => {
            each(&[Decision { id, verdict: Verdict::Edit(text) }], args, store, &mut output).await
        }
    };
    store.close().await;
    output.flush()?;
    done
}

async fn walk(args: &ListArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let counts = walk::walk(store, &args.filter.filter(), &mut io::stdin().lock(), &mut io::stderr()).await?;
    output.line(summary(counts))
}

async fn list(args: &ListArgs, store: &dyn Store, output: &mut Output) -> Result<(), CliError> {
    let (items, more) = items(store, &args.filter.filter(), args.limit).await?;
    if args.output.json {
        return items.iter().try_for_each(|item| output.json(item));
    }
    if !items.is_empty() {
        output.line(table(&items))?;
    }
    output.flush()?;
    let waiting = count(items.len() as u64, "term", "terms");
    say(if more { format!("{waiting}, and more wait: raise --limit") } else { waiting });
    Ok(())
}

/// Up to `limit` terms, and whether there are more.
async fn items(store: &dyn Store, filter: &ReviewFilter, limit: usize) -> Result<(Vec<ReviewItem>, bool), CliError> {
    let mut items = Vec::new();
    let mut cursor = None;
    while items.len() < limit {
        let page = Page { cursor, limit: PAGE.min(limit - items.len()) };
        let listing = store.list_review(filter, &page).await?;
        items.extend(listing.items);
        cursor = listing.next;
        if cursor.is_none() {
            return Ok((items, false));
        }
    }
    Ok((items, true))
}

fn table(items: &[ReviewItem]) -> String {
    let mut table = render::table(["ID", "TYPE", "TAG", "TERM", "SECTION", "STATUS"]);
    for item in items {
        table.add_row([
            item.id.to_string(),
            item.tag_type.to_string(),
            printable(&item.tag_name, MAX_TERM_CHARS),
            printable(&item.term, MAX_TERM_CHARS),
            place(item),
            item.status.to_string(),
        ]);
    }
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(24)));
        }
    }
    render::text(&table)
}

/// Section and language.
fn place(item: &ReviewItem) -> String {
    item.lang.map_or_else(|| item.section.to_string(), |lang| format!("{}.{lang}", item.section))
}

async fn decide(
    args: &DecideArgs,
    verdict: BulkVerdict,
    store: &dyn Store,
    output: &mut Output,
) -> Result<(), CliError> {
    if !args.all {
        let decision = |id: &i64| Decision { id: *id, verdict: verdict.into() };
        return each(&args.ids.iter().map(decision).collect::<Vec<_>>(), args.output, store, output).await;
    }
    let filter = args.filter.filter();
    if !args.yes && !confirmed(store, &filter, verdict).await? {
        return Err(CliError::Failed("nothing was decided".to_owned()));
    }
    let counts = store.review_all(&filter, verdict).await?;
    if args.output.json { output.json(&counts) } else { output.line(summary(counts)) }
}

/// Asks on the terminal.
async fn confirmed(store: &dyn Store, filter: &ReviewFilter, verdict: BulkVerdict) -> Result<bool, CliError> {
    let (items, _) = items(store, filter, usize::MAX).await?;
    if items.is_empty() {
        return Ok(true);
    }
    let word = match verdict {
        BulkVerdict::Accept => "accept",
        BulkVerdict::Reject => "reject",
    };
    let unreadable = |error: io::Error| CliError::Failed(format!("the terminal cannot be read: {error}"));
    write!(io::stderr(), "{word} {}? [y/N] ", count(items.len() as u64, "term", "terms")).map_err(unreadable)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unreadable)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Carries out decisions and says what came of each.
async fn each(
    decisions: &[Decision],
    args: OutputArgs,
    store: &dyn Store,
    output: &mut Output,
) -> Result<(), CliError> {
    let outcomes = store.review(decisions).await?;
    for (decision, outcome) in decisions.iter().zip(&outcomes) {
        if args.json {
            output.json(&json!({ "id": decision.id, "outcome": outcome }))?;
        } else {
            output.line(format_args!("term {}: {}", decision.id, describe(*outcome)))?;
        }
    }
    let undone = |outcome: &ReviewOutcome| matches!(outcome, ReviewOutcome::Full | ReviewOutcome::Gone);
    if outcomes.iter().any(undone) { Err(CliError::Reported) } else { Ok(()) }
}

/// An outcome in words.
const fn describe(outcome: ReviewOutcome) -> &'static str {
    match outcome {
        ReviewOutcome::Full => "waits as before, its section is full",
        ReviewOutcome::Gone => "gone, or decided on already",
        other => other.as_str(),
    }
}

fn summary(counts: ReviewCounts) -> String {
    let ReviewCounts { accepted, edited, rejected, full, gone } = counts;
    let mut text = format!("{accepted} accepted, {edited} edited, {rejected} rejected");
    for (number, what) in [(full, "wait: their section is full"), (gone, "were gone")] {
        if number > 0 {
            text = format!("{text}, {number} {what}");
        }
    }
    text
}
