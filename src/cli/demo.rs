//! `musonym demo`: the starter vocabulary through the real pipeline, some searches, then the server. Its database is
//! its own, made anew at each start.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;

use super::{
    OutputArgs,
    error::CliError,
    output::{Output, say},
    progress::{bar, drain_by_kind},
    render::{self, count},
};
use crate::{
    app::{App, ServeOptions, Server, Shutdown, create_folder, serve},
    config::{Database, GenerateProvider, Settings},
    domain::{Lang, Priority},
    generate::lexicon_tags,
    search::SearchRequest,
};

/// The folder below this program's folder for data.
const FOLDER: &str = "demo";

/// How to read a score.
const BANDS: &str = "\
Scores: 1.000 the tag's own name; 0.900 to 0.990 another name of it or its
translation; below, 0.7 x MEANING and the rest WORDS, at most 0.890.
";

/// The demo's files. Only these are removed at the start, whatever else lies in the folder.
const DATABASE: &str = "demo.db";
const LOCK: &str = "demo.lock";

/// Tags of one transaction.
const BATCH: usize = 500;

/// Results shown of each search.
const BEST: usize = 3;

/// What is searched for: a query, its language, and what is hard about it.
const SEARCHES: [(&str, Lang, &str); 13] = [
    ("Hip-Hop", Lang::En, "a name, spelt otherwise"),
    ("dnb", Lang::En, "an alias"),
    ("rock psychédélique", Lang::Fr, "a French name"),
    ("melancolique", Lang::Fr, "a French name without its accent"),
    ("regea", Lang::En, "a misspelling"),
    ("psycadelic rock", Lang::En, "a misspelling"),
    ("musique éléctronique", Lang::Fr, "a misspelling"),
    ("squelchy acid basslines", Lang::En, "a description"),
    ("voix seules sans instruments", Lang::Fr, "a description"),
    ("music to study late at night", Lang::En, "an occasion"),
    ("musique pour courir", Lang::Fr, "an occasion"),
    ("dîner aux chandelles", Lang::Fr, "an occasion"),
    ("tax return form", Lang::En, "no music at all"),
];

/// See it work: a vocabulary, its synonyms, searches in English and French, then the server.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym demo
  musonym demo --exit                     stop after the searches
  musonym demo --data /tmp/demo --bind 127.0.0.1:9000

The demo has a database of its own, made anew at each start. Synonyms come from
the built-in lexicon; to see a model write them (hours on a small machine),
start it with MUSONYM_GENERATE__PROVIDER=ollama.")]
pub(super) struct DemoArgs {
    /// Stop after the searches, serve nothing
    #[arg(long)]
    exit: bool,
    /// Folder for the demo's database [default: musonym/demo in the XDG data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8177]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "exit")]
    pub(super) bind: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: DemoArgs, mut settings: Settings) -> Result<(), CliError> {
    // Before anything that takes time, so that a taken port shows at once.
    let server = if args.exit { None } else { Some(Server::bind(&settings).await?) };
    let shutdown = Shutdown::on_signals()?;
    let folder = match (args.data, &settings.data_folder) {
        (Some(folder), _) => folder,
        (None, Some(folder)) => folder.join(FOLDER),
        (None, None) => {
            return Err(CliError::Usage(
                "neither XDG_DATA_HOME nor HOME names a folder for data: name one with --data DIR".to_owned(),
            ));
        }
    };
    let _lock = fresh(&folder)?;
    settings.database = Database::Sqlite(folder.join(DATABASE));
    let lexicon_by_default = settings.generate.provider == GenerateProvider::Auto;
    if lexicon_by_default {
        settings.generate.provider = GenerateProvider::Lexicon;
    }
    let app = App::open(settings).await?;
    let began = Instant::now();
    fill(&app, &shutdown).await?;
    let mut output = Output::new();
    if !args.output.json {
        let counts = app.store.job_counts().await?;
        output.line(format_args!("{} jobs done in {:.1} s\n", counts.succeeded, began.elapsed().as_secs_f64()))?;
    }
    search(&app, args.output, &mut output).await?;
    let Some(server) = server else {
        app.close().await;
        return Ok(());
    };
    let address = server.address();
    if !args.output.json {
        output.line(format_args!(
            "Serving on http://{address} until stopped (Ctrl-C). Try:\n  \
             curl 'http://{address}/api/synonyms/search?q=musique+pour+courir'\n  \
             http://{address}/docs"
        ))?;
        output.flush()?;
    }
    let chosen = app.generator().await?;
    Ok(serve(&app, chosen, server, ServeOptions { worker: true }, &shutdown).await?)
}

/// Makes the folder and removes a former demo's database, unless that demo still runs. The lock lasts as long as the
/// file is open.
fn fresh(folder: &Path) -> Result<File, CliError> {
    create_folder(folder).map_err(|error| match error {
        // The flag that helps is another here.
        crate::app::AppError::Start(text) => {
            let first = text.lines().next().unwrap_or_default();
            CliError::Failed(format!("{first}\nCreate it for this user, or choose another with --data DIR."))
        }
        other => other.into(),
    })?;
    let unusable = |path: &Path, error: &io::Error| {
        CliError::Failed(format!("cannot write {}: {error}\nChoose another folder with --data DIR.", path.display()))
    };
    let path = folder.join(LOCK);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| unusable(&path, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(CliError::Failed(format!(
                "another demo runs in {}: stop it, or choose another folder with --data DIR",
                folder.display()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(unusable(&path, &error)),
    }
    for suffix in ["", "-wal", "-shm"] {
        let path = folder.join(format!("{DATABASE}{suffix}"));
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(&path, &error)),
        }
    }
    Ok(lock)
}

/// Import, generate, embed: what any tag goes through.
async fn fill(app: &App, shutdown: &Shutdown) -> Result<(), CliError> {
    let tags = lexicon_tags();
    let total: u64 = tags.len().try_into().unwrap_or(u64::MAX);
    say(format_args!("{}: importing {}", app.store.describe(), count(total, "tag", "tags")));
    let importing = bar("importing", total);
    for batch in tags.chunks(BATCH) {
        app.store.create_tags(batch, Priority::LOW).await?;
        importing.inc(batch.len().try_into().unwrap_or(u64::MAX));
        if shutdown.token().is_cancelled() {
            return Err(CliError::Interrupted);
        }
    }
    importing.finish_and_clear();

    let chosen = app.generator().await?;
    say(format_args!("synonyms are written by {} ({})", chosen.generator.describe(), chosen.reason));
    let embedder = app.embedder.status().await;
    match &embedder.problem {
        None => say(format_args!("vectors are made by {}", embedder.describe)),
        Some(problem) => say(format_args!(
            "no vectors for now, so searches run by words alone: {problem}; `musonym doctor` tells what helps"
        )),
    }
    drain_by_kind(app, chosen, total, embedder.problem.is_none(), shutdown).await
}

/// The searches, each with its best results.
async fn search(app: &App, args: OutputArgs, output: &mut Output) -> Result<(), CliError> {
    let searcher = app.searcher();
    if !args.json {
        output.line(BANDS)?;
    }
    let mut degraded: Option<String> = None;
    for (query, lang, what) in SEARCHES {
        let mut request = SearchRequest::new(query);
        request.lang = Some(lang);
        request.limit = BEST;
        request.explain = true;
        let answer = searcher.search(&request).await?;
        if let Some(branch) = answer.degraded.first() {
            degraded = Some(format!("no {} search ({})", branch.branch, branch.reason));
        }
        if args.json {
            output.json(&answer)?;
            continue;
        }
        let language = match lang {
            Lang::En => "English",
            Lang::Fr => "French",
        };
        output.line(format_args!("“{query}” ({what}, {language})"))?;
        if let Some(explain) = answer.explain.as_ref().filter(|explain| !explain.glossed.is_empty()) {
            let glossed = explain.glossed.iter().map(|part| format!("{} → {}", part.from, part.to));
            output.line(render::wrapped(&format!("in English: {}", glossed.collect::<Vec<_>>().join(", "))))?;
        }
        output.line(if answer.results.is_empty() {
            "nothing is near enough".to_owned()
        } else {
            render::bands(&answer.results)
        })?;
        output.line("")?;
    }
    output.flush()?;
    if let Some(degraded) = degraded {
        say(format_args!("degraded: {degraded}"));
    }
    Ok(())
}
