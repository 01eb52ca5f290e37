//! Raw values to [`Settings`]: what a text means, and where things lie by default.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use super::{
    CacheSettings, ConfigError, Database, EmbedProvider, EmbedSettings, Environment, GenerateProvider,
    GenerateSettings, JobSettings, LogFormat, LogSettings, OllamaSettings, ServerSettings, Settings, folders,
    layers::shown, values::Values,
};
use crate::{
    cache::{self, SharedSettings},
    domain::TagType,
    jobs::{
        Hours, Restraint,
        celery::{self, CelerySettings},
        outbound::{OutboundSettings, Subscriber},
    },
    ollama::{GenerateOptions, parse_host},
    store::{
        Retention,
        postgres::{AttachedTable, PostgresOptions, VectorIndexKind, VectorIndexOptions},
    },
};

/// The database below the data folder.
const DATABASE_FILE: &str = "musonym.db";

const SECONDS_OF_DAY: u64 = 86_400;

/// How much longer than an answer may take a webhook is held by who sends it: until what came of it is written down.
const OUTBOUND_LEASE_MARGIN: Duration = Duration::from_secs(5);

/// All settings.
pub(super) fn settings(
    values: &Values,
    file: Option<PathBuf>,
    environment: &Environment,
) -> Result<Settings, ConfigError> {
    let data_folder = folders::data(environment);
    let seconds = |path| values.whole(path).map(Duration::from_secs);
    let milliseconds = |path| values.whole(path).map(Duration::from_millis);
    let days = |path| values.whole::<u64>(path).map(|days| Duration::from_secs(days * SECONDS_OF_DAY));
    Ok(Settings {
        database: database(values, data_folder.as_deref())?,
        file,
        data_folder,
        server: ServerSettings {
            bind: checked(values, "server.bind", bind)?,
            api_key: api_key(values)?,
            request_timeout: seconds("server.request_timeout_seconds")?,
            max_body_bytes: values.whole("server.max_body_bytes")?,
        },
        webhook_secrets: values.secrets("webhooks.secrets")?,
        outbound: outbound(values)?,
        ollama: OllamaSettings {
            host: checked(values, "ollama.host", |text| match parse_host(text) {
                Ok(_) => Ok(SecretString::from(text)),
                // The error never repeats the text, which may hold a password.
                Err(error) => Err(format!("cannot be used: {error}")),
            })?,
            connect_timeout: milliseconds("ollama.connect_timeout_ms")?,
            breaker_failures: values.whole("ollama.breaker_failures")?,
            pull: values.truth("ollama.pull")?,
        },
        generate: generate(values)?,
        embed: EmbedSettings {
            provider: match values.text("embed.provider")?.as_str() {
                "ollama" => EmbedProvider::Ollama,
                "builtin" => EmbedProvider::Builtin,
                _ => EmbedProvider::Auto,
            },
            model: model(values, "embed.model")?,
            query_deadline: milliseconds("embed.query_deadline_ms")?,
            batch: values.whole("embed.batch")?,
            timeout: seconds("embed.timeout_seconds")?,
            keep_alive: values.whole("embed.keep_alive_seconds")?,
        },
        cache: cache(values)?,
        celery: celery(values)?,
        jobs: JobSettings {
            max_attempts: values.whole("jobs.max_attempts")?,
            retry_base: milliseconds("jobs.retry_base_ms")?,
            lease: seconds("jobs.lease_seconds")?,
        },
        retention: Retention {
            jobs: days("retention.jobs_days")?,
            deliveries: days("retention.deliveries_days")?,
            revisions: days("retention.revisions_days")?,
        },
        log: log(values)?,
    })
}

/// The text of a key as `read` understands it; its complaint gets the key and the origin in front.
fn checked<T>(values: &Values, path: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ConfigError> {
    read(&values.text(path)?).map_err(|problem| match values.origin(path) {
        Some(origin) => ConfigError::new(format!("{path} ({origin}) {problem}")),
        None => ConfigError::new(format!("{path} {problem}")),
    })
}

fn database(values: &Values, data_folder: Option<&std::path::Path>) -> Result<Database, ConfigError> {
    checked(values, "database.url", |url| match url.trim() {
        "" => match data_folder {
            Some(folder) => Ok(Database::Sqlite(folder.join(DATABASE_FILE))),
            None => Err("is not set, and neither XDG_DATA_HOME nor HOME names a folder for data: \
                         set MUSONYM_DATABASE_URL or --database to sqlite:PATH or postgres://…"
                .to_owned()),
        },
        url => database_url(url),
    })
    .and_then(|database| match database {
        Database::Postgres(options) => Ok(Database::Postgres(postgres(values, options)?)),
        Database::Sqlite(_) => Ok(database),
    })
}

/// The settings of a PostgreSQL database beside its URL.
fn postgres(values: &Values, options: PostgresOptions) -> Result<PostgresOptions, ConfigError> {
    let mut attached = Vec::new();
    for tag_type in TagType::ALL {
        let text = |key: &str| values.optional_text(&format!("tags.{tag_type}.{key}"));
        if let Some(table) = text("table")? {
            attached.push(AttachedTable {
                tag_type,
                schema: text("schema")?.unwrap_or_else(|| "public".to_owned()),
                table,
                id_column: text("id_column")?.unwrap_or_else(|| "id".to_owned()),
                name_column: text("name_column")?.unwrap_or_else(|| "name".to_owned()),
            });
        }
    }
    let kind = match values.text("database.vector_index")?.as_str() {
        "hnsw" => VectorIndexKind::Hnsw,
        "none" => VectorIndexKind::None,
        _ => VectorIndexKind::IvfFlat,
    };
    Ok(PostgresOptions {
        max_attempts: values.whole("jobs.max_attempts")?,
        max_connections: values.whole("database.max_connections")?,
        acquire_timeout: values.whole("database.acquire_timeout_ms").map(Duration::from_millis)?,
        statement_timeout: values.whole("database.statement_timeout_ms").map(Duration::from_millis)?,
        attached,
        vector_index: VectorIndexOptions { kind, min_rows: values.whole("database.vector_index_min_rows")? },
        ..options
    })
}

/// A database by its URL. The URL is not repeated in messages where it may hold a password.
fn database_url(url: &str) -> Result<Database, String> {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(format!("is a URL: write sqlite:{}", shown(url)));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" | "sqlite3" => sqlite_path(rest).map(Database::Sqlite),
        "postgres" | "postgresql" if rest.starts_with("//") => Ok(Database::Postgres(PostgresOptions::new(url))),
        "postgres" | "postgresql" => {
            Err("is no URL of PostgreSQL: write postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned())
        }
        // One letter is a Windows drive.
        letter if letter.len() == 1 => Err(format!("is a URL: write sqlite:{}", shown(url))),
        other => Err(format!("has the scheme `{}`, which is not known: use sqlite:PATH or postgres://…", shown(other))),
    }
}

fn sqlite_path(rest: &str) -> Result<PathBuf, String> {
    // `sqlite:///abs/path` and `sqlite://relative` as other tools write them.
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.ends_with('/') {
        return Err("names no file: use sqlite:PATH, for example sqlite:/var/lib/musonym/musonym.db".to_owned());
    }
    if path == ":memory:" || path.starts_with("file:") {
        return Err("needs a file, which several processes can share: use sqlite:PATH".to_owned());
    }
    if let Some((_, parameters)) = path.split_once('?') {
        return Err(format!("takes no parameters: leave out ?{}", shown(parameters)));
    }
    if path.contains('\0') {
        return Err("has a NUL in its path".to_owned());
    }
    Ok(PathBuf::from(path))
}

fn bind(text: &str) -> Result<SocketAddr, String> {
    let address = text.trim().replace("localhost:", "127.0.0.1:");
    address.parse().map_err(|_| {
        format!("needs an IP address and a port, for example 127.0.0.1:8177 or [::1]:8177, not \"{}\"", shown(text))
    })
}

fn api_key(values: &Values) -> Result<Option<SecretString>, ConfigError> {
    checked(values, "server.api_key", |key| match key.trim() {
        "" => Ok(None),
        // It travels in an HTTP header.
        key if key.chars().all(|c| c.is_ascii_graphic()) => Ok(Some(SecretString::from(key))),
        _ => Err("needs visible ASCII characters without spaces, for example the output of `openssl rand -hex 24`"
            .to_owned()),
    })
}

fn model(values: &Values, path: &str) -> Result<String, ConfigError> {
    checked(values, path, |name| match name.trim() {
        "" => Err("is empty: name a model of Ollama, or leave the key out".to_owned()),
        name if name.chars().any(|c| c.is_whitespace() || c.is_control()) => {
            Err(format!("is the name of a model, without spaces, not \"{}\"", shown(name)))
        }
        name => Ok(name.to_owned()),
    })
}

fn generate(values: &Values) -> Result<GenerateSettings, ConfigError> {
    let options = GenerateOptions {
        #[expect(clippy::cast_possible_truncation, reason = "0 to 2, and Ollama keeps it as f32")]
        temperature: values.real("generate.temperature")? as f32,
        seed: values.whole("generate.seed")?,
        num_predict: values.whole("generate.num_predict")?,
        num_ctx: values.whole("generate.num_ctx")?,
        keep_alive: values.whole("generate.keep_alive_seconds")?,
    };
    if options.num_predict >= options.num_ctx {
        let (predict, context) = (options.num_predict, options.num_ctx);
        return Err(ConfigError::new(format!(
            "generate.num_predict is {predict} and generate.num_ctx {context}: the context holds prompt and answer, \
             raise num_ctx or lower num_predict"
        )));
    }
    Ok(GenerateSettings {
        provider: match values.text("generate.provider")?.as_str() {
            "ollama" => GenerateProvider::Ollama,
            "lexicon" => GenerateProvider::Lexicon,
            "celery" if values.text("celery.broker_url")?.trim().is_empty() => {
                return Err(ConfigError::new(
                    "generate.provider is celery, and celery.broker_url is not set: set MUSONYM_CELERY_BROKER_URL to the \
                     redis://… that the workers use",
                ));
            }
            "celery" => GenerateProvider::Celery,
            _ => GenerateProvider::Auto,
        },
        model: model(values, "generate.model")?,
        prompt_file: values.optional_text("generate.prompt_file")?.map(PathBuf::from),
        options,
        timeout: values.whole("generate.timeout_seconds").map(Duration::from_secs)?,
        meaning_gate: values.truth("generate.meaning_gate")?,
        parallel: values.whole("generate.parallel")?,
        restraint: restraint(values)?,
    })
}

fn restraint(values: &Values) -> Result<Restraint, ConfigError> {
    // 0 stands for no limit.
    let limit = |path| values.real(path).map(|most| Some(most).filter(|most| *most > 0.0));
    Ok(Restraint {
        duty: values.real("generate.duty")?,
        hours: checked(values, "generate.hours", |text| match text.trim() {
            "" => Ok(None),
            text => text.parse::<Hours>().map(Some).map_err(|problem| format!("cannot be used: {problem}")),
        })?,
        max_load: limit("generate.max_load")?,
        max_temperature: limit("generate.max_temperature")?,
    })
}

fn cache(values: &Values) -> Result<CacheSettings, ConfigError> {
    let url = checked(values, "cache.url", |url| match url.trim() {
        "memory" => Ok(None),
        url if url.starts_with("redis") => match SharedSettings::check_url(url) {
            Ok(()) => Ok(Some(SecretString::from(url))),
            Err(problem) => Err(problem),
        },
        _ => Err("is memory, or a URL that begins with redis:// or rediss://".to_owned()),
    })?;
    let budget = values.whole("cache.redis_budget_ms").map(Duration::from_millis)?;
    let kept = cache::CacheSettings {
        ttl: values.whole("cache.ttl_seconds").map(Duration::from_secs)?,
        max_bytes: values.whole("cache.max_bytes")?,
    };
    Ok(CacheSettings { kept, shared: url.map(|url| SharedSettings { url, budget }) })
}

fn celery(values: &Values) -> Result<Option<CelerySettings>, ConfigError> {
    let url = |path| {
        checked(values, path, |url| match url.trim() {
            "" => Ok(None),
            url => SharedSettings::check_url(url).map(|()| Some(SecretString::from(url))),
        })
    };
    let (broker_url, result_url) = (url("celery.broker_url")?, url("celery.result_url")?);
    let queue = checked(values, "celery.queue", |queue| match queue.trim() {
        "" => Err("is empty: name a queue, or leave the key out".to_owned()),
        queue if queue.chars().any(char::is_control) => Err("has control characters".to_owned()),
        queue => Ok(queue.to_owned()),
    })?;
    let hostname = checked(values, "celery.hostname", |name| match name.trim() {
        "" => Ok(format!("musonym@{}", celery::machine_name())),
        name if name.contains('@') && !name.chars().any(|c| c.is_whitespace() || c.is_control()) => Ok(name.to_owned()),
        name => Err(format!("has the form NAME@HOST, for example musonym@pi, not \"{}\"", shown(name))),
    })?;
    let prefetch = values.whole("celery.prefetch")?;
    let visibility_timeout = values.whole("celery.visibility_timeout_seconds").map(Duration::from_secs)?;
    Ok(broker_url.map(|broker_url| CelerySettings {
        result_url: result_url.unwrap_or_else(|| broker_url.clone()),
        broker_url,
        queue,
        visibility_timeout,
        prefetch,
        hostname,
    }))
}

fn outbound(values: &Values) -> Result<OutboundSettings, ConfigError> {
    let subscribers = values.subscribers("webhooks.subscribers")?;
    let mut keys: Vec<String> = subscribers.iter().map(Subscriber::key).collect();
    keys.sort_unstable();
    if let Some(twin) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        let url = subscribers.iter().find(|subscriber| subscriber.key() == twin[0]).map(Subscriber::shown);
        return Err(ConfigError::new(format!(
            "webhooks.subscribers names {} twice: write one entry with the events of both",
            url.unwrap_or_default()
        )));
    }
    let allowed_hosts = values.words("webhooks.allowed_hosts")?;
    if let Some(wrong) = allowed_hosts.iter().find(|host| host.contains(['/', ':', '*'])) {
        return Err(ConfigError::new(format!(
            "webhooks.allowed_hosts has \"{}\": it lists names of hosts, without scheme, port and path",
            shown(wrong)
        )));
    }
    let timeout = values.whole("webhooks.timeout_seconds").map(Duration::from_secs)?;
    Ok(OutboundSettings {
        subscribers,
        allowed_hosts,
        timeout,
        retry_base: values.whole("webhooks.retry_base_ms").map(Duration::from_millis)?,
        max_attempts: values.whole("webhooks.max_attempts")?,
        lease: timeout + OUTBOUND_LEASE_MARGIN,
    })
}

fn log(values: &Values) -> Result<LogSettings, ConfigError> {
    let level = checked(values, "log.level", |text| match log_filter_problem(text) {
        None => Ok(text.trim().to_owned()),
        Some(problem) => Err(problem),
    })?;
    let format = match values.text("log.format")?.as_str() {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    };
    Ok(LogSettings { level: values.origin("log.level").map(|_| level), format })
}

/// What is wrong with directives of the log filter. A word alone must be a level: the filter itself takes a misspelt
/// level for the name of a module and then says nothing.
fn log_filter_problem(text: &str) -> Option<String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let levels = LEVELS.join(", ");
    for directive in text.split(',').map(str::trim) {
        let bare = directive.chars().all(char::is_alphabetic);
        if bare && !LEVELS.contains(&directive.to_ascii_lowercase().as_str()) {
            return Some(format!(
                "has \"{}\": a level is one of {levels}; a module is MODULE=LEVEL, for example musonym=debug",
                shown(directive)
            ));
        }
    }
    let problem = EnvFilter::builder().parse(text).err()?;
    Some(format!("is no log filter ({}): write a level, one of {levels}", shown(&problem.to_string())))
}
