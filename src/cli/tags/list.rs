//! `musonym tags list`: the tags there are.

use clap::Args;

use crate::{
    app::open_store,
    cli::{
        OutputArgs,
        error::CliError,
        output::{Output, say},
        render::{count, printable},
    },
    config::Settings,
    domain::{MAX_TAG_NAME_CHARS, TagType},
    store::{Page, TagFilter},
};

/// Tags read from the database at once.
const PAGE: usize = 500;

/// List tags: type, whether there are synonyms, name.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags list --type mood
  musonym tags list --missing
  musonym tags list --json | jq -r .name")]
pub(super) struct ListArgs {
    /// Only genres or only moods
    #[arg(long = "type", value_name = "genre|mood")]
    tag_type: Option<TagType>,
    /// Only tags without synonyms
    #[arg(long)]
    missing: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ListArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let filter = TagFilter { tag_type: args.tag_type, has_synonyms: args.missing.then_some(false) };
    let mut output = Output::new();
    let mut page = Page { cursor: None, limit: PAGE };
    let mut listed: u64 = 0;
    loop {
        let listing = store.list_tags(&filter, &page).await?;
        for item in &listing.items {
            listed += 1;
            if args.output.json {
                output.json(item)?;
            } else {
                let synonyms = if item.has_synonyms { "synonyms" } else { "-" };
                // A name that plain SQL wrote may hold anything.
                let name = printable(&item.tag.name, MAX_TAG_NAME_CHARS);
                output.line(format_args!("{:<7}{synonyms:<10}{name}", item.tag.tag_type.as_str()))?;
            }
        }
        match listing.next {
            Some(next) => page.cursor = Some(next),
            None => break,
        }
    }
    output.flush()?;
    store.close().await;
    say(count(listed, "tag", "tags"));
    Ok(())
}
