//! How PostgreSQL says what the statements in `store/sql` leave open: its types, its own functions, moments, vectors.

use std::time::Duration;

use chrono::{SubsecRound, TimeDelta, Utc};
use sqlx::{PgConnection, postgres::PgRow};

use crate::{
    domain::{Lang, Term, Timestamp},
    store::{ExportVector, Result, StoreError},
};

pub(super) type DbConnection = PgConnection;
pub(super) type DbRow = PgRow;

/// A moment as the database keeps it.
pub(super) type Moment = Timestamp;

/// Is one of a [`list`].
macro_rules! in_list {
    ($list:literal) => {
        concat!("= ANY (", $list, ")")
    };
}

/// Is one of these rows, which nobody else claims meanwhile: rows that others are claiming are passed over. In an array,
/// so that the selection runs once.
macro_rules! claim_from {
    ($($select:expr),+) => {
        concat!("= ANY (ARRAY(", $($select),+, " FOR UPDATE SKIP LOCKED))")
    };
}

/// Keeps others from changing the rows that were read until the transaction ends.
macro_rules! for_update {
    () => {
        " FOR UPDATE"
    };
}

/// The pending terms joined to…
macro_rules! pending_terms {
    () => {
        "synonym_term t JOIN"
    };
}

/// An object of these keys and values.
macro_rules! json_object {
    ($pairs:literal) => {
        concat!("jsonb_build_object(", $pairs, ")")
    };
}

/// Where the migrations are recorded. An application that shares the schema may have a table of sqlx's own name.
macro_rules! migrations_table {
    () => {
        "musonym_migrations"
    };
}

/// Dimensions of the column: vectors of fewer are padded with zeros.
pub(super) const COLUMN_DIMENSIONS: usize = 768;

pub(super) fn now() -> Moment {
    Utc::now().trunc_subsecs(3)
}

#[expect(clippy::unnecessary_wraps, reason = "SQLite may hold a number that is no moment")]
pub(super) fn timestamp(moment: Moment) -> Result<Timestamp> {
    Ok(moment.trunc_subsecs(3))
}

/// A moment from outside as the database keeps it.
pub(super) fn moment(timestamp: Timestamp) -> Moment {
    timestamp.trunc_subsecs(3)
}

pub(super) fn later(moment: Moment, by: Duration) -> Moment {
    TimeDelta::from_std(by).ok().and_then(|by| moment.checked_add_signed(by)).unwrap_or(Moment::MAX_UTC)
}

pub(super) fn earlier(moment: Moment, by: Duration) -> Moment {
    TimeDelta::from_std(by).ok().and_then(|by| moment.checked_sub_signed(by)).unwrap_or(Moment::UNIX_EPOCH)
}

/// Numbers as one parameter.
pub(super) fn list(ids: &[i64]) -> Vec<i64> {
    ids.to_vec()
}

/// Most dimensions of a vector.
pub(super) const LONGEST_VECTOR: Option<usize> = Some(COLUMN_DIMENSIONS);

/// A vector as a parameter, padded.
///
/// # Errors
/// [`StoreError::Conflict`] for one that does not fit.
pub(super) fn padded(vector: &[f32]) -> Result<Vec<f32>> {
    if vector.len() > COLUMN_DIMENSIONS {
        return Err(StoreError::Conflict(format!(
            "the embedding model makes vectors of {} dimensions; PostgreSQL keeps up to {COLUMN_DIMENSIONS}: choose another \
             model in embed.model",
            vector.len()
        )));
    }
    let mut padded = vector.to_vec();
    padded.resize(COLUMN_DIMENSIONS, 0.0);
    Ok(padded)
}

/// The length of a vector as the database keeps it.
pub(super) fn dimensions(vector: &[f32]) -> i32 {
    i32::try_from(vector.len()).unwrap_or(i32::MAX)
}

/// A stored vector in its own length.
pub(super) fn unpadded(mut vector: Vec<f32>, dimensions: i32) -> Vec<f32> {
    vector.truncate(usize::try_from(dimensions).unwrap_or_default());
    vector
}

/// A term to be written.
pub(super) struct NewTerm<'a> {
    /// The number it keeps; `None` for a new one.
    pub(super) id: Option<i64>,
    pub(super) term: &'a Term,
    pub(super) key: &'a str,
    pub(super) stems: String,
}

/// Inserts terms in their order, all in one statement.
pub(super) async fn insert_terms(connection: &mut DbConnection, synonym_id: i64, terms: &[NewTerm<'_>]) -> Result<()> {
    let each = |read: fn(&NewTerm<'_>) -> String| terms.iter().map(read).collect::<Vec<String>>();
    let langs: Vec<Option<&str>> = terms.iter().map(|new| new.term.lang.map(Lang::as_str)).collect();
    let confidences: Vec<f64> = terms.iter().map(|new| new.term.confidence.value()).collect();
    let ids: Vec<Option<i64>> = terms.iter().map(|new| new.id).collect();
    sqlx::query(
        "INSERT INTO synonym_term
             (id, synonym_id, section, lang, position, term, term_key, stems, source, confidence, status)
         SELECT COALESCE(t.id, nextval(pg_get_serial_sequence('synonym_term', 'id'))), $1, t.section, t.lang,
             t.position - 1, t.term, t.term_key, t.stems, t.source, t.confidence, t.status
         FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[],
             $10::text[]) WITH ORDINALITY
             AS t (id, section, lang, term, term_key, stems, source, confidence, status, position)
         ORDER BY t.position",
    )
    .bind(synonym_id)
    .bind(ids)
    .bind(each(|new| new.term.section.as_str().to_owned()))
    .bind(langs)
    .bind(each(|new| new.term.term.clone()))
    .bind(each(|new| new.key.to_owned()))
    .bind(each(|new| new.stems.clone()))
    .bind(each(|new| new.term.source.as_str().to_owned()))
    .bind(confidences)
    .bind(each(|new| new.term.status.as_str().to_owned()))
    .execute(connection)
    .await?;
    Ok(())
}

/// The vector of a row in the active space.
pub(super) async fn embedding(connection: &mut DbConnection, synonym_id: i64) -> Result<Option<Vec<f32>>> {
    let found: Option<(Vec<f32>, i32)> = sqlx::query_as(
        "SELECT embedding::real[], embedding_dimensions FROM mir_synonym WHERE id = $1 AND embedding IS NOT NULL",
    )
    .bind(synonym_id)
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|(vector, dimensions)| unpadded(vector, dimensions)))
}

/// Stores a vector of the active space unless the row has changed since; whether it did.
pub(super) async fn store_vector(
    connection: &mut DbConnection,
    space: &str,
    synonym_id: i64,
    version: i64,
    vector: &[f32],
) -> Result<bool> {
    let updated = sqlx::query(
        "UPDATE mir_synonym SET embedding = $1::real[]::vector, embedding_space = $2, embedding_dimensions = $5
         WHERE id = $3 AND version = $4",
    )
    .bind(padded(vector)?)
    .bind(space)
    .bind(synonym_id)
    .bind(version)
    .bind(dimensions(vector))
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
        "INSERT INTO synonym_embedding (synonym_id, space, embedding, dimensions)
         SELECT id, $1, $2::real[]::vector, $5 FROM mir_synonym WHERE id = $3 AND version = $4
         ON CONFLICT (synonym_id, space) DO UPDATE SET embedding = excluded.embedding, dimensions = excluded.dimensions",
    )
    .bind(space)
    .bind(padded(vector)?)
    .bind(synonym_id)
    .bind(version)
    .bind(dimensions(vector))
    .execute(connection)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// The vectors of these rows: the row, 0 for its own vector and 1 for one that stands beside it, the vector.
pub(super) async fn vectors_of(connection: &mut DbConnection, ids: &[i64]) -> Result<Vec<(i64, i32, ExportVector)>> {
    let found: Vec<(i64, i32, String, Vec<f32>, i32)> = sqlx::query_as(
        "SELECT id, 0, embedding_space, embedding::real[], embedding_dimensions
         FROM mir_synonym WHERE embedding IS NOT NULL AND id = ANY ($1)
         UNION ALL SELECT synonym_id, 1, space, embedding::real[], dimensions FROM synonym_embedding
         WHERE synonym_id = ANY ($1)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    Ok(found
        .into_iter()
        .map(|(id, place, space, values, dimensions)| {
            (id, place, ExportVector { space, vector: unpadded(values, dimensions) })
        })
        .collect())
}

/// Makes the vectors that stand beside the active ones in this space active.
pub(super) async fn adopt_vectors(connection: &mut DbConnection, space: &str) -> Result<()> {
    sqlx::query(
        "UPDATE mir_synonym SET embedding = e.embedding, embedding_space = e.space, embedding_dimensions = e.dimensions
         FROM synonym_embedding e WHERE e.synonym_id = mir_synonym.id AND e.space = $1",
    )
    .bind(space)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps the vectors of the space that is the active one so far beside those of the next.
pub(super) async fn keep_vectors(connection: &mut DbConnection, space: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO synonym_embedding (synonym_id, space, embedding, dimensions)
         SELECT id, embedding_space, embedding, embedding_dimensions FROM mir_synonym WHERE embedding_space = $1
         ON CONFLICT DO NOTHING",
    )
    .bind(space)
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets a transaction that writes every row take as long as it does.
pub(super) async fn take_your_time(connection: &mut DbConnection) -> Result<()> {
    sqlx::query("SET LOCAL statement_timeout = 0").execute(connection).await?;
    Ok(())
}
