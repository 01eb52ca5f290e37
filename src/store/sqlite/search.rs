//! Recall: terms that meet the query by key, stem or trigram, in one statement; vectors from memory.

use async_trait::async_trait;

use super::SqliteStore;
use crate::{
    domain::{Confidence, Lang, Section, TagType},
    store::{MatchedTerm, Recall, Recalled, Result, SearchStore, StoreError},
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
        let (stems, (trigrams, shared)) = self.memory.with_frequencies(|frequencies| {
            let trigrams = recall.fuzzy_key.map(|key| frequencies.telling_trigrams(key)).unwrap_or_default();
            (stem_matches(frequencies.telling_stems(recall.stems)), trigrams)
        });
        // Each way of matching keeps to the limit by itself, the best first, so that a frequent word cannot crowd out
        // an exact key. Ranks (bm25) would cost ten times as much: an index without details tokenises every match anew.
        //
        // Typing errors (`misspelt`) are looked for only where the query is no name as it stands. Two letters that
        // changed places leave a short word hardly a trigram, but its beginning is right mostly.
        // One row of JSON rather than hundreds of rows: each row costs two switches between threads.
        let terms: String = sqlx::query_scalar(
            "WITH
             searchable (id, synonym_id, section, lang, term, term_key, stems, confidence) AS NOT MATERIALIZED (
                 SELECT t.id, t.synonym_id, t.section, t.lang, t.term, t.term_key, t.stems, t.confidence
                 FROM synonym_term t CROSS JOIN mir_synonym s ON s.id = t.synonym_id
                 WHERE t.status = 'active' AND s.is_active = 1 AND (?4 IS NULL OR s.tag_type = ?4)),
             by_stem (id, weight) AS (
                 SELECT f.rowid, SUM(q.value ->> 1) FROM json_each(?2) q CROSS JOIN term_stem f
                 WHERE f.term_stem MATCH q.value ->> 0 GROUP BY f.rowid),
             same_key (id, section) AS MATERIALIZED (
                 SELECT id, section FROM searchable WHERE term_key IN (SELECT value FROM json_each(?1))
                 ORDER BY section <> 'name', section = 'related_tags', id LIMIT ?5),
             misspelt (key) AS (
                 SELECT ?8 WHERE NOT EXISTS (
                     SELECT 1 FROM same_key WHERE section IN ('name', 'search_terms', 'translations'))),
             by_trigram (id, shared) AS (
                 SELECT f.rowid, COUNT(*) FROM misspelt CROSS JOIN json_each(?3) q CROSS JOIN term_trigram f
                 WHERE f.term_trigram MATCH q.value GROUP BY f.rowid HAVING COUNT(*) >= ?7),
             candidate (id) AS (
                 SELECT id FROM same_key
                 UNION
                 SELECT id FROM (
                     SELECT t.id FROM misspelt m CROSS JOIN searchable t
                     ON t.term_key >= substr(m.key, 1, 2) AND t.term_key < substr(m.key, 1, 2) || char(0x10ffff)
                     WHERE t.section IN ('name', 'search_terms', 'translations')
                       AND length(t.term_key) BETWEEN ?6 - 2 AND ?6 + 2 AND ?6 BETWEEN 4 AND 8
                     ORDER BY t.section <> 'name', abs(length(t.term_key) - ?6), t.id LIMIT ?5)
                 UNION
                 SELECT id FROM (
                     SELECT t.id FROM by_stem h CROSS JOIN searchable t ON t.id = h.id
                     ORDER BY h.weight DESC, length(t.stems), t.id LIMIT ?5)
                 UNION
                 SELECT id FROM (
                     SELECT t.id FROM by_trigram h CROSS JOIN searchable t ON t.id = h.id
                     ORDER BY h.shared DESC, abs(length(t.term_key) - ?6), t.id LIMIT ?5))
             SELECT json_group_array(json_array(
                 t.synonym_id, t.section, t.lang, t.term, t.term_key, t.stems, t.confidence))
             FROM candidate c CROSS JOIN synonym_term t ON t.id = c.id",
        )
        .bind(serde_json::json!(recall.keys).to_string())
        .bind(stems)
        .bind(trigram_matches(&trigrams))
        .bind(recall.tag_type.map(TagType::as_str))
        .bind(i64::try_from(recall.term_limit).unwrap_or(i64::MAX))
        .bind(recall.fuzzy_key.map(|key| i64::try_from(key.chars().count()).unwrap_or(i64::MAX)))
        .bind(i64::try_from(shared).unwrap_or(i64::MAX))
        .bind(recall.fuzzy_key)
        .fetch_one(&self.readers)
        .await?;
        let terms: Vec<TermRow> =
            serde_json::from_str(&terms).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(terms
            .into_iter()
            .map(|(synonym_id, section, lang, term, key, stems, confidence)| MatchedTerm {
                synonym_id,
                section,
                lang,
                term,
                key,
                stems,
                confidence,
            })
            .collect())
    }
}

/// A matched term as the statement gives it.
type TermRow = (i64, Section, Option<Lang>, String, String, String, Confidence);

/// Stems as FTS5 expressions with their weights, as JSON. A stem that the tokeniser would take apart is none of ours:
/// it is in no term, and an index without details refuses phrases.
fn stem_matches(stems: Vec<(&str, f64)>) -> String {
    let is_token =
        |stem: &str| !stem.is_empty() && stem.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '#');
    let matches: Vec<(String, f64)> =
        stems.into_iter().filter(|(stem, _)| is_token(stem)).map(|(stem, weight)| (quoted(stem), weight)).collect();
    serde_json::json!(matches).to_string()
}

/// Trigrams as FTS5 expressions, as JSON; a NUL would end the expression before its closing quote.
fn trigram_matches(trigrams: &[String]) -> String {
    let matches: Vec<String> =
        trigrams.iter().filter(|trigram| !trigram.contains('\0')).map(|trigram| quoted(trigram)).collect();
    serde_json::json!(matches).to_string()
}

/// A string of FTS5, in which nothing is an operator
/// (<https://www.sqlite.org/fts5.html#full_text_query_syntax>).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
