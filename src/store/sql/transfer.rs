//! Whole tags in: `musonym import`.

use sqlx::types::Json;

use super::{
    SqlStore,
    dialect::{self, DbConnection, moment, now},
    jobs, synonyms, tags,
    terms::{self, Content, NewRevision},
};
use crate::{
    domain::{NewJob, Priority, Section, Source, Synonyms, Tag, TagType, Term},
    store::{
        ExportHeader, ExportRecord, ExportRow, ExportSynonyms, ImportOutcome, Result, SETTING_CALIBRATION,
        SETTING_EMBEDDING_SPACE, StoreError,
    },
};

/// What holds for every row of an import.
struct Import {
    /// Replace also what a person wrote.
    replace: bool,
    /// The active embedding space.
    space: Option<String>,
}

impl SqlStore {
    /// See [`crate::store::AdminStore::adopt_header`].
    pub(super) async fn take_over_header(&self, header: &ExportHeader) -> Result<Option<String>> {
        let mut transaction = self.begin().await?;
        if let Some(space) = &header.embedding_space {
            insert_setting(&mut transaction, SETTING_EMBEDDING_SPACE, space).await?;
        }
        let active = active_space(&mut transaction).await?;
        if active == header.embedding_space {
            for (space, calibration) in &header.calibrations {
                let value =
                    serde_json::to_string(calibration).map_err(|error| StoreError::Corrupt(error.to_string()))?;
                insert_setting(&mut transaction, &format!("{SETTING_CALIBRATION}{space}"), &value).await?;
            }
            // Of no row: whoever holds settings in memory reads them anew.
            sqlx::query("INSERT INTO vocabulary_change (synonym_id) VALUES (0)").execute(&mut *transaction).await?;
        }
        self.commit(transaction).await?;
        Ok(active)
    }

    /// See [`crate::store::SynonymStore::import_rows`].
    pub(super) async fn import(&self, import: &[ExportRow], replace: bool) -> Result<Vec<ImportOutcome>> {
        let mut transaction = self.begin().await?;
        let settings = Import { replace, space: active_space(&mut transaction).await? };
        let mut outcomes = Vec::with_capacity(import.len());
        for row in import {
            outcomes.push(import_row(&mut transaction, row, &settings).await?);
        }
        self.commit(transaction).await?;
        Ok(outcomes)
    }
}

async fn active_space(connection: &mut DbConnection) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
        .bind(SETTING_EMBEDDING_SPACE)
        .fetch_optional(connection)
        .await?)
}

async fn insert_setting(connection: &mut DbConnection, key: &str, value: &str) -> Result<()> {
    sqlx::query("INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(key)
        .bind(value)
        .execute(connection)
        .await?;
    Ok(())
}

async fn import_row(connection: &mut DbConnection, row: &ExportRow, settings: &Import) -> Result<ImportOutcome> {
    let created_at = row.tag_created_at.map_or_else(now, moment);
    let created = tags::create_at(&mut *connection, row.tag_type, &row.name, Priority::LOW, created_at).await?;
    let tag = created.tag;
    let new_tag = created.created;
    let Some(import) = &row.synonyms else {
        return Ok(if new_tag { ImportOutcome::Created } else { ImportOutcome::Unchanged });
    };
    let current = match synonyms::active(&mut *connection, tag.tag_type, tag.id).await? {
        Some(row) => Some(row),
        None => synonyms::tombstone(&mut *connection, tag.tag_type, tag.id).await?,
    };
    let before = match &current {
        Some(current) => terms::read(&mut *connection, current.id).await?,
        None => Vec::new(),
    };
    // The name's term is the store's own.
    let given: Vec<Term> = import.terms.iter().filter(|term| term.section != Section::Name).cloned().collect();
    let content = Content {
        terms: &terms::with_rejected(&before, &given),
        source: import.source,
        confidence: import.confidence,
        action: "imported",
    };
    let (id, version, outcome) = match current {
        None => {
            let (id, version) = insert(&mut *connection, &tag, import, &content).await?;
            (id, version, if new_tag { ImportOutcome::Created } else { ImportOutcome::Replaced })
        }
        Some(current) => {
            let same = current.source == import.source
                && current.confidence == import.confidence
                && current.is_active == import.is_active
                && before == content.terms;
            if same {
                return Ok(ImportOutcome::Unchanged);
            }
            // A tombstone is a person's decision too.
            if (current.source == Source::Manual || !current.is_active) && !settings.replace {
                return Ok(ImportOutcome::KeptManual);
            }
            let version = terms::update_row(&mut *connection, &current, &content).await?;
            (current.id, version, ImportOutcome::Replaced)
        }
    };
    // A vector belongs to the terms, which are the file's now, and to the name, which may be spelt otherwise here.
    let is_embedded = match &import.record {
        Some(record) if tag.name == row.name.as_str() => {
            store_vectors(&mut *connection, (id, version), record, settings.space.as_deref()).await?
        }
        _ => false,
    };
    settle(connection, id, (import.is_active, is_embedded), &tag).await?;
    Ok(outcome)
}

/// Inserts a row for a tag that has none: as the record says, else as new. Returns number and version.
async fn insert(
    connection: &mut DbConnection,
    tag: &Tag,
    import: &ExportSynonyms,
    content: &Content<'_>,
) -> Result<(i64, i64)> {
    let Some(record) = &import.record else {
        let id = terms::insert_row(connection, tag.tag_type, tag.id, &tag.name, content).await?;
        return Ok((id, 1));
    };
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO mir_synonym
             (tag_type, tag_id, synonyms, source, confidence, is_active, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
    )
    .bind(tag.tag_type.as_str())
    .bind(tag.id)
    .bind(Json(Synonyms::from_terms(content.terms)))
    .bind(content.source.as_str())
    .bind(content.confidence.value())
    .bind(import.is_active)
    .bind(record.version)
    .bind(moment(record.created_at))
    .bind(moment(record.updated_at))
    .fetch_one(&mut *connection)
    .await?;
    terms::write(&mut *connection, id, &tag.name, content.terms).await?;
    for revision in &record.revisions {
        let (before, after) = (revision.before.as_ref(), revision.after.as_ref());
        let new = NewRevision { synonym_id: id, version: revision.version, before, after };
        let called = (tag.tag_type, revision.tag_name.as_str());
        let made_at = moment(revision.created_at);
        terms::record_at(&mut *connection, new, &revision.action, revision.source, called, made_at).await?;
    }
    Ok((id, record.version))
}

/// Stores the vectors of a record for this row and version; whether one is of the active space.
async fn store_vectors(
    connection: &mut DbConnection,
    (id, version): (i64, i64),
    record: &ExportRecord,
    active: Option<&str>,
) -> Result<bool> {
    let mut is_embedded = false;
    for vector in &record.vectors {
        let (space, values) = (vector.space.as_str(), vector.vector.as_slice());
        if active == Some(space) {
            is_embedded |= dialect::store_vector(&mut *connection, space, id, version, values).await?;
        } else {
            dialect::store_other_vector(&mut *connection, space, id, version, values).await?;
        }
    }
    Ok(is_embedded)
}

/// After the content: the row's activity as exported, the job that embeds it, and no job that would write over it.
async fn settle(
    connection: &mut DbConnection,
    id: i64,
    (is_active, is_embedded): (bool, bool),
    tag: &Tag,
) -> Result<()> {
    synonyms::mark_active(&mut *connection, id, is_active).await?;
    cancel_generation(&mut *connection, tag.tag_type, tag.id).await?;
    if is_active && !is_embedded {
        jobs::enqueue(connection, &NewJob::embed(id, Priority::LOW)).await?;
    }
    Ok(())
}

async fn cancel_generation(connection: &mut DbConnection, tag_type: TagType, tag_id: i64) -> Result<()> {
    sqlx::query(
        "UPDATE job SET state = 'cancelled', last_error = 'the synonyms were imported', updated_at = $1
         WHERE dedup_key = $2 AND state = 'queued'",
    )
    .bind(now())
    .bind(format!("generate:{tag_type}:{tag_id}"))
    .execute(connection)
    .await?;
    Ok(())
}
