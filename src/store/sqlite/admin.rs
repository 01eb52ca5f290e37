//! Settings, health and upkeep.

use async_trait::async_trait;
use tokio::sync::watch;

use super::{SqliteStore, jobs, now_ms};
use crate::{
    domain::{NewJob, Priority},
    store::{AdminStore, Result, Retention, SETTING_EMBEDDING_SPACE},
};

/// Entries of `vocabulary_change` that are kept: whoever is further behind reads everything anew.
const CHANGES_KEPT: i64 = 100_000;

#[async_trait]
impl AdminStore for SqliteStore {
    async fn setting(&self, key: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar("SELECT value FROM setting WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.readers)
            .await?)
    }

    async fn setting_or_insert(&self, key: &str, value: &str) -> Result<String> {
        if let Some(value) = self.setting(key).await? {
            return Ok(value);
        }
        let mut transaction = self.begin().await?;
        sqlx::query("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(key)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        let value = sqlx::query_scalar("SELECT value FROM setting WHERE key = ?")
            .bind(key)
            .fetch_one(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(value)
    }

    async fn switch_embedding_space(&self, space: &str) -> Result<u64> {
        let mut transaction = self.begin().await?;
        sqlx::query("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
            .bind(SETTING_EMBEDDING_SPACE)
            .bind(space)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE mir_synonym SET embedding = NULL, embedding_space = NULL WHERE embedding_space <> ?")
            .bind(space)
            .execute(&mut *transaction)
            .await?;
        // Vectors of the new space that were made beforehand serve at once.
        sqlx::query(
            "UPDATE mir_synonym SET embedding = e.embedding, embedding_space = e.space FROM synonym_embedding e
             WHERE e.synonym_id = mir_synonym.id AND e.space = ?",
        )
        .bind(space)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM synonym_embedding WHERE space = ?").bind(space).execute(&mut *transaction).await?;
        let missing: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM mir_synonym WHERE is_active = 1 AND embedding IS NULL ORDER BY id")
                .fetch_all(&mut *transaction)
                .await?;
        let mut created = 0;
        for id in missing {
            let (_, new) = jobs::enqueue(&mut transaction, &NewJob::embed(id, Priority::LOW)).await?;
            created += u64::from(new);
        }
        self.commit(transaction).await?;
        Ok(created)
    }

    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    async fn expire(&self, retention: &Retention) -> Result<u64> {
        let now = now_ms();
        let before =
            |kept: std::time::Duration| now.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        let mut transaction = self.begin().await?;
        let mut deleted = 0;
        for (delete, before) in [
            (
                "DELETE FROM job WHERE state IN ('succeeded', 'failed', 'dead', 'cancelled') AND updated_at < ?",
                before(retention.jobs),
            ),
            ("DELETE FROM webhook_delivery WHERE received_at < ?", before(retention.deliveries)),
            ("DELETE FROM synonym_revision WHERE created_at < ?", before(retention.revisions)),
        ] {
            deleted += sqlx::query(delete).bind(before).execute(&mut *transaction).await?.rows_affected();
        }
        sqlx::query("DELETE FROM vocabulary_change WHERE seq < (SELECT MAX(seq) FROM vocabulary_change) - ?")
            .bind(CHANGES_KEPT)
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(deleted)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn describe(&self) -> String {
        format!("sqlite:{}", self.options.path.display())
    }

    async fn schema_version(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(&self.readers)
            .await?)
    }

    async fn close(&self) {
        self.watcher.cancel();
        self.readers.close().await;
        self.writer.close().await;
    }
}
