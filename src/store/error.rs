//! What can go wrong in a store, in words that callers can act on.

/// A store operation failed; nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What was asked for is not there.
    #[error("{0} was not found")]
    NotFound(String),
    /// The state of the data forbids it; the text says which.
    #[error("{0}")]
    Conflict(String),
    /// The row has another version than the caller saw.
    #[error("the row is at version {current}, not at the one you saw")]
    VersionMismatch {
        /// The version that stands.
        current: i64,
    },
    /// The cursor of a list is none that was given out.
    #[error("the cursor is not one that this list gave out; start again without it")]
    BadCursor,
    /// Somebody else has claimed the job, or it was cancelled.
    #[error("the lease on job {0} is lost")]
    LeaseLost(i64),
    /// The database is locked by another process or out of connections; trying again helps.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// No room is left.
    #[error("the database or its disk is full: {0}")]
    Full(String),
    /// The database cannot be opened or written as it is; the text says what to do.
    #[error("{0}")]
    Unusable(String),
    /// What stands in the database does not read as it should.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
    /// Any other error of the database.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody's help.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Full(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLite's result codes: https://www.sqlite.org/rescode.html (the low byte is the primary code).
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .and_then(|code| code.parse::<i64>().ok())
            .map(|code| code & 0xff);
        match (&error, code) {
            (sqlx::Error::PoolTimedOut, _) | (_, Some(5 | 6)) => Self::Busy(error.to_string()),
            (_, Some(13)) => Self::Full(error.to_string()),
            (_, Some(8)) => Self::Unusable(format!("the database is not writable: {error}")),
            (_, Some(11 | 26)) | (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Database(error),
        }
    }
}
