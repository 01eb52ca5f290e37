//! `musonym tags merge`: two tags that mean one thing become one.

use clap::Args;
use serde_json::json;

use crate::{
    app::open_store,
    cli::{
        OutputArgs,
        error::CliError,
        output::{Output, say},
        render,
    },
    config::Settings,
    domain::{SynonymRecord, TagName, TagNameError, TagType},
};

/// Merge a tag into another of the same type.
///
/// The second takes over the terms of the first, and its name as an alias; the first is deleted. What was rejected stays
/// rejected.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags merge \"rap & hip hop\" \"hip hop\" --type genre --dry-run
  musonym tags merge sorrowful sad --type mood --json")]
pub(super) struct MergeArgs {
    /// The tag that goes
    #[arg(value_parser = parse_name)]
    from: TagName,
    /// The tag that stays
    #[arg(value_parser = parse_name)]
    into: TagName,
    /// They are genres or moods
    #[arg(long = "type", value_name = "genre|mood")]
    tag_type: TagType,
    /// Only show what would come of it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_name(text: &str) -> Result<TagName, TagNameError> {
    TagName::parse(text)
}

pub(super) async fn run(args: MergeArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let merged = store.merge_tags(args.tag_type, &args.from, &args.into, args.dry_run).await;
    store.close().await;
    let row = merged?;
    let mut output = Output::new();
    if args.output.json {
        output.json(&as_json(&row, args.dry_run))?;
    } else {
        let would = if args.dry_run { "would be" } else { "is" };
        output.line(format_args!("{} {would} merged into {} (row {})", args.from, args.into, row.id))?;
        render::sections(&row.synonyms).into_iter().try_for_each(|line| output.line(line))?;
    }
    output.flush()?;
    if args.dry_run {
        say("nothing was written");
    }
    Ok(())
}

fn as_json(row: &SynonymRecord, dry_run: bool) -> serde_json::Value {
    json!({
        "id": row.id,
        "tag_type": row.tag_type,
        "tag_name": row.tag_name,
        "synonyms": row.synonyms,
        "source": row.source,
        "confidence": row.confidence,
        "version": row.version,
        "dry_run": dry_run,
    })
}
