//! How SQLite says what the statements in `store/sql` leave open: its types, its own functions, moments, vectors.

use std::time::Duration;

use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::vectors;
use crate::{
    domain::{Term, Timestamp},
    store::{ExportVector, Result, StoreError},
};

pub(super) type DbConnection = SqliteConnection;
pub(super) type DbRow = SqliteRow;

/// A moment as the database keeps it: Unix milliseconds.
pub(super) type Moment = i64;

/// Is one of a [`list`].
macro_rules! in_list {
    ($list:literal) => {
        concat!("IN (SELECT value FROM json_each(", $list, "))")
    };
}

/// Is one of these rows, which nobody else claims meanwhile: SQLite has one writer.
macro_rules! claim_from {
    ($($select:expr),+) => {
        concat!("IN (", $($select),+, ")")
    };
}

/// Keeps others from changing the rows that were read: SQLite has one writer.
macro_rules! for_update {
    () => {
        ""
    };
}

/// The pending terms joined to…: by their index, for the planner would rather walk all terms by their number.
macro_rules! pending_terms {
    () => {
        "synonym_term t INDEXED BY synonym_term_pending CROSS JOIN"
    };
}

/// An object of these keys and values.
macro_rules! json_object {
    ($pairs:literal) => {
        concat!("json_object(", $pairs, ")")
    };
}

/// Where the migrations are recorded.
macro_rules! migrations_table {
    () => {
        "_sqlx_migrations"
    };
}

pub(super) fn now() -> Moment {
    chrono::Utc::now().timestamp_millis()
}

pub(super) fn timestamp(moment: Moment) -> Result<Timestamp> {
    Timestamp::from_timestamp_millis(moment).ok_or_else(|| StoreError::Corrupt(format!("the moment {moment}")))
}

/// A moment from outside as the database keeps it.
pub(super) fn moment(timestamp: Timestamp) -> Moment {
    timestamp.timestamp_millis()
}

pub(super) fn later(moment: Moment, by: Duration) -> Moment {
    moment.saturating_add(millis(by))
}

pub(super) fn earlier(moment: Moment, by: Duration) -> Moment {
    moment.saturating_sub(millis(by))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Numbers as one parameter.
pub(super) fn list(ids: &[i64]) -> String {
    serde_json::json!(ids).to_string()
}

/// Most dimensions of a vector: as many as there are.
pub(super) const LONGEST_VECTOR: Option<usize> = None;

/// A parsed value, or what could not be read.
pub(super) fn parse<T>(value: Option<T>, what: &str) -> Result<T> {
    value.ok_or_else(|| StoreError::Corrupt(what.to_owned()))
}

/// JSON that a statement made.
pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// A term to be written.
pub(super) struct NewTerm<'a> {
    /// The number it keeps; `None` for a new one.
    pub(super) id: Option<i64>,
    pub(super) term: &'a Term,
    pub(super) key: &'a str,
    pub(super) stems: String,
}

/// Inserts terms in their order, all in one statement: each costs two switches between threads.
pub(super) async fn insert_terms(connection: &mut DbConnection, synonym_id: i64, terms: &[NewTerm<'_>]) -> Result<()> {
    let rows: Vec<_> = terms
        .iter()
        .map(|NewTerm { id, term, key, stems }| {
            (term.section, term.lang, &term.term, key, stems, term.source, term.confidence, term.status, id)
        })
        .collect();
    sqlx::query(
        "INSERT INTO synonym_term
             (id, synonym_id, section, lang, position, term, term_key, stems, source, confidence, status)
         SELECT value ->> 8, $1, value ->> 0, value ->> 1, key, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
             value ->> 6, value ->> 7
         FROM json_each($2) ORDER BY key",
    )
    .bind(synonym_id)
    .bind(serde_json::json!(rows).to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// The vector of a row in the active space.
pub(super) async fn embedding(connection: &mut DbConnection, synonym_id: i64) -> Result<Option<Vec<f32>>> {
    let blob: Option<Option<Vec<u8>>> = sqlx::query_scalar("SELECT embedding FROM mir_synonym WHERE id = $1")
        .bind(synonym_id)
        .fetch_optional(connection)
        .await?;
    blob.flatten().map(|blob| parse(vectors::decode(&blob), "a vector")).transpose()
}

/// Stores a vector of the active space unless the row has changed since; whether it did.
pub(super) async fn store_vector(
    connection: &mut DbConnection,
    space: &str,
    synonym_id: i64,
    version: i64,
    vector: &[f32],
) -> Result<bool> {
    let updated =
        sqlx::query("UPDATE mir_synonym SET embedding = $1, embedding_space = $2 WHERE id = $3 AND version = $4")
            .bind(vectors::encode(vector))
            .bind(space)
            .bind(synonym_id)
            .bind(version)
            .execute(connection)
            .await?;
    Ok(updated.rows_affected() == 1)
}

/// Stores a vector of another space unless the row has changed since; whether it did.
pub(super) async fn store_other_vector(
    connection: &mut DbConnection,
    space: &str,
    synonym_id: i64,
    version: i64,
    vector: &[f32],
) -> Result<bool> {
    let stored = sqlx::query(
        "INSERT INTO synonym_embedding (synonym_id, space, embedding)
         SELECT id, $1, $2 FROM mir_synonym WHERE id = $3 AND version = $4
         ON CONFLICT (synonym_id, space) DO UPDATE SET embedding = excluded.embedding",
    )
    .bind(space)
    .bind(vectors::encode(vector))
    .bind(synonym_id)
    .bind(version)
    .execute(connection)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// The vectors of these rows: the row, 0 for its own vector and 1 for one that stands beside it, the vector.
pub(super) async fn vectors_of(connection: &mut DbConnection, ids: &[i64]) -> Result<Vec<(i64, i32, ExportVector)>> {
    let found: Vec<(i64, i32, String, Vec<u8>)> = sqlx::query_as(concat!(
        "SELECT id, 0, embedding_space, embedding FROM mir_synonym
         WHERE embedding IS NOT NULL AND id ",
        in_list!("$1"),
        " UNION ALL SELECT synonym_id, 1, space, embedding FROM synonym_embedding WHERE synonym_id ",
        in_list!("$1")
    ))
    .bind(list(ids))
    .fetch_all(connection)
    .await?;
    found
        .into_iter()
        .map(|(id, place, space, blob)| {
            Ok((id, place, ExportVector { space, vector: parse(vectors::decode(&blob), "a vector")? }))
        })
        .collect()
}

/// Makes the vectors that stand beside the active ones in this space active.
pub(super) async fn adopt_vectors(connection: &mut DbConnection, space: &str) -> Result<()> {
    sqlx::query(
        "UPDATE mir_synonym SET embedding = e.embedding, embedding_space = e.space FROM synonym_embedding e
         WHERE e.synonym_id = mir_synonym.id AND e.space = $1",
    )
    .bind(space)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps the vectors of the space that is the active one so far beside those of the next.
pub(super) async fn keep_vectors(connection: &mut DbConnection, space: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO synonym_embedding (synonym_id, space, embedding)
         SELECT id, embedding_space, embedding FROM mir_synonym WHERE embedding_space = $1 ON CONFLICT DO NOTHING",
    )
    .bind(space)
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets a transaction that writes every row take as long as it does: SQLite sets no bound.
#[expect(clippy::unused_async, reason = "another backend asks its database")]
pub(super) async fn take_your_time(_connection: &mut DbConnection) -> Result<()> {
    Ok(())
}
