//! `musonym resolve`: which tags raw strings mean.

use std::{
    io::{BufRead, BufReader, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use comfy_table::{ColumnConstraint, Table, Width};
use serde_json::json;

use super::{
    OutputArgs,
    error::CliError,
    lines::{self, Line, Lines},
    output::{Output, say},
    render::{self, count, printable},
};
use crate::{
    app::open_store,
    config::Settings,
    domain::{TagName, TagNameError, TagType},
    enrich::{
        EnrichError, Enricher,
        resolve::{PartKind, ResolveOptions, ResolvedPart, ResolvedString, Resolver},
        vocabulary::Vocabulary,
    },
};

/// Strings that are resolved at once.
const BATCH: usize = 1_000;

/// How much of a string and of a reason is shown.
const MAX_RAW_CHARS: usize = 60;
const MAX_WHY_CHARS: usize = 300;

/// Find the tags that raw strings mean, as they stand in the genre fields of files.
///
/// Several values in a string are parted, numbers of ID3v1 read, broken text mended, placeholders set aside. Nothing is
/// written unless --register is given.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym resolve \"Hip-Hop, Rap & R&B\" \"(17)Rock\" \"Ã©lectro\"
  musonym resolve --file genres.txt --explain
  musonym resolve --file - --json < genres.txt | jq -r '.tags[].tag_name'
  musonym resolve \"albanian pop\" --roll-up --only rock --only pop
  musonym resolve dnb --starter                over the shipped lexicon, without a database

docs/RESOLVE.md has the rules.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ResolveArgs {
    /// Raw strings
    #[arg(value_name = "STRING", conflicts_with = "file")]
    strings: Vec<String>,
    /// Read them from a file, one a line; - is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only genres or only moods
    #[arg(long = "type", value_name = "genre|mood")]
    tag_type: Option<TagType>,
    /// Of several tags of a string, leave out the parents of another
    #[arg(long)]
    prefer_specific: bool,
    /// Replace each tag by its nearest parent among --only, without that by its topmost parent
    #[arg(long)]
    roll_up: bool,
    /// Answer with this tag and the others named so, and no other
    #[arg(long = "only", value_name = "TAG", value_parser = parse_name)]
    only: Vec<TagName>,
    /// Most tags of a string, 1 to 100
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Leave out tags below this score
    #[arg(long, value_name = "0..1", default_value_t = 0.5)]
    min_score: f64,
    /// Create the tags that only the lexicon knows
    #[arg(long, conflicts_with = "starter")]
    register: bool,
    /// Resolve over the starter vocabulary instead of the database
    #[arg(long)]
    starter: bool,
    /// Say why
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_name(text: &str) -> Result<TagName, TagNameError> {
    TagName::parse(text)
}

impl From<EnrichError> for CliError {
    fn from(error: EnrichError) -> Self {
        match error {
            EnrichError::Store(error) => error.into(),
            EnrichError::Options(_) | EnrichError::Track(_) => Self::Usage(error.to_string()),
            EnrichError::Stopped(_) => Self::Failed(error.to_string()),
        }
    }
}

/// Where the vocabulary comes from.
enum Source {
    Starter(Vocabulary),
    Database(Enricher),
}

/// How many strings had which end.
#[derive(Default)]
struct Counts {
    strings: u64,
    whole: u64,
    partly: u64,
    unreadable: u64,
    registered: usize,
}

pub(super) async fn run(args: ResolveArgs, settings: Settings) -> Result<(), CliError> {
    let options = ResolveOptions {
        tag_type: args.tag_type,
        prefer_specific: args.prefer_specific,
        roll_up: args.roll_up,
        whitelist: args.only.clone(),
        limit: args.limit,
        min_score: args.min_score,
        ..ResolveOptions::default()
    };
    options.validate().map_err(|error| CliError::from(EnrichError::from(error)))?;
    let mut input = input(&args)?;
    let source = if args.starter {
        Source::Starter(Vocabulary::starter())
    } else {
        Source::Database(Enricher::new(open_store(&settings).await?))
    };
    let (mut output, mut counts) = (Output::new(), Counts::default());
    while let Some(strings) = batch(&mut input, &mut counts, args.file.as_deref())? {
        let results = match &source {
            Source::Starter(vocabulary) => {
                let resolver = Resolver::new(vocabulary, &options).map_err(EnrichError::from)?;
                strings.iter().map(|raw| resolver.resolve(raw)).collect()
            }
            Source::Database(enricher) => {
                let (results, registered) = enricher.resolve(strings, options.clone(), args.register).await?;
                counts.registered += registered;
                results
            }
        };
        counts.add(&results);
        print(&results, &args, &mut output)?;
    }
    output.flush()?;
    counts.say();
    if let Source::Database(enricher) = &source {
        if enricher.vocabulary().await?.is_empty() {
            say("the database has no tags yet: `musonym tags import` brings some in, --starter resolves without");
        }
        Arc::clone(enricher.store()).close().await;
    }
    Ok(())
}

/// The strings to resolve: arguments, or lines.
enum Input {
    Arguments(std::vec::IntoIter<String>),
    Lines(Lines<Box<dyn BufRead>>),
}

fn input(args: &ResolveArgs) -> Result<Input, CliError> {
    if !args.strings.is_empty() {
        return Ok(Input::Arguments(args.strings.clone().into_iter()));
    }
    let file = match &args.file {
        Some(file) => file.as_path(),
        None if std::io::stdin().is_terminal() => {
            return Err(CliError::Usage("nothing to resolve: name strings, or a file with --file".to_owned()));
        }
        None => Path::new("-"),
    };
    Ok(Input::Lines(Lines::new(Box::new(BufReader::new(lines::open(file)?)))))
}

/// The next strings; `None` at the end. Lines that cannot be read are counted and named.
fn batch(input: &mut Input, counts: &mut Counts, file: Option<&Path>) -> Result<Option<Vec<String>>, CliError> {
    let mut strings = Vec::new();
    while strings.len() < BATCH {
        match input {
            Input::Arguments(rest) => match rest.next() {
                Some(text) => strings.push(text),
                None => break,
            },
            Input::Lines(lines) => {
                let line = lines.next().map_err(|error| lines::broken_off(file.unwrap_or(Path::new("-")), &error))?;
                match line {
                    Some((_, Line::Text(text))) => strings.push(text.trim_end_matches('\r').to_owned()),
                    Some((number, Line::NotUtf8)) => {
                        counts.unreadable += 1;
                        say(format_args!("line {number} is not UTF-8 and was left out"));
                    }
                    Some((number, Line::TooLong)) => {
                        counts.unreadable += 1;
                        say(format_args!("line {number} is too long and was left out"));
                    }
                    None => break,
                }
            }
        }
    }
    Ok((!strings.is_empty()).then_some(strings))
}

fn print(results: &[ResolvedString], args: &ResolveArgs, output: &mut Output) -> Result<(), CliError> {
    if args.output.json {
        return results.iter().try_for_each(|result| output.json(&json!(result)));
    }
    let mut table = render::table(["STRING", "TAG", "SCORE", "HOW"]);
    for result in results {
        add_rows(&mut table, result, args.explain);
    }
    for (at, width) in [(0, 26), (1, 26)] {
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(width)));
        }
    }
    output.line(render::text(&table))
}

/// A row for each part; the string stands in the first.
fn add_rows(table: &mut Table, result: &ResolvedString, explain: bool) {
    let mut raw = printable(&result.raw, MAX_RAW_CHARS);
    if let Some(problem) = &result.error {
        table.add_row([
            std::mem::take(&mut raw),
            "-".to_owned(),
            "-".to_owned(),
            printable(&problem.detail, MAX_WHY_CHARS),
        ]);
    } else if result.parts.is_empty() {
        table.add_row([raw.clone(), "-".to_owned(), "-".to_owned(), "empty".to_owned()]);
    }
    for part in &result.parts {
        let score = part.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"));
        table.add_row([std::mem::take(&mut raw), tag(part), score, how(part, &result.raw, explain)]);
    }
}

fn tag(part: &ResolvedPart) -> String {
    match (&part.tag, &part.suggestion) {
        (Some(tag), _) => tag.tag_name.clone(),
        (None, Some(suggestion)) => format!("({})", suggestion.tag_name),
        (None, None) => "-".to_owned(),
    }
}

fn how(part: &ResolvedPart, raw: &str, explain: bool) -> String {
    let kind = match part.kind {
        PartKind::Exact => "name",
        PartKind::SearchTerm => "description",
        PartKind::Spelling => "misspelt",
        PartKind::Broader => "a kind of it",
        PartKind::Lexicon => "not in the library",
        PartKind::SetAside => "set aside",
        other => other.as_str(),
    };
    let mut text = kind.to_owned();
    if part.text != raw.trim() {
        text = format!("{text}: {}", printable(&part.text, MAX_RAW_CHARS));
    }
    if let Some(name) = &part.rolled_up_from {
        text = format!("{text} (rolled up from {name})");
    }
    if explain {
        text = format!("{text}\n{}", printable(&part.why, MAX_WHY_CHARS));
        if !part.alternatives.is_empty() {
            let names: Vec<String> = part
                .alternatives
                .iter()
                .map(|other| format!("{} {} {:.2}", other.tag_type, other.tag_name, other.score))
                .collect();
            text = format!("{text}\nor: {}", names.join(", "));
        }
    }
    text
}

impl Counts {
    fn add(&mut self, results: &[ResolvedString]) {
        for result in results {
            self.strings += 1;
            let understood =
                |part: &ResolvedPart| part.tag.is_some() || matches!(part.kind, PartKind::Period | PartKind::SetAside);
            if result.error.is_none() && result.parts.iter().all(understood) {
                self.whole += 1;
            } else if !result.tags.is_empty() {
                self.partly += 1;
            }
        }
    }

    fn say(&self) {
        let Self { strings, whole, partly, .. } = *self;
        let nothing = strings - whole - partly;
        say(format_args!(
            "{}: {whole} understood, {partly} in part, {nothing} not",
            count(strings, "string", "strings")
        ));
        if self.registered > 0 {
            say(format_args!("{} created", count(self.registered as u64, "tag", "tags")));
        }
    }
}
