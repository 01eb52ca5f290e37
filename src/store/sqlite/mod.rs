//! The embedded backend: one SQLite file.

use std::path::PathBuf;

use crate::store::Result;

/// How to open the file.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file; its folder must be there.
    pub path: PathBuf,
    /// Attempts after which a job is dead.
    pub max_attempts: u32,
    /// Connections for reading.
    pub readers: u32,
}

/// The embedded backend.
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens (or creates) the file and brings its schema up to date.
    ///
    /// # Errors
    /// [`crate::store::StoreError::Unusable`] with what to do: not writable, no database, made by a newer version.
    pub async fn open(options: SqliteOptions) -> Result<Self> {
        let _ = options;
        todo!()
    }
}
