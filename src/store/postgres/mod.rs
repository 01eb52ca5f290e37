//! The server backend: PostgreSQL with pgvector and pg_trgm, shared by any number of processes.
//!
//! What is written is written by the statements in `store/sql`, which SQLite shares; this folder holds what PostgreSQL says in
//! its own way, the recall, and the upkeep of the vector index. Each process holds of the vocabulary only what a query needs
//! before the database is asked ([`Vocabulary`]), kept current by LISTEN, and by polling where that is lost.

#[macro_use]
mod dialect;

mod arrays;
mod attach;
mod backup;
mod connect;
mod last_connection;
mod recall;
mod search;
mod sections;
mod vector_index;
mod vocabulary;
mod watch;

#[path = "../sql/admin.rs"]
mod admin;
#[path = "../sql/batch_jobs.rs"]
mod batch_jobs;
#[path = "../sql/batches.rs"]
mod batches;
#[path = "../sql/celery.rs"]
mod celery;
#[path = "../sql/enrich.rs"]
mod enrich;
#[path = "../sql/export.rs"]
mod export;
#[path = "../sql/generation.rs"]
mod generation;
#[path = "../sql/jobs.rs"]
mod jobs;
#[path = "../sql/lint.rs"]
mod lint;
#[path = "../sql/meaning.rs"]
mod meaning;
#[path = "../sql/merge.rs"]
mod merge;
#[path = "../sql/outbound.rs"]
mod outbound;
#[path = "../sql/review.rs"]
mod review;
#[path = "../sql/revisions.rs"]
mod revisions;
#[path = "../sql/rows.rs"]
mod rows;
#[path = "../sql/spaces.rs"]
mod spaces;
#[path = "../sql/steering.rs"]
mod steering;
#[path = "../sql/synonyms.rs"]
mod synonyms;
#[path = "../sql/tag_names.rs"]
mod tag_names;
#[path = "../sql/tags.rs"]
mod tags;
#[path = "../sql/terms.rs"]
mod terms;
#[path = "../sql/transfer.rs"]
mod transfer;
#[path = "../sql/webhooks.rs"]
mod webhooks;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use PostgresStore as SqlStore;
pub use backup::{backup_commands, restore_commands};
pub use connect::TRIGRAM_SIMILARITY;
use secrecy::SecretString;
use sqlx::{Connection, PgPool, Postgres, Transaction};
use tokio::sync::watch as tokio_watch;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::TagType,
    store::{HeldLock, Result, StoreError},
};
use last_connection::LastConnection;
use sections::HeldSections;
use tag_names::TagNames;
use vocabulary::Vocabulary;

/// How to reach and use the database.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?sslmode=…`.
    pub url: SecretString,
    /// Attempts after which a job is dead.
    pub max_attempts: u32,
    /// Most connections of this process.
    pub max_connections: u32,
    /// How long a caller waits for one of them before the database is [`StoreError::Busy`].
    pub acquire_timeout: Duration,
    /// After this the server gives a statement up.
    pub statement_timeout: Duration,
    /// Tables of an application in place of `genre_tag` and `mood_tag`.
    pub attached: Vec<AttachedTable>,
    /// When and how vectors are indexed.
    pub vector_index: VectorIndexOptions,
}

/// A table of an application that holds the tags of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedTable {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// The column with its number, a primary key or unique.
    pub id_column: String,
    /// The column with the tag's name.
    pub name_column: String,
}

/// When and how vectors are indexed. Below `min_rows` every vector is compared, which is exact and fast enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorIndexOptions {
    /// Which index.
    pub kind: VectorIndexKind,
    /// Rows with a vector from which on one is built.
    pub min_rows: u64,
}

/// A kind of approximate index of pgvector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorIndexKind {
    /// None: the exact scan, whatever the size.
    None,
    /// Inverted lists around centroids: quick to build, small.
    IvfFlat,
    /// A graph of neighbours: slower to build, larger, faster to search.
    Hnsw,
}

impl PostgresOptions {
    /// The defaults: ten connections, five attempts, an IVFFlat index from 5,000 rows on.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            max_attempts: 5,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            attached: Vec::new(),
            vector_index: VectorIndexOptions { kind: VectorIndexKind::IvfFlat, min_rows: 5_000 },
        }
    }
}

/// One process at a time fills the next embedding space: `musonymM` as a number.
const CHANGE_LOCK: i64 = 7_887_337_244_841_307_469;

/// The server backend.
pub struct PostgresStore {
    options: PostgresOptions,
    /// Where the data lives, without a password.
    location: String,
    writer: PgPool,
    /// The same pool: the shared statements tell reading from writing, as SQLite must.
    readers: PgPool,
    /// Of the same pool: for the next search.
    last_connection: Arc<LastConnection>,
    vocabulary: Arc<Vocabulary>,
    sections: HeldSections,
    tag_names: tokio::sync::Mutex<TagNames>,
    changes: tokio_watch::Sender<u64>,
    watcher: CancellationToken,
    /// The space and vocabulary version at which no row was without a vector.
    all_embedded: Mutex<Option<(String, i64)>>,
    index_settings: Arc<vector_index::SessionSettings>,
}

impl PostgresStore {
    /// Connects, brings the schema up to date (one process at a time), attaches tables and starts to listen.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with the command that mends it; [`StoreError::Busy`] when the server is not there now.
    pub async fn open(options: PostgresOptions) -> Result<Self> {
        let index_settings = Arc::new(vector_index::SessionSettings::default());
        let connect::Opened { pool, location } = connect::open(&options, &index_settings).await?;
        let vocabulary = Arc::new(Vocabulary::load(&pool).await?);
        let watcher = CancellationToken::new();
        let store = Self {
            location,
            writer: pool.clone(),
            readers: pool,
            vocabulary,
            sections: HeldSections::default(),
            tag_names: tokio::sync::Mutex::default(),
            changes: tokio_watch::Sender::new(0),
            last_connection: Arc::new(LastConnection::new(options.max_connections, watcher.clone())),
            watcher,
            all_embedded: Mutex::new(None),
            index_settings,
            options,
        };
        store.index_settings.read(&store.readers).await?;
        store.listen();
        Ok(store)
    }

    /// A transaction that writes the vocabulary: alone, as on SQLite, so that what it has read stays true until it ends and
    /// changes become visible in the order of their numbers. Claims of jobs do not wait for it.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        let mut transaction = self.writer.begin().await?;
        sqlx::query("SELECT lock_vocabulary()").execute(&mut *transaction).await?;
        Ok(transaction)
    }

    /// A transaction that claims jobs or extends claims.
    async fn begin_claim(&self) -> Result<Transaction<'static, Postgres>> {
        Ok(self.writer.begin().await?)
    }

    /// A transaction that reads one state of the database.
    async fn snapshot(&self) -> Result<Transaction<'static, Postgres>> {
        Ok(self.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }

    /// Up to `limit` active rows above number `after` that have no vector in this space, by number.
    async fn ids_without_vector(&self, space: &str, after: i64, limit: usize) -> Result<Vec<i64>> {
        let at = (space.to_owned(), self.vocabulary.version());
        if self.all_embedded.lock().is_ok_and(|known| known.as_ref() == Some(&at)) {
            return Ok(Vec::new());
        }
        let missing = spaces::ids_without_vector(&mut *self.readers.acquire().await?, space, after, limit).await?;
        if missing.is_empty()
            && after == 0
            && let Ok(mut known) = self.all_embedded.lock()
        {
            *known = Some(at);
        }
        Ok(missing)
    }

    /// Takes a lock on a connection of its own: the server gives it back however the process ends.
    async fn lock_change(&self) -> Result<Option<HeldLock>> {
        let mut connection = self.readers.acquire().await?.detach();
        let free: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(CHANGE_LOCK).fetch_one(&mut connection).await?;
        if free {
            return Ok(Some(HeldLock::new(connection)));
        }
        let _ = connection.close().await;
        Ok(None)
    }

    /// Where the data lives, for messages.
    fn location(&self) -> String {
        self.location.clone()
    }

    /// Commits, then brings what is held of the vocabulary up to date and wakes whoever waits for changes.
    async fn commit(&self, transaction: Transaction<'static, Postgres>) -> Result<()> {
        transaction.commit().await?;
        // What is committed stays committed: a failing refresh is logged here, and the watcher tries again.
        if let Err(error) = self.vocabulary.refresh(&self.readers).await {
            tracing::warn!(%error, "what is held of the vocabulary could not be refreshed");
        }
        self.changes.send_modify(|tick| *tick += 1);
        Ok(())
    }

    /// Commits what [`PostgresStore::begin_claim`] began, which leaves the vocabulary as it is.
    async fn commit_claim(&self, transaction: Transaction<'static, Postgres>) -> Result<()> {
        transaction.commit().await?;
        self.changes.send_modify(|tick| *tick += 1);
        Ok(())
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.watcher.cancel();
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Self::from(error),
            MigrateError::VersionMissing(version) => Self::Unusable(format!(
                "the database was made by a newer musonym (schema {version}, this one knows {}): upgrade musonym, or name \
                 another database",
                connect::newest_schema()
            )),
            other => Self::Unusable(format!("the schema of the database cannot be brought up to date: {other}")),
        }
    }
}
