//! What the resolver and the summaries read: every tag with its active terms, page by page.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::Row;

use super::{
    SqlStore,
    dialect::{DbRow, list},
    rows,
};
use crate::store::{EnrichStore, KeyedTerm, Listing, Page, Result, TagWithTerms, types::TagCursor};

#[async_trait]
impl EnrichStore for SqlStore {
    async fn tags_with_terms(&self, page: &Page) -> Result<Listing<TagWithTerms>> {
        let after: TagCursor = page.parse_cursor()?;
        let mut snapshot = self.snapshot().await?;
        // Table by table, so that a page sorts nothing that is not of it.
        let tags = sqlx::query(
            "WITH page AS MATERIALIZED (
                 SELECT * FROM (
                     SELECT 'genre' AS tag_type, id AS tag_id, name FROM genre_tag
                     WHERE id > CASE WHEN 'genre' = $1 THEN $2 WHEN 'genre' > $1 THEN 0 ELSE 9223372036854775807 END
                     ORDER BY id LIMIT $3) AS genres
                 UNION ALL SELECT * FROM (
                     SELECT 'mood' AS tag_type, id AS tag_id, name FROM mood_tag
                     WHERE id > CASE WHEN 'mood' = $1 THEN $2 WHEN 'mood' > $1 THEN 0 ELSE 9223372036854775807 END
                     ORDER BY id LIMIT $3) AS moods
                 ORDER BY tag_type, tag_id LIMIT $3)
             SELECT page.tag_type, page.tag_id, page.name, s.id, s.confidence
             FROM page LEFT JOIN mir_synonym s
                 ON s.tag_type = page.tag_type AND s.tag_id = page.tag_id AND s.is_active
             ORDER BY page.tag_type, page.tag_id",
        )
        .bind(after.tag_type)
        .bind(after.id)
        .bind(page.fetch_limit())
        .fetch_all(&mut *snapshot)
        .await?;
        let mut row_ids: Vec<i64> = Vec::with_capacity(tags.len());
        for row in &tags {
            row_ids.extend(row.try_get::<Option<i64>, _>("id")?);
        }
        let found = sqlx::query(concat!(
            "SELECT synonym_id, section, lang, term, term_key, confidence FROM synonym_term
             WHERE section <> 'name' AND status = 'active' AND synonym_id ",
            in_list!("$1"),
            " ORDER BY synonym_id, position, id"
        ))
        .bind(list(&row_ids))
        .fetch_all(&mut *snapshot)
        .await?;
        let mut terms: HashMap<i64, Vec<KeyedTerm>> = HashMap::new();
        for row in &found {
            terms.entry(row.try_get("synonym_id")?).or_default().push(keyed_term(row)?);
        }
        let items = tags.iter().map(|row| tag_with_terms(row, &mut terms)).collect::<Result<Vec<_>>>()?;
        Ok(page.listing(items, |item| TagCursor::of(item.tag_type, item.id)))
    }
}

fn keyed_term(row: &DbRow) -> Result<KeyedTerm> {
    Ok(KeyedTerm {
        section: rows::word(row, "section")?,
        lang: rows::optional_word(row, "lang")?,
        term: row.try_get("term")?,
        key: row.try_get("term_key")?,
        confidence: rows::confidence(row)?,
    })
}

fn tag_with_terms(row: &DbRow, terms: &mut HashMap<i64, Vec<KeyedTerm>>) -> Result<TagWithTerms> {
    let row_id: Option<i64> = row.try_get("id")?;
    Ok(TagWithTerms {
        tag_type: rows::tag_type(row)?,
        id: row.try_get("tag_id")?,
        name: row.try_get("name")?,
        confidence: row_id.map(|_| rows::confidence(row)).transpose()?,
        terms: row_id.and_then(|id| terms.remove(&id)).unwrap_or_default(),
    })
}
