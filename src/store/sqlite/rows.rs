//! Database rows to domain types. What does not read as it should is [`StoreError::Corrupt`], never a panic.

use sqlx::{Row, sqlite::SqliteRow};

use super::timestamp;
use crate::{
    domain::{Confidence, Job, SynonymRecord, Synonyms, Tag, TagType, Term},
    store::{Result, Revision, StoreError},
};

/// A parsed value, or what could not be read.
pub(super) fn parse<T>(value: Option<T>, what: &str) -> Result<T> {
    value.ok_or_else(|| StoreError::Corrupt(what.to_owned()))
}

/// A column that holds one of an enum's words.
pub(super) fn word<T: std::str::FromStr<Err = String>>(row: &SqliteRow, column: &str) -> Result<T> {
    row.try_get::<&str, _>(column)?.parse().map_err(StoreError::Corrupt)
}

/// A column that holds one of an enum's words, or nothing.
pub(super) fn optional_word<T: std::str::FromStr<Err = String>>(row: &SqliteRow, column: &str) -> Result<Option<T>> {
    row.try_get::<Option<&str>, _>(column)?.map(|text| text.parse().map_err(StoreError::Corrupt)).transpose()
}

pub(super) fn tag_type(row: &SqliteRow) -> Result<TagType> {
    word(row, "tag_type")
}

pub(super) fn confidence(row: &SqliteRow) -> Result<Confidence> {
    Confidence::new(row.try_get("confidence")?).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// JSON in a column.
pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Columns of the view `tag`.
pub(super) fn tag(row: &SqliteRow) -> Result<Tag> {
    Ok(Tag {
        id: row.try_get("id")?,
        tag_type: tag_type(row)?,
        name: row.try_get("name")?,
        created_at: timestamp(row.try_get("created_at")?)?,
    })
}

/// Columns of the view `mir_synonym_named`, and `dimensions`.
pub(super) fn synonyms(row: &SqliteRow) -> Result<SynonymRecord> {
    let space: Option<String> = row.try_get("embedding_space")?;
    let bytes: Option<i64> = row.try_get("embedding_bytes")?;
    Ok(SynonymRecord {
        id: row.try_get("id")?,
        tag_id: row.try_get("tag_id")?,
        tag_type: tag_type(row)?,
        tag_name: row.try_get("tag_name")?,
        synonyms: json::<Synonyms>(row.try_get("synonyms")?)?,
        source: word(row, "source")?,
        confidence: confidence(row)?,
        is_active: row.try_get("is_active")?,
        version: row.try_get("version")?,
        embedding: space.zip(bytes.and_then(|bytes| usize::try_from(bytes / 4).ok())),
        created_at: timestamp(row.try_get("created_at")?)?,
        updated_at: timestamp(row.try_get("updated_at")?)?,
    })
}

/// Columns of `synonym_term`.
pub(super) fn term(row: &SqliteRow) -> Result<Term> {
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
pub(super) fn revision(row: &SqliteRow) -> Result<Revision> {
    Ok(Revision {
        id: row.try_get("id")?,
        version: row.try_get("version")?,
        action: row.try_get("action")?,
        source: word(row, "source")?,
        tag_type: tag_type(row)?,
        tag_name: row.try_get("tag_name")?,
        before: row.try_get::<Option<&str>, _>("before")?.map(json).transpose()?,
        after: row.try_get::<Option<&str>, _>("after")?.map(json).transpose()?,
        created_at: timestamp(row.try_get("created_at")?)?,
    })
}

/// Columns of `job`. `default_max_attempts` stands in for a job that was never claimed.
pub(super) fn job(row: &SqliteRow, default_max_attempts: u32) -> Result<Job> {
    Ok(Job {
        id: row.try_get("id")?,
        kind: word(row, "kind")?,
        payload: json(row.try_get("payload")?)?,
        priority: crate::domain::Priority::clamped(row.try_get("priority")?),
        state: word(row, "state")?,
        attempts: row.try_get("attempts")?,
        max_attempts: row.try_get::<Option<u32>, _>("max_attempts")?.unwrap_or(default_max_attempts),
        run_at: timestamp(row.try_get("run_at")?)?,
        last_error: row.try_get("last_error")?,
        result: row.try_get::<Option<&str>, _>("result")?.map(json).transpose()?,
        created_at: timestamp(row.try_get("created_at")?)?,
        updated_at: timestamp(row.try_get("updated_at")?)?,
    })
}
