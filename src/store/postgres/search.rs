//! What the search asks of this backend.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sqlx::{Row, postgres::PgRow};

use super::{PostgresStore, dialect::unpadded, rows};
use crate::{
    domain::{Calibration, Synonyms, TagType},
    store::{
        ById, LookAt, Recall, Recalled, Result, SETTING_CALIBRATION, SearchStore, StoreError, TagVector,
        sampling::by_hash_of_names,
    },
};

/// Of the tags that have a vector in this space: the names with their rows.
macro_rules! with_vector {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM mir_synonym_named s LEFT JOIN synonym_embedding e ON e.synonym_id = s.id AND e.space = $1
             WHERE s.is_active AND (s.embedding_space = $1 OR e.space = $1)",
            $rest
        )
    };
}

#[async_trait]
impl SearchStore for PostgresStore {
    async fn recall_looking(&self, recall: &Recall<'_>, look_at: LookAt<'_>) -> Result<Recalled> {
        self.recall_candidates(recall, look_at).await
    }

    fn active_space(&self) -> Option<String> {
        self.vocabulary.read(|held| held.active_space.clone())
    }

    async fn sections(&self, rows: &[(i64, i64)]) -> Result<ById<Arc<Synonyms>>> {
        self.sections.load(&self.readers, rows).await
    }

    fn known_words(&self, stems: &[Vec<String>]) -> Vec<bool> {
        self.vocabulary.read(|held| stems.iter().map(|stems| stems.iter().any(|stem| held.knows(stem))).collect())
    }

    async fn names_by_french(&self, keys: &[String]) -> Result<HashMap<String, String>> {
        Ok(self.vocabulary.read(|held| held.names_by_french(keys)))
    }

    fn calibration(&self, space: &str) -> Calibration {
        let measured = self.vocabulary.read(|held| held.calibrations.get(space).copied());
        measured.unwrap_or_else(|| Calibration::shipped(space))
    }

    async fn sample_vectors(&self, space: &str, limit: usize) -> Result<(Vec<TagVector>, usize)> {
        let rows =
            sqlx::query(with_vector!("s.id, s.tag_name, s.tag_type", "")).bind(space).fetch_all(&self.readers).await?;
        let tag = |row: &PgRow| Ok((row.try_get("id")?, row.try_get("tag_name")?, rows::tag_type(row)?));
        let mut tags: Vec<(i64, String, TagType)> = rows.iter().map(tag).collect::<Result<_>>()?;
        let count = tags.len();
        by_hash_of_names(&mut tags, |(_, name, tag_type)| (name, *tag_type));
        tags.truncate(limit);
        let ids: Vec<i64> = tags.iter().map(|(id, ..)| *id).collect();
        let mut vectors: HashMap<i64, Vec<f32>> = self.vectors_in(space, &ids).await?.into_iter().collect();
        let sample = tags
            .into_iter()
            .filter_map(|(id, name, _)| Some(TagVector { name: name.into(), vector: vectors.remove(&id)? }));
        Ok((sample.collect(), count))
    }

    async fn set_calibration(&self, space: &str, calibration: &Calibration) -> Result<()> {
        let value = serde_json::to_string(calibration).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
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
        self.vocabulary.version()
    }

    async fn catch_up(&self) -> Result<()> {
        self.vocabulary.refresh(&self.readers).await.map(|_| ())
    }
}

impl PostgresStore {
    /// See [`crate::store::LintStore::vectors`].
    pub(super) async fn vectors_in(&self, space: &str, ids: &[i64]) -> Result<Vec<(i64, Vec<f32>)>> {
        let vectors: Vec<(i64, Vec<f32>, i32)> = sqlx::query_as(with_vector!(
            "s.id, COALESCE(e.embedding, s.embedding)::real[], COALESCE(e.dimensions, s.embedding_dimensions)",
            " AND s.id = ANY ($2)"
        ))
        .bind(space)
        .bind(ids)
        .fetch_all(&self.readers)
        .await?;
        Ok(vectors.into_iter().map(|(id, vector, dimensions)| (id, unpadded(vector, dimensions))).collect())
    }
}
