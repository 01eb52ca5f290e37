//! `musonym eval`: how well search finds, measured on labelled queries.

mod chart;

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    progress::{bar, drain_by_kind},
    render,
};
use crate::{
    app::{App, Shutdown},
    config::{Database, Settings},
    domain::{Confidence, Lang, Priority, Section, Source, Term, TermStatus},
    generate::{GenerateError, Generation, GenerationRequest, Generator, lexicon_tags},
    search::{
        Branches, Fusion, SearchRequest,
        evaluation::{DEPTH, LabelledQuery, Scores, Tally, relevant_ranks},
    },
};

/// A drop of nDCG@10 below the baseline that counts as a loss.
const TOLERANCE: f64 = 0.01;

/// Measure how well search finds, on labelled queries.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym eval data/eval/queries.jsonl --starter
  musonym eval queries.jsonl --svg quality.svg
  musonym eval queries.jsonl --misses --json > quality.json
  musonym eval queries.jsonl --baseline quality.json     fails on a loss
  musonym eval queries.jsonl --only hybrid               the whole search alone

FILE has one query a line: {\"q\", \"lang\", \"kind\", \"relevant\": [{\"tag_type\",
\"name\"}]}; kind is alias, spelling, translation, typo, description, context or
composite. Rows without a part (no-gloss, no-typos, …) show what it is worth.")]
pub(super) struct EvalArgs {
    /// Labelled queries, one JSON object a line
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Measure a fresh database of the starter vocabulary instead of the configured one
    #[arg(long)]
    starter: bool,
    /// Fail when nDCG@10 of the whole search is more than 0.01 below that of this file (made by --json)
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Measure this way of searching alone, for example hybrid
    #[arg(long, value_name = "CONFIGURATION")]
    only: Option<String>,
    /// Draw nDCG@10 by kind of query
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// List the queries whose right answers are not among the first ten
    #[arg(long)]
    misses: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// The scores of one way of searching.
#[derive(Debug, Serialize, Deserialize)]
struct Configuration {
    name: String,
    #[serde(flatten)]
    scores: Scores,
}

/// What `--json` prints and `--baseline` reads.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    configurations: Vec<Configuration>,
}

impl Report {
    /// The configurations that are told apart by kind of query.
    fn by_kind(&self) -> impl Iterator<Item = &Configuration> {
        self.configurations.iter().filter(|configuration| BY_KIND.contains(&configuration.name.as_str()))
    }
}

/// The whole search, as users have it.
const WHOLE: &str = "hybrid";

/// The whole search over names that nothing is known of.
const NO_LEXICON: &str = "no-lexicon";

/// The ways that are told apart by kind of query, in the table and the chart.
const BY_KIND: [&str; 6] = ["lexical", "vector", "no-gloss", NO_LEXICON, "standby", WHOLE];

pub(super) async fn run(args: EvalArgs, mut settings: Settings) -> Result<(), CliError> {
    let queries = read_queries(&args.file)?;
    let baseline = args.baseline.as_deref().map(read_report).transpose()?;
    if args.only.as_deref() == Some(NO_LEXICON) && !args.starter {
        return Err(CliError::Failed(format!("--only {NO_LEXICON} is measured with --starter")));
    }
    let shutdown = Shutdown::on_signals()?;
    let folder = if args.starter { Some(tempfile_folder()?) } else { None };
    if let Some(folder) = &folder {
        settings.database = Database::Sqlite(folder.join("eval.db"));
        settings.generate.provider = crate::config::GenerateProvider::Lexicon;
    }
    let mut report = measured(settings.clone(), args.starter.then_some(Starter::Lexicon), &shutdown, async |app| {
        measure_all(app, &queries, args.only.as_deref(), args.misses, &shutdown).await
    })
    .await;
    let names_alone = folder.as_ref().filter(|_| args.only.as_deref().is_none_or(|only| only == NO_LEXICON));
    if let (Some(folder), Ok(report)) = (names_alone, &mut report) {
        settings.database = Database::Sqlite(folder.join("names.db"));
        let names_alone = measured(settings, Some(Starter::NamesAlone), &shutdown, async |app| {
            measure(app, &queries, &[Way::new(NO_LEXICON, |_| {})], false, &shutdown).await
        });
        let before_the_whole = report.configurations.len().saturating_sub(1);
        report.configurations.splice(before_the_whole..before_the_whole, names_alone.await?);
    }
    if let Some(folder) = folder {
        // What lies in the system's own folder for temporary files is swept away anyway.
        let _ = std::fs::remove_dir_all(folder);
    }
    let report = report?;
    if let Some(path) = &args.svg {
        std::fs::write(path, chart::svg(&report))
            .map_err(|error| CliError::Failed(format!("cannot write {}: {error}", path.display())))?;
    }
    let mut output = Output::new();
    if args.output.json {
        output.json(&report)?;
    } else {
        output.line(summary(&report))?;
        output.line("\nnDCG@10 by kind and language")?;
        output.line(by_kind(&report))?;
    }
    output.flush()?;
    baseline.map_or(Ok(()), |baseline| compare(&baseline, &report))
}

fn read_queries(path: &Path) -> Result<Vec<LabelledQuery>, CliError> {
    let text = read(path)?;
    let mut queries = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let query = serde_json::from_str(line).map_err(|error| {
            CliError::Failed(format!("{}, line {}: no labelled query: {error}", path.display(), number + 1))
        })?;
        queries.push(query);
    }
    if queries.is_empty() {
        return Err(CliError::Failed(format!("{} has no queries", path.display())));
    }
    Ok(queries)
}

fn read_report(path: &Path) -> Result<Report, CliError> {
    serde_json::from_str(&read(path)?)
        .map_err(|error| CliError::Failed(format!("{} is no report of `musonym eval --json`: {error}", path.display())))
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::Failed(format!("cannot read {}: {error}", path.display())))
}

/// A new folder for a database that is thrown away.
fn tempfile_folder() -> Result<PathBuf, CliError> {
    let folder = std::env::temp_dir().join(format!("musonym-eval-{}-{:08x}", std::process::id(), fastrand::u32(..)));
    crate::app::create_folder(&folder)?;
    Ok(folder)
}

/// What a fresh database is filled with.
#[derive(Clone, Copy)]
enum Starter {
    /// What the lexicon says of its own names.
    Lexicon,
    /// These names alone: what the lexicon is worth.
    NamesAlone,
}

/// Opens the database, fills it where it is a fresh one, and measures.
async fn measured<T>(
    settings: Settings,
    starter: Option<Starter>,
    shutdown: &Shutdown,
    measure: impl AsyncFnOnce(&App) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let app = App::open(settings).await?;
    let measured = async {
        if let Some(starter) = starter {
            fill(&app, starter, shutdown).await?;
        }
        measure(&app).await
    }
    .await;
    app.close().await;
    measured
}

/// The starter vocabulary through the whole pipeline.
async fn fill(app: &App, starter: Starter, shutdown: &Shutdown) -> Result<(), CliError> {
    let tags = lexicon_tags();
    app.store.create_tags(&tags, Priority::LOW).await?;
    let total = u64::try_from(tags.len()).unwrap_or(u64::MAX);
    let mut chosen = app.generator().await?;
    if let Starter::NamesAlone = starter {
        chosen.generator = Arc::new(NamesAlone);
    }
    drain_by_kind(app, chosen, total, true, shutdown).await
}

/// Knows no synonyms: a tag's only term is its name.
struct NamesAlone;

#[async_trait]
impl Generator for NamesAlone {
    async fn generate(&self, request: &GenerationRequest) -> Result<Generation, GenerateError> {
        let name = Term {
            section: Section::Translations,
            lang: Some(Lang::En),
            term: request.tag.tag_name.as_str().to_owned(),
            source: Source::Lexicon,
            confidence: Confidence::CERTAIN,
            status: TermStatus::Active,
        };
        Ok(Generation { terms: vec![name], confidence: Confidence::CERTAIN, trace: None })
    }

    fn describe(&self) -> String {
        "names alone".to_owned()
    }

    fn source(&self) -> Source {
        Source::Lexicon
    }

    fn batch_size(&self) -> usize {
        64
    }
}

/// A way of searching: what it is called, and what it changes of the whole search.
struct Way {
    name: &'static str,
    settings: fn(&mut SearchRequest),
}

impl Way {
    const fn new(name: &'static str, settings: fn(&mut SearchRequest)) -> Self {
        Self { name, settings }
    }
}

/// Every way of searching that this database allows, or the only one that is asked for, one after the other.
async fn measure_all(
    app: &App,
    queries: &[LabelledQuery],
    only: Option<&str>,
    list_misses: bool,
    shutdown: &Shutdown,
) -> Result<Report, CliError> {
    let mut ways = vec![
        Way::new("lexical", |request| request.branches = Branches::Lexical),
        Way::new("vector", |request| request.branches = Branches::Vector),
        Way::new("no-gloss", |request| request.gloss = false),
        Way::new("no-typos", |request| request.typos = false),
        Way::new("no-related", |request| request.related = false),
        Way::new("no-composite", |request| request.composite = false),
        Way::new("rrf", |request| request.fusion = Fusion::Rrf),
    ];
    if app.embedder.has_standby_space().await? {
        ways.extend([
            Way::new("standby", |request| (request.branches, request.by_standby) = (Branches::Vector, true)),
            Way::new("hybrid-standby", |request| request.by_standby = true),
        ]);
    }
    ways.push(Way::new(WHOLE, |_| {}));
    if let Some(only) = only {
        let names = ways.iter().map(|way| way.name).collect::<Vec<_>>().join(", ");
        ways.retain(|way| way.name == only);
        if ways.is_empty() && only != NO_LEXICON {
            return Err(CliError::Failed(format!("--only takes {names} or {NO_LEXICON}, not {only}")));
        }
    }
    Ok(Report { configurations: measure(app, queries, &ways, list_misses, shutdown).await? })
}

/// Asks all queries in each of these ways.
async fn measure(
    app: &App,
    queries: &[LabelledQuery],
    ways: &[Way],
    list_misses: bool,
    shutdown: &Shutdown,
) -> Result<Vec<Configuration>, CliError> {
    let searcher = app.searcher();
    let progress = bar("searching", u64::try_from(ways.len() * queries.len()).unwrap_or(u64::MAX));
    let mut configurations = Vec::new();
    for Way { name, settings } in ways {
        let mut tally = Tally::default();
        for query in queries {
            let mut request = SearchRequest::new(&query.q);
            request.limit = DEPTH;
            settings(&mut request);
            let answer = searcher.search(&request).await?;
            if let Some(degraded) = answer.degraded.first() {
                return Err(CliError::Failed(format!("a degraded search measures nothing: {}", degraded.reason)));
            }
            tally.add(query, &answer.results);
            if list_misses && *name == WHOLE && relevant_ranks(query, &answer.results).is_empty() {
                let found: Vec<&str> = answer.results.iter().take(3).map(|hit| hit.tag_name.as_str()).collect();
                let wanted: Vec<&str> = query.relevant.iter().map(|tag| tag.name.as_str()).collect();
                say(format_args!(
                    "miss: {} ({}, {}): wanted {}; found {}",
                    render::printable(&query.q, 60),
                    query.kind,
                    query.lang,
                    wanted.join(", "),
                    found.join(", ")
                ));
            }
            progress.inc(1);
            if shutdown.token().is_cancelled() {
                return Err(CliError::Interrupted);
            }
        }
        configurations.push(Configuration { name: (*name).to_owned(), scores: tally.scores() });
    }
    progress.finish_and_clear();
    Ok(configurations)
}

/// A row for each configuration.
fn summary(report: &Report) -> String {
    let mut table = render::table(["CONFIGURATION", "HIT@1", "RECALL@10", "NDCG@10", "LOSS", "EN", "FR", "MRR"]);
    let whole = report.configurations.iter().find(|configuration| configuration.name == WHOLE);
    let whole = whole.map_or(0.0, |whole| whole.scores.all.ndcg_at_10);
    for Configuration { name, scores } in &report.configurations {
        let all = &scores.all;
        let of = |lang: &str| scores.by_lang.get(lang).map_or_else(String::new, |m| number(m.ndcg_at_10));
        table.add_row([
            name.clone(),
            number(all.hit_at_1),
            number(all.recall_at_10),
            number(all.ndcg_at_10),
            if name == WHOLE { String::new() } else { number(whole - all.ndcg_at_10) },
            of("en"),
            of("fr"),
            number(all.mrr),
        ]);
    }
    let mut text = render::text(&table);
    if let Some(first) = report.configurations.first() {
        let _ = write!(text, "\n{} queries; LOSS is what nDCG@10 falls by without that part", first.scores.all.queries);
    }
    for Configuration { name, scores } in &report.configurations {
        if !scores.false_finds.is_empty() {
            let _ = write!(text, "\n{name}: finds something for {}", scores.false_finds.join(", "));
        }
    }
    text
}

/// A row for each kind and language, a column for each configuration.
fn by_kind(report: &Report) -> String {
    let mut table = render::table(["KIND", "QUERIES"]);
    let shown: Vec<&Configuration> = report.by_kind().collect();
    let names = shown.iter().map(|configuration| configuration.name.to_uppercase());
    table.set_header(["KIND".to_owned(), "QUERIES".to_owned()].into_iter().chain(names));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let Some(first) = report.configurations.first() else { return String::new() };
    for (kind, measures) in &first.scores.by_kind {
        let scores = shown.iter().map(|configuration| {
            configuration.scores.by_kind.get(kind).map_or_else(String::new, |measures| number(measures.ndcg_at_10))
        });
        table.add_row([kind.clone(), measures.queries.to_string()].into_iter().chain(scores));
    }
    render::text(&table)
}

fn number(value: f64) -> String {
    format!("{value:.3}")
}

/// Fails where the whole search has become worse than the baseline by more than the tolerance.
fn compare(baseline: &Report, report: &Report) -> Result<(), CliError> {
    let whole = |report: &Report| {
        report.configurations.iter().find(|configuration| configuration.name == WHOLE).map(|whole| whole.scores.all)
    };
    let (Some(before), Some(now)) = (whole(baseline), whole(report)) else {
        return Err(CliError::Failed(format!("the baseline has no configuration `{WHOLE}`")));
    };
    let change = now.ndcg_at_10 - before.ndcg_at_10;
    say(format_args!("nDCG@10 {:.4}, baseline {:.4}: {change:+.4}", now.ndcg_at_10, before.ndcg_at_10));
    if change < -TOLERANCE {
        return Err(CliError::Failed(format!("nDCG@10 has dropped by {:.4}, more than {TOLERANCE}", -change)));
    }
    Ok(())
}
