//! Database rows to domain types. What does not read as it should is [`StoreError::Corrupt`], never a panic.

use sqlx::{ColumnIndex, Row, types::Json};

use super::dialect::{DbRow, timestamp};
use crate::{
    domain::{Confidence, Job, SynonymRecord, Synonyms, Tag, TagType, Term},
    store::{Result, Revision, StoreError},
    trace,
};

/// A column that holds one of an enum's words.
pub(super) fn word<T: std::str::FromStr<Err = String>>(row: &DbRow, column: impl ColumnIndex<DbRow>) -> Result<T> {
    row.try_get::<&str, _>(column)?.parse().map_err(StoreError::Corrupt)
}

/// A column that holds one of an enum's words, or nothing.
pub(super) fn optional_word<T: std::str::FromStr<Err = String>>(
    row: &DbRow,
    column: impl ColumnIndex<DbRow>,
) -> Result<Option<T>> {
    row.try_get::<Option<&str>, _>(column)?.map(|text| text.parse().map_err(StoreError::Corrupt)).transpose()
}

pub(super) fn tag_type(row: &DbRow) -> Result<TagType> {
    word(row, "tag_type")
}

pub(super) fn confidence(row: &DbRow) -> Result<Confidence> {
    confidence_in(row, "confidence")
}

/// A confidence in a column of another name.
pub(super) fn confidence_in(row: &DbRow, column: impl ColumnIndex<DbRow>) -> Result<Confidence> {
    Confidence::new(row.try_get(column)?).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// A column that holds a count.
fn count(row: &DbRow, column: &str) -> Result<u32> {
    let value: i32 = row.try_get(column)?;
    u32::try_from(value).map_err(|_| StoreError::Corrupt(format!("{column} is {value}")))
}

/// Columns of the view `tag`.
pub(super) fn tag(row: &DbRow) -> Result<Tag> {
    Ok(Tag {
        id: row.try_get("id")?,
        tag_type: tag_type(row)?,
        name: row.try_get("name")?,
        created_at: timestamp(row.try_get("created_at")?)?,
    })
}

/// Columns of the view `mir_synonym_named`.
pub(super) fn synonyms(row: &DbRow) -> Result<SynonymRecord> {
    let space: Option<String> = row.try_get("embedding_space")?;
    let dimensions: Option<i32> = row.try_get("dimensions")?;
    let Json(synonyms) = row.try_get::<Json<Synonyms>, _>("synonyms")?;
    Ok(SynonymRecord {
        id: row.try_get("id")?,
        tag_id: row.try_get("tag_id")?,
        tag_type: tag_type(row)?,
        tag_name: row.try_get("tag_name")?,
        synonyms,
        source: word(row, "source")?,
        confidence: confidence(row)?,
        is_active: row.try_get("is_active")?,
        version: row.try_get("version")?,
        embedding: space.zip(dimensions.and_then(|dimensions| usize::try_from(dimensions).ok())),
        created_at: timestamp(row.try_get("created_at")?)?,
        updated_at: timestamp(row.try_get("updated_at")?)?,
    })
}

/// Columns of `synonym_term`.
pub(super) fn term(row: &DbRow) -> Result<Term> {
    Ok(Term {
        section: word(row, "section")?,
        lang: optional_word(row, "lang")?,
        term: row.try_get("term")?,
        source: word(row, "source")?,
        confidence: confidence(row)?,
        status: word(row, "status")?,
    })
}

/// Columns of `synonym_revision`.
pub(super) fn revision(row: &DbRow) -> Result<Revision> {
    let sections = |column| Ok::<_, StoreError>(row.try_get::<Option<Json<Synonyms>>, _>(column)?.map(|Json(it)| it));
    Ok(Revision {
        id: row.try_get("id")?,
        version: row.try_get("version")?,
        action: row.try_get("action")?,
        source: word(row, "source")?,
        tag_type: tag_type(row)?,
        tag_name: row.try_get("tag_name")?,
        before: sections("before")?,
        after: sections("after")?,
        created_at: timestamp(row.try_get("created_at")?)?,
        trace_id: optional_word(row, "trace_id")?,
    })
}

/// Columns of `job`. `default_max_attempts` stands in for a job that was never claimed.
pub(super) fn job(row: &DbRow, default_max_attempts: u32) -> Result<Job> {
    let max_attempts = match row.try_get::<Option<i32>, _>("max_attempts")? {
        Some(_) => count(row, "max_attempts")?,
        None => default_max_attempts,
    };
    Ok(Job {
        id: row.try_get("id")?,
        kind: word(row, "kind")?,
        payload: row.try_get::<Json<_>, _>("payload")?.0,
        priority: priority(row)?,
        state: word(row, "state")?,
        attempts: count(row, "attempts")?,
        max_attempts,
        run_at: timestamp(row.try_get("run_at")?)?,
        batch_id: row.try_get("batch_id")?,
        trace_id: optional_word(row, "trace_id")?,
        last_error: row.try_get("last_error")?,
        result: row.try_get::<Option<Json<_>>, _>("result")?.map(|Json(it)| it),
        created_at: timestamp(row.try_get("created_at")?)?,
        updated_at: timestamp(row.try_get("updated_at")?)?,
    })
}

/// The trace on whose behalf something is written, as its column holds it.
pub(super) fn current_trace() -> Option<String> {
    trace::current().map(|trace_id| trace_id.to_string())
}

pub(super) fn priority(row: &DbRow) -> Result<crate::domain::Priority> {
    Ok(crate::domain::Priority::clamped(i64::from(row.try_get::<i32, _>("priority")?)))
}
