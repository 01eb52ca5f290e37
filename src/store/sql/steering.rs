//! Steering all work at once. The pause is a setting, so that every process sees it.

use async_trait::async_trait;
use chrono::{SubsecRound, Utc};

use super::{
    SqlStore,
    dialect::{self, DbConnection, now},
    rows,
};
use crate::{
    domain::{JobKind, JobState, Timestamp},
    store::{AdminStore, Paused, Result, RetryFilter, SETTING_JOBS_PAUSED, SteeringStore, StoreError},
};

#[async_trait]
impl SteeringStore for SqlStore {
    async fn jobs_paused(&self) -> Result<Option<Paused>> {
        in_force(self.setting(SETTING_JOBS_PAUSED).await?)
    }

    async fn pause_jobs(&self, until: Option<Timestamp>) -> Result<Paused> {
        let mut transaction = self.begin().await?;
        // One that cannot be read is written over: else nothing but SQL would help.
        let former = in_force(stored(&mut transaction).await?).unwrap_or_default();
        let since = former.map_or_else(|| Utc::now().trunc_subsecs(3), |former| former.since);
        let paused = Paused { since, until: until.map(|until| until.trunc_subsecs(3)) };
        let text = serde_json::to_string(&paused).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        sqlx::query(
            "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(SETTING_JOBS_PAUSED)
        .bind(text)
        .execute(&mut *transaction)
        .await?;
        self.commit(transaction).await?;
        Ok(paused)
    }

    async fn resume_jobs(&self) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let was_paused = in_force(stored(&mut transaction).await?).map_or(true, |paused| paused.is_some());
        sqlx::query("DELETE FROM setting WHERE key = $1").bind(SETTING_JOBS_PAUSED).execute(&mut *transaction).await?;
        self.commit(transaction).await?;
        Ok(was_paused)
    }

    async fn retry_jobs(&self, filter: &RetryFilter) -> Result<u64> {
        if let Some(state) = filter.state
            && !matches!(state, JobState::Failed | JobState::Dead | JobState::Cancelled)
        {
            return Err(StoreError::Conflict(format!(
                "only failed, dead and cancelled jobs can be tried again, not those that are {state}"
            )));
        }
        let mut transaction = self.begin().await?;
        dialect::take_your_time(&mut transaction).await?;
        // As with a single job, one whose batch is over or was cancelled is no part of it any more.
        let retried = sqlx::query(
            "UPDATE job SET state = 'queued', attempts = 0, last_error = NULL, run_at = $1, updated_at = $1,
                 trace_id = COALESCE($5, trace_id), batch_id = (SELECT b.id FROM job_batch b
                             WHERE b.id = job.batch_id AND b.ended_at IS NULL AND b.cancelled_at IS NULL)
             WHERE id IN (SELECT MAX(id) FROM job GROUP BY dedup_key)
               AND (state = $2 OR ($2 IS NULL AND state IN ('failed', 'dead')))
               AND ($3 IS NULL OR kind = $3)
               AND ($4 IS NULL OR replace(last_error, $4, '') <> last_error)
               AND NOT EXISTS (SELECT 1 FROM job q WHERE q.dedup_key = job.dedup_key AND q.state = 'queued')",
        )
        .bind(now())
        .bind(filter.state.map(JobState::as_str))
        .bind(filter.kind.map(JobKind::as_str))
        .bind(filter.error_contains.as_deref())
        .bind(rows::current_trace())
        .execute(&mut *transaction)
        .await?;
        self.commit(transaction).await?;
        Ok(retried.rows_affected())
    }

    async fn cancel_queued(&self, kind: Option<JobKind>) -> Result<u64> {
        let mut transaction = self.begin().await?;
        dialect::take_your_time(&mut transaction).await?;
        let cancelled = sqlx::query(
            "UPDATE job SET state = 'cancelled', last_error = 'cancelled by a person', updated_at = $1
             WHERE state = 'queued' AND ($2 IS NULL OR kind = $2)",
        )
        .bind(now())
        .bind(kind.map(JobKind::as_str))
        .execute(&mut *transaction)
        .await?;
        self.commit(transaction).await?;
        Ok(cancelled.rows_affected())
    }
}

async fn stored(connection: &mut DbConnection) -> Result<Option<String>> {
    let value = sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
        .bind(SETTING_JOBS_PAUSED)
        .fetch_optional(connection)
        .await?;
    Ok(value)
}

/// The stored pause, unless its end has come.
fn in_force(stored: Option<String>) -> Result<Option<Paused>> {
    let Some(text) = stored else { return Ok(None) };
    let paused: Paused = serde_json::from_str(&text)
        .map_err(|error| StoreError::Corrupt(format!("the setting {SETTING_JOBS_PAUSED}: {error}")))?;
    Ok(Some(paused).filter(|paused| paused.until.is_none_or(|until| until > Utc::now())))
}
