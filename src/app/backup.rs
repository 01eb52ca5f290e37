//! Copies of the configured database, and the way back.

use std::path::{Path, PathBuf};

use super::{AppError, create_folder_of};
use crate::{
    config::{Database, Settings},
    store::{
        postgres,
        sqlite::{self, Backup, Restored, SqliteOptions},
    },
};

/// Copies the database into a file, while it is in use.
///
/// # Errors
/// [`AppError`] says what to do: for PostgreSQL, the command that does it.
pub async fn backup(settings: &Settings, file: &Path, force: bool) -> Result<Backup, AppError> {
    match &settings.database {
        Database::Sqlite(path) => Ok(sqlite::backup(path, file, force).await?),
        Database::Postgres(options) => Err(AppError::Start(format!(
            "PostgreSQL's own pg_dump copies its databases (it asks for the password, or reads ~/.pgpass):\n{}",
            postgres::backup_commands(options, file)?
        ))),
    }
}

/// Puts a backup in place of the database.
///
/// # Errors
/// [`AppError`] says what to do: for PostgreSQL, the commands that do it.
pub async fn restore(settings: &Settings, file: &Path, force: bool) -> Result<Restored, AppError> {
    match &settings.database {
        Database::Sqlite(path) => {
            create_folder_of(path)?;
            Ok(sqlite::restore(&SqliteOptions::new(PathBuf::from(path)), file, force).await?)
        }
        Database::Postgres(options) => Err(AppError::Start(format!(
            "PostgreSQL's own pg_restore makes a new database of a pg_dump, to be named in MUSONYM_DATABASE_URL:\n{}",
            postgres::restore_commands(options, file)?
        ))),
    }
}
