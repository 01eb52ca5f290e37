//! `musonym tags add`: a few tags by hand.

use clap::Args;
use serde_json::json;

use crate::{
    app::open_store,
    cli::{OutputArgs, error::CliError, output::Output},
    config::Settings,
    domain::{Priority, TagName, TagNameError, TagType},
};

/// Add tags; their synonyms are written in the background.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags add \"drum and bass\" jungle --type genre
  musonym tags add nostalgic --type mood --json")]
pub(super) struct AddArgs {
    /// Names of the tags
    #[arg(required = true, value_name = "NAME", value_parser = parse_name)]
    names: Vec<TagName>,
    /// They are genres or moods
    #[arg(long = "type", value_name = "genre|mood")]
    tag_type: TagType,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_name(text: &str) -> Result<TagName, TagNameError> {
    TagName::parse(text)
}

pub(super) async fn run(args: AddArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let tags: Vec<(TagType, TagName)> = args.names.into_iter().map(|name| (args.tag_type, name)).collect();
    let added = store.create_tags(&tags, Priority::HIGH).await?;
    let mut output = Output::new();
    for ((_, asked), added) in tags.iter().zip(added) {
        if args.output.json {
            output.json(&json!({ "tag": added.tag, "created": added.created, "job_id": added.job_id }))?;
        } else if added.created {
            output.line(format_args!("{asked}: added"))?;
        } else if added.tag.name == asked.as_str() {
            output.line(format_args!("{asked}: already there"))?;
        } else {
            output.line(format_args!("{asked}: already there as `{}`", added.tag.name))?;
        }
    }
    store.close().await;
    output.flush()
}
