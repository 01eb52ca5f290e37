//! Tags.

use async_trait::async_trait;
use sqlx::Row;

use super::{
    SqlStore,
    dialect::{self, DbConnection, Moment, now},
    rows, terms,
};
use crate::{
    domain::{NORMALISER_VERSION, Priority, SynonymRecord, Tag, TagName, TagRef, TagType, key, stems},
    store::{
        CreatedTag, Listing, Page, Result, StoreError, TagFilter, TagOverview, TagStore, TagUpdate, types::TagCursor,
    },
};

/// The setting that records which normaliser made the stored keys.
const SETTING_NORMALISER: &str = "normaliser_version";

#[async_trait]
impl TagStore for SqlStore {
    async fn create_tags(&self, tags: &[(TagType, TagName)], priority: Priority) -> Result<Vec<CreatedTag>> {
        let mut transaction = self.begin().await?;
        let mut created = Vec::with_capacity(tags.len());
        for (tag_type, name) in tags {
            created.push(create(&mut transaction, *tag_type, name, priority).await?);
        }
        self.commit(transaction).await?;
        Ok(created)
    }

    async fn tag_by_name(&self, tag_type: TagType, name: &str) -> Result<Option<Tag>> {
        resolve(&mut *self.readers.acquire().await?, tag_type, name).await
    }

    async fn tag(&self, tag_type: TagType, tag_id: i64) -> Result<Option<Tag>> {
        by_id(&mut *self.readers.acquire().await?, tag_type, tag_id).await
    }

    async fn list_tags(&self, filter: &TagFilter, page: &Page) -> Result<Listing<TagOverview>> {
        let after: TagCursor = page.parse_cursor()?;
        let rows = sqlx::query(
            "SELECT t.*, s.id IS NOT NULL AS has_synonyms FROM tag t
             LEFT JOIN mir_synonym s ON s.tag_type = t.tag_type AND s.tag_id = t.id AND s.is_active
             WHERE t.id > CASE WHEN t.tag_type = $1 THEN $2 WHEN t.tag_type > $1 THEN 0 ELSE 9223372036854775807 END
               AND ($3 IS NULL OR t.tag_type = $3)
               AND ($4 IS NULL OR (s.id IS NOT NULL) = $4)
             ORDER BY t.tag_type, t.id LIMIT $5",
        )
        .bind(after.tag_type)
        .bind(after.id)
        .bind(filter.tag_type.map(TagType::as_str))
        .bind(filter.has_synonyms)
        .bind(page.fetch_limit())
        .fetch_all(&self.readers)
        .await?;
        let items = rows
            .iter()
            .map(|row| Ok(TagOverview { tag: rows::tag(row)?, has_synonyms: row.try_get("has_synonyms")? }))
            .collect::<Result<Vec<_>>>()?;
        Ok(page.listing(items, |item| TagCursor::of(item.tag.tag_type, item.tag.id)))
    }

    async fn tag_count(&self) -> Result<u64> {
        let count: i64 =
            sqlx::query_scalar("SELECT (SELECT COUNT(*) FROM genre_tag) + (SELECT COUNT(*) FROM mood_tag)")
                .fetch_one(&self.readers)
                .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn rename_tag(&self, tag: &TagRef, name: &TagName, priority: Priority) -> Result<TagUpdate> {
        let mut transaction = self.begin().await?;
        let found = require(&mut transaction, tag).await?;
        let update = rename(&mut transaction, found, name, priority).await?;
        self.commit(transaction).await?;
        Ok(update)
    }

    async fn merge_tags(
        &self,
        tag_type: TagType,
        from: &TagName,
        into: &TagName,
        dry_run: bool,
    ) -> Result<SynonymRecord> {
        self.merge(tag_type, from, into, dry_run).await
    }

    async fn delete_tag(&self, tag: &TagRef) -> Result<()> {
        let mut transaction = self.begin().await?;
        let found = require(&mut transaction, tag).await?;
        delete(&mut transaction, &found).await?;
        self.commit(transaction).await
    }

    async fn fill_missing_keys(&self) -> Result<u64> {
        let stored = crate::store::AdminStore::setting(self, SETTING_NORMALISER).await?;
        let rekey = stored.as_deref() != Some(&NORMALISER_VERSION.to_string());
        let missing: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM genre_tag WHERE name_key IS NULL)
                 OR EXISTS (SELECT 1 FROM mood_tag WHERE name_key IS NULL)",
        )
        .fetch_one(&self.readers)
        .await?;
        if !missing && !rekey {
            return Ok(0);
        }
        let mut transaction = self.begin().await?;
        let rows = sqlx::query("SELECT * FROM tag WHERE name_key IS NULL OR $1")
            .bind(rekey)
            .fetch_all(&mut *transaction)
            .await?;
        for row in &rows {
            let tag = rows::tag(row)?;
            set_key(&mut transaction, &tag, &key(&tag.name)).await?;
            // Plain SQL may have renamed it, too.
            terms::rename(&mut transaction, tag.tag_type, tag.id, &tag.name).await?;
        }
        if rekey {
            rekey_terms(&mut transaction).await?;
            sqlx::query(
                "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(SETTING_NORMALISER)
            .bind(NORMALISER_VERSION.to_string())
            .execute(&mut *transaction)
            .await?;
        }
        self.commit(transaction).await?;
        Ok(rows.len() as u64)
    }

    async fn similar_tag_names(&self, tag: &Tag, limit: usize) -> Result<Vec<String>> {
        let mut names = self.tag_names.lock().await;
        names.refresh(&mut *self.readers.acquire().await?).await?;
        Ok(names.similar(&tag.name, limit))
    }
}

/// The tag of this very name, else the oldest of the same key.
pub(super) async fn resolve(connection: &mut DbConnection, tag_type: TagType, name: &str) -> Result<Option<Tag>> {
    let row = sqlx::query(
        "SELECT * FROM (
             SELECT 0 AS step, * FROM tag WHERE tag_type = $1 AND name = $2
             UNION ALL SELECT 1 AS step, * FROM tag WHERE tag_type = $1 AND name_key = $3
         ) AS found ORDER BY step, id LIMIT 1",
    )
    .bind(tag_type.as_str())
    .bind(name.trim())
    .bind(key(name))
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(rows::tag).transpose()
}

pub(super) async fn by_id(connection: &mut DbConnection, tag_type: TagType, id: i64) -> Result<Option<Tag>> {
    let row = sqlx::query("SELECT * FROM tag WHERE tag_type = $1 AND id = $2")
        .bind(tag_type.as_str())
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(rows::tag).transpose()
}

pub(super) async fn require(connection: &mut DbConnection, tag: &TagRef) -> Result<Tag> {
    resolve(connection, tag.tag_type, tag.tag_name.as_str())
        .await?
        .ok_or_else(|| StoreError::NotFound(format!("the {} tag `{}`", tag.tag_type, tag.tag_name)))
}

/// Inserts the tag unless it is there; the trigger writes its job, whose priority is raised to what was asked.
pub(super) async fn create(
    connection: &mut DbConnection,
    tag_type: TagType,
    name: &TagName,
    priority: Priority,
) -> Result<CreatedTag> {
    create_at(connection, tag_type, name, priority, now()).await
}

/// As [`create`], for a tag that was created at this moment.
pub(super) async fn create_at(
    connection: &mut DbConnection,
    tag_type: TagType,
    name: &TagName,
    priority: Priority,
    created_at: Moment,
) -> Result<CreatedTag> {
    if let Some(tag) = resolve(&mut *connection, tag_type, name.as_str()).await? {
        return Ok(CreatedTag { tag, created: false, job_id: None });
    }
    let insert = match tag_type {
        TagType::Genre => "INSERT INTO genre_tag (name, name_key, created_at) VALUES ($1, $2, $3) RETURNING id",
        TagType::Mood => "INSERT INTO mood_tag (name, name_key, created_at) VALUES ($1, $2, $3) RETURNING id",
    };
    let id: i64 = sqlx::query_scalar(insert)
        .bind(name.as_str())
        .bind(name.key())
        .bind(created_at)
        .fetch_one(&mut *connection)
        .await?;
    let job_id = sqlx::query_scalar(
        "UPDATE job SET priority = $1, trace_id = $3 WHERE dedup_key = $2 AND state = 'queued' RETURNING id",
    )
    .bind(i32::from(priority.value()))
    .bind(format!("generate:{tag_type}:{id}"))
    .bind(rows::current_trace())
    .fetch_optional(&mut *connection)
    .await?;
    let tag = Tag { id, tag_type, name: name.as_str().to_owned(), created_at: dialect::timestamp(created_at)? };
    Ok(CreatedTag { tag, created: true, job_id })
}

/// Renames a tag, its name term included; the trigger writes the job.
pub(super) async fn rename(
    connection: &mut DbConnection,
    tag: Tag,
    name: &TagName,
    priority: Priority,
) -> Result<TagUpdate> {
    if tag.name == name.as_str() {
        return Ok(TagUpdate { tag, job_id: None });
    }
    if let Some(other) = resolve(&mut *connection, tag.tag_type, name.as_str()).await?
        && other.id != tag.id
    {
        return Err(StoreError::Conflict(format!(
            "the {} tag `{}` is there already under the name `{}`",
            tag.tag_type, name, other.name
        )));
    }
    let update = match tag.tag_type {
        TagType::Genre => "UPDATE genre_tag SET name = $1, name_key = $2 WHERE id = $3",
        TagType::Mood => "UPDATE mood_tag SET name = $1, name_key = $2 WHERE id = $3",
    };
    sqlx::query(update).bind(name.as_str()).bind(name.key()).bind(tag.id).execute(&mut *connection).await?;
    // The trigger clears a key that did not change with the name; it is computed already.
    set_key(&mut *connection, &tag, &name.key()).await?;
    terms::rename(&mut *connection, tag.tag_type, tag.id, name.as_str()).await?;
    let job_id = sqlx::query_scalar(
        "UPDATE job SET priority = CASE WHEN $1 > priority THEN $1 ELSE priority END,
             payload = json_patch(payload, '{\"refresh\": true}'), trace_id = COALESCE($3, trace_id)
         WHERE dedup_key = $2 AND state = 'queued' RETURNING id",
    )
    .bind(i32::from(priority.value()))
    .bind(format!("generate:{}:{}", tag.tag_type, tag.id))
    .bind(rows::current_trace())
    .fetch_optional(&mut *connection)
    .await?;
    Ok(TagUpdate { tag: Tag { name: name.as_str().to_owned(), ..tag }, job_id })
}

pub(super) async fn delete(connection: &mut DbConnection, tag: &Tag) -> Result<()> {
    let delete = match tag.tag_type {
        TagType::Genre => "DELETE FROM genre_tag WHERE id = $1",
        TagType::Mood => "DELETE FROM mood_tag WHERE id = $1",
    };
    sqlx::query(delete).bind(tag.id).execute(connection).await?;
    Ok(())
}

async fn set_key(connection: &mut DbConnection, tag: &Tag, name_key: &str) -> Result<()> {
    let update = match tag.tag_type {
        TagType::Genre => "UPDATE genre_tag SET name_key = $1 WHERE id = $2",
        TagType::Mood => "UPDATE mood_tag SET name_key = $1 WHERE id = $2",
    };
    sqlx::query(update).bind(name_key).bind(tag.id).execute(connection).await?;
    Ok(())
}

/// Computes the keys and stems of all terms anew.
async fn rekey_terms(connection: &mut DbConnection) -> Result<()> {
    let rows = sqlx::query("SELECT id, term FROM synonym_term").fetch_all(&mut *connection).await?;
    for row in &rows {
        let term: &str = row.try_get("term")?;
        sqlx::query("UPDATE synonym_term SET term_key = $1, stems = $2 WHERE id = $3")
            .bind(key(term))
            .bind(stems(term))
            .bind(row.try_get::<i64, _>("id")?)
            .execute(&mut *connection)
            .await?;
    }
    // Whoever holds terms in memory reads them anew.
    sqlx::query("INSERT INTO vocabulary_change (synonym_id) SELECT id FROM mir_synonym").execute(connection).await?;
    Ok(())
}
