//! What is held in memory of the database: the searchable terms, the vectors of every space, and the vocabulary version
//! they stand at.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use tokio::sync::Mutex;

use super::{
    dialect::{json, parse},
    rows::tag_type,
    term_index::TermIndex,
    vectors::{VectorIndex, decode},
};
use crate::{
    domain::{Calibration, Confidence, Lang, Section, SharedText},
    store::{MatchedTerm, Result, SETTING_CALIBRATION, SETTING_EMBEDDING_SPACE, TagVector, sampling::by_hash_of_names},
};

/// Terms, vectors, and the version they stand at.
pub(super) struct Memory {
    version: AtomicI64,
    index: RwLock<Indexed>,
    /// One refresh at a time.
    refreshing: Mutex<()>,
}

/// What the search looks at.
#[derive(Default)]
pub(super) struct Indexed {
    /// The active space at the last look; `None` before anything was embedded.
    pub(super) active_space: Option<String>,
    pub(super) terms: TermIndex,
    /// The vectors by space.
    pub(super) spaces: HashMap<String, VectorIndex>,
    /// What was measured of the spaces.
    pub(super) calibrations: HashMap<String, Calibration>,
}

/// A term as the statement gives it.
type TermRow = (Section, Option<Lang>, String, String, String, Confidence);

/// Everything of an active row that the search looks at. One row of JSON for all its terms: each row of a statement costs
/// two switches between threads.
macro_rules! select_rows {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.tag_type, COALESCE(g.name, m.name) AS tag_name, s.embedding_space, s.embedding,
                 (SELECT json_group_array(json_array(section, lang, term, term_key, stems, confidence))
                  FROM (SELECT * FROM synonym_term t WHERE t.synonym_id = s.id AND t.status = 'active' ORDER BY t.position, t.id))
                 AS terms
             FROM mir_synonym s LEFT JOIN genre_tag g ON g.id = s.genre_tag_id LEFT JOIN mood_tag m ON m.id = s.mood_tag_id
             WHERE s.is_active",
            $rest
        )
    };
}

impl Memory {
    /// Loads everything.
    pub(super) async fn load(pool: &SqlitePool) -> Result<Self> {
        let memory = Self {
            // Below every version, so that the first refresh loads.
            version: AtomicI64::new(-1),
            index: RwLock::default(),
            refreshing: Mutex::new(()),
        };
        memory.refresh(pool).await?;
        Ok(memory)
    }

    /// The vocabulary version that the memory stands at.
    pub(super) fn version(&self) -> i64 {
        self.version.load(Ordering::Acquire)
    }

    /// Runs `read` over terms and vectors.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Indexed) -> T) -> T {
        read(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what has changed since the version at hand: the changed rows, or everything after a change of space or
    /// when the record of changes no longer reaches back so far.
    pub(super) async fn refresh(&self, pool: &SqlitePool) -> Result<()> {
        let _one_at_a_time = self.refreshing.lock().await;
        let mut snapshot = pool.begin().await?;
        let bounds = sqlx::query(
            // Apart: both in one SELECT would read every entry.
            "SELECT COALESCE((SELECT MIN(seq) FROM vocabulary_change), 0),
                    COALESCE((SELECT MAX(seq) FROM vocabulary_change), 0)",
        )
        .fetch_one(&mut *snapshot)
        .await?;
        let (oldest, newest): (i64, i64) = (bounds.try_get(0)?, bounds.try_get(1)?);
        let space: Option<String> = sqlx::query_scalar("SELECT value FROM setting WHERE key = ?")
            .bind(SETTING_EMBEDDING_SPACE)
            .fetch_optional(&mut *snapshot)
            .await?;
        let known = self.version();
        let same_space = self.read(|index| index.active_space == space);
        if newest == known && same_space {
            return Ok(());
        }
        // A version below the one at hand: the file was replaced by a backup.
        if known < 0 || !same_space || known + 1 < oldest || newest < known {
            let mut index = load_all(&mut snapshot).await?;
            index.active_space = space;
            *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        } else {
            self.apply_changes(&mut snapshot, known).await?;
        }
        let calibrations = load_calibrations(&mut snapshot).await?;
        self.index.write().unwrap_or_else(PoisonError::into_inner).calibrations = calibrations;
        self.version.store(newest, Ordering::Release);
        Ok(())
    }

    async fn apply_changes(&self, connection: &mut SqliteConnection, since: i64) -> Result<()> {
        let changed: Vec<i64> = sqlx::query_scalar("SELECT DISTINCT synonym_id FROM vocabulary_change WHERE seq > ?")
            .bind(since)
            .fetch_all(&mut *connection)
            .await?;
        let wanted = serde_json::json!(changed).to_string();
        let rows = sqlx::query(select_rows!(" AND s.id IN (SELECT value FROM json_each(?))"))
            .bind(&wanted)
            .fetch_all(&mut *connection)
            .await?;
        let others = sqlx::query(
            "SELECT e.synonym_id, s.tag_type, e.space, e.embedding FROM synonym_embedding e
             CROSS JOIN mir_synonym s ON s.id = e.synonym_id
             WHERE e.synonym_id IN (SELECT value FROM json_each(?)) AND s.is_active",
        )
        .bind(&wanted)
        .fetch_all(&mut *connection)
        .await?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for id in changed {
            index.remove(id);
        }
        rows.iter().try_for_each(|row| index.add_row(row))?;
        others.iter().try_for_each(|row| index.add_other_vector(row))
    }
}

async fn load_calibrations(connection: &mut SqliteConnection) -> Result<HashMap<String, Calibration>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT substr(key, length(?1) + 1), value FROM setting WHERE key >= ?1 AND key < ?1 || char(0x10ffff)",
    )
    .bind(SETTING_CALIBRATION)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(space, value)| Ok((space, json(&value)?))).collect()
}

async fn load_all(connection: &mut SqliteConnection) -> Result<Indexed> {
    let mut index = Indexed::default();
    // Row by row: all of them at once would leave the heap full of holes.
    let mut rows = sqlx::query(select_rows!("")).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        index.add_row(&row)?;
    }
    drop(rows);
    let mut others = sqlx::query(
        "SELECT e.synonym_id, s.tag_type, e.space, e.embedding FROM synonym_embedding e
         CROSS JOIN mir_synonym s ON s.id = e.synonym_id WHERE s.is_active",
    )
    .fetch(connection);
    while let Some(row) = others.try_next().await? {
        index.add_other_vector(&row)?;
    }
    drop(others);
    Ok(index)
}

impl Indexed {
    fn remove(&mut self, synonym_id: i64) {
        self.terms.remove(synonym_id);
        for vectors in self.spaces.values_mut() {
            vectors.remove(synonym_id);
        }
    }

    /// Takes in a row of `select_rows`.
    fn add_row(&mut self, row: &SqliteRow) -> Result<()> {
        let synonym_id: i64 = row.try_get("id")?;
        let terms: Vec<TermRow> = json(row.try_get("terms")?)?;
        let terms = terms
            .into_iter()
            .map(|(section, lang, term, key, stems, confidence)| {
                let [term, key, stems] = SharedText::of([&term, &key, &stems]);
                MatchedTerm { synonym_id, section, lang, term, key, stems, confidence }
            })
            .collect();
        // Without a name the tag is gone, and its row will be.
        let Some(tag_name): Option<&str> = row.try_get("tag_name")? else { return Ok(()) };
        self.terms.upsert(synonym_id, tag_type(row)?, tag_name, terms);
        match row.try_get("embedding_space")? {
            Some(space) => self.add_vector(synonym_id, space, row),
            None => Ok(()),
        }
    }

    /// Up to `limit` rows above number `after` that have no vector in this space, by number.
    pub(super) fn rows_without_vector(&self, space: &str, after: i64, limit: usize) -> Vec<i64> {
        let vectors = self.spaces.get(space);
        if vectors.is_some_and(|vectors| vectors.len() == self.terms.len()) {
            return Vec::new();
        }
        let missing = |id: &i64| *id > after && vectors.is_none_or(|vectors| vectors.get(*id).is_none());
        let mut missing: Vec<i64> = self.terms.rows().filter(missing).collect();
        if missing.len() > limit {
            missing.select_nth_unstable(limit);
            missing.truncate(limit);
        }
        missing.sort_unstable();
        missing
    }

    /// Up to `limit` tags with their vectors in this space, ordered by a hash of their names, and how many have one.
    pub(super) fn sample_vectors(&self, space: &str, limit: usize) -> (Vec<TagVector>, usize) {
        let Some(vectors) = self.spaces.get(space) else { return (Vec::new(), 0) };
        let mut tags: Vec<_> =
            self.terms.rows().filter_map(|id| Some((self.terms.tag(id)?, vectors.get(id)?))).collect();
        by_hash_of_names(&mut tags, |(tag, _)| (&tag.name, tag.tag_type));
        let sample = tags.iter().take(limit);
        let sample =
            sample.map(|(tag, vector)| TagVector { name: (*tag.name).into(), vector: vector.to_vec() }).collect();
        (sample, tags.len())
    }

    fn add_other_vector(&mut self, row: &SqliteRow) -> Result<()> {
        self.add_vector(row.try_get("synonym_id")?, row.try_get("space")?, row)
    }

    fn add_vector(&mut self, synonym_id: i64, space: &str, row: &SqliteRow) -> Result<()> {
        let vector = parse(decode(row.try_get("embedding")?), "a vector")?;
        if !self.spaces.entry(space.to_owned()).or_default().upsert(synonym_id, tag_type(row)?, &vector) {
            tracing::error!(synonym.id = synonym_id, "a stored vector has another length than the others");
        }
        Ok(())
    }
}
