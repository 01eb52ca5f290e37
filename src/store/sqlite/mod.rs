//! The embedded backend: one SQLite file in WAL mode, one connection that writes, several that read, and the vectors
//! in memory.
//!
//! Whoever commits here (this process or another on the same file) leaves numbers in `vocabulary_change`; [`Memory`]
//! reads from there what to load again, after each of our own writes and whenever `PRAGMA data_version` moves.

#[macro_use]
mod dialect;

mod backup;
mod connect;
mod memory;
mod restore;
mod search;
mod term_index;
mod vectors;

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
    fs::{File, TryLockError},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use SqliteStore as SqlStore;
pub use backup::{Backup, backup};
use memory::Memory;
pub use restore::{Restored, restore};
use tag_names::TagNames;

use crate::store::{HeldLock, Result, StoreError, VectorIndexReport};

/// How to open the file.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file; its folder must be there.
    pub path: PathBuf,
    /// Attempts after which a job is dead.
    pub max_attempts: u32,
    /// Connections for reading.
    pub readers: u32,
    /// How long a statement waits for another process's lock before it is [`StoreError::Busy`].
    pub busy_timeout: Duration,
    /// Largest size of the file in pages of 4 KiB; `None` leaves it to the disk. Beyond it a write is
    /// [`StoreError::Full`].
    pub max_pages: Option<u32>,
}

impl SqliteOptions {
    /// A file with the defaults: five attempts, four readers, five seconds of waiting, as large as the disk allows.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_attempts: 5, readers: 4, busy_timeout: Duration::from_secs(5), max_pages: None }
    }
}

/// The embedded backend.
pub struct SqliteStore {
    options: SqliteOptions,
    /// One connection: SQLite has one writer, and waiting for it here is fairer than `SQLITE_BUSY`.
    writer: SqlitePool,
    readers: SqlitePool,
    memory: Arc<Memory>,
    tag_names: Mutex<TagNames>,
    changes: watch::Sender<u64>,
    watcher: CancellationToken,
}

impl SqliteStore {
    /// Opens (or creates) the file, brings its schema up to date and loads the vectors.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with what to do: not writable, no database, made by a newer version.
    pub async fn open(options: SqliteOptions) -> Result<Self> {
        let (writer, readers) = connect::open(&options).await?;
        let memory = Arc::new(Memory::load(&readers).await?);
        let store = Self {
            options,
            writer,
            readers,
            memory,
            tag_names: Mutex::default(),
            changes: watch::Sender::new(0),
            watcher: CancellationToken::new(),
        };
        store.watch_other_processes().await?;
        Ok(store)
    }

    /// A transaction that holds the write lock from its start, so that it never fails half-way for want of it.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("PRAGMA synchronous = FULL; BEGIN IMMEDIATE").await.map_err(StoreError::from)
    }

    /// A transaction that claims work, extends claims or ends what may be done twice. The disk is not waited for: what a power
    /// cut takes of it was never claimed, or is done again. What is committed after it is synced with it, in this order.
    async fn begin_claim(&self) -> Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE").await.map_err(StoreError::from)
    }

    /// A transaction that reads one state of the database.
    async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>> {
        self.readers.begin().await.map_err(StoreError::from)
    }

    /// Up to `limit` active rows above number `after` that have no vector in this space, by number. Memory knows them.
    #[expect(clippy::unused_async, reason = "another backend asks its database")]
    async fn ids_without_vector(&self, space: &str, after: i64, limit: usize) -> Result<Vec<i64>> {
        Ok(self.memory.read(|index| index.rows_without_vector(space, after, limit)))
    }

    /// Locks a file beside the database: the system gives it back however the process ends.
    #[expect(clippy::unused_async, reason = "another backend asks its database")]
    async fn lock_change(&self) -> Result<Option<HeldLock>> {
        let mut path = self.options.path.clone().into_os_string();
        path.push("-reembed");
        let path = PathBuf::from(path);
        let unusable =
            |error: &std::io::Error| StoreError::Unusable(format!("cannot lock {}: {error}", path.display()));
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|e| unusable(&e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(HeldLock::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(unusable(&error)),
        }
    }

    /// Every vector is compared: no index stands in the way of a switch.
    #[expect(clippy::unused_async, reason = "another backend asks its database")]
    async fn suspend_index(&self) -> Result<Option<HeldLock>> {
        Ok(None)
    }

    /// Every vector is compared: there is no index to keep.
    #[expect(clippy::unused_async, reason = "another backend asks its database")]
    async fn maintain_index(&self) -> Result<Option<String>> {
        Ok(None)
    }

    #[expect(clippy::unused_async, reason = "another backend asks its database")]
    async fn report_index(&self) -> Result<Option<VectorIndexReport>> {
        Ok(None)
    }

    /// Where the data lives, for messages.
    fn location(&self) -> String {
        format!("sqlite:{}", self.options.path.display())
    }

    /// Commits, then brings the memory up to date and wakes whoever waits for changes.
    async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<()> {
        transaction.commit().await?;
        // What is committed stays committed: a failing refresh is logged here, and the watcher tries again.
        if let Err(error) = self.memory.refresh(&self.readers).await {
            tracing::warn!(%error, "the vectors in memory could not be refreshed");
        }
        self.changes.send_modify(|tick| *tick += 1);
        Ok(())
    }

    /// Commits what [`SqliteStore::begin_claim`] began, which leaves the vocabulary as it is.
    async fn commit_claim(&self, transaction: Transaction<'static, Sqlite>) -> Result<()> {
        transaction.commit().await?;
        self.changes.send_modify(|tick| *tick += 1);
        Ok(())
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.watcher.cancel();
    }
}
