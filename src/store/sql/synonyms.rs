//! Synonyms as people read and write them.

use async_trait::async_trait;
use sqlx::Row;

use super::{
    SqlStore,
    dialect::{self, DbConnection, list, now},
    jobs, revisions, rows, tags,
    terms::{self, Content, NewRevision},
};
use crate::{
    domain::{NewJob, Priority, Source, SynonymRecord, TagRef, TagType},
    store::{
        ExportDetail, ExportRow, ImportOutcome, Listing, Page, Result, Revision, StoreError, SynonymFilter,
        SynonymStore, SynonymsDraft,
    },
};

/// A query over whole rows, without their vectors.
macro_rules! select_synonyms {
    ($rest:expr) => {
        concat!(
            "SELECT id, tag_id, tag_type, tag_name, synonyms, source, confidence, is_active, version, embedding_space, ",
            "dimensions, created_at, updated_at FROM mir_synonym_named ",
            $rest
        )
    };
}

#[async_trait]
impl SynonymStore for SqlStore {
    async fn lookup_synonyms(&self, wanted: &[TagRef]) -> Result<Vec<Option<SynonymRecord>>> {
        let mut connection = self.readers.acquire().await?;
        let mut found = Vec::with_capacity(wanted.len());
        for tag in wanted {
            found.push(match tags::resolve(&mut connection, tag.tag_type, tag.tag_name.as_str()).await? {
                Some(tag) => active(&mut connection, tag.tag_type, tag.id).await?,
                None => None,
            });
        }
        Ok(found)
    }

    async fn synonyms_by_ids(&self, ids: &[i64]) -> Result<Vec<SynonymRecord>> {
        let rows = sqlx::query(select_synonyms!(concat!("WHERE id ", in_list!("$1"))))
            .bind(list(ids))
            .fetch_all(&self.readers)
            .await?;
        let mut records = rows.iter().map(rows::synonyms).collect::<Result<Vec<_>>>()?;
        let place = |record: &SynonymRecord| ids.iter().position(|id| *id == record.id);
        records.sort_by_key(place);
        Ok(records)
    }

    async fn list_synonyms(&self, filter: &SynonymFilter, page: &Page) -> Result<Listing<SynonymRecord>> {
        let after: i64 = page.parse_cursor()?;
        let rows = sqlx::query(select_synonyms!(
            "WHERE is_active AND id > $1 AND ($2 IS NULL OR tag_type = $2) AND ($3 IS NULL OR source = $3)
             AND ($4 IS NULL OR confidence >= $4) ORDER BY id LIMIT $5"
        ))
        .bind(after)
        .bind(filter.tag_type.map(TagType::as_str))
        .bind(filter.source.map(Source::as_str))
        .bind(filter.min_confidence)
        .bind(page.fetch_limit())
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(rows::synonyms).collect::<Result<Vec<_>>>()?;
        Ok(page.listing(items, |item| item.id))
    }

    async fn embedding(&self, synonym_id: i64) -> Result<Option<Vec<f32>>> {
        dialect::embedding(&mut *self.readers.acquire().await?, synonym_id).await
    }

    async fn create_synonyms(&self, draft: &SynonymsDraft) -> Result<SynonymRecord> {
        let mut transaction = self.begin().await?;
        let tag = &draft.tag;
        let tag = tags::create(&mut transaction, tag.tag_type, &tag.tag_name, Priority::HIGH).await?.tag;
        if let Some(row) = active(&mut transaction, tag.tag_type, tag.id).await? {
            return Err(StoreError::Conflict(format!(
                "the {} tag `{}` has active synonyms (number {}); replace them with PUT, or delete them first",
                tag.tag_type, tag.name, row.id
            )));
        }
        let before = match tombstone(&mut transaction, tag.tag_type, tag.id).await? {
            Some(row) => terms::read(&mut transaction, row.id).await?,
            None => Vec::new(),
        };
        let content = Content {
            terms: &terms::with_rejected(&before, &draft.terms),
            source: Source::Manual,
            confidence: draft.confidence,
            action: "created",
        };
        let id = terms::insert_row(&mut transaction, tag.tag_type, tag.id, &tag.name, &content).await?;
        jobs::enqueue(&mut transaction, &NewJob::embed(id, Priority::HIGH)).await?;
        let row = by_id(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(row)
    }

    async fn replace_synonyms(
        &self,
        synonym_id: i64,
        draft: &SynonymsDraft,
        expected_version: Option<i64>,
    ) -> Result<SynonymRecord> {
        let mut transaction = self.begin().await?;
        let row = by_id(&mut transaction, synonym_id).await?;
        check_version(&row, expected_version)?;
        let before = terms::read(&mut transaction, synonym_id).await?;
        let content = Content {
            terms: &terms::replaced_by_person(&before, &draft.terms),
            source: Source::Manual,
            confidence: draft.confidence,
            action: "replaced",
        };
        terms::update_row(&mut transaction, &row, &content).await?;
        if row.is_active {
            jobs::enqueue(&mut transaction, &NewJob::embed(synonym_id, Priority::HIGH)).await?;
        }
        let row = by_id(&mut transaction, synonym_id).await?;
        self.commit(transaction).await?;
        Ok(row)
    }

    async fn deactivate_synonyms(&self, synonym_id: i64, expected_version: Option<i64>) -> Result<()> {
        let mut transaction = self.begin().await?;
        let row = by_id(&mut transaction, synonym_id).await?;
        check_version(&row, expected_version)?;
        if row.is_active {
            set_active(&mut transaction, &row, false).await?;
            self.commit(transaction).await?;
        }
        Ok(())
    }

    async fn activate_synonyms(&self, synonym_id: i64) -> Result<SynonymRecord> {
        let mut transaction = self.begin().await?;
        let row = by_id(&mut transaction, synonym_id).await?;
        if row.is_active {
            return Ok(row);
        }
        require_no_other_active(&mut transaction, &row).await?;
        set_active(&mut transaction, &row, true).await?;
        if row.embedding.is_none() {
            jobs::enqueue(&mut transaction, &NewJob::embed(synonym_id, Priority::HIGH)).await?;
        }
        let row = by_id(&mut transaction, synonym_id).await?;
        self.commit(transaction).await?;
        Ok(row)
    }

    async fn import_rows(&self, rows: &[ExportRow], replace: bool) -> Result<Vec<ImportOutcome>> {
        self.import(rows, replace).await
    }

    async fn export_rows(&self, page: &Page, detail: ExportDetail) -> Result<Listing<ExportRow>> {
        self.export(page, detail).await
    }

    async fn revisions(&self, synonym_id: i64, page: &Page) -> Result<Listing<Revision>> {
        self.list_revisions(synonym_id, page).await
    }

    async fn revision(&self, synonym_id: i64, version: i64) -> Result<Option<Revision>> {
        revisions::of_version(&mut *self.readers.acquire().await?, synonym_id, version).await
    }

    async fn restore_synonyms(
        &self,
        synonym_id: i64,
        version: i64,
        expected_version: Option<i64>,
    ) -> Result<SynonymRecord> {
        self.restore(synonym_id, version, expected_version).await
    }

    async fn rejected_keys(&self, tag_type: TagType, tag_id: i64) -> Result<Vec<String>> {
        terms::rejected_keys(&mut *self.readers.acquire().await?, tag_type, tag_id).await
    }
}

/// The active row of a tag.
pub(super) async fn active(
    connection: &mut DbConnection,
    tag_type: TagType,
    tag_id: i64,
) -> Result<Option<SynonymRecord>> {
    let row = sqlx::query(select_synonyms!("WHERE tag_type = $1 AND tag_id = $2 AND is_active"))
        .bind(tag_type.as_str())
        .bind(tag_id)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(rows::synonyms).transpose()
}

/// The newest inactive row of a tag: its tombstone, where no row is active.
pub(super) async fn tombstone(
    connection: &mut DbConnection,
    tag_type: TagType,
    tag_id: i64,
) -> Result<Option<SynonymRecord>> {
    let row =
        sqlx::query(select_synonyms!("WHERE tag_type = $1 AND tag_id = $2 AND NOT is_active ORDER BY id DESC LIMIT 1"))
            .bind(tag_type.as_str())
            .bind(tag_id)
            .fetch_optional(connection)
            .await?;
    row.as_ref().map(rows::synonyms).transpose()
}

pub(super) async fn by_id(connection: &mut DbConnection, id: i64) -> Result<SynonymRecord> {
    let row = sqlx::query(select_synonyms!("WHERE id = $1")).bind(id).fetch_optional(connection).await?;
    rows::synonyms(&row.ok_or_else(|| StoreError::NotFound(format!("the synonyms row {id}")))?)
}

/// Refuses where a tag has an active row beside this one.
pub(super) async fn require_no_other_active(connection: &mut DbConnection, row: &SynonymRecord) -> Result<()> {
    match active(connection, row.tag_type, row.tag_id).await? {
        Some(other) if other.id != row.id => Err(StoreError::Conflict(format!(
            "the {} tag `{}` has other active synonyms by now (number {}); delete those first",
            row.tag_type, row.tag_name, other.id
        ))),
        _ => Ok(()),
    }
}

pub(super) fn check_version(row: &SynonymRecord, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != row.version => Err(StoreError::VersionMismatch { current: row.version }),
        _ => Ok(()),
    }
}

/// Switches a row on or off as part of another change, which has the revision.
pub(super) async fn mark_active(connection: &mut DbConnection, id: i64, is_active: bool) -> Result<()> {
    sqlx::query("UPDATE mir_synonym SET is_active = $2 WHERE id = $1 AND is_active <> $2")
        .bind(id)
        .bind(is_active)
        .execute(connection)
        .await?;
    Ok(())
}

/// Switches a row on or off, with its revision.
pub(super) async fn set_active(connection: &mut DbConnection, row: &SynonymRecord, is_active: bool) -> Result<()> {
    let version = row.version + 1;
    sqlx::query("UPDATE mir_synonym SET is_active = $1, version = $2, updated_at = $3 WHERE id = $4")
        .bind(is_active)
        .bind(version)
        .bind(now())
        .bind(row.id)
        .execute(&mut *connection)
        .await?;
    let (action, before, after) =
        if is_active { ("activated", None, Some(&row.synonyms)) } else { ("deactivated", Some(&row.synonyms), None) };
    let revision = NewRevision { synonym_id: row.id, version, before, after };
    terms::record(connection, revision, action, Source::Manual, row.tag_type, &row.tag_name).await
}

/// Where a row's tag is now, and whether its name's term still says so.
pub(super) async fn name_term(connection: &mut DbConnection, synonym_id: i64) -> Result<Option<String>> {
    let row = sqlx::query("SELECT term FROM synonym_term WHERE synonym_id = $1 AND section = 'name'")
        .bind(synonym_id)
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok(row.try_get("term")?)).transpose()
}
