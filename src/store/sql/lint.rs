//! What the linter reads: every tag with its row, page by page.

use async_trait::async_trait;
use sqlx::{Row, types::Json};

use super::{SqlStore, dialect::DbRow, rows};
use crate::{
    domain::{Synonyms, TagType},
    store::{ContentToLint, LintStore, Listing, Page, Result, RowToLint, StoreError, TagToLint, types::TagCursor},
};

#[async_trait]
impl LintStore for SqlStore {
    async fn tags_to_lint(&self, tag_type: Option<TagType>, page: &Page) -> Result<Listing<TagToLint>> {
        let after: TagCursor = page.parse_cursor()?;
        // The page first, table by table, so that nothing is sorted or looked up for tags that are not of it. One row a tag: the
        // active one, else the newest tombstone.
        let rows = sqlx::query(
            "WITH page AS MATERIALIZED (
                 SELECT * FROM (
                     SELECT 'genre' AS tag_type, id AS tag_id, name FROM genre_tag
                     WHERE id > CASE WHEN 'genre' = $1 THEN $2 WHEN 'genre' > $1 THEN 0 ELSE 9223372036854775807 END
                       AND ($3 IS NULL OR 'genre' = $3)
                     ORDER BY id LIMIT $4) AS genres
                 UNION ALL SELECT * FROM (
                     SELECT 'mood' AS tag_type, id AS tag_id, name FROM mood_tag
                     WHERE id > CASE WHEN 'mood' = $1 THEN $2 WHEN 'mood' > $1 THEN 0 ELSE 9223372036854775807 END
                       AND ($3 IS NULL OR 'mood' = $3)
                     ORDER BY id LIMIT $4) AS moods
                 ORDER BY tag_type, tag_id LIMIT $4)
             SELECT page.tag_type, page.tag_id, page.name, s.id, s.source, s.is_active, s.embedding_space, s.synonyms,
                 EXISTS (SELECT 1 FROM job WHERE state = 'queued' AND dedup_key = CASE WHEN s.id IS NULL
                             THEN 'generate:' || page.tag_type || ':' || page.tag_id ELSE 'embed:' || s.id END)
                 OR EXISTS (SELECT 1 FROM job WHERE state = 'running' AND dedup_key = CASE WHEN s.id IS NULL
                             THEN 'generate:' || page.tag_type || ':' || page.tag_id ELSE 'embed:' || s.id END) AS waits
             FROM page LEFT JOIN mir_synonym s ON s.id = (
                 SELECT id FROM mir_synonym WHERE tag_type = page.tag_type AND tag_id = page.tag_id
                 ORDER BY is_active DESC, id DESC LIMIT 1)
             ORDER BY page.tag_type, page.tag_id",
        )
        .bind(after.tag_type)
        .bind(after.id)
        .bind(tag_type.map(TagType::as_str))
        .bind(page.fetch_limit())
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(tag_to_lint).collect::<Result<Vec<_>>>()?;
        Ok(page.listing(items, |item| TagCursor::of(item.tag_type, item.id)))
    }

    async fn vectors(&self, space: &str, ids: &[i64]) -> Result<Vec<(i64, Vec<f32>)>> {
        self.vectors_in(space, ids).await
    }
}

fn tag_to_lint(row: &DbRow) -> Result<TagToLint> {
    let content = match row.try_get::<Option<i64>, _>("id")? {
        None => ContentToLint::Nothing { waits: row.try_get("waits")? },
        Some(_) if !row.try_get::<bool, _>("is_active")? => ContentToLint::Tombstone,
        Some(synonym_id) => {
            let Json(synonyms) = row.try_get::<Json<Synonyms>, _>("synonyms")?;
            ContentToLint::Row(RowToLint {
                synonym_id,
                source: rows::word(row, "source")?,
                synonyms,
                space: row.try_get("embedding_space")?,
                waits: row.try_get("waits")?,
            })
        }
    };
    let (id, name) = (row.try_get("tag_id")?, row.try_get("name")?);
    Ok::<_, StoreError>(TagToLint { tag_type: rows::tag_type(row)?, id, name, content })
}
