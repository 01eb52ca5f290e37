//! Connecting: the pool and what each connection is told, the extensions, the schema. What is wrong is named with the command
//! that mends it.

use std::{str::FromStr, sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use sqlx::{
    ConnectOptions, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{PostgresOptions, attach, vector_index::SessionSettings};
use crate::store::{Result, StoreError};

/// The oldest server and extension that have what the statements need (iterative index scans came with pgvector 0.8).
const OLDEST_SERVER: i32 = 150_000;
const OLDEST_PGVECTOR: [u32; 2] = [0, 8];

/// An idle connection is given back to the server after this long, one in use after its statement.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a statement waits for another writer before the database is busy.
const LOCK_TIMEOUT_MS: u32 = 5_000;

/// Held while extensions are looked for and created: `musonymE` as a number.
const EXTENSIONS_LOCK: i64 = 7_887_337_244_841_307_461;

/// Keys this alike by their trigrams are worth a look: two letters swapped in one word of two leave a quarter of them.
pub const TRIGRAM_SIMILARITY: &str = "0.22";

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// A database whose schema is current.
pub(super) struct Opened {
    pub(super) pool: PgPool,
    /// Where it is, without a password.
    pub(super) location: String,
}

/// The newest schema version that this build knows.
pub(super) fn newest_schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

pub(super) async fn open(options: &PostgresOptions, index_settings: &Arc<SessionSettings>) -> Result<Opened> {
    let connect = PgConnectOptions::from_str(options.url.expose_secret())
        .map_err(|_| unreadable_url())?
        .application_name("musonym")
        .log_statements(tracing::log::LevelFilter::Trace)
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1));
    let location = location(&connect);
    let pool = pool(options, connect.clone(), index_settings);
    // Alone first: a pool would try again until its timeout and hide the reason.
    drop(connect.connect().await.map_err(|error| refused(&location, &connect, error))?);
    check_server(&pool).await?;
    require_extensions(&pool).await?;
    migrate(&connect, &location).await?;
    attach::attach(&pool, &options.attached).await?;
    Ok(Opened { pool, location })
}

/// The error of a URL may repeat its password: this one does not.
pub(super) fn unreadable_url() -> StoreError {
    StoreError::Unusable(
        "the database URL cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, and percent-encode what is \
         special in the password"
            .to_owned(),
    )
}

fn pool(options: &PostgresOptions, connect: PgConnectOptions, index_settings: &Arc<SessionSettings>) -> PgPool {
    let timeout = options.statement_timeout.as_millis();
    let (for_new, for_old) = (Arc::clone(index_settings), Arc::clone(index_settings));
    PgPoolOptions::new()
        // One of them listens.
        .max_connections(options.max_connections.max(2))
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(IDLE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let index = for_new.statements();
            Box::pin(async move {
                use sqlx::Executor as _;
                // JIT compiles for longer than a search takes, planning it anew for its values takes as long, and workers that
                // help with a part of it are longer in coming than it takes without them.
                let settings = format!(
                    "SET jit = off; SET plan_cache_mode = force_generic_plan; SET max_parallel_workers_per_gather = 0; SET statement_timeout = {timeout}; SET lock_timeout = {LOCK_TIMEOUT_MS}; SET client_min_messages = warning;
                     SET pg_trgm.similarity_threshold = {TRIGRAM_SIMILARITY}; {index}"
                );
                connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(settings))).await?;
                Ok(())
            })
        })
        .before_acquire(move |_, about| {
            let current = for_old.are_known_to(about.age);
            Box::pin(async move { Ok(current) })
        })
        .connect_lazy_with(connect)
}

/// Where the database is, without a password.
fn location(connect: &PgConnectOptions) -> String {
    let database = connect.get_database().unwrap_or_else(|| connect.get_username());
    match connect.get_socket() {
        Some(socket) => format!("postgres://{}@{}/{database}", connect.get_username(), socket.display()),
        None => {
            format!("postgres://{}@{}:{}/{database}", connect.get_username(), connect.get_host(), connect.get_port())
        }
    }
}

/// Why the server did not let us in, and what to do.
fn refused(location: &str, connect: &PgConnectOptions, error: sqlx::Error) -> StoreError {
    let user = connect.get_username();
    let database = connect.get_database().unwrap_or(user);
    // Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned);
    match code.as_deref() {
        Some("28P01") => StoreError::Unusable(format!(
            "PostgreSQL refuses the password of `{user}` at {location}: set the right one in MUSONYM_DATABASE_URL, or a new \
             one with ALTER ROLE \"{user}\" PASSWORD '…';"
        )),
        Some("28000") => StoreError::Unusable(format!(
            "PostgreSQL does not let `{user}` in at {location}: {error}\n\
             Create the role (CREATE ROLE \"{user}\" LOGIN PASSWORD '…';) or allow it in pg_hba.conf."
        )),
        Some("3D000") => StoreError::Unusable(format!(
            "the database `{database}` is not there at {location}: run as a superuser\n\
             CREATE DATABASE \"{database}\" OWNER \"{user}\";"
        )),
        Some("42501") => StoreError::Unusable(format!(
            "`{user}` may not connect to `{database}`: run as a superuser\n\
             GRANT CONNECT ON DATABASE \"{database}\" TO \"{user}\";"
        )),
        Some(_) => StoreError::from(error),
        None => match &error {
            sqlx::Error::Io(_) => StoreError::Busy(format!("no PostgreSQL answers at {location}: {error}")),
            sqlx::Error::Tls(_) => StoreError::Unusable(format!(
                "no secure connection to {location}: {error}\nSee sslmode and sslrootcert in docs/OPERATIONS.md."
            )),
            _ => StoreError::from(error),
        },
    }
}

async fn check_server(pool: &PgPool) -> Result<()> {
    let (number, name, read_only): (String, String, bool) = sqlx::query_as(
        "SELECT current_setting('server_version_num'), current_setting('server_version'),
             pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'",
    )
    .fetch_one(pool)
    .await?;
    if number.parse::<i32>().unwrap_or_default() < OLDEST_SERVER {
        return Err(StoreError::Unusable(format!("PostgreSQL {name} is too old: musonym needs version 15 or newer")));
    }
    if read_only {
        return Err(StoreError::Unusable(
            "the database is read-only (a standby, or default_transaction_read_only is on): name the primary server, or run\n\
             ALTER DATABASE … SET default_transaction_read_only = off;"
                .to_owned(),
        ));
    }
    Ok(())
}

/// pgvector and pg_trgm, created where the role may, by one process at a time.
async fn require_extensions(pool: &PgPool) -> Result<()> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(EXTENSIONS_LOCK).execute(&mut *transaction).await?;
    for (extension, package) in [("vector", "pgvector"), ("pg_trgm", "pg_trgm (PostgreSQL's contrib modules)")] {
        let (available, installed): (Option<String>, Option<String>) = sqlx::query_as(
            "SELECT (SELECT default_version FROM pg_available_extensions WHERE name = $1),
                    (SELECT extversion FROM pg_extension WHERE extname = $1)",
        )
        .bind(extension)
        .fetch_one(&mut *transaction)
        .await?;
        let version = match (installed, available) {
            (Some(version), _) => version,
            (None, None) => {
                return Err(StoreError::Unusable(format!(
                    "the PostgreSQL server does not have {package}: install it there (Debian 13: apt-get install \
                     postgresql-17-pgvector; others: docs/OPERATIONS.md), then start again"
                )));
            }
            (None, Some(version)) => {
                let create = format!("CREATE EXTENSION IF NOT EXISTS {extension}");
                sqlx::query(sqlx::AssertSqlSafe(create.clone())).execute(&mut *transaction).await.map_err(|error| {
                    StoreError::Unusable(format!(
                        "the extension {extension} is missing, and this role may not create it ({error}): run as a \
                         superuser in this database\n{create};"
                    ))
                })?;
                version
            }
        };
        let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
        if extension == "vector" && numbers.as_slice() < OLDEST_PGVECTOR.as_slice() {
            return Err(StoreError::Unusable(format!(
                "pgvector {version} is too old: install version 0.8 or newer on the server, then run as a superuser in this \
                 database\nALTER EXTENSION vector UPDATE;"
            )));
        }
    }
    Ok(transaction.commit().await?)
}

/// Brings the schema up to date. One process does it under an advisory lock of the migrator, others wait.
/// On a connection of its own, without the timeouts of the pool: a migration, and the wait for one, take their time.
async fn migrate(connect: &PgConnectOptions, location: &str) -> Result<()> {
    let migrator = Migrator {
        migrations: MIGRATIONS.migrations.clone(),
        table_name: migrations_table!().into(),
        ..Migrator::DEFAULT
    };
    let mut connection = connect.connect().await?;
    migrator.run_direct(None, &mut connection, false).await.map_err(|error| match StoreError::from(error) {
        StoreError::Database(error)
            if error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("3F000") =>
        {
            StoreError::Unusable(format!(
                "no schema of the search path is there at {location}: run CREATE SCHEMA musonym; and ALTER ROLE … SET \
                 search_path = musonym, public;"
            ))
        }
        other => other,
    })
}
