//! Whole tags in and out: `musonym export` and `musonym import`.

use sqlx::Row;

use super::{
    SqlStore,
    dialect::{DbConnection, now},
    jobs, rows, synonyms, tags,
    terms::{self, Content},
};
use crate::{
    domain::{NewJob, Priority, Section, Source, Tag, TagName, TagType, Term},
    store::{ExportRow, ExportSynonyms, ImportOutcome, Listing, Page, Result, StoreError, types::TagCursor},
};

impl SqlStore {
    /// See [`crate::store::SynonymStore::import_rows`].
    pub(super) async fn import(&self, import: &[ExportRow], replace: bool) -> Result<Vec<ImportOutcome>> {
        let mut transaction = self.begin().await?;
        let mut outcomes = Vec::with_capacity(import.len());
        for row in import {
            outcomes.push(import_row(&mut transaction, row, replace).await?);
        }
        self.commit(transaction).await?;
        Ok(outcomes)
    }

    /// See [`crate::store::SynonymStore::export_rows`].
    pub(super) async fn export(&self, page: &Page) -> Result<Listing<ExportRow>> {
        let after: TagCursor = page.parse_cursor()?;
        let mut connection = self.readers.acquire().await?;
        // One row a tag: the active one, else the newest tombstone.
        let tags = sqlx::query(
            "SELECT t.tag_type, t.id AS tag_id, t.name, s.id, s.source, s.confidence, s.is_active FROM tag t
             LEFT JOIN mir_synonym s ON s.id = (
                 SELECT id FROM mir_synonym WHERE tag_type = t.tag_type AND tag_id = t.id
                 ORDER BY is_active DESC, id DESC LIMIT 1)
             WHERE t.id > CASE WHEN t.tag_type = $1 THEN $2 WHEN t.tag_type > $1 THEN 0 ELSE 9223372036854775807 END
             ORDER BY t.tag_type, t.id LIMIT $3",
        )
        .bind(after.tag_type)
        .bind(after.id)
        .bind(page.fetch_limit())
        .fetch_all(&mut *connection)
        .await?;
        let mut items = Vec::with_capacity(tags.len());
        for row in &tags {
            let name: &str = row.try_get("name")?;
            // A name that plain SQL wrote may break the rules of names; it is named rather than left out.
            let name = TagName::parse(name)
                .map_err(|error| StoreError::Corrupt(format!("the tag {}: {error}", name.escape_debug())))?;
            let synonyms = match row.try_get::<Option<i64>, _>("id")? {
                None => None,
                Some(id) => Some(ExportSynonyms {
                    source: rows::word(row, "source")?,
                    confidence: rows::confidence(row)?,
                    is_active: row.try_get("is_active")?,
                    terms: terms::read(&mut connection, id).await?,
                }),
            };
            let cursor = TagCursor::of(rows::tag_type(row)?, row.try_get("tag_id")?);
            items.push((cursor, ExportRow { tag_type: rows::tag_type(row)?, name, synonyms }));
        }
        let listing = page.listing(items, |(cursor, _)| cursor.clone());
        Ok(Listing { items: listing.items.into_iter().map(|(_, row)| row).collect(), next: listing.next })
    }
}

async fn import_row(connection: &mut DbConnection, row: &ExportRow, replace: bool) -> Result<ImportOutcome> {
    let created = tags::create(&mut *connection, row.tag_type, &row.name, Priority::LOW).await?;
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
    let (id, outcome) = match current {
        None => {
            let id = terms::insert_row(&mut *connection, tag.tag_type, tag.id, &tag.name, &content).await?;
            (id, if new_tag { ImportOutcome::Created } else { ImportOutcome::Replaced })
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
            if (current.source == Source::Manual || !current.is_active) && !replace {
                return Ok(ImportOutcome::KeptManual);
            }
            terms::update_row(&mut *connection, &current, &content).await?;
            (current.id, ImportOutcome::Replaced)
        }
    };
    settle(connection, id, import.is_active, &tag).await?;
    Ok(outcome)
}

/// After the content: the row's activity as exported, the job that embeds it, and no job that would write over it.
async fn settle(connection: &mut DbConnection, id: i64, is_active: bool, tag: &Tag) -> Result<()> {
    synonyms::mark_active(&mut *connection, id, is_active).await?;
    cancel_generation(&mut *connection, tag.tag_type, tag.id).await?;
    if is_active {
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
