//! Opening the file: connections, settings of the engine, schema, and the watch for other processes.

use std::{
    path::Path,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{SqliteOptions, SqliteStore};
use crate::store::{Result, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a caller waits for a connection of ours.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries to open a file that another process holds.
pub(super) const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// How often another process's writes are looked for: well within the promised second.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

fn connect_options(options: &SqliteOptions) -> SqliteConnectOptions {
    let connect = SqliteConnectOptions::new()
        .filename(&options.path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What is acknowledged survives a pulled plug; NORMAL would lose the last commits of a WAL.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .pragma("temp_store", "memory")
        // In KiB, a connection: searches read from memory, and what the system caches is shared.
        .pragma("cache_size", "-2048")
        .log_statements(tracing::log::LevelFilter::Trace)
        // A small machine takes seconds to read a large library at the start.
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(10));
    match options.max_pages {
        Some(pages) => connect.pragma("max_page_count", pages.to_string()),
        None => connect,
    }
}

/// The writing and the reading connections, on a file whose schema is current.
///
/// Whoever turns a new file to WAL needs it alone for a moment, and others get `SQLITE_BUSY` at once, whatever their
/// timeout (<https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode>): they try again here.
pub(super) async fn open(options: &SqliteOptions) -> Result<(SqlitePool, SqlitePool)> {
    let started = Instant::now();
    loop {
        match open_once(options).await {
            Err(StoreError::Busy(_)) if started.elapsed() < options.busy_timeout => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            opened => return opened,
        }
    }
}

async fn open_once(options: &SqliteOptions) -> Result<(SqlitePool, SqlitePool)> {
    let unusable = |error: sqlx::Error| unusable(&options.path, &error);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // After some errors (a full disk is one) SQLite has rolled back by itself; sqlx then fails to, and believes
        // the connection to be in a transaction for ever. Such a connection is replaced.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(connect_options(options))
        .await
        .map_err(unusable)?;
    migrate(&mut *writer.acquire().await.map_err(unusable)?, &options.path).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        // All at once: the thread of a connection has the priority of the one that opens it, which may be low later.
        .min_connections(options.readers.max(1))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(connect_options(options).pragma("query_only", "on"))
        .await
        .map_err(unusable)?;
    Ok((writer, readers))
}

/// Brings the schema up to date, under the write lock: two processes may open a new file at once. `path` is for messages.
pub(super) async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| unusable(path, &error))?;
    MIGRATIONS.run_direct(None, &mut *transaction, false).await.map_err(|error| migration_error(path, error))?;
    transaction.commit().await.map_err(|error| unusable(path, &error))
}

/// Why the file at this path cannot be used, and what to do.
pub(super) fn unusable(path: &Path, error: &sqlx::Error) -> StoreError {
    let code =
        error.as_database_error().and_then(sqlx::error::DatabaseError::code).and_then(|code| i64::from_str(&code).ok());
    let path = path.display();
    StoreError::Unusable(match code.map(|code| code & 0xff) {
        Some(5 | 6) => return StoreError::Busy(format!("another process holds the database {path}")),
        Some(14) => format!("cannot open the database {path}: check that its folder is there and writable"),
        Some(8 | 3 | 23) => format!("the database {path} is not writable: check the owner of the file and its folder"),
        Some(26) => format!("{path} is not a SQLite database: name another file with --database"),
        Some(11) => format!("the database {path} is damaged: restore a backup"),
        Some(13) => format!("no room is left for the database {path}: free some disk space"),
        _ => format!("cannot open the database {path}: {error}"),
    })
}

fn migration_error(path: &Path, error: MigrateError) -> StoreError {
    let shown = path.display();
    match error {
        MigrateError::VersionMissing(version) => StoreError::Unusable(format!(
            "the database {shown} was made by a newer musonym (schema {version}, this one knows {}): upgrade musonym, or \
             name another file with --database",
            newest_schema()
        )),
        MigrateError::VersionMismatch(version) => StoreError::Unusable(format!(
            "the database {shown} was made by another build of musonym (schema {version} differs): name another file \
             with --database"
        )),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => unusable(path, &error),
        other => StoreError::Unusable(format!("the schema of {shown} cannot be brought up to date: {other}")),
    }
}

/// The newest schema version that this build knows.
pub(super) fn newest_schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

impl SqliteStore {
    /// Refreshes the memory when another process has written. `data_version` is read on a connection of its own: it
    /// moves for changes by any other connection, so our own writes cost one needless look, no more.
    pub(super) async fn watch_other_processes(&self) -> Result<()> {
        let mut connection = connect_options(&self.options).connect().await?;
        let (memory, readers) = (Arc::clone(&self.memory), self.readers.clone());
        let (changes, stop) = (self.changes.clone(), self.watcher.clone());
        let mut seen: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut connection).await?;
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(WATCH_INTERVAL);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                let version = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut connection).await;
                let refreshed = match version {
                    Ok(version) if version == seen => continue,
                    Ok(version) => memory.refresh(&readers).await.map(|()| version),
                    Err(error) => Err(error.into()),
                };
                match refreshed {
                    Ok(version) => {
                        seen = version;
                        changes.send_modify(|tick| *tick += 1);
                    }
                    Err(error) => tracing::warn!(%error, "changes by other processes could not be read"),
                }
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;

    #[tokio::test]
    async fn every_connection_syncs_each_commit_to_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions { readers: 3, ..SqliteOptions::new(folder.path().join("a.db")) };
        let (writer, readers) = open(&options).await.unwrap();
        let mut connections = vec![writer.acquire().await.unwrap()];
        for _ in 0..3 {
            connections.push(readers.acquire().await.unwrap());
        }
        for connection in &mut connections {
            for (pragma, expected) in
                [("PRAGMA synchronous", "2"), ("PRAGMA journal_mode", "wal"), ("PRAGMA foreign_keys", "1")]
            {
                let value: String = sqlx::query(pragma)
                    .try_map(|row: sqlx::sqlite::SqliteRow| {
                        row.try_get_unchecked::<String, _>(0)
                            .or_else(|_| Ok(row.try_get_unchecked::<i64, _>(0)?.to_string()))
                    })
                    .fetch_one(&mut **connection)
                    .await
                    .unwrap();
                assert_eq!(value, expected, "{pragma}");
            }
        }
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let (_writer, readers) = open(&SqliteOptions::new(folder.path().join("a.db"))).await.unwrap();
        let error = sqlx::query("INSERT INTO setting VALUES ('a', 'b')").execute(&readers).await.unwrap_err();
        assert!(matches!(StoreError::from(error), StoreError::Unusable(_)));
    }
}
