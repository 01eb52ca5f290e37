//! `musonym lint`: what a person may want to mend in the vocabulary.

use clap::Args;
use comfy_table::{ColumnConstraint, Width};

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    render::{self, count, printable, wrapped},
};
use crate::{
    app::open_store,
    config::Settings,
    domain::{MAX_TAG_NAME_CHARS, TagType},
    lint::{Finding, FindingKind, LintError, Report, report},
};

/// Findings of each kind that are shown where nobody says how many.
const SHOWN: usize = 20;

/// Longest term, sentence and command that are shown: plain SQL may have written names of any kind.
const MAX_TERM_CHARS: usize = 100;
const MAX_TEXT_CHARS: usize = 600;

/// Look for what may want mending in the vocabulary; nothing is changed.
///
/// Tags that are one, aliases that mean several tags, tags without synonyms or vectors, terms that help nobody to find
/// anything. Each with why, and with the command that mends it where there is one.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym lint
  musonym lint --kind duplicate_tag --kind same_meaning
  musonym lint --tag-type mood --limit 0
  musonym lint --json | jq -r '.mend.command // empty'
  musonym lint --strict                     ends with 1 when something was found")]
pub(super) struct LintArgs {
    /// Only findings of this kind, several times for several
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<FindingKind>,
    /// Only genres or only moods
    #[arg(long, alias = "type", value_name = "genre|mood")]
    tag_type: Option<TagType>,
    /// Most findings of each kind, 0 for all [default: 20, with --json all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// End with 1 when something was found
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl From<LintError> for CliError {
    fn from(error: LintError) -> Self {
        match error {
            LintError::Store(error) => error.into(),
            LintError::Stopped(_) => Self::Failed(error.to_string()),
        }
    }
}

pub(super) async fn run(args: LintArgs, settings: Settings) -> Result<(), CliError> {
    let store = open_store(&settings).await?;
    let report = report(store.as_ref(), args.tag_type).await;
    store.close().await;
    let report = report?;
    let is_wanted = |finding: &&Finding| args.kinds.is_empty() || args.kinds.contains(&finding.kind);
    let findings: Vec<&Finding> = report.findings.iter().filter(is_wanted).collect();
    let most = match args.limit.unwrap_or(if args.output.json { 0 } else { SHOWN }) {
        0 => usize::MAX,
        limit => limit,
    };
    let mut output = Output::new();
    let mut cut = false;
    for of_kind in findings.chunk_by(|a, b| a.kind == b.kind) {
        let shown = &of_kind[..of_kind.len().min(most)];
        cut |= shown.len() < of_kind.len();
        if args.output.json {
            shown.iter().try_for_each(|finding| output.json(finding))?;
        } else {
            print(shown, of_kind.len(), &mut output)?;
        }
    }
    output.flush()?;
    summarise(&report, findings.len(), cut);
    if args.strict && !findings.is_empty() { Err(CliError::Reported) } else { Ok(()) }
}

/// The findings of one kind: a table, then the commands that mend them.
fn print(findings: &[&Finding], of: usize, output: &mut Output) -> Result<(), CliError> {
    let Some(first) = findings.first() else { return Ok(()) };
    let shown = if findings.len() < of { format!(", the first {}", findings.len()) } else { String::new() };
    output.line(format_args!("{}: {}{shown}", first.kind, count(of as u64, "finding", "findings")))?;
    output.line(table(findings))?;
    // Below the table and unbroken, so that they can be copied.
    for command in findings.iter().filter_map(|finding| finding.mend.command.as_deref()) {
        output.line(format_args!("→ {}", printable(command, MAX_TEXT_CHARS)))?;
    }
    output.line("")
}

fn table(findings: &[&Finding]) -> String {
    let mut table = render::table(["TYPE", "TAG", "TERM", "WHY AND WHAT TO DO"]);
    for finding in findings {
        let tag = finding.tags.first();
        table.add_row([
            tag.map(|tag| tag.tag_type.to_string()).unwrap_or_default(),
            tag.map(|tag| printable(&tag.tag_name, MAX_TAG_NAME_CHARS)).unwrap_or_default(),
            finding.term.as_deref().map_or_else(|| "-".to_owned(), |term| printable(term, MAX_TERM_CHARS)),
            printable(&format!("{} {}", finding.why, finding.mend.text), MAX_TEXT_CHARS),
        ]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(20)));
        }
    }
    render::text(&table)
}

/// What stands beside the results: how much was looked at, and what was not.
fn summarise(report: &Report, found: usize, cut: bool) {
    let looked_at = report.looked_at;
    let (findings, tags) = (count(found as u64, "finding", "findings"), count(looked_at.tags as u64, "tag", "tags"));
    let (terms, vectors) = (looked_at.terms as u64, looked_at.vectors as u64);
    let (terms, vectors) = (count(terms, "term", "terms"), count(vectors, "vector", "vectors"));
    let more = if cut { " (--limit 0 shows all)" } else { "" };
    say(format_args!("{findings}{more} in {tags}, {terms}, {vectors}"));
    if let Some(meaning) = &report.meaning {
        say(wrapped(&format!("one meaning: from a cosine of {:.3} on. {}", meaning.threshold, meaning.explanation)));
    }
    for note in &report.not_looked_at {
        say(wrapped(&format!("not looked at: {note}")));
    }
}
