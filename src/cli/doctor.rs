//! `musonym doctor`: what is there, what is missing, and the commands that help.

use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::{
    OutputArgs, error::CliError, jobs::pause::told, output::Output, pull::pull, render::printable, webhooks::standing,
};
use crate::{
    app::{App, AppError, ollama_client},
    cache::Shared,
    config::{Database, EmbedProvider, GenerateProvider, Settings},
    embed::EmbedModel,
    jobs::celery::Link,
    ollama::{OllamaClient, OllamaError},
    store::{NextSpace, SpaceProgress, VectorIndexReport},
};

/// Tell what works, what is missing, and which command helps.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym doctor
  musonym doctor --pull                   fetch the missing models into Ollama
  musonym doctor --json | jq '.[] | select(.state != \"ok\")'

Ends with 1 only when something that is required does not work.")]
pub(super) struct DoctorArgs {
    /// Fetch the missing models
    #[arg(long)]
    pull: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// How a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It works.
    Ok,
    /// It is not there, and things go on without.
    Missing,
    /// It does not work and has to.
    Broken,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Check {
    part: &'static str,
    state: State,
    detail: String,
    /// The command that helps.
    mend: Option<String>,
}

impl Check {
    fn ok(part: &'static str, detail: impl Into<String>) -> Self {
        Self { part, state: State::Ok, detail: detail.into(), mend: None }
    }

    fn not_ok(part: &'static str, required: bool, detail: impl Into<String>, mend: Option<String>) -> Self {
        let state = if required { State::Broken } else { State::Missing };
        Self { part, state, detail: detail.into(), mend }
    }
}

pub(super) async fn run(args: DoctorArgs, settings: Settings) -> Result<(), CliError> {
    let ollama = ollama_client(&settings)?;
    let app = open(&settings).await;
    // The model that the database is embedded with is the one that is needed, whatever the settings name.
    let in_force = match &app {
        Ok(Some(app)) => app.embedder.model_in_force().await.ok().flatten(),
        _ => None,
    };
    let wanted = wanted(&settings, in_force);
    if args.pull {
        for (_, model, _) in &wanted {
            pull(&ollama, model).await?;
        }
    }
    let mut checks = vec![config(&settings)];
    checks.extend(models(&ollama, wanted).await);
    checks.push(cache(&settings).await);
    checks.extend(celery(&settings).await);
    checks.extend(match app {
        Ok(Some(app)) => database(&app).await,
        Ok(None) => vec![Check::ok("database", not_there(&settings))],
        Err(error) => vec![Check::not_ok("database", true, error.to_string(), None)],
    });
    let mut output = Output::new();
    for check in &checks {
        if args.output.json {
            output.json(check)?;
            continue;
        }
        let state = match check.state {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Broken => "BROKEN",
        };
        output.line(format_args!("{:<10} {state:<8} {}", check.part, printable(&check.detail, 400)))?;
        if let Some(mend) = &check.mend {
            output.line(format_args!("{:<19} → {mend}", ""))?;
        }
    }
    output.flush()?;
    if checks.iter().any(|check| check.state == State::Broken) { Err(CliError::Reported) } else { Ok(()) }
}

fn config(settings: &Settings) -> Check {
    match &settings.file {
        Some(file) => Check::ok("config", file.display().to_string()),
        None => Check::ok("config", "no file: environment and defaults (config.example.toml lists the settings)"),
    }
}

/// The models in use: what each is for, its name, and whether nothing goes without it.
fn wanted(settings: &Settings, in_force: Option<EmbedModel>) -> Vec<(&'static str, String, bool)> {
    let mut wanted = Vec::new();
    if !matches!(settings.generate.provider, GenerateProvider::Lexicon | GenerateProvider::Celery) {
        let required = settings.generate.provider == GenerateProvider::Ollama;
        wanted.push(("writes synonyms", settings.generate.model.clone(), required));
    }
    let configured = || match settings.embed.provider {
        EmbedProvider::Builtin => EmbedModel::Builtin,
        EmbedProvider::Ollama | EmbedProvider::Auto => EmbedModel::Ollama(settings.embed.model.clone()),
    };
    if let EmbedModel::Ollama(model) = in_force.unwrap_or_else(configured) {
        wanted.push(("makes vectors", model, settings.embed.provider == EmbedProvider::Ollama));
    }
    wanted
}

async fn models(ollama: &OllamaClient, wanted: Vec<(&'static str, String, bool)>) -> Vec<Check> {
    let version = match ollama.version().await {
        Ok(version) => version,
        Err(error) => {
            let required = wanted.iter().any(|(_, _, required)| *required);
            let mend = matches!(error, OllamaError::Unreachable { .. })
                .then(|| "start Ollama (https://ollama.com/download), or set OLLAMA_HOST to where it runs".to_owned());
            let models = wanted.into_iter().map(|(purpose, model, _)| {
                let mend = Some(format!("ollama pull {model}"));
                Check::not_ok("model", false, format!("{model} ({purpose}): not known without Ollama"), mend)
            });
            let mut checks = vec![Check::not_ok("ollama", required, error.to_string(), mend)];
            checks.extend(models);
            return checks;
        }
    };
    let mut checks = vec![Check::ok("ollama", format!("{}, version {version}", ollama.url()))];
    for (purpose, model, required) in wanted {
        checks.push(match ollama.find_model(&model).await {
            Ok(Some(found)) => {
                let size = found.parameter_size.map(|size| format!(", {size} parameters")).unwrap_or_default();
                Check::ok("model", format!("{} ({purpose}{size})", found.name))
            }
            Ok(None) => {
                let mend = Some(format!("ollama pull {model}   (or: musonym doctor --pull)"));
                Check::not_ok("model", required, format!("{model} ({purpose})"), mend)
            }
            Err(error) => Check::not_ok("model", required, format!("{model} ({purpose}): {error}"), None),
        });
    }
    checks
}

/// The cache: nothing goes without it.
async fn cache(settings: &Settings) -> Check {
    let Some(shared) = &settings.cache.shared else { return Check::ok("cache", "memory") };
    let shared = match Shared::redis(shared, "doctor") {
        Ok(shared) => shared,
        Err(problem) => return Check::not_ok("cache", false, format!("cache.url {problem}"), None),
    };
    let name = shared.describe().unwrap_or_default();
    match shared.check().await {
        Ok(()) => Check::ok("cache", format!("memory and {name}")),
        Err(problem) => {
            let mend = "redis-cli -u \"$MUSONYM_CACHE_URL\" ping   (mend Redis, or the URL with its password)";
            let detail = format!("{name}: {problem}; answers are kept in memory alone");
            Check::not_ok("cache", false, detail, Some(mend.to_owned()))
        }
    }
}

/// Who is told of changes; nothing waits for them.
async fn webhooks(app: &App) -> Option<Check> {
    match standing(&*app.store).await {
        Ok(None) => None,
        Ok(Some((detail, false))) => Some(Check::ok("webhooks", detail)),
        Ok(Some((detail, true))) => {
            Some(Check::not_ok("webhooks", false, detail, Some("musonym webhooks test".to_owned())))
        }
        Err(error) => Some(Check::not_ok("webhooks", false, error.to_string(), None)),
    }
}

/// Celery, where it is spoken: only generation that is handed over does not go without it.
async fn celery(settings: &Settings) -> Option<Check> {
    let celery = settings.celery.as_ref()?;
    let required = settings.generate.provider == GenerateProvider::Celery;
    let link = match Link::new(celery.broker_url.expose_secret()) {
        Ok(link) => link,
        Err(problem) => return Some(Check::not_ok("celery", required, format!("celery.broker_url {problem}"), None)),
    };
    let (name, queue) = (link.describe(), &celery.queue);
    Some(match link.check().await {
        Ok(()) if required => Check::ok("celery", format!("{name}: generation goes to the queue {queue}")),
        Ok(()) => Check::ok("celery", format!("{name}: tasks come from the queue {queue}")),
        Err(problem) => {
            let mend = "redis-cli -u \"$MUSONYM_CELERY_BROKER_URL\" ping   (mend Redis, or the URL with its password)";
            Check::not_ok("celery", required, format!("{name}: {problem}"), Some(mend.to_owned()))
        }
    })
}

/// The database; `None` where it is not there yet, for looking makes none.
async fn open(settings: &Settings) -> Result<Option<App>, AppError> {
    match &settings.database {
        Database::Sqlite(path) if !path.exists() => Ok(None),
        _ => App::open(settings.clone()).await.map(Some),
    }
}

fn not_there(settings: &Settings) -> String {
    match &settings.database {
        Database::Sqlite(path) => {
            format!("sqlite:{}: not there yet, the first command that needs it creates it", path.display())
        }
        Database::Postgres(_) => String::new(),
    }
}

/// The model that makes vectors, and a change of it that is under way.
async fn embedder(app: &App) -> Vec<Check> {
    let embedder = app.embedder.status().await;
    let space = embedder.space.map(|space| format!(", space {space}")).unwrap_or_default();
    let configured = embedder.configured.map_or_else(String::new, |configured| {
        format!(
            " (the settings name {configured}, the choice for a new database; `musonym reembed --model` changes over)"
        )
    });
    let mut checks = vec![match embedder.problem {
        None => Check::ok("embedder", format!("{}{space}{configured}", embedder.describe)),
        Some(problem) => {
            let required = app.settings.embed.provider == EmbedProvider::Ollama;
            Check::not_ok("embedder", required, format!("{}{space}: {problem}{configured}", embedder.describe), None)
        }
    }];
    match app.embedder.change_under_way().await {
        Ok(None) => {}
        Ok(Some((NextSpace { space, model }, progress))) => {
            let SpaceProgress { done, rows } = progress;
            let detail = format!("a change to {model} is under way, space {space}: {done} of {rows} tags are done");
            let mend = format!("musonym reembed --model {model}   (unless it runs; --abandon gives it up)");
            checks.push(Check { mend: Some(mend), ..Check::ok("reembed", detail) });
        }
        Err(error) => checks.push(Check::not_ok("reembed", false, error.to_string(), None)),
    }
    checks
}

/// The database, and what would serve it now.
async fn database(app: &App) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.push(match app.store.schema_version().await {
        Ok(version) => Check::ok("database", format!("{}, schema version {version}", app.store.describe())),
        Err(error) => Check::not_ok("database", true, error.to_string(), None),
    });
    match app.store.vector_index_report().await {
        Ok(None) => {}
        Ok(Some(report)) => {
            let recall = report.recall_at_10.map(|recall| format!(", recall@10 {recall:.3}")).unwrap_or_default();
            let over = report.built_over.map(|rows| format!(" (built over {rows})")).unwrap_or_default();
            let VectorIndexReport { kind, rows, advice, .. } = report;
            checks.push(Check::ok("vectors", format!("{kind}, {rows} rows{over}{recall}: {advice}")));
        }
        Err(error) => checks.push(Check::not_ok("vectors", false, error.to_string(), None)),
    }
    checks.push(match app.generator().await {
        Ok(chosen) => Check::ok("generator", format!("{}: {}", chosen.generator.describe(), chosen.reason)),
        Err(error) => Check::not_ok("generator", true, error.to_string(), None),
    });
    checks.extend(embedder(app).await);
    checks.push(match app.store.job_counts().await {
        Ok(counts) if counts.failed + counts.dead == 0 => {
            Check::ok("queue", format!("{} queued, {} running", counts.queued, counts.running))
        }
        Ok(counts) => {
            let (queued, running, failed, dead) = (counts.queued, counts.running, counts.failed, counts.dead);
            let detail = format!("{queued} queued, {running} running, {failed} failed, {dead} dead");
            let mend = if dead > 0 { "musonym jobs list --state dead" } else { "musonym jobs list --state failed" };
            Check { mend: Some(mend.to_owned()), ..Check::ok("queue", detail) }
        }
        Err(error) => Check::not_ok("queue", true, error.to_string(), None),
    });
    let resume = || Some("musonym jobs resume".to_owned());
    checks.extend(match app.store.jobs_paused().await {
        Ok(None) => None,
        Ok(Some(paused)) => Some(Check::not_ok("work", false, told(&paused), resume())),
        Err(error) => Some(Check::not_ok("work", true, error.to_string(), resume())),
    });
    checks.extend(webhooks(app).await);
    app.close().await;
    checks
}
