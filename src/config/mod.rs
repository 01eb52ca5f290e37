//! Settings: defaults < `musonym.toml` < environment < flags, checked key by key ([`load`]), then settled into
//! [`Settings`], which the rest of the program reads. `config.example.toml` says what each of them means.

mod error;
mod folders;
mod keys;
mod layers;
mod settle;
mod subscribers;
mod values;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use config::Config;
use secrecy::SecretString;

pub use error::ConfigError;

use crate::{
    cache::SharedSettings,
    jobs::{Restraint, celery::CelerySettings, outbound::OutboundSettings},
    ollama::GenerateOptions,
    store::{Retention, postgres::PostgresOptions},
};

/// Name of the configuration file, in the working folder or in the XDG configuration folder.
pub const FILE_NAME: &str = "musonym.toml";

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// This program's folder for data (`$XDG_DATA_HOME/musonym`); `None` where the environment names no home.
    pub data_folder: Option<PathBuf>,
    /// Where tags, synonyms and jobs are kept.
    pub database: Database,
    /// The HTTP server.
    pub server: ServerSettings,
    /// Secrets that a webhook may be signed with (`whsec_…`); with none, webhooks are refused.
    pub webhook_secrets: Vec<SecretString>,
    /// Who is told of changes by webhooks.
    pub outbound: OutboundSettings,
    /// Where Ollama is.
    pub ollama: OllamaSettings,
    /// What writes synonyms.
    pub generate: GenerateSettings,
    /// What embeds them.
    pub embed: EmbedSettings,
    /// Kept answers.
    pub cache: CacheSettings,
    /// Celery, where it is spoken.
    pub celery: Option<CelerySettings>,
    /// Background work.
    pub jobs: JobSettings,
    /// How long finished things are kept.
    pub retention: Retention,
    /// Messages.
    pub log: LogSettings,
}

/// A database that this build can serve.
#[derive(Clone, Debug)]
pub enum Database {
    /// One SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresOptions),
}

/// `[server]`.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen.
    pub bind: SocketAddr,
    /// Guards everything but health checks; required to listen beyond this machine.
    pub api_key: Option<SecretString>,
    /// After this a request is answered with an error.
    pub request_timeout: Duration,
    /// Largest request body.
    pub max_body_bytes: usize,
}

/// `[ollama]`.
#[derive(Clone, Debug)]
pub struct OllamaSettings {
    /// Its address, in any form that [`crate::ollama::parse_host`] knows. It may hold a password.
    pub host: SecretString,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// Failures in a row after which nothing is sent for a while.
    pub breaker_failures: u32,
    /// Whether models that it lacks are downloaded.
    pub pull: bool,
}

/// Which generator writes synonyms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerateProvider {
    /// Ollama when it answers with the model present, else the lexicon; decided at each start.
    Auto,
    /// A language model behind Ollama.
    Ollama,
    /// The built-in lexicon.
    Lexicon,
    /// Workers of Celery that have been there before: jobs are sent to their queue.
    Celery,
}

/// `[generate]`.
#[derive(Clone, Debug)]
pub struct GenerateSettings {
    /// Which generator.
    pub provider: GenerateProvider,
    /// Name of the model in Ollama.
    pub model: String,
    /// A prompt template in place of the built-in one.
    pub prompt_file: Option<PathBuf>,
    /// How the model is run.
    pub options: GenerateOptions,
    /// How long one answer may take, loading the model included.
    pub timeout: Duration,
    /// Whether generated terms that mean something else than their tag are put aside for a person.
    pub meaning_gate: bool,
    /// Generations in flight at once.
    pub parallel: usize,
    /// How generation by Ollama holds back.
    pub restraint: Restraint,
}

/// Which embedder makes vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedProvider {
    /// The one the database was embedded with; before that, Ollama where it answers with the model present, else the
    /// built-in one.
    Auto,
    /// The built-in model.
    Builtin,
    /// An embedding model behind Ollama.
    Ollama,
}

/// `[embed]`.
#[derive(Clone, Debug)]
pub struct EmbedSettings {
    /// Which embedder.
    pub provider: EmbedProvider,
    /// Name of the model in Ollama.
    pub model: String,
    /// How long a query waits for its vector before it is answered by words alone.
    pub query_deadline: Duration,
    /// Most texts of one call.
    pub batch: usize,
    /// How long a call may take, loading the model included, beside some time for each text.
    pub timeout: Duration,
    /// Seconds for which the model stays loaded after a call; negative is for ever.
    pub keep_alive: i64,
}

/// `[cache]`.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// How answers are kept.
    pub kept: crate::cache::CacheSettings,
    /// The Redis that nodes share; `None` for memory alone.
    pub shared: Option<SharedSettings>,
}

/// `[jobs]`.
#[derive(Clone, Copy, Debug)]
pub struct JobSettings {
    /// Attempts after which a job is dead.
    pub max_attempts: u32,
    /// First delay after a failed attempt.
    pub retry_base: Duration,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// Directives of `tracing_subscriber::EnvFilter`; `None` where nobody chose, which lets each command choose.
    pub level: Option<String>,
    /// How a line is written.
    pub format: LogFormat,
}

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--database`.
    pub database: Option<String>,
    /// `--bind`.
    pub bind: Option<String>,
    /// `--log`.
    pub log: Option<String>,
}

/// The environment variables and the working folder, as a value so that tests have their own.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    working_folder: PathBuf,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets.
        f.debug_struct("Environment").field("working_folder", &self.working_folder).finish_non_exhaustive()
    }
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self { variables: std::env::vars_os().collect(), working_folder: PathBuf::new() }
    }

    fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    fn working_folder(&self) -> &Path {
        &self.working_folder
    }

    #[cfg(test)]
    fn of(variables: &[(&str, &str)]) -> Self {
        Self {
            variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            ..Self::default()
        }
    }
}

/// Reads and checks all settings.
///
/// # Errors
/// [`ConfigError`] with every problem of the layers, or else the first of the settled values.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Settings, ConfigError> {
    let file = layers::find_file(flags.config.as_deref(), environment);
    let given: Vec<(&'static str, &'static str, String)> = [
        ("database.url", "--database", &flags.database),
        ("server.bind", "--bind", &flags.bind),
        ("log.level", "--log", &flags.log),
    ]
    .into_iter()
    .filter_map(|(path, flag, value)| value.clone().map(|value| (path, flag, value)))
    .collect();

    let mut problems = Vec::new();
    let from_file = file.as_deref().map(|path| layers::file(path, &mut problems)).transpose()?.unwrap_or_default();
    let config = Config::builder()
        .add_source(layers::defaults())
        .add_source(from_file)
        .add_source(layers::environment(environment, &mut problems))
        .add_source(layers::flags(&given, &mut problems))
        .build();
    ConfigError::check(problems)?;
    let config = config.map_err(|error| ConfigError::new(layers::shown(&error.to_string())))?;
    settle::settings(&values::Values(config.cache), file, environment)
}

#[cfg(test)]
mod tests;
