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
    #[error("the database cannot serve now: {0}")]
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
        if let Some(known) = of_postgres(&error) {
            return known;
        }
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

/// Indices of ours whose breach means that somebody else has just written the same: trying again finds it.
const OUR_UNIQUE: [&str; 7] = [
    "job_one_queued",
    "job_one_running",
    "mir_synonym_one_active",
    "genre_tag_name_key",
    "mood_tag_name_key",
    "webhook_delivery_pkey",
    "celery_task_pkey",
];

/// What an error of PostgreSQL or of the connection to it means, by its code
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn of_postgres(error: &sqlx::Error) -> Option<StoreError> {
    let text = error.to_string();
    match error {
        // The server is gone or starting: what was asked may succeed in a moment.
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => {
            return Some(StoreError::Busy(text));
        }
        _ => {}
    }
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    Some(match error.code() {
        // Deadlock, serialization, a twin written meanwhile, lock and statement timeouts, shutdown, too many connections.
        "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "53300" => {
            StoreError::Busy(text)
        }
        "23505" if error.constraint().is_some_and(|name| OUR_UNIQUE.contains(&name)) => StoreError::Busy(text),
        "53100" | "53200" => StoreError::Full(text),
        // The application's own rules for its table, in attach mode; ours cannot be broken from outside.
        "22001" | "23502" | "23503" | "23505" | "23514" | "P0001" => {
            StoreError::Conflict(format!("the database refuses it: {}", error.message()))
        }
        "25006" => StoreError::Unusable(format!(
            "the database is read-only: name the primary server, or ALTER DATABASE … SET default_transaction_read_only = off; \
             ({text})"
        )),
        "42501" => StoreError::Unusable(format!(
            "the database role lacks a right: grant it, or let the role own musonym's schema (docs/OPERATIONS.md); {text}"
        )),
        _ => return None,
    })
}
