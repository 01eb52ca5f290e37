//! `musonym search`: finds tags by words and by meaning.

use clap::Args;

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    render::{self, Detail},
};
use crate::{
    app::App,
    config::Settings,
    domain::{Lang, TagType},
    search::{SearchAnswer, SearchRequest},
    store::{Page, TagFilter},
};

/// Find tags by words and by meaning, in English or French, misspelt or not.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym search dnb
  musonym search \"musique pour courir\" --lang fr --limit 5
  musonym search --type mood \"late night drive\" --explain
  musonym search regae --json | jq '.results[0].tag_name'")]
pub(super) struct SearchArgs {
    /// What to look for; several words need no quotes
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
    /// Only genres or only moods
    #[arg(long = "type", value_name = "genre|mood")]
    tag_type: Option<TagType>,
    /// Most results, 1 to 100
    #[arg(long, default_value_t = 10, value_name = "N")]
    limit: usize,
    /// Language of the query, where it matters: en or fr
    #[arg(long, value_name = "en|fr")]
    lang: Option<Lang>,
    /// Say how the query was read and how each score came about
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: SearchArgs, settings: Settings) -> Result<(), CliError> {
    let mut request = SearchRequest::new(&args.query.join(" "));
    request.tag_type = args.tag_type;
    request.limit = args.limit;
    request.lang = args.lang;
    // The table has a line of why for each result; JSON has what was asked for.
    request.explain = args.explain || !args.output.json;
    request.validate().map_err(crate::search::SearchError::from)?;

    let app = App::open(settings).await?;
    let answer = app.searcher().search(&request).await?;
    let mut output = Output::new();
    if args.output.json {
        output.json(&answer)?;
    } else {
        if args.explain {
            output.line(render::reading(&answer))?;
            output.line("")?;
        }
        if !answer.results.is_empty() {
            let detail = if args.explain { Detail::Scores } else { Detail::Match };
            output.line(render::hits(&answer.results, detail))?;
        }
    }
    output.flush()?;
    say_what_is_missing(&app, &answer).await?;
    app.close().await;
    Ok(())
}

/// Says on stderr which branch could not run, and why nothing may have been found.
async fn say_what_is_missing(app: &App, answer: &SearchAnswer) -> Result<(), CliError> {
    for degraded in &answer.degraded {
        say(format_args!("degraded: no {} search ({})", degraded.branch, degraded.reason));
    }
    if answer.results.is_empty() {
        let first = app.store.list_tags(&TagFilter::default(), &Page { cursor: None, limit: 1 }).await?;
        say(if first.items.is_empty() {
            "no tag matches: the database has no tags yet, `musonym tags import` brings some in"
        } else {
            "no tag matches"
        });
    }
    Ok(())
}
