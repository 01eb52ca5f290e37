//! Recall, from memory alone: terms by key, stem and trigram, vectors by their cosine.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;

use super::{SqliteStore, memory::Indexed};
use crate::{
    domain::{Calibration, Synonyms},
    store::{ById, LookAt, Recall, Recalled, Result, SETTING_CALIBRATION, SearchStore, StoreError, TagVector},
};

#[async_trait]
impl SearchStore for SqliteStore {
    async fn recall_looking(&self, recall: &Recall<'_>, look_at: LookAt<'_>) -> Result<Recalled> {
        let recalled = self.memory.read(|index| {
            let mut recalled = index.terms.recall(recall);
            if let Some((space, query)) = recall.vector
                && let Some(vectors) = index.spaces.get(space)
            {
                let also = recalled.terms.iter().map(|term| term.synonym_id);
                let name = |id| index.terms.tag(id).map_or("", |tag| &*tag.name);
                recalled.vectors = vectors.nearest(query, recall.tag_type, recall.vector_limit, also, name);
            }
            let rows = recalled.terms.iter().map(|term| term.synonym_id);
            let rows = rows.chain(recalled.vectors.iter().map(|hit| hit.synonym_id));
            recalled.tags = rows.filter_map(|id| Some((id, index.terms.tag(id)?.clone()))).collect();
            recalled
        });
        look_at(&recalled);
        Ok(recalled)
    }

    fn active_space(&self) -> Option<String> {
        self.memory.read(|index| index.active_space.clone())
    }

    async fn sections(&self, rows: &[(i64, i64)]) -> Result<ById<Arc<Synonyms>>> {
        let sections = |index: &Indexed, id| Some((id, Arc::new(index.terms.sections(id)?)));
        Ok(self.memory.read(|index| rows.iter().filter_map(|(id, _)| sections(index, *id)).collect()))
    }

    fn known_words(&self, stems: &[Vec<String>]) -> Vec<bool> {
        self.memory.read(|index| stems.iter().map(|stems| stems.iter().any(|stem| index.terms.knows(stem))).collect())
    }

    async fn names_by_french(&self, keys: &[String]) -> Result<HashMap<String, String>> {
        Ok(self.memory.read(|index| index.terms.names_by_french(keys)))
    }

    fn calibration(&self, space: &str) -> Calibration {
        let measured = self.memory.read(|index| index.calibrations.get(space).copied());
        measured.unwrap_or_else(|| Calibration::shipped(space))
    }

    async fn sample_vectors(&self, space: &str, limit: usize) -> Result<(Vec<TagVector>, usize)> {
        Ok(self.memory.read(|index| index.sample_vectors(space, limit)))
    }

    async fn set_calibration(&self, space: &str, calibration: &Calibration) -> Result<()> {
        let value = serde_json::to_string(calibration).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(format!("{SETTING_CALIBRATION}{space}"))
        .bind(value)
        .execute(&mut *transaction)
        .await?;
        // Of no row: answers in a cache are outdated by their version.
        sqlx::query("INSERT INTO vocabulary_change (synonym_id) VALUES (0)").execute(&mut *transaction).await?;
        self.commit(transaction).await
    }

    fn vocabulary_version(&self) -> i64 {
        self.memory.version()
    }

    async fn catch_up(&self) -> Result<()> {
        self.memory.refresh(&self.readers).await
    }
}

impl SqliteStore {
    /// See [`crate::store::LintStore::vectors`]. Memory holds them.
    #[expect(clippy::unused_async, reason = "another backend asks its database")]
    pub(super) async fn vectors_in(&self, space: &str, ids: &[i64]) -> Result<Vec<(i64, Vec<f32>)>> {
        Ok(self.memory.read(|index| {
            let vectors = index.spaces.get(space);
            ids.iter().filter_map(|id| Some((*id, vectors?.get(*id)?.to_vec()))).collect()
        }))
    }
}
