//! What is held in memory of the database: the vectors of the active space, the vocabulary version, and which words are
//! frequent.

use std::sync::{
    RwLock,
    atomic::{AtomicI64, Ordering},
};

use sqlx::{Row, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use super::{
    frequency::Frequencies,
    rows::{parse, tag_type},
    vectors::{VectorIndex, decode},
};
use crate::store::{Result, SETTING_EMBEDDING_SPACE};

/// The vectors and the version they stand at.
pub(super) struct Memory {
    version: AtomicI64,
    index: RwLock<Indexed>,
    frequencies: RwLock<Frequencies>,
    /// One refresh at a time.
    refreshing: Mutex<()>,
}

/// The vectors of one space.
#[derive(Default)]
pub(super) struct Indexed {
    /// The active space; `None` before anything was embedded.
    pub(super) space: Option<String>,
    pub(super) vectors: VectorIndex,
}

impl Memory {
    /// Loads everything.
    pub(super) async fn load(pool: &SqlitePool) -> Result<Self> {
        let memory = Self {
            // Below every version, so that the first refresh loads.
            version: AtomicI64::new(-1),
            index: RwLock::default(),
            frequencies: RwLock::default(),
            refreshing: Mutex::new(()),
        };
        memory.refresh(pool).await?;
        Ok(memory)
    }

    /// The vocabulary version that the memory stands at.
    pub(super) fn version(&self) -> i64 {
        self.version.load(Ordering::Acquire)
    }

    /// Runs `read` over the vectors.
    pub(super) fn with_index<T>(&self, read: impl FnOnce(&Indexed) -> T) -> T {
        read(&self.index.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Runs `read` over the counts of frequent words.
    pub(super) fn with_frequencies<T>(&self, read: impl FnOnce(&Frequencies) -> T) -> T {
        read(&self.frequencies.read().unwrap_or_else(std::sync::PoisonError::into_inner))
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
        let same_space = self.with_index(|index| index.space == space);
        if newest == known && same_space {
            return Ok(());
        }
        // A version below the one at hand: the file was replaced by a backup.
        if known < 0 || !same_space || known + 1 < oldest || newest < known {
            let vectors = load_all(&mut snapshot, space.as_deref()).await?;
            *self.index.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Indexed { space, vectors };
        } else {
            self.apply_changes(&mut snapshot, known, space.as_deref()).await?;
        }
        if known < 0 || self.with_frequencies(|frequencies| frequencies.is_stale(newest)) {
            let frequencies = Frequencies::load(&mut snapshot, newest).await?;
            *self.frequencies.write().unwrap_or_else(std::sync::PoisonError::into_inner) = frequencies;
        }
        self.version.store(newest, Ordering::Release);
        Ok(())
    }

    async fn apply_changes(&self, connection: &mut SqliteConnection, since: i64, space: Option<&str>) -> Result<()> {
        let rows = sqlx::query(
            "SELECT c.synonym_id, s.tag_type, s.embedding
             FROM (SELECT DISTINCT synonym_id FROM vocabulary_change WHERE seq > ?) c
             LEFT JOIN mir_synonym s ON s.id = c.synonym_id AND s.is_active = 1 AND s.embedding_space = ?",
        )
        .bind(since)
        .bind(space)
        .fetch_all(connection)
        .await?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            let vector: Option<&[u8]> = row.try_get("embedding")?;
            let vector = vector.map(|blob| parse(decode(blob), "a vector")).transpose()?;
            let row_type = if vector.is_some() { Some(tag_type(row)?) } else { None };
            changes.push((row.try_get("synonym_id")?, row_type.zip(vector)));
        }
        let mut index = self.index.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (synonym_id, change) in changes {
            match change {
                Some((tag_type, vector)) if index.vectors.upsert(synonym_id, tag_type, &vector) => {}
                Some(_) => {
                    tracing::error!(synonym.id = synonym_id, "a stored vector has another length than the others");
                }
                None => index.vectors.remove(synonym_id),
            }
        }
        Ok(())
    }
}

async fn load_all(connection: &mut SqliteConnection, space: Option<&str>) -> Result<VectorIndex> {
    let rows = sqlx::query(
        "SELECT id, tag_type, embedding FROM mir_synonym WHERE is_active = 1 AND embedding_space = ? ORDER BY id",
    )
    .bind(space)
    .fetch_all(connection)
    .await?;
    let mut vectors = VectorIndex::default();
    for row in &rows {
        let (id, blob): (i64, &[u8]) = (row.try_get("id")?, row.try_get("embedding")?);
        if !vectors.upsert(id, tag_type(row)?, &parse(decode(blob), "a vector")?) {
            tracing::error!(synonym.id = id, "a stored vector has another length than the others");
        }
    }
    Ok(vectors)
}
