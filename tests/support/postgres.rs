//! A PostgreSQL database for one test, on the server that `scripts/services` starts.

use std::sync::atomic::{AtomicU64, Ordering};

use musonym::store::postgres::PostgresOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::services::required;

/// Names the server; its role may create databases.
pub const SERVER: &str = "MUSONYM_TEST_POSTGRES_URL";

/// A database of its own, dropped with its value.
pub struct Database {
    pub url: String,
    name: String,
    server: String,
}

impl Database {
    /// An empty database.
    pub async fn create() -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let server = required(SERVER)?;
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY wal_log");
        sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let (before, _) = server.rsplit_once('/').unwrap();
        Some(Self { url: format!("{before}/{name}"), name, server })
    }

    /// A database of another name on the same server, which somebody else creates; dropped with its value.
    pub fn beside(&self, suffix: &str) -> Self {
        let name = format!("{}{suffix}", self.name);
        Self { url: format!("{}{suffix}", self.url), name, server: self.server.clone() }
    }

    /// How tests open it: few connections, for many tests share a server.
    pub fn options(&self) -> PostgresOptions {
        PostgresOptions { max_attempts: 3, max_connections: 4, ..PostgresOptions::new(self.url.clone()) }
    }

    /// A plain connection.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Runs plain SQL.
    pub async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// One number by plain SQL.
    pub async fn number(&self, sql: &str) -> i64 {
        let mut connection = self.connect().await;
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The test's runtime may be ending: another one, on another thread, drops the database.
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server).await?;
                sqlx::query(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")))
                    .execute(&mut connection)
                    .await
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("a test database was not dropped: {error}");
        }
    }
}
