//! The queue. Every change of a running job is fenced: it names the lease and touches nothing when that is lost.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, SqliteConnection};

use super::{SqliteStore, now_ms, rows, timestamp};
use crate::{
    domain::{GeneratePayload, Job, JobKind, JobState, Lease, LeasedJob, NewJob, Priority, TagType, Timestamp},
    store::{
        ClaimOrder, EmbedInput, EmbeddingDone, EmbeddingOutcome, Enqueued, Finish, GenerationDone, GenerationNeed,
        GenerationOutcome, JobCounts, JobFilter, JobStore, Listing, Page, Result, StoreError, WebhookEvent,
        WebhookOutcome,
    },
};

/// Claims queued jobs whose moment has come and whose work no other worker does, in the given order.
macro_rules! claim_sql {
    ($order:literal) => {
        concat!(
            "UPDATE job SET state = 'running', attempts = attempts + 1, max_attempts = COALESCE(max_attempts, ?4),
                 lease_owner = ?5 || '#' || lower(hex(randomblob(8))), lease_until = ?6, updated_at = ?2
             WHERE id IN (
                 SELECT id FROM job AS waiting
                 WHERE kind = ?1 AND state = 'queued' AND run_at <= ?2 AND NOT EXISTS (
                     SELECT 1 FROM job WHERE dedup_key = waiting.dedup_key AND state = 'running')
                 ORDER BY ",
            $order,
            " LIMIT ?3) RETURNING *"
        )
    };
}
#[async_trait]
impl JobStore for SqliteStore {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        let mut transaction = self.begin().await?;
        let (id, created) = enqueue(&mut transaction, job).await?;
        let job = self.require_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(Enqueued { job, created })
    }

    async fn enqueue_generation(&self, only_missing: bool, force: bool, priority: Priority) -> Result<u64> {
        let mut transaction = self.begin().await?;
        let tags = sqlx::query(
            "SELECT t.tag_type, t.id FROM tag t
             WHERE NOT (?1 AND EXISTS (SELECT 1 FROM mir_synonym s
                                       WHERE s.tag_type = t.tag_type AND s.tag_id = t.id AND (s.is_active OR NOT ?2)))
             ORDER BY t.tag_type, t.id",
        )
        .bind(only_missing)
        .bind(force)
        .fetch_all(&mut *transaction)
        .await?;
        let mut created = 0;
        for row in &tags {
            let tag_type: TagType = rows::tag_type(row)?;
            let payload = GeneratePayload { tag_type, tag_id: row.try_get("id")?, force, refresh: !only_missing };
            let (_, new) = enqueue(&mut transaction, &NewJob::generate(&payload, priority)).await?;
            created += u64::from(new);
        }
        self.commit(transaction).await?;
        Ok(created)
    }

    async fn claim(
        &self,
        kind: JobKind,
        order: ClaimOrder,
        worker: &str,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<LeasedJob>> {
        // Looking before locking: an idle worker does not compete for the write lock.
        let now = now_ms();
        let anything: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM job WHERE kind = ?1 AND state = 'queued' AND run_at <= ?2)
                 OR EXISTS (SELECT 1 FROM job WHERE kind = ?1 AND state = 'running' AND lease_until <= ?2)",
        )
        .bind(kind.as_str())
        .bind(now)
        .fetch_one(&self.readers)
        .await?;
        if !anything {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin().await?;
        self.reclaim_lapsed(&mut transaction, kind, now).await?;
        let claim = match order {
            ClaimOrder::Priority => claim_sql!("priority DESC, id"),
            ClaimOrder::Age => claim_sql!("id"),
        };
        let rows = sqlx::query(claim)
            .bind(kind.as_str())
            .bind(now)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(self.options.max_attempts)
            .bind(worker)
            .bind(now.saturating_add(millis(lease)))
            .fetch_all(&mut *transaction)
            .await?;
        let mut leased = rows
            .iter()
            .map(|row| {
                let job = rows::job(row, self.options.max_attempts)?;
                Ok(LeasedJob { lease: Lease { job_id: job.id, owner: row.try_get("lease_owner")? }, job })
            })
            .collect::<Result<Vec<_>>>()?;
        // RETURNING has no order of its own.
        match order {
            ClaimOrder::Priority => {
                leased.sort_by_key(|leased| (std::cmp::Reverse(leased.job.priority), leased.job.id))
            }
            ClaimOrder::Age => leased.sort_by_key(|leased| leased.job.id),
        }
        self.commit(transaction).await?;
        Ok(leased)
    }

    async fn extend_leases(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>> {
        let until = now_ms().saturating_add(millis(lease));
        let mut transaction = self.begin().await?;
        let mut lost = Vec::new();
        for lease in leases {
            let extended =
                sqlx::query("UPDATE job SET lease_until = ? WHERE id = ? AND lease_owner = ? AND state = 'running'")
                    .bind(until)
                    .bind(lease.job_id)
                    .bind(&lease.owner)
                    .execute(&mut *transaction)
                    .await?;
            if extended.rows_affected() == 0 {
                lost.push(lease.clone());
            }
        }
        self.commit(transaction).await?;
        Ok(lost)
    }

    async fn finish(&self, lease: &Lease, finish: &Finish) -> Result<()> {
        let mut transaction = self.begin().await?;
        if !holds(&mut transaction, lease).await? {
            return Err(StoreError::LeaseLost(lease.job_id));
        }
        match finish {
            Finish::Succeeded { result } => succeed(&mut transaction, lease, result).await?,
            Finish::Failed { error } => end(&mut transaction, lease.job_id, JobState::Failed, error).await?,
            Finish::Retry { error, delay } => {
                let spent: bool = sqlx::query_scalar("SELECT attempts >= max_attempts FROM job WHERE id = ?")
                    .bind(lease.job_id)
                    .fetch_one(&mut *transaction)
                    .await?;
                if spent {
                    end(&mut transaction, lease.job_id, JobState::Dead, error).await?;
                } else {
                    requeue(&mut transaction, lease.job_id, error, *delay, 0).await?;
                }
            }
            Finish::Release { reason, delay } => {
                requeue(&mut transaction, lease.job_id, reason, *delay, 1).await?;
            }
        }
        self.commit(transaction).await
    }

    async fn generation_need(&self, payload: &GeneratePayload) -> Result<GenerationNeed> {
        self.read_generation_need(payload).await
    }

    async fn complete_generations(&self, done: &[GenerationDone]) -> Result<Vec<GenerationOutcome>> {
        self.complete_generation_jobs(done).await
    }

    async fn embed_inputs(&self, synonym_ids: &[i64]) -> Result<Vec<EmbedInput>> {
        self.read_embed_inputs(synonym_ids).await
    }

    async fn complete_embeddings(&self, space: &str, done: &[EmbeddingDone]) -> Result<Vec<EmbeddingOutcome>> {
        self.complete_embedding_jobs(space, done).await
    }

    async fn job(&self, id: i64) -> Result<Option<Job>> {
        let row = sqlx::query("SELECT * FROM job WHERE id = ?").bind(id).fetch_optional(&self.readers).await?;
        row.map(|row| rows::job(&row, self.options.max_attempts)).transpose()
    }

    async fn list_jobs(&self, filter: &JobFilter, page: &Page) -> Result<Listing<Job>> {
        let before: Before = page.parse_cursor()?;
        let rows = sqlx::query(
            "SELECT * FROM job WHERE id < ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR kind = ?3)
             ORDER BY id DESC LIMIT ?4",
        )
        .bind(before.0)
        .bind(filter.state.map(JobState::as_str))
        .bind(filter.kind.map(JobKind::as_str))
        .bind(page.fetch_limit())
        .fetch_all(&self.readers)
        .await?;
        let jobs = rows.iter().map(|row| rows::job(row, self.options.max_attempts)).collect::<Result<Vec<_>>>()?;
        Ok(page.listing(jobs, |job| job.id))
    }

    async fn job_counts(&self) -> Result<JobCounts> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, COUNT(*) FROM job GROUP BY state").fetch_all(&self.readers).await?;
        let mut counts = JobCounts::default();
        for (state, count) in rows {
            let count = u64::try_from(count).unwrap_or_default();
            match state.parse().map_err(StoreError::Corrupt)? {
                JobState::Queued => counts.queued = count,
                JobState::Running => counts.running = count,
                JobState::Succeeded => counts.succeeded = count,
                JobState::Failed => counts.failed = count,
                JobState::Dead => counts.dead = count,
                JobState::Cancelled => counts.cancelled = count,
            }
        }
        Ok(counts)
    }

    async fn next_run_at(&self, kind: JobKind) -> Result<Option<Timestamp>> {
        let next: Option<i64> = sqlx::query_scalar(
            "SELECT MIN(CASE state WHEN 'queued' THEN run_at ELSE lease_until END) FROM job
             WHERE kind = ? AND state IN ('queued', 'running')",
        )
        .bind(kind.as_str())
        .fetch_one(&self.readers)
        .await?;
        next.map(timestamp).transpose()
    }

    async fn retry_job(&self, id: i64) -> Result<Job> {
        let mut transaction = self.begin().await?;
        let job = self.require_job(&mut transaction, id).await?;
        if !matches!(job.state, JobState::Failed | JobState::Dead | JobState::Cancelled) {
            return Err(StoreError::Conflict(format!(
                "the job {id} is {}; only failed, dead and cancelled jobs can be tried again",
                job.state
            )));
        }
        let twin: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM job WHERE state = 'queued' AND dedup_key = (SELECT dedup_key FROM job WHERE id = ?)",
        )
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(twin) = twin {
            return Err(StoreError::Conflict(format!("the same work is queued already as job {twin}")));
        }
        sqlx::query("UPDATE job SET state = 'queued', attempts = 0, run_at = ?1, updated_at = ?1 WHERE id = ?2")
            .bind(now_ms())
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        let job = self.require_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(job)
    }

    async fn cancel_job(&self, id: i64) -> Result<Job> {
        let mut transaction = self.begin().await?;
        let job = self.require_job(&mut transaction, id).await?;
        if !matches!(job.state, JobState::Queued | JobState::Running) {
            return Err(StoreError::Conflict(format!(
                "the job {id} is {}; only queued and running jobs can be cancelled",
                job.state
            )));
        }
        end(&mut transaction, id, JobState::Cancelled, "cancelled by a person").await?;
        let job = self.require_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(job)
    }

    async fn apply_webhook(&self, delivery_id: &str, event: &WebhookEvent) -> Result<WebhookOutcome> {
        self.apply_delivery(delivery_id, event).await
    }
}

/// The cursor of a list that runs from new to old.
struct Before(i64);

impl Default for Before {
    fn default() -> Self {
        Self(i64::MAX)
    }
}

impl std::str::FromStr for Before {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl SqliteStore {
    async fn require_job(&self, connection: &mut SqliteConnection, id: i64) -> Result<Job> {
        let row = sqlx::query("SELECT * FROM job WHERE id = ?").bind(id).fetch_optional(connection).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("the job {id}")))?;
        rows::job(&row, self.options.max_attempts)
    }

    /// Jobs whose worker has let its lease lapse are queued again, or dead when that was their last attempt.
    async fn reclaim_lapsed(&self, connection: &mut SqliteConnection, kind: JobKind, now: i64) -> Result<()> {
        let lapsed: Vec<(i64, bool)> = sqlx::query_as(
            "SELECT id, attempts >= max_attempts FROM job WHERE kind = ? AND state = 'running' AND lease_until <= ?",
        )
        .bind(kind.as_str())
        .bind(now)
        .fetch_all(&mut *connection)
        .await?;
        for (id, spent) in lapsed {
            let reason = "the worker stopped answering before the job was done";
            tracing::warn!(job.id = id, job.kind = %kind, "{reason}");
            if spent {
                end(&mut *connection, id, JobState::Dead, reason).await?;
            } else {
                requeue(&mut *connection, id, reason, Duration::ZERO, 0).await?;
            }
        }
        Ok(())
    }
}

/// Writes a job or joins the queued one of its kind; returns its number and whether it is new.
pub(super) async fn enqueue(connection: &mut SqliteConnection, job: &NewJob) -> Result<(i64, bool)> {
    let flag = |name: &str| job.payload.get(name).and_then(serde_json::Value::as_bool).unwrap_or_default();
    let joined: Option<i64> = sqlx::query_scalar(
        "UPDATE job SET priority = MAX(priority, ?2), run_at = MIN(run_at, ?3),
             payload = CASE WHEN ?4 THEN json_set(payload, '$.force', json('true')) ELSE payload END
         WHERE dedup_key = ?1 AND state = 'queued' RETURNING id",
    )
    .bind(&job.dedup_key)
    .bind(job.priority.value())
    .bind(now_ms())
    .bind(flag("force"))
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(id) = joined {
        if flag("refresh") {
            sqlx::query("UPDATE job SET payload = json_set(payload, '$.refresh', json('true')) WHERE id = ?")
                .bind(id)
                .execute(connection)
                .await?;
        }
        return Ok((id, false));
    }
    let id = sqlx::query_scalar(
        "INSERT INTO job (kind, payload, priority, run_at, dedup_key, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?4) RETURNING id",
    )
    .bind(job.kind.as_str())
    .bind(job.payload.to_string())
    .bind(job.priority.value())
    .bind(now_ms())
    .bind(&job.dedup_key)
    .fetch_one(connection)
    .await?;
    Ok((id, true))
}

/// Whether the lease still holds. Within a writing transaction the answer stays true until its end.
pub(super) async fn holds(connection: &mut SqliteConnection, lease: &Lease) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM job WHERE id = ? AND lease_owner = ? AND state = 'running')")
        .bind(lease.job_id)
        .bind(&lease.owner)
        .fetch_one(connection)
        .await?)
}

/// Ends a job well.
pub(super) async fn succeed(
    connection: &mut SqliteConnection,
    lease: &Lease,
    result: &serde_json::Value,
) -> Result<()> {
    sqlx::query(
        "UPDATE job SET state = 'succeeded', result = ?, last_error = NULL, lease_owner = NULL, lease_until = NULL,
             updated_at = ? WHERE id = ? AND lease_owner = ? AND state = 'running'",
    )
    .bind(result.to_string())
    .bind(now_ms())
    .bind(lease.job_id)
    .bind(&lease.owner)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a job without success.
async fn end(connection: &mut SqliteConnection, id: i64, state: JobState, error: &str) -> Result<()> {
    sqlx::query(
        "UPDATE job SET state = ?, last_error = ?, lease_owner = NULL, lease_until = NULL, updated_at = ? WHERE id = ?",
    )
    .bind(state.as_str())
    .bind(error)
    .bind(now_ms())
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Queues a running job again, giving back `unspent` attempts; where the same work was queued meanwhile, that one
/// does it.
async fn requeue(
    connection: &mut SqliteConnection,
    id: i64,
    reason: &str,
    delay: Duration,
    unspent: u32,
) -> Result<()> {
    let twin: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM job WHERE state = 'queued' AND dedup_key = (SELECT dedup_key FROM job WHERE id = ?)",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(twin) = twin {
        return end(connection, id, JobState::Cancelled, &format!("job {twin} does the same; {reason}")).await;
    }
    let now = now_ms();
    sqlx::query(
        "UPDATE job SET state = 'queued', last_error = ?, run_at = ?, attempts = MAX(attempts - ?, 0),
             lease_owner = NULL, lease_until = NULL, updated_at = ? WHERE id = ?",
    )
    .bind(reason)
    .bind(now.saturating_add(millis(delay)))
    .bind(unspent)
    .bind(now)
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
