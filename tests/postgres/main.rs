//! What only PostgreSQL has: an application's own tables, several servers and workers on one database, an index that comes with
//! the size, and what can go wrong with a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod agreement;
mod attach;
mod faults;
mod processes;
mod recall;
mod refusals;
mod schema;
mod vector_index;
