//! Wiring: settings become the parts of a running program. The only place that names a backend.

mod backup;
mod error;
mod priority;
mod providers;
mod server;
mod status;
mod upkeep;

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    cache::{Cache, Shared},
    config::{ConfigError, Database, GenerateProvider, Settings},
    embed::EmbedService,
    generate::Generator,
    jobs::{Events, Runner, RunnerSettings, celery::Bridge, outbound::Outbound},
    ollama::OllamaClient,
    search::{SearchSettings, Searcher},
    store::{
        SETTING_INSTALLATION, Store,
        postgres::PostgresStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
};

pub use backup::{backup, restore};
pub use error::AppError;
pub use priority::step_back;
pub use providers::{ChosenGenerator, ollama_client};
pub use server::{ServeOptions, Server, Shutdown, serve, work};

/// How long closing the database may take before it is left to its own recovery.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The parts that every command that touches the database shares.
pub struct App {
    /// As settled at the start.
    pub settings: Settings,
    /// Tags, synonyms, jobs.
    pub store: Arc<dyn Store>,
    /// The embedder of this database.
    pub embedder: Arc<EmbedService>,
    /// Answers that are kept.
    pub cache: Arc<Cache>,
    /// What of it nodes share. Nothing is sent before somebody connects it: commands that end at once do without.
    pub shared: Shared,
    /// The client of Ollama; nothing is sent unless something asks for it.
    pub ollama: OllamaClient,
    /// What happens within this process.
    pub events: Events,
}

impl App {
    /// Opens the database (creating it, and its folder, when new) and attaches the embedder.
    ///
    /// # Errors
    /// [`AppError`] names what cannot be used and what to do.
    pub async fn open(settings: Settings) -> Result<Self, AppError> {
        let store = open_store(&settings).await?;
        let ollama = ollama_client(&settings)?;
        let shared = shared_cache(&settings, &*store).await?;
        let cache = Arc::new(Cache::new(settings.cache.kept, shared.clone()));
        let embedder =
            EmbedService::new(Arc::clone(&store), providers::embedders(&settings, &ollama, store.longest_vector()));
        let embedder = Arc::new(embedder.sharing(shared.clone()));
        Ok(Self { settings, store, embedder, cache, shared, ollama, events: Events::default() })
    }

    /// Answers searches over this database.
    pub fn searcher(&self) -> Arc<Searcher> {
        let settings = SearchSettings { embed_deadline: self.settings.embed.query_deadline };
        let (store, embedder, cache) = (&self.store, &self.embedder, &self.cache);
        Arc::new(Searcher::new(Arc::clone(store), Arc::clone(embedder), Arc::clone(cache), settings))
    }

    /// The generator of this start, and why it is this one.
    ///
    /// # Errors
    /// [`AppError`] when the prompt file cannot be used.
    pub async fn generator(&self) -> Result<ChosenGenerator, AppError> {
        providers::generator(&self.settings, &self.ollama, &self.embedder).await
    }

    /// A worker over this database.
    pub fn runner(&self, generator: Arc<dyn Generator>) -> Runner {
        let settings = RunnerSettings {
            lease: self.settings.jobs.lease,
            retry_base: self.settings.jobs.retry_base,
            embed_batch: self.settings.embed.batch,
            meaning_gate: self.settings.generate.meaning_gate,
            parallel: self.settings.generate.parallel,
            restraint: self.settings.generate.restraint,
            ..RunnerSettings::default()
        };
        let (store, embedder) = (Arc::clone(&self.store), Arc::clone(&self.embedder));
        Runner::new(store, generator, embedder, self.events.clone(), settings)
    }

    /// The bridge to Celery, where one is configured; none where jobs are handed over to Celery instead.
    ///
    /// # Errors
    /// [`AppError`] for a URL that cannot be used, or a database that does not answer.
    pub async fn celery_bridge(&self) -> Result<Option<Arc<Bridge>>, AppError> {
        let Some(settings) = &self.settings.celery else { return Ok(None) };
        if self.settings.generate.provider == GenerateProvider::Celery {
            return Ok(None);
        }
        let installation = installation(&*self.store).await?;
        let bridge = Bridge::new(Arc::clone(&self.store), settings.clone(), installation)
            .map_err(|problem| ConfigError::new(format!("celery.broker_url {problem}")))?;
        Ok(Some(Arc::new(bridge)))
    }

    /// The lane that tells subscribers of changes.
    ///
    /// # Errors
    /// [`AppError`] when nothing can be sent from this system.
    pub fn outbound(&self) -> Result<Arc<Outbound>, AppError> {
        let outbound = Outbound::new(Arc::clone(&self.store), self.settings.outbound.clone());
        Ok(Arc::new(outbound.map_err(AppError::Start)?))
    }

    /// Finishes writes and closes the database.
    pub async fn close(&self) {
        if tokio::time::timeout(CLOSE_TIMEOUT, self.store.close()).await.is_err() {
            tracing::warn!("the database was not closed in time; it recovers at the next start");
        }
    }
}

/// Opens the configured database.
///
/// # Errors
/// [`AppError`] names the folder or file and what to do.
pub async fn open_store(settings: &Settings) -> Result<Arc<dyn Store>, AppError> {
    match &settings.database {
        Database::Sqlite(path) => {
            create_folder_of(path)?;
            let max_attempts = settings.jobs.max_attempts;
            let options = SqliteOptions { max_attempts, ..SqliteOptions::new(path) };
            // Boxed, for every command holds the future of opening.
            Ok(Arc::new(Box::pin(SqliteStore::open(options)).await?))
        }
        Database::Postgres(options) => Ok(Arc::new(Box::pin(PostgresStore::open(options.clone())).await?)),
    }
}

/// Creates the folder of a file that is about to be created.
fn create_folder_of(file: &Path) -> Result<(), AppError> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => create_folder(folder),
        None => Ok(()),
    }
}

/// What tells this database from others that share a Redis.
async fn installation(store: &dyn Store) -> Result<String, AppError> {
    Ok(store.setting_or_insert(SETTING_INSTALLATION, &format!("{:016x}", fastrand::u64(..))).await?)
}

/// The configured second level of the cache, with this database's entries apart from those of others.
async fn shared_cache(settings: &Settings, store: &dyn Store) -> Result<Shared, AppError> {
    let Some(shared) = &settings.cache.shared else { return Ok(Shared::none()) };
    let installation = installation(store).await?;
    Ok(Shared::redis(shared, &installation).map_err(|problem| ConfigError::new(format!("cache.url {problem}")))?)
}

/// Creates a folder for data, readable by its owner alone, with those above it.
///
/// # Errors
/// [`AppError`] names the folder and what to do.
pub fn create_folder(folder: &Path) -> Result<(), AppError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
        AppError::Start(format!(
            "cannot create the data folder {}: {error}\n\
             Create it for this user, or choose another place with --database sqlite:PATH or MUSONYM_DATABASE_URL.",
            folder.display()
        ))
    })
}
