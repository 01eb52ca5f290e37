//! Copies of the file while it is in use.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::connect;
use crate::store::{Result, StoreError};

/// How long another process may hold the file before it counts as in use.
pub(super) const IN_USE_AFTER: Duration = Duration::from_secs(1);

/// A copy that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
    /// The number of its last migration.
    pub schema_version: i64,
}

/// Copies a database into `target` as it stands at one moment, whoever writes meanwhile, and syncs the copy. Whatever is at
/// `target` is replaced only with `force`, and only by a whole copy.
///
/// # Errors
/// [`StoreError::Unusable`] with what to do; [`StoreError::Full`] when the copy does not fit on its disk.
pub async fn backup(database: &Path, target: &Path, force: bool) -> Result<Backup> {
    let database = existing(database)?;
    if target.is_dir() {
        return Err(unusable(format!("{} is a folder: name the file of the backup", target.display())));
    }
    if fs::canonicalize(target).is_ok_and(|target| target == database) {
        return Err(unusable(format!("{} is the database itself: name another file for the backup", target.display())));
    }
    if target.exists() && !force {
        return Err(unusable(format!(
            "{} is there already: name another file, or replace it with --force",
            target.display()
        )));
    }
    if has_log(target) {
        return Err(unusable(format!("{} is a database in use: name another file for the backup", target.display())));
    }
    let unwritable = |error: io::Error| cannot(&format!("write {}", target.display()), &error);
    let target = std::path::absolute(target).map_err(unwritable)?;
    let partial = beside(&target, &format!(".{}.partial", std::process::id()));
    // For its owner alone, as SQLite would not make it; SQLite writes into an empty file.
    create_private(&partial).map_err(unwritable)?;
    let copied = copy(&database, &partial).await.and_then(|backup| {
        put_in_place(&partial, &target).map_err(unwritable)?;
        Ok(backup)
    });
    if copied.is_err() {
        // What is half written helps nobody; if it cannot be removed the first error still tells more.
        let _ = fs::remove_file(&partial);
    }
    copied
}

async fn copy(database: &Path, partial: &Path) -> Result<Backup> {
    let path = partial.to_str().ok_or_else(|| unusable(format!("{} is not UTF-8", partial.display())))?;
    let failed = |error: sqlx::Error| connect::unusable(database, &error);
    let mut connection = open(database, None).await.map_err(failed)?;
    let schema_version = schema_version(&mut connection, database).await?;
    // One read transaction, which hinders no writer: https://www.sqlite.org/lang_vacuum.html#vacuuminto
    sqlx::query("VACUUM INTO $1").bind(path).execute(&mut connection).await.map_err(|error| match StoreError::from(
        error,
    ) {
        StoreError::Full(_) => StoreError::Full(format!("no room is left for {path}: free some disk space")),
        other => other,
    })?;
    connection.close().await.map_err(failed)?;
    let bytes = fs::metadata(partial).map_err(|error| cannot(&format!("read {path}"), &error))?.len();
    Ok(Backup { bytes, schema_version })
}

/// A file to which this user alone has access; one of an earlier process of this number is emptied.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Syncs a file and gives it its name, for good.
pub(super) fn put_in_place(partial: &Path, target: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    fs::rename(partial, target)?;
    match target.parent() {
        // The name, too, is on the disk.
        #[cfg(unix)]
        Some(folder) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// The path of a file that is there, links followed.
pub(super) fn existing(path: &Path) -> Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(path) if path.is_file() => Ok(path),
        Ok(_) => Err(unusable(format!("{} is not a file", path.display()))),
        Err(error) => Err(cannot(&format!("read {}", path.display()), &error)),
    }
}

/// Whether a part of a database lies in a write-ahead log beside it.
pub(super) fn has_log(database: &Path) -> bool {
    fs::metadata(beside(database, "-wal")).is_ok_and(|log| log.len() > 0)
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A connection to a file that is there, with nothing changed about it but its journal if asked.
pub(super) async fn open(path: &Path, journal: Option<SqliteJournalMode>) -> sqlx::Result<SqliteConnection> {
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(IN_USE_AFTER)
        .synchronous(SqliteSynchronous::Full)
        .log_statements(tracing::log::LevelFilter::Trace)
        // A copy of a large database takes its time.
        .log_slow_statements(tracing::log::LevelFilter::Off, Duration::MAX);
    if let Some(journal) = journal {
        options = options.journal_mode(journal);
    }
    options.connect().await
}

/// The number of the last migration of what must be a database of musonym.
pub(super) async fn schema_version(connection: &mut SqliteConnection, path: &Path) -> Result<i64> {
    let failed = |error: sqlx::Error| connect::unusable(path, &error);
    let is_ours: bool = sqlx::query_scalar(
        "SELECT COUNT(*) = 2 FROM sqlite_schema WHERE type = 'table' AND name IN ('_sqlx_migrations', 'mir_synonym')",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    if !is_ours {
        return Err(unusable(format!("{} is no database of musonym", path.display())));
    }
    sqlx::query_scalar(concat!("SELECT MAX(version) FROM ", migrations_table!(), " WHERE success"))
        .fetch_one(connection)
        .await
        .map_err(failed)
}

pub(super) fn unusable(text: String) -> StoreError {
    StoreError::Unusable(text)
}

pub(super) fn cannot(what: &str, error: &io::Error) -> StoreError {
    unusable(format!("cannot {what}: {error}"))
}
