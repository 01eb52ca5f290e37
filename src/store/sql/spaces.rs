//! Embedding spaces, and the change from one to the next.

use async_trait::async_trait;
use sqlx::types::Json;

use super::{
    SqlStore,
    dialect::{self, DbConnection, now},
    jobs,
};
use crate::{
    domain::{NewJob, Priority},
    store::{
        AdminStore, EmbedInput, HeldLock, NextSpace, Result, SETTING_CALIBRATION, SETTING_EMBEDDING_SPACE,
        SpaceProgress, SpaceStore, SpaceSwitch, StoreError, Switched, spaces::SETTING_NEXT_SPACE,
    },
};

/// Most rows that a switch names as missing: a few batches.
const MISSING_NAMED: usize = 256;

#[async_trait]
impl SpaceStore for SqlStore {
    async fn next_space(&self) -> Result<Option<NextSpace>> {
        self.setting(SETTING_NEXT_SPACE).await?.as_deref().map(parse).transpose()
    }

    async fn space_progress(&self, space: &str) -> Result<SpaceProgress> {
        let (done, rows): (i64, i64) = sqlx::query_as(
            "SELECT COUNT(CASE WHEN s.embedding_space = $1 OR e.synonym_id IS NOT NULL THEN 1 END), COUNT(*)
             FROM mir_synonym s LEFT JOIN synonym_embedding e ON e.synonym_id = s.id AND e.space = $1
             WHERE s.is_active",
        )
        .bind(space)
        .fetch_one(&self.readers)
        .await?;
        let count = |number| u64::try_from(number).unwrap_or_default();
        Ok(SpaceProgress { done: count(done), rows: count(rows) })
    }

    async fn lock_space_change(&self) -> Result<Option<HeldLock>> {
        self.lock_change().await
    }

    async fn begin_space_change(&self, next: &NextSpace) -> Result<NextSpace> {
        let text = serde_json::to_string(next).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        parse(&self.setting_or_insert(SETTING_NEXT_SPACE, &text).await?)
    }

    async fn drop_space_change(&self, next: &NextSpace, keep_vectors: bool) -> Result<()> {
        let mut transaction = self.begin().await?;
        dialect::take_your_time(&mut transaction).await?;
        if !end_change(&mut transaction, &next.space).await? || keep_vectors {
            return self.commit(transaction).await;
        }
        drop_beside(&mut transaction, &next.space).await?;
        sqlx::query("DELETE FROM setting WHERE key = $1")
            .bind(format!("{SETTING_CALIBRATION}{}", next.space))
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await
    }

    async fn rows_without_vector(&self, space: &str, after: i64, limit: usize) -> Result<Vec<EmbedInput>> {
        let missing = self.ids_without_vector(space, after, limit).await?;
        if missing.is_empty() { Ok(Vec::new()) } else { self.read_embed_inputs(&missing).await }
    }

    async fn store_next_vectors(&self, space: &str, vectors: &[(i64, i64, Vec<f32>)]) -> Result<Option<usize>> {
        let mut transaction = self.begin().await?;
        if next_space(&mut transaction).await?.is_none_or(|next| next.space != space) {
            return Ok(None);
        }
        let stored = store_beside(&mut transaction, space, vectors).await?;
        self.commit(transaction).await?;
        Ok(Some(stored))
    }

    async fn store_other_vectors(&self, space: &str, vectors: &[(i64, i64, Vec<f32>)]) -> Result<usize> {
        let mut transaction = self.begin().await?;
        let stored = store_beside(&mut transaction, space, vectors).await?;
        self.commit(transaction).await?;
        Ok(stored)
    }

    async fn switch_embedding_space(&self, switch: &SpaceSwitch<'_>) -> Result<Switched> {
        let space = switch.space;
        let former = self.setting(SETTING_EMBEDDING_SPACE).await?;
        // An index over the former vectors is no help to the new ones, and costs a change of each row dearly.
        let suspended = if former.as_deref() == Some(space) { None } else { self.suspend_index().await? };
        let mut transaction = self.begin().await?;
        dialect::take_your_time(&mut transaction).await?;
        if let Some(may_lack) = switch.may_lack {
            let named = MISSING_NAMED + may_lack.len();
            let mut missing = ids_without_vector(&mut transaction, space, 0, named).await?;
            missing.retain(|id| !may_lack.contains(id));
            if !missing.is_empty() {
                return Ok(Switched::Missing(missing));
            }
        }
        sqlx::query(
            "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(SETTING_EMBEDDING_SPACE)
        .bind(space)
        .execute(&mut *transaction)
        .await?;
        end_change(&mut transaction, space).await?;
        if let Some(former) = former.filter(|former| switch.keeps_former && former != space) {
            dialect::keep_vectors(&mut transaction, &former).await?;
        }
        dialect::adopt_vectors(&mut transaction, space).await?;
        drop_beside(&mut transaction, space).await?;
        sqlx::query("UPDATE mir_synonym SET embedding = NULL, embedding_space = NULL WHERE embedding_space <> $1")
            .bind(space)
            .execute(&mut *transaction)
            .await?;
        let queued = settle_jobs(&mut transaction, space).await?;
        self.commit(transaction).await?;
        drop(suspended);
        Ok(Switched::Done { queued })
    }
}

fn parse(text: &str) -> Result<NextSpace> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("the setting {SETTING_NEXT_SPACE}: {error}")))
}

async fn next_space(connection: &mut DbConnection) -> Result<Option<NextSpace>> {
    let value: Option<String> = sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
        .bind(SETTING_NEXT_SPACE)
        .fetch_optional(connection)
        .await?;
    value.as_deref().map(parse).transpose()
}

/// Ends the change to this space; whether it was under way.
async fn end_change(connection: &mut DbConnection, space: &str) -> Result<bool> {
    if next_space(&mut *connection).await?.is_none_or(|next| next.space != space) {
        return Ok(false);
    }
    sqlx::query("DELETE FROM setting WHERE key = $1").bind(SETTING_NEXT_SPACE).execute(connection).await?;
    Ok(true)
}

/// Up to `limit` active rows above number `after` that have no vector in this space, by number.
pub(super) async fn ids_without_vector(
    connection: &mut DbConnection,
    space: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<i64>> {
    Ok(sqlx::query_scalar(
        "SELECT id FROM mir_synonym s WHERE is_active AND id > $2 AND embedding_space IS DISTINCT FROM $1
             AND NOT EXISTS (SELECT 1 FROM synonym_embedding e WHERE e.synonym_id = s.id AND e.space = $1)
         ORDER BY id LIMIT $3",
    )
    .bind(space)
    .bind(after)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?)
}

async fn drop_beside(connection: &mut DbConnection, space: &str) -> Result<()> {
    sqlx::query("DELETE FROM synonym_embedding WHERE space = $1").bind(space).execute(connection).await?;
    Ok(())
}

async fn store_beside(connection: &mut DbConnection, space: &str, vectors: &[(i64, i64, Vec<f32>)]) -> Result<usize> {
    let mut stored = 0;
    for (synonym_id, version, vector) in vectors {
        let is_stored = dialect::store_other_vector(&mut *connection, space, *synonym_id, *version, vector).await?;
        stored += usize::from(is_stored);
    }
    Ok(stored)
}

/// After a switch: jobs whose rows have their vector are over, and rows that have none get one. Returns how many are new.
async fn settle_jobs(connection: &mut DbConnection, space: &str) -> Result<u64> {
    sqlx::query(
        "UPDATE job SET state = 'succeeded', result = $1, last_error = NULL, updated_at = $2
         WHERE kind = 'embed' AND state = 'queued'
             AND dedup_key IN (SELECT 'embed:' || id FROM mir_synonym WHERE embedding_space = $3)",
    )
    .bind(Json(serde_json::json!({ "outcome": "reembedded", "space": space })))
    .bind(now())
    .bind(space)
    .execute(&mut *connection)
    .await?;
    let missing: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM mir_synonym WHERE is_active AND embedding IS NULL ORDER BY id")
            .fetch_all(&mut *connection)
            .await?;
    let mut created = 0;
    for id in missing {
        let (_, new) = jobs::enqueue(&mut *connection, &NewJob::embed(id, Priority::LOW)).await?;
        created += u64::from(new);
    }
    Ok(created)
}
