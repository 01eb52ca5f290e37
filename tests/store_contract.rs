//! What every storage backend does, as behaviour: one suite over `Arc<dyn Store>`, run once per backend.
//!
//! A backend plugs in with one more [`backend::Backend`] and one more module in [`contract!`]. What only SQLite has
//! (pragmas, plans, syncs, the file) is in the `sqlite_*` modules, what only PostgreSQL has in the `postgres_*` ones.
//!
//! How we know that every statement is executed: `every_statement_is_executed` in `sqlite_statements.rs` drives every
//! method of every trait once, in each of its branches that hold SQL, and compares the statements that SQLite ran with
//! the literals found in `src/store/sqlite/*.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// Declares contract tests: each is written once and run on a fresh database of every backend.
macro_rules! contract {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident) $body:block)*) => {
        $($(#[$meta])* async fn $name($db: crate::backend::Db) $body)*

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::backend::sqlite().await).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(db) = crate::backend::postgres().await {
                    super::$name(db).await;
                }
            })*
        }
    };
}

#[path = "support/mod.rs"]
mod support;

#[path = "store_contract/admin.rs"]
mod admin;
#[path = "store_contract/backend.rs"]
mod backend;
#[path = "store_contract/batches.rs"]
mod batches;
#[path = "store_contract/celery.rs"]
mod celery;
#[path = "store_contract/enrich.rs"]
mod enrich;
#[path = "store_contract/generations.rs"]
mod generations;
#[path = "store_contract/invariants.rs"]
mod invariants;
#[path = "store_contract/jobs.rs"]
mod jobs;
#[path = "store_contract/lint.rs"]
mod lint;
#[path = "store_contract/meaning.rs"]
mod meaning;
#[path = "store_contract/merge.rs"]
mod merge;
#[path = "store_contract/other_handles.rs"]
mod other_handles;
#[path = "store_contract/outbound.rs"]
mod outbound;
#[path = "store_contract/postgres_backup.rs"]
mod postgres_backup;
#[path = "store_contract/restore.rs"]
mod restore;
#[path = "store_contract/review.rs"]
mod review;
#[path = "store_contract/search.rs"]
mod search;
#[path = "store_contract/spaces.rs"]
mod spaces;
#[path = "store_contract/sqlite_backup.rs"]
mod sqlite_backup;
#[path = "store_contract/sqlite_durability.rs"]
mod sqlite_durability;
#[path = "store_contract/sqlite_file.rs"]
mod sqlite_file;
#[path = "store_contract/sqlite_statements.rs"]
mod sqlite_statements;
#[path = "store_contract/steering.rs"]
mod steering;
#[path = "store_contract/synonyms.rs"]
mod synonyms;
#[path = "store_contract/tags.rs"]
mod tags;
#[path = "store_contract/transfer.rs"]
mod transfer;
#[path = "store_contract/webhooks.rs"]
mod webhooks;
