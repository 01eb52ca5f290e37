//! Settings, health and upkeep.

use async_trait::async_trait;
use tokio::sync::watch;

use super::{
    SqlStore, batch_jobs,
    dialect::{self, earlier, now},
    outbound,
};
use crate::store::{AdminStore, ExportHeader, Result, Retention, VectorIndexReport};

/// Entries of `vocabulary_change` that are kept: whoever is further behind reads everything anew.
const CHANGES_KEPT: i64 = 100_000;

#[async_trait]
impl AdminStore for SqlStore {
    async fn setting(&self, key: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
            .bind(key)
            .fetch_optional(&self.readers)
            .await?)
    }

    async fn setting_or_insert(&self, key: &str, value: &str) -> Result<String> {
        if let Some(value) = self.setting(key).await? {
            return Ok(value);
        }
        let mut transaction = self.begin().await?;
        sqlx::query("INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(key)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        let value = sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
            .bind(key)
            .fetch_one(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(value)
    }

    async fn export_header(&self) -> Result<ExportHeader> {
        self.read_header().await
    }

    async fn adopt_header(&self, header: &ExportHeader) -> Result<Option<String>> {
        self.take_over_header(header).await
    }

    fn longest_vector(&self) -> Option<usize> {
        dialect::LONGEST_VECTOR
    }

    async fn maintain_vector_index(&self) -> Result<Option<String>> {
        self.maintain_index().await
    }

    async fn vector_index_report(&self) -> Result<Option<VectorIndexReport>> {
        self.report_index().await
    }

    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    async fn expire(&self, retention: &Retention) -> Result<u64> {
        let now = now();
        let mut transaction = self.begin().await?;
        batch_jobs::settle(&mut transaction).await?;
        let mut deleted = 0;
        for (delete, before) in [
            (
                // Those of a batch that goes on are what its progress is counted from.
                "DELETE FROM job WHERE state IN ('succeeded', 'failed', 'dead', 'cancelled') AND updated_at < $1
                     AND (batch_id IS NULL OR EXISTS (
                         SELECT 1 FROM job_batch b WHERE b.id = batch_id AND b.ended_at IS NOT NULL))",
                earlier(now, retention.jobs),
            ),
            ("DELETE FROM celery_task WHERE answered_at < $1", earlier(now, retention.jobs)),
            ("DELETE FROM webhook_delivery WHERE received_at < $1", earlier(now, retention.deliveries)),
            ("DELETE FROM synonym_revision WHERE created_at < $1", earlier(now, retention.revisions)),
        ] {
            deleted += sqlx::query(delete).bind(before).execute(&mut *transaction).await?.rows_affected();
        }
        deleted += batch_jobs::expire(&mut transaction, earlier(now, retention.jobs)).await?;
        deleted += outbound::expire(&mut transaction, earlier(now, retention.deliveries)).await?;
        sqlx::query("DELETE FROM vocabulary_change WHERE seq < (SELECT MAX(seq) FROM vocabulary_change) - $1")
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
        self.location()
    }

    async fn schema_version(&self) -> Result<i64> {
        Ok(sqlx::query_scalar(concat!("SELECT MAX(version) FROM ", migrations_table!(), " WHERE success"))
            .fetch_one(&self.readers)
            .await?)
    }

    async fn close(&self) {
        self.watcher.cancel();
        self.readers.close().await;
        self.writer.close().await;
    }
}
