//! The way back: a backup in place of the file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use sqlx::{Connection, SqliteConnection, sqlite::SqliteJournalMode};

use super::{
    SqliteOptions,
    backup::{
        IN_USE_AFTER, beside, cannot, create_private, existing, has_log, open, put_in_place, schema_version, unusable,
    },
    connect::{self, BUSY_PAUSE},
};
use crate::store::{Result, SETTING_INSTALLATION, StoreError};

/// What SQLite keeps beside a file.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A database that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where the database lies.
    pub database: PathBuf,
    /// Where the former one lies now, if there was one.
    pub former: Option<PathBuf>,
    /// How many tags it has.
    pub tags: i64,
}

/// Puts a copy made by [`super::backup()`] in place of the database, which nobody may have open. Checks it whole and brings its schema up
/// to date before anything is touched, and keeps the former database beside it under another name. A database that has tags is
/// replaced only with `force`.
///
/// # Errors
/// [`StoreError::Unusable`] or [`StoreError::Busy`] with what to do; the database is then as it was.
pub async fn restore(options: &SqliteOptions, backup: &Path, force: bool) -> Result<Restored> {
    let backup = existing(backup)?;
    if has_log(&backup) {
        return Err(unusable(format!(
            "{0} is a database in use and no backup, for a part of it lies in {0}-wal: copy it with\n\
             musonym backup COPY --database sqlite:{0}",
            backup.display()
        )));
    }
    let unwritable = |error: io::Error| cannot(&format!("write {}", options.path.display()), &error);
    let is_there = options.path.exists();
    // A link stays one.
    let database = if is_there { fs::canonicalize(&options.path) } else { std::path::absolute(&options.path) };
    let database = database.map_err(unwritable)?;
    if database == backup {
        return Err(unusable(format!("{} is the database itself: name a backup", backup.display())));
    }
    let lock = if is_there { Some(Lock::take(&database, force).await?) } else { None };
    let partial = beside(&database, &format!(".{}.restoring", std::process::id()));
    let restored = async {
        create_private(&partial).map_err(unwritable)?;
        fs::copy(&backup, &partial).map_err(unwritable)?;
        let tags = check(&partial, &backup).await?;
        if is_there {
            keep_owner(&database, &partial).map_err(unwritable)?;
        }
        let former = keep_former(&database, is_there).map_err(unwritable)?;
        put_in_place(&partial, &database).map_err(unwritable)?;
        Ok(Restored { database: options.path.clone(), former, tags })
    }
    .await;
    if restored.is_err() {
        let _ = fs::remove_file(&partial);
    }
    if let Some(lock) = lock {
        lock.release().await;
    }
    restored
}

/// Checks a copy of a backup page by page, brings its schema up to date, and takes the installation's name out: under that one a
/// shared cache may hold answers of versions that the restored database will give a second time. Returns the number of its tags.
async fn check(partial: &Path, backup: &Path) -> Result<i64> {
    let failed = |error: sqlx::Error| connect::unusable(backup, &error);
    // Without a write-ahead log: the file is whole by itself once it is closed.
    let mut connection = open(partial, Some(SqliteJournalMode::Delete)).await.map_err(failed)?;
    let problem: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await.map_err(failed)?;
    if problem != "ok" {
        return Err(unusable(format!("{} is damaged: restore another backup ({problem})", backup.display())));
    }
    schema_version(&mut connection, backup).await?;
    connect::migrate(&mut connection, backup).await?;
    sqlx::query("DELETE FROM setting WHERE key = $1")
        .bind(SETTING_INSTALLATION)
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    let tags = sqlx::query_scalar("SELECT (SELECT COUNT(*) FROM genre_tag) + (SELECT COUNT(*) FROM mood_tag) AS tags")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(tags)
}

/// A database that nobody else has open.
struct Lock {
    /// `None` where the file is too damaged for SQLite to lock.
    connection: Option<SqliteConnection>,
}

impl Lock {
    /// Makes sure that nobody else has the file open, and that nothing is lost with it but by `force`.
    async fn take(database: &Path, force: bool) -> Result<Self> {
        let mut connection = match open(database, None).await {
            Ok(connection) => connection,
            Err(error) => return Self::refused(database, force, error.into()),
        };
        let locked = lock(&mut connection, database, force).await;
        let lock = Self { connection: Some(connection) };
        match locked {
            Ok(()) => Ok(lock),
            Err(error) => {
                lock.release().await;
                Self::refused(database, force, error)
            }
        }
    }

    /// Why the file cannot be had alone; one that is damaged can be replaced all the same.
    fn refused(database: &Path, force: bool, error: StoreError) -> Result<Self> {
        let database = database.display();
        Err(match error {
            StoreError::Corrupt(_) if force => return Ok(Self { connection: None }),
            StoreError::Busy(_) => StoreError::Busy(format!(
                "another process has {database} open; stop `musonym serve` and the workers, and run the command again"
            )),
            StoreError::Corrupt(problem) => unusable(format!(
                "{database} cannot be read ({problem}): --force replaces it and keeps it under another name; stop \
                 `musonym serve` and the workers first"
            )),
            other => other,
        })
    }

    async fn release(self) {
        if let Some(connection) = self.connection {
            // Nothing was written: what is left of the lock ends with the process.
            let _ = connection.close().await;
        }
    }
}

/// Locks a file that nobody else has open, and that is empty unless forced.
async fn lock(connection: &mut SqliteConnection, database: &Path, force: bool) -> Result<()> {
    // Leaving the write-ahead log behind needs the file alone, and takes into the file what stands in the log.
    let started = Instant::now();
    loop {
        let journal = sqlx::query_scalar("PRAGMA journal_mode = DELETE").fetch_one(&mut *connection).await;
        match journal.map_err(StoreError::from) {
            Ok(journal) if String::eq(&journal, "delete") => break,
            Ok(_) | Err(StoreError::Busy(_)) if started.elapsed() < IN_USE_AFTER => {}
            Ok(journal) => return Err(StoreError::Busy(format!("its journal stays {journal}"))),
            Err(error) => return Err(error),
        }
        // SQLite does not wait here by itself, and somebody may just be closing.
        tokio::time::sleep(BUSY_PAUSE).await;
    }
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut *connection).await?;
    let tables: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('genre_tag', 'mood_tag')",
    )
    .fetch_one(&mut *connection)
    .await?;
    let is_empty = tables == 2
        && sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM genre_tag) AND NOT EXISTS (SELECT 1 FROM mood_tag)")
            .fetch_one(&mut *connection)
            .await?;
    if is_empty || force {
        return Ok(());
    }
    Err(unusable(format!(
        "the database {} is not empty: --force replaces it and keeps it under another name",
        database.display()
    )))
}

/// Gives the former database, if there is one, a second name that is free; the first stays until it is replaced. What SQLite
/// keeps beside it goes along: it would be taken for the new one's.
fn keep_former(database: &Path, is_there: bool) -> io::Result<Option<PathBuf>> {
    let names = std::iter::once(".before-restore".to_owned()).chain((2..).map(|n| format!(".before-restore-{n}")));
    let is_free = |path: &PathBuf| !path.exists() && COMPANIONS.iter().all(|suffix| !beside(path, suffix).exists());
    let former = names.map(|suffix| beside(database, &suffix)).find(is_free).ok_or(io::ErrorKind::AlreadyExists)?;
    // Some file systems know no second names.
    if is_there && fs::hard_link(database, &former).is_err() {
        fs::copy(database, &former)?;
        File::open(&former)?.sync_all()?;
    }
    for companion in COMPANIONS {
        match fs::rename(beside(database, companion), beside(&former, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(is_there.then_some(former))
}

/// What may read and write the former file may do so with the new one.
fn keep_owner(former: &Path, new: &Path) -> io::Result<()> {
    let of_former = fs::metadata(former)?;
    fs::set_permissions(new, of_former.permissions())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        let of_new = fs::metadata(new)?;
        if (of_new.uid(), of_new.gid()) != (of_former.uid(), of_former.gid()) {
            chown(new, Some(of_former.uid()), Some(of_former.gid()))?;
        }
    }
    Ok(())
}
