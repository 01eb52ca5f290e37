//! Recall: terms that meet the query by key, stem or trigram, in one statement; vectors from memory.

use std::collections::HashMap;

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
    /// Which terms hold which of the query's stems and trigrams, and whether the query may be misspelt: only where it is
    /// no name as it stands. Counting them is left to Rust, which does it ten times as fast as a GROUP BY.
    async fn hits(&self, recall: &Recall<'_>) -> Result<Hits> {
        let (stems, (trigrams, shared)) = self.memory.with_frequencies(|frequencies| {
            let trigrams = recall.fuzzy_key.map(|key| frequencies.telling_trigrams(key)).unwrap_or_default();
            (stem_matches(frequencies.telling_stems(recall.stems)), trigrams)
        });
        let stem_texts: Vec<&String> = stems.iter().map(|(text, _)| text).collect();
        let (by_stem, by_trigram, misspelt): (String, String, bool) = sqlx::query_as(
            "SELECT
                 (SELECT json_group_array(json((SELECT json_group_array(rowid) FROM term_stem
                      WHERE term_stem MATCH q.value))) FROM json_each(?1) q),
                 (SELECT json_group_array(json((SELECT json_group_array(rowid) FROM term_trigram
                      WHERE term_trigram MATCH q.value))) FROM json_each(iif(misspelt, ?2, '[]')) q),
                 misspelt
             FROM (SELECT NOT EXISTS (
                 SELECT 1 FROM synonym_term WHERE term_key IN (SELECT value FROM json_each(?3))
                     AND status = 'active' AND section IN ('name', 'search_terms', 'translations')) AS misspelt)",
        )
        .bind(serde_json::json!(stem_texts).to_string())
        .bind(trigram_matches(&trigrams))
        .bind(serde_json::json!(recall.keys).to_string())
        .fetch_one(&self.readers)
        .await?;
        let weights = stems.iter().map(|(_, weight)| *weight);
        let by_stem = weighed(&by_stem, weights, recall.term_limit)?;
        let mut by_trigram = weighed(&by_trigram, std::iter::repeat(1.0), recall.term_limit)?;
        let shared = f64::from(u32::try_from(shared).unwrap_or(u32::MAX));
        by_trigram.retain(|(_, count)| *count >= shared);
        Ok(Hits { by_stem, by_trigram, misspelt })
    }

    async fn recall_terms(&self, recall: &Recall<'_>) -> Result<Vec<MatchedTerm>> {
        let hits = self.hits(recall).await?;
        // Each way of matching keeps to the limit by itself, the best first, so that a frequent word cannot crowd out
        // an exact key. Ranks (bm25) would cost ten times as much: an index without details tokenises every match anew.
        //
        // Two letters that changed places leave a short word hardly a trigram, but its beginning is right mostly.
        // One row of JSON rather than hundreds of rows: each row costs two switches between threads.
        let terms: String = sqlx::query_scalar(
            "WITH
             searchable (id, synonym_id, section, lang, term, term_key, stems, confidence) AS NOT MATERIALIZED (
                 SELECT t.id, t.synonym_id, t.section, t.lang, t.term, t.term_key, t.stems, t.confidence
                 FROM synonym_term t CROSS JOIN mir_synonym s ON s.id = t.synonym_id
                 WHERE t.status = 'active' AND s.is_active = 1 AND (?4 IS NULL OR s.tag_type = ?4)),
             by_stem (id, weight) AS (SELECT value ->> 0, value ->> 1 FROM json_each(?2)),
             by_trigram (id, shared) AS (SELECT value ->> 0, value ->> 1 FROM json_each(?3)),
             candidate (id) AS (
                 SELECT id FROM (
                     SELECT id FROM searchable WHERE term_key IN (SELECT value FROM json_each(?1))
                     ORDER BY section <> 'name', section = 'related_tags', id LIMIT ?5)
                 UNION
                 SELECT id FROM (
                     SELECT t.id FROM searchable t
                     WHERE t.term_key >= substr(?7, 1, 2) AND t.term_key < substr(?7, 1, 2) || char(0x10ffff)
                       AND t.section IN ('name', 'search_terms', 'translations')
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
        .bind(serde_json::json!(hits.by_stem).to_string())
        .bind(serde_json::json!(hits.by_trigram).to_string())
        .bind(recall.tag_type.map(TagType::as_str))
        .bind(i64::try_from(recall.term_limit).unwrap_or(i64::MAX))
        .bind(recall.fuzzy_key.map(|key| i64::try_from(key.chars().count()).unwrap_or(i64::MAX)))
        .bind(recall.fuzzy_key.filter(|_| hits.misspelt))
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

/// Terms by how much of the query they hold, for the statement that reads them.
struct Hits {
    /// Numbers of terms and the weight of the stems they hold, best first.
    by_stem: Vec<(i64, f64)>,
    /// Numbers of terms and how many trigrams they share, best first.
    by_trigram: Vec<(i64, f64)>,
    misspelt: bool,
}

/// Adds up the weights of the lists (JSON) that each number stands in: the best `limit`, and all that equal the last of
/// them, for it is the statement that knows which of equals are searchable and short.
fn weighed(lists: &str, weights: impl Iterator<Item = f64>, limit: usize) -> Result<Vec<(i64, f64)>> {
    let lists: Vec<Vec<i64>> = serde_json::from_str(lists).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let mut sums: HashMap<i64, f64> = HashMap::new();
    for (list, weight) in lists.iter().zip(weights) {
        for id in list {
            *sums.entry(*id).or_default() += weight;
        }
    }
    let mut sums: Vec<(i64, f64)> = sums.into_iter().collect();
    sums.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if let Some((_, last)) = sums.get(limit).copied() {
        sums.truncate(sums.partition_point(|(_, weight)| *weight >= last));
    }
    Ok(sums)
}

/// A matched term as the statement gives it.
type TermRow = (i64, Section, Option<Lang>, String, String, String, Confidence);

/// Stems as FTS5 expressions with their weights. A stem that the tokeniser would take apart is none of ours:
/// it is in no term, and an index without details refuses phrases.
fn stem_matches(stems: Vec<(&str, f64)>) -> Vec<(String, f64)> {
    let is_token =
        |stem: &str| !stem.is_empty() && stem.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '#');
    stems.into_iter().filter(|(stem, _)| is_token(stem)).map(|(stem, weight)| (quoted(stem), weight)).collect()
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
