//! Recall: terms that meet the query by key, stem or trigram, in one statement; vectors from memory.

use async_trait::async_trait;
use sqlx::Row;

use super::{SqliteStore, rows};
use crate::{
    domain::TagType,
    store::{MatchedTerm, Recall, Recalled, Result, SearchStore},
};

#[async_trait]
impl SearchStore for SqliteStore {
    async fn recall(&self, recall: &Recall<'_>) -> Result<Recalled> {
        let terms = self.recall_terms(recall).await?;
        let vectors = match recall.vector {
            None => Vec::new(),
            Some((space, query)) => self.memory.with_index(|index| {
                if index.space.as_deref() != Some(space) {
                    return Vec::new();
                }
                let also = terms.iter().map(|term| term.synonym_id);
                index.vectors.nearest(query, recall.tag_type, recall.vector_limit, also)
            }),
        };
        Ok(Recalled { terms, vectors })
    }

    fn vocabulary_version(&self) -> i64 {
        self.memory.version()
    }
}

impl SqliteStore {
    async fn recall_terms(&self, recall: &Recall<'_>) -> Result<Vec<MatchedTerm>> {
        // Each way of matching keeps to the limit by itself, the best first, so that a frequent word cannot crowd out
        // an exact key.
        let rows = sqlx::query(
            "WITH candidate (id) AS (
                 SELECT id FROM synonym_term WHERE term_key IN (SELECT value FROM json_each(?1))
                 UNION
                 SELECT id FROM (
                     SELECT t.id FROM term_stem f JOIN synonym_term t ON t.id = f.rowid
                     JOIN mir_synonym s ON s.id = t.synonym_id
                     WHERE f.stems MATCH ?2 AND t.status = 'active' AND s.is_active = 1
                       AND (?4 IS NULL OR s.tag_type = ?4)
                     ORDER BY f.rank LIMIT ?5)
                 UNION
                 SELECT id FROM (
                     SELECT t.id FROM term_trigram f JOIN synonym_term t ON t.id = f.rowid
                     JOIN mir_synonym s ON s.id = t.synonym_id
                     WHERE f.term_key MATCH ?3 AND t.status = 'active' AND s.is_active = 1
                       AND (?4 IS NULL OR s.tag_type = ?4)
                     ORDER BY f.rank LIMIT ?5)
             )
             SELECT t.synonym_id, t.section, t.lang, t.term, t.term_key, t.stems, t.confidence
             FROM candidate c JOIN synonym_term t ON t.id = c.id JOIN mir_synonym s ON s.id = t.synonym_id
             WHERE t.status = 'active' AND s.is_active = 1 AND (?4 IS NULL OR s.tag_type = ?4)",
        )
        .bind(serde_json::json!(recall.keys).to_string())
        .bind(any_of(recall.stems.iter().flatten().map(String::as_str)))
        .bind(any_of(recall.fuzzy_key.map(trigrams).unwrap_or_default().iter().map(String::as_str)))
        .bind(recall.tag_type.map(TagType::as_str))
        .bind(i64::try_from(recall.term_limit).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(MatchedTerm {
                    synonym_id: row.try_get("synonym_id")?,
                    section: rows::word(row, "section")?,
                    lang: rows::optional_word(row, "lang")?,
                    term: row.try_get("term")?,
                    key: row.try_get("term_key")?,
                    stems: row.try_get("stems")?,
                    confidence: rows::confidence(row)?,
                })
            })
            .collect()
    }
}

/// An FTS5 expression that any of the words meets, each quoted so that nothing in it is an operator
/// (<https://www.sqlite.org/fts5.html#full_text_query_syntax>). Without words, an expression that nothing meets.
fn any_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    if quoted.is_empty() { "\"\"".to_owned() } else { quoted.join(" OR ") }
}

/// The distinct runs of three characters of a key.
fn trigrams(key: &str) -> Vec<String> {
    let characters: Vec<char> = key.chars().collect();
    let mut trigrams: Vec<String> = characters.windows(3).map(|window| window.iter().collect()).collect();
    trigrams.sort_unstable();
    trigrams.dedup();
    trigrams
}
