//! Recall: candidates of both branches and what ranking needs of them, in one statement and one round trip.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgRow;

use super::{
    PostgresStore,
    arrays::Elements,
    dialect::{dimensions, padded},
};
use crate::{
    domain::{Confidence, TagType, rarity},
    store::{
        CandidateTag, EXACT_OR_MISSPELT_SHARE, LookAt, MatchedTerm, Recall, Recalled, Result, SearchStore, StoreError,
        VectorHit, may_be_misspelt,
    },
};

/// Terms looked at for one word of a query. A word that stands in more says little, and what holds all words of the query is
/// looked up apart.
const TERMS_A_WORD: usize = 600;

/// A word that stands in more tags than this is not looked up by itself where the query has a rarer one.
const FREQUENT: usize = 1_000;

/// What begins with the query's key is worth as much as a name that is this alike.
const PREFIX_WORTH: &str = "0.6";

/// PostgreSQL sends what it has whenever it has so many bytes (`PQ_SEND_BUFFER_SIZE` in its `pqcomm.c`), and at the end.
const SEND_BUFFER: usize = 8_192;

/// Sections whose terms are names of the tag: what people misspell.
const NAMES: &str = "'name', 'search_terms', 'translations'";

/// All sections.
const SECTIONS: &str = "'name', 'search_terms', 'translations', 'related_tags', 'usage_context'";

/// Leaves of terms those of an active row of the type that is asked for, looked up one by one: a join would be planned without
/// knowing how few terms there are, and read all rows.
const OF_ACTIVE: &str = "CROSS JOIN LATERAL (
                SELECT FROM mir_synonym s WHERE s.id = t.synonym_id AND s.is_active AND ($7 IS NULL OR s.tag_type = $7) LIMIT 1
            ) AS active";

/// The statement over where the vectors of a space lie. Numbers stand in it as such: behind a parameter the planner would have
/// to guess them, and guesses that an index does not pay.
///
/// Parameters: 1 keys, 2 words as text search queries, 3 their weights, 4 all words as one query, 5 the key that may be
/// misspelt, 6 the query's vector, 7 the tag type, 8 the space, 9 the weight of all words together, 10 the dimensions of the
/// space, 11 the keys of phrases, 12 the pattern of what begins with the fifth.
///
/// A term meets the query by its key, a name by that of a phrase, too; by its trigrams or beginning where no name has that key;
/// or by its words. The first two keep to their share of the limit (keys in each section: a genre may be related to a thousand
/// others), words get what is left of it, each its best first; equal hits are ordered by what they say.
///
/// The result has two rows of arrays, which are read in a fraction of the time of a row for each: of the terms, and of the tags
/// of both branches. For tags the second column is the type, the sixth the key of the name, the seventh the cosine, the last the
/// state of the row. A row of blanks between the two pushes the terms out, to be looked at while vectors are compared.
fn recall_sql(vectors: &VectorTable, term_limit: usize, vector_limit: usize) -> String {
    let VectorTable { from, embedding, in_space } = vectors;
    let share = term_limit.div_ceil(EXACT_OR_MISSPELT_SHARE);
    format!(
        "WITH asked AS MATERIALIZED (
            SELECT $6::real[]::vector AS vector
        ), keyed AS MATERIALIZED (
            SELECT t.id, t.synonym_id, t.section, t.stems, t.term, 0 AS way, t.weight
            FROM (
                SELECT hit.*, part.section, part.weight
                FROM (
                    SELECT key, section, 1::float8 AS weight
                    FROM unnest($1::text[]) AS key, unnest(ARRAY[{SECTIONS}]) AS section
                    UNION ALL
                    SELECT key, section, 0 FROM unnest($11::text[]) AS key, unnest(ARRAY[{NAMES}]) AS section
                ) AS part
                CROSS JOIN LATERAL (
                    SELECT id, synonym_id, stems, term FROM synonym_term
                    WHERE term_key = part.key AND section = part.section AND status = 'active' LIMIT {share}
                ) AS hit
            ) AS t {OF_ACTIVE}
            ORDER BY weight DESC, t.section <> 'name', t.section = 'related_tags', octet_length(t.stems), t.term
            LIMIT {share}
        ), met AS (
            SELECT id, min(synonym_id) AS synonym_id, min(section) AS section, min(stems) AS stems, min(term) AS term,
                sum(weight) AS weight
            FROM (
                SELECT hit.*, word.weight
                FROM unnest($2::text[], $3::float8[]) AS word (query, weight)
                CROSS JOIN LATERAL (
                    SELECT id, synonym_id, section, stems, term FROM synonym_term
                    WHERE lexemes @@ word.query::tsquery AND status = 'active' LIMIT {TERMS_A_WORD}
                ) AS hit
                UNION ALL
                SELECT hit.*, $9
                FROM (
                    SELECT id, synonym_id, section, stems, term FROM synonym_term
                    WHERE $4 IS NOT NULL AND lexemes @@ $4::tsquery AND status = 'active' LIMIT {TERMS_A_WORD}
                ) AS hit
            ) AS by_word
            GROUP BY id
        ), worded AS (
            SELECT t.id, t.synonym_id, t.section, t.stems, t.term, 2 AS way, t.weight
            FROM met AS t {OF_ACTIVE}
            ORDER BY t.weight DESC, t.section <> 'name', t.section = 'related_tags', octet_length(t.stems), t.term
            LIMIT {term_limit}
        ), misspelt AS (
            SELECT t.id, t.synonym_id, t.section, t.stems, t.term, 1 AS way,
                CASE WHEN t.term_key LIKE $12 THEN {PREFIX_WORTH} ELSE similarity(t.term_key, $5) END::float8 AS weight
            FROM synonym_term t {OF_ACTIVE}
            WHERE $5 IS NOT NULL AND (t.term_key % $5 OR t.term_key LIKE $12) AND t.status = 'active'
                AND t.section IN ({NAMES})
                AND NOT EXISTS (SELECT 1 FROM keyed WHERE weight = 1 AND section IN ({NAMES}))
            ORDER BY weight DESC, t.section <> 'name', t.section = 'related_tags', octet_length(t.stems), t.term
            LIMIT {share}
        ), found AS MATERIALIZED (
            SELECT id, min(synonym_id) AS synonym_id
            FROM (
                SELECT * FROM keyed UNION ALL SELECT * FROM worded UNION ALL SELECT * FROM misspelt
            ) AS every
            GROUP BY id
            ORDER BY min(way), max(weight) DESC, min(section) <> 'name', min(section) = 'related_tags',
                octet_length(min(stems)), min(term)
            LIMIT {term_limit}
        ), nearest AS MATERIALIZED (
            SELECT s.id FROM {from}
            WHERE $6::real[] IS NOT NULL AND s.is_active AND {in_space} AND ($7 IS NULL OR s.tag_type = $7)
            ORDER BY {embedding} <=> (SELECT vector FROM asked) LIMIT {vector_limit}
        ), candidate AS (
            SELECT synonym_id AS id FROM found UNION SELECT id FROM nearest
        ), tag AS (
            SELECT s.id, s.xmin, s.tag_type, s.genre_tag_id, s.mood_tag_id,
                CASE WHEN {in_space} THEN 1 - ({embedding} <=> (SELECT vector FROM asked)) END AS cosine
            FROM {from} JOIN candidate ON candidate.id = s.id
        )
        SELECT array_agg(t.synonym_id), array_agg(t.section), array_agg(t.lang), array_agg(t.term), array_agg(t.term_key),
            array_agg(t.stems), array_agg(t.confidence), NULL
        FROM found JOIN synonym_term t ON t.id = found.id
        UNION ALL
        SELECT NULL, ARRAY[repeat(' ', {SEND_BUFFER})], NULL, NULL, NULL, NULL, NULL, NULL::bigint[] WHERE $6::real[] IS NOT NULL
        UNION ALL
        SELECT array_agg(tag.id), array_agg(tag_type), NULL, array_agg(COALESCE(g.name, m.name)), NULL,
            array_agg(COALESCE(g.name_key, m.name_key)), array_agg(cosine), array_agg(tag.xmin::text::bigint)
        FROM tag
        LEFT JOIN genre_tag g ON g.id = tag.genre_tag_id LEFT JOIN mood_tag m ON m.id = tag.mood_tag_id"
    )
}

/// Where the vectors of a space lie.
struct VectorTable {
    from: &'static str,
    embedding: &'static str,
    in_space: &'static str,
}

/// Those of the active space.
const ACTIVE: VectorTable = VectorTable {
    from: "mir_synonym s",
    embedding: "s.embedding",
    in_space: "s.embedding_space = $8 AND s.embedding_dimensions = $10",
};

/// Those of another space.
const OTHER: VectorTable = VectorTable {
    from: "mir_synonym s LEFT JOIN synonym_embedding e ON e.synonym_id = s.id AND e.space = $8",
    embedding: "e.embedding",
    in_space: "e.dimensions = $10",
};

impl PostgresStore {
    /// See [`crate::store::SearchStore::recall_looking`].
    pub(super) async fn recall_candidates(&self, recall: &Recall<'_>, look_at: LookAt<'_>) -> Result<Recalled> {
        let believed = self.active_space();
        let recalled = self.recall_once(recall, look_at).await?;
        if recall.vector.is_none() || !recalled.vectors.is_empty() {
            return Ok(recalled);
        }
        // No vector at all: the active space may be another one since it was last read, and vectors lie elsewhere.
        if self.active_space() != believed || self.vocabulary.refresh(&self.readers).await? {
            return self.recall_once(recall, look_at).await;
        }
        Ok(recalled)
    }

    async fn recall_once(&self, recall: &Recall<'_>, look_at: LookAt<'_>) -> Result<Recalled> {
        let (word_tags, tag_count, is_active, misspelt) = self.vocabulary.read(|held| {
            let word_tags: Vec<usize> = recall.stems.iter().map(|stems| held.tags_with(stems)).collect();
            let space = recall.vector.map(|(space, _)| space);
            let is_active = space.is_none() || held.active_space.as_deref() == space;
            (word_tags, held.tag_count(), is_active, may_be_misspelt(recall.stems, |stem| held.knows(stem)))
        });
        // No stored text has a NUL, and no statement can.
        let sayable = |keys: &'_ [String]| keys.iter().filter(|key| !key.contains('\0')).cloned().collect::<Vec<_>>();
        let (keys, phrases) = (sayable(recall.keys), sayable(recall.phrases));
        let fuzzy_key = recall.fuzzy_key.filter(|key| misspelt && !key.contains('\0'));
        let beginning = fuzzy_key.filter(|key| key.chars().count() > 1).map(beginning_with);
        let words: Vec<String> = recall.stems.iter().map(|stems| any_of(stems)).collect();
        let weights: Vec<f64> = word_tags.iter().map(|tags| rarity(*tags, tag_count)).collect();
        let weight: f64 = weights.iter().sum();
        let all_words = (words.len() > 1).then(|| {
            words.iter().filter(|word| !word.is_empty()).map(|word| format!("({word})")).collect::<Vec<_>>().join(" & ")
        });
        let has_rare = word_tags.iter().any(|tags| (1..=FREQUENT).contains(tags));
        let is_looked_up = |tags: usize| !has_rare || tags <= FREQUENT;
        let looked_up = words.into_iter().zip(weights).zip(&word_tags).filter(|(_, tags)| is_looked_up(**tags));
        let (words, weights): (Vec<String>, Vec<f64>) = looked_up.map(|(word, _)| word).unzip();
        let statement = recall_sql(if is_active { &ACTIVE } else { &OTHER }, recall.term_limit, recall.vector_limit);
        // A vector that does not fit is of no space here: words alone answer.
        let vector = recall.vector.and_then(|(_, vector)| padded(vector).ok());
        let (space, tag_type) = (recall.vector.map(|(space, _)| space), recall.tag_type.map(TagType::as_str));
        let dimensions = recall.vector.map(|(_, vector)| dimensions(vector));
        if tracing::enabled!(tracing::Level::TRACE) {
            let values = [
                Some(array(&keys)),
                Some(array(&words)),
                Some(array(&weights)),
                all_words.clone(),
                fuzzy_key.map(str::to_owned),
                vector.as_deref().map(array),
                tag_type.map(str::to_owned),
                space.map(str::to_owned),
                Some(weight.to_string()),
                dimensions.map(|dimensions| dimensions.to_string()),
                Some(array(&phrases)),
                beginning.clone(),
            ];
            let values = serde_json::json!(values).to_string();
            tracing::trace!(statement, values, "recall, to be explained or timed");
        }
        let mut kept = self.last_connection.take(&self.readers, &self.index_settings).await?;
        let mut rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&keys)
            .bind(&words)
            .bind(&weights)
            .bind(&all_words)
            .bind(fuzzy_key)
            .bind(vector)
            .bind(tag_type)
            .bind(space)
            .bind(weight)
            .bind(dimensions)
            .bind(&phrases)
            .bind(&beginning)
            .fetch(&mut *kept.connection);
        let mut recalled = Recalled { word_tags, tag_count, ..Recalled::default() };
        if let Some(terms) = rows.try_next().await? {
            take_in(&mut recalled, &terms)?;
            look_at(&recalled);
        }
        while let Some(row) = rows.try_next().await? {
            take_in(&mut recalled, &row)?;
        }
        drop(rows);
        self.last_connection.keep(kept);
        let name = |hit: &VectorHit| recalled.tags.get(&hit.synonym_id).map(|tag| &*tag.name);
        recalled.vectors.sort_unstable_by(|a, b| b.cosine.total_cmp(&a.cosine).then_with(|| name(a).cmp(&name(b))));
        Ok(recalled)
    }
}

/// A word as a text search query: any of its stems.
fn any_of(stems: &[String]) -> String {
    let quoted = |stem: &String| format!("'{}'", stem.replace('\\', "\\\\").replace('\'', "''").replace('\0', " "));
    stems.iter().filter(|stem| !stem.is_empty()).map(quoted).collect::<Vec<_>>().join(" | ")
}

/// The LIKE pattern of what begins with a key.
fn beginning_with(key: &str) -> String {
    key.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_") + "%"
}

/// Takes in a row of the statement: of the tags, whose states are known, or of the terms. That of blanks has no texts.
fn take_in(recalled: &mut Recalled, row: &PgRow) -> Result<()> {
    let column = |number| Elements::of(row, number);
    let (mut ids, mut kinds, mut languages, texts) = (column(0)?, column(1)?, column(2)?, column(3)?);
    let (keys, others, mut numbers, mut states) = (column(4)?, column(5)?, column(6)?, column(7)?);
    recalled.tags.reserve(states.clone().count());
    let (mut keys, texts) = (keys.texts()?, texts.texts()?.zip(others.texts()?));
    for (text, other) in texts {
        let (Some(synonym_id), kind, number) = (ids.integer(), kinds.text()?.unwrap_or_default(), numbers.float())
        else {
            break;
        };
        if let Some(state) = states.integer() {
            let tag_type = kind.parse().map_err(StoreError::Corrupt)?;
            recalled.tags.insert(synonym_id, CandidateTag { tag_type, name: text, key: other, state });
            #[expect(clippy::cast_possible_truncation, reason = "a cosine, made of f32")]
            recalled.vectors.extend(number.map(|cosine| VectorHit { synonym_id, cosine: cosine as f32 }));
        } else {
            let Some(key) = keys.next() else { break };
            recalled.terms.push(Arc::new(MatchedTerm {
                synonym_id,
                section: kind.parse().map_err(StoreError::Corrupt)?,
                lang: languages.text()?.map(|lang| lang.parse().map_err(StoreError::Corrupt)).transpose()?,
                term: text,
                key,
                stems: other,
                confidence: Confidence::new(number.unwrap_or_default())
                    .map_err(|error| StoreError::Corrupt(error.to_string()))?,
            }));
        }
    }
    Ok(())
}

/// The text of an array, as PostgreSQL writes it.
fn array<T: ToString>(values: &[T]) -> String {
    let quoted = |value: &T| format!("\"{}\"", value.to_string().replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", values.iter().map(quoted).collect::<Vec<_>>().join(","))
}
