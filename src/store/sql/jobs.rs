//! The queue. Every change of a running job is fenced: it names the lease and touches nothing when that is lost.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, types::Json};

use super::{
    SqlStore, batch_jobs, celery,
    dialect::{self, DbConnection, Moment, later, now},
    rows,
};
use crate::{
    domain::{
        GeneratePayload, Job, JobKind, JobState, Lease, LeasedJob, NewJob, Priority, RELATED_TAGS, Timestamp, TraceId,
    },
    store::{
        ClaimOrder, EmbedInput, EmbeddingDone, EmbeddingOutcome, Enqueued, Finish, GenerationDone, GenerationNeed,
        GenerationOutcome, JobCounts, JobFilter, JobStore, Listing, Page, QueueDepth, Result, StoreError, WebhookEvent,
        WebhookOutcome,
    },
};

/// Claims queued jobs whose moment has come and whose work no other worker does, in the given order.
macro_rules! claim_sql {
    ($order:literal) => {
        concat!(
            "UPDATE job SET state = 'running', attempts = attempts + 1, max_attempts = COALESCE(max_attempts, $4),
                 lease_owner = $5 || '#' || $7 || '.' || id || '.' || attempts, lease_until = $6, updated_at = $2
             WHERE id ",
            claim_from!(
                "SELECT id FROM job AS waiting
                 WHERE kind = $1 AND state = 'queued' AND run_at <= $2 AND priority >= $8 AND NOT EXISTS (
                     SELECT 1 FROM job WHERE dedup_key = waiting.dedup_key AND state = 'running')
                 ORDER BY ",
                $order,
                " LIMIT $3"
            ),
            " RETURNING *"
        )
    };
}

#[async_trait]
impl JobStore for SqlStore {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        let mut transaction = self.begin().await?;
        let (id, created) = enqueue(&mut transaction, job).await?;
        let job = self.require_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(Enqueued { job, created })
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
        if self.next_run(kind).await?.is_none_or(|next| next > now()) {
            return Ok(Vec::new());
        }
        self.reclaim_lapsed(kind).await?;
        let mut transaction = self.begin_claim().await?;
        // After the wait for the lock, which is no part of the lease.
        let now = now();
        let claim = match order {
            ClaimOrder::Priority | ClaimOrder::Urgent => claim_sql!("priority DESC, id"),
            ClaimOrder::Age => claim_sql!("id"),
        };
        let rows = sqlx::query(claim)
            .bind(kind.as_str())
            .bind(now)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(i32::try_from(self.options.max_attempts).unwrap_or(i32::MAX))
            .bind(worker)
            .bind(later(now, lease))
            .bind(format!("{:016x}", fastrand::u64(..)))
            .bind(i32::from(least_priority(order).value()))
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
            ClaimOrder::Priority | ClaimOrder::Urgent => {
                leased.sort_by_key(|leased| (std::cmp::Reverse(leased.job.priority), leased.job.id));
            }
            ClaimOrder::Age => leased.sort_by_key(|leased| leased.job.id),
        }
        self.commit_claim(transaction).await?;
        Ok(leased)
    }

    async fn is_urgent_due(&self, kind: JobKind) -> Result<bool> {
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM job AS waiting
             WHERE kind = $1 AND state = 'queued' AND run_at <= $2 AND priority >= $3 AND NOT EXISTS (
                 SELECT 1 FROM job WHERE dedup_key = waiting.dedup_key AND state = 'running')
             LIMIT 1",
        )
        .bind(kind.as_str())
        .bind(now())
        .bind(i32::from(Priority::HIGH.value()))
        .fetch_optional(&self.readers)
        .await?;
        Ok(due.is_some())
    }

    async fn extend_leases(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>> {
        let until = later(now(), lease);
        let mut transaction = self.begin_claim().await?;
        let mut lost = Vec::new();
        for lease in leases {
            let extended =
                sqlx::query("UPDATE job SET lease_until = $1 WHERE id = $2 AND lease_owner = $3 AND state = 'running'")
                    .bind(until)
                    .bind(lease.job_id)
                    .bind(&lease.owner)
                    .execute(&mut *transaction)
                    .await?;
            if extended.rows_affected() == 0 {
                lost.push(lease.clone());
            }
        }
        self.commit_claim(transaction).await?;
        Ok(lost)
    }

    async fn finish(&self, lease: &Lease, finish: &Finish) -> Result<()> {
        let mut transaction = self.begin().await?;
        if held(&mut transaction, lease).await?.is_none() {
            return Err(StoreError::LeaseLost(lease.job_id));
        }
        match finish {
            Finish::Succeeded { result } => succeed(&mut transaction, lease, result).await?,
            Finish::Failed { error } => end(&mut transaction, lease.job_id, JobState::Failed, error).await?,
            Finish::Retry { error, delay } => {
                if !try_again(&mut transaction, lease, error, *delay).await? {
                    end(&mut transaction, lease.job_id, JobState::Dead, error).await?;
                }
            }
            Finish::Release { reason, delay } => release(&mut transaction, lease, reason, *delay).await?,
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
        let row = sqlx::query("SELECT * FROM job WHERE id = $1").bind(id).fetch_optional(&self.readers).await?;
        row.map(|row| rows::job(&row, self.options.max_attempts)).transpose()
    }

    async fn list_jobs(&self, filter: &JobFilter, page: &Page) -> Result<Listing<Job>> {
        let before: Before = page.parse_cursor()?;
        let rows = sqlx::query(
            "SELECT * FROM job WHERE id < $1 AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR kind = $3)
             ORDER BY id DESC LIMIT $4",
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

    async fn queue_depth(&self) -> Result<Vec<QueueDepth>> {
        let rows = sqlx::query(
            "SELECT kind, priority, COUNT(*) AS waiting, MIN(created_at) AS oldest FROM job
             WHERE state = 'queued' GROUP BY kind, priority ORDER BY kind, priority",
        )
        .fetch_all(&self.readers)
        .await?;
        let depth = |row| {
            Ok(QueueDepth {
                kind: rows::word(row, "kind")?,
                priority: rows::priority(row)?,
                waiting: u64::try_from(row.try_get::<i64, _>("waiting")?).unwrap_or_default(),
                oldest: dialect::timestamp(row.try_get("oldest")?)?,
            })
        };
        rows.iter().map(depth).collect()
    }

    async fn next_run_at(&self, kind: JobKind) -> Result<Option<Timestamp>> {
        self.next_run(kind).await?.map(dialect::timestamp).transpose()
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
        if let Some(twin) = queued_twin(&mut transaction, id).await? {
            return Err(StoreError::Conflict(format!("the same work is queued already as job {twin}")));
        }
        // A batch that is over or was cancelled has its counts; what a person asks for now is no part of it.
        sqlx::query(
            "UPDATE job SET state = 'queued', attempts = 0, last_error = NULL, run_at = $1, updated_at = $1,
                 trace_id = COALESCE($3, trace_id), batch_id = (SELECT b.id FROM job_batch b
                             WHERE b.id = job.batch_id AND b.ended_at IS NULL AND b.cancelled_at IS NULL)
             WHERE id = $2",
        )
        .bind(now())
        .bind(id)
        .bind(rows::current_trace())
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

/// What a claim in this order leaves waiting.
const fn least_priority(order: ClaimOrder) -> Priority {
    match order {
        ClaimOrder::Priority | ClaimOrder::Age => Priority::LEAST,
        ClaimOrder::Urgent => Priority::HIGH,
    }
}

/// The cursor of a list that runs from new to old.
pub(super) struct Before(pub(super) i64);

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

impl SqlStore {
    /// When something may be there to claim: the earliest queued job whose work nobody does, or the earliest lease
    /// that may lapse. A queued job whose twin runs waits for that one's end.
    async fn next_run(&self, kind: JobKind) -> Result<Option<Moment>> {
        let next: Vec<Moment> = sqlx::query_scalar(
            "SELECT * FROM (
                 SELECT run_at FROM job AS waiting WHERE kind = $1 AND state = 'queued' AND NOT EXISTS (
                     SELECT 1 FROM job WHERE dedup_key = waiting.dedup_key AND state = 'running')
                 ORDER BY run_at LIMIT 1) AS queued
             UNION ALL SELECT * FROM (
                 SELECT lease_until FROM job WHERE kind = $1 AND state = 'running' ORDER BY lease_until LIMIT 1) AS leased",
        )
        .bind(kind.as_str())
        .fetch_all(&self.readers)
        .await?;
        Ok(next.into_iter().min())
    }

    async fn require_job(&self, connection: &mut DbConnection, id: i64) -> Result<Job> {
        let row = sqlx::query("SELECT * FROM job WHERE id = $1").bind(id).fetch_optional(connection).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("the job {id}")))?;
        rows::job(&row, self.options.max_attempts)
    }

    /// Jobs whose worker has let its lease lapse are queued again, or dead when that was their last attempt.
    async fn reclaim_lapsed(&self, kind: JobKind) -> Result<()> {
        /// Jobs of a kind whose lease had lapsed at a moment, and whether that was their last attempt.
        macro_rules! lapsed {
            () => {
                "SELECT id, attempts >= max_attempts FROM job WHERE kind = $1 AND state = 'running' AND lease_until <= $2"
            };
        }
        // Looking before locking.
        let lapsed: Vec<(i64, bool)> =
            sqlx::query_as(lapsed!()).bind(kind.as_str()).bind(now()).fetch_all(&self.readers).await?;
        if lapsed.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let now = now();
        let lapsed: Vec<(i64, bool)> = sqlx::query_as(concat!(lapsed!(), " ORDER BY id", for_update!()))
            .bind(kind.as_str())
            .bind(now)
            .fetch_all(&mut *transaction)
            .await?;
        for (id, spent) in lapsed {
            let reason = "the worker stopped answering before the job was done";
            tracing::warn!(job.id = id, job.kind = %kind, "{reason}");
            if spent {
                end(&mut transaction, id, JobState::Dead, reason).await?;
            } else {
                requeue(&mut transaction, id, reason, now, 0).await?;
            }
        }
        self.commit(transaction).await
    }
}

/// Writes a job or joins the queued one of its kind; returns its number and whether it is new.
///
/// Joining never takes a wish back, and ends a wait (after a failed attempt) only when it is more urgent: a sender
/// that repeats itself must not spend the attempts at once. The trace is that of whoever asked last.
pub(super) async fn enqueue(connection: &mut DbConnection, job: &NewJob) -> Result<(i64, bool)> {
    let joined: Option<i64> = sqlx::query_scalar(
        "UPDATE job SET priority = CASE WHEN $2 > priority THEN $2 ELSE priority END, payload = json_patch(payload, $4),
             run_at = CASE WHEN $2 > priority AND $3 < run_at THEN $3 ELSE run_at END, trace_id = COALESCE($5, trace_id)
         WHERE dedup_key = $1 AND state = 'queued' RETURNING id",
    )
    .bind(&job.dedup_key)
    .bind(i32::from(job.priority.value()))
    .bind(now())
    .bind(Json(wishes(&job.payload)))
    .bind(rows::current_trace())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(id) = joined {
        return Ok((id, false));
    }
    let id = sqlx::query_scalar(
        "INSERT INTO job (kind, payload, priority, run_at, dedup_key, created_at, updated_at, trace_id)
         VALUES ($1, $2, $3, $4, $5, $4, $4, $6) RETURNING id",
    )
    .bind(job.kind.as_str())
    .bind(Json(&job.payload))
    .bind(i32::from(job.priority.value()))
    .bind(now())
    .bind(&job.dedup_key)
    .bind(rows::current_trace())
    .fetch_one(connection)
    .await?;
    Ok((id, true))
}

/// What a payload asks for beyond the plain work, as a patch for the payload of another job of the same work.
fn wishes(payload: &serde_json::Value) -> serde_json::Value {
    let mut wishes: serde_json::Map<String, serde_json::Value> = ["force", "refresh"]
        .into_iter()
        .filter(|wish| payload.get(wish).and_then(serde_json::Value::as_bool).unwrap_or_default())
        .map(|wish| (wish.to_owned(), true.into()))
        .collect();
    if let Some(related_tags) = payload.get(RELATED_TAGS) {
        wishes.insert(RELATED_TAGS.to_owned(), related_tags.clone());
    }
    serde_json::Value::Object(wishes)
}

/// A job whose lease holds.
pub(super) struct Held {
    /// On whose behalf it is done.
    pub(super) trace_id: Option<TraceId>,
}

/// The job of this lease; `None` when that is lost. Within a writing transaction the answer stays true until its end.
pub(super) async fn held(connection: &mut DbConnection, lease: &Lease) -> Result<Option<Held>> {
    let row = sqlx::query(concat!(
        "SELECT trace_id FROM job WHERE id = $1 AND lease_owner = $2 AND state = 'running'",
        for_update!()
    ))
    .bind(lease.job_id)
    .bind(&lease.owner)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok(Held { trace_id: rows::optional_word(&row, "trace_id")? })).transpose()
}

/// Ends a job well.
pub(super) async fn succeed(connection: &mut DbConnection, lease: &Lease, result: &serde_json::Value) -> Result<()> {
    sqlx::query(
        "UPDATE job SET state = 'succeeded', result = $1, last_error = NULL, lease_owner = NULL, lease_until = NULL,
             updated_at = $2 WHERE id = $3 AND lease_owner = $4 AND state = 'running'",
    )
    .bind(Json(result))
    .bind(now())
    .bind(lease.job_id)
    .bind(&lease.owner)
    .execute(connection)
    .await?;
    Ok(())
}

/// Queues a running job again after a failed attempt; false, and nothing done, where the attempts are spent.
pub(super) async fn try_again(
    connection: &mut DbConnection,
    lease: &Lease,
    error: &str,
    delay: Duration,
) -> Result<bool> {
    let spent: bool = sqlx::query_scalar("SELECT attempts >= max_attempts FROM job WHERE id = $1")
        .bind(lease.job_id)
        .fetch_one(&mut *connection)
        .await?;
    if !spent {
        requeue(connection, lease.job_id, error, later(now(), delay), 0).await?;
    }
    Ok(!spent)
}

/// Hands a running job back without spending the attempt.
pub(super) async fn release(connection: &mut DbConnection, lease: &Lease, reason: &str, delay: Duration) -> Result<()> {
    requeue(connection, lease.job_id, reason, later(now(), delay), 1).await
}

/// How urgent a running job is.
pub(super) async fn priority(connection: &mut DbConnection, lease: &Lease) -> Result<Priority> {
    let row = sqlx::query("SELECT priority FROM job WHERE id = $1").bind(lease.job_id).fetch_one(connection).await?;
    rows::priority(&row)
}

/// Ends a job without success.
pub(super) async fn end(connection: &mut DbConnection, id: i64, state: JobState, error: &str) -> Result<()> {
    sqlx::query(
        "UPDATE job SET state = $1, last_error = $2, lease_owner = NULL, lease_until = NULL, updated_at = $3 WHERE id = $4",
    )
    .bind(state.as_str())
    .bind(without_nul(error))
    .bind(now())
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Queues a running job again for `run_at`, giving back `unspent` attempts; where the same work was queued meanwhile,
/// that one does it, as urgently and as thoroughly as either was asked for.
async fn requeue(connection: &mut DbConnection, id: i64, reason: &str, run_at: Moment, unspent: i32) -> Result<()> {
    let row = sqlx::query("SELECT kind, payload, priority, dedup_key FROM job WHERE id = $1")
        .bind(id)
        .fetch_one(&mut *connection)
        .await?;
    if let Some(twin) = queued_twin(&mut *connection, id).await? {
        let job = NewJob {
            kind: rows::word(&row, "kind")?,
            payload: row.try_get::<Json<_>, _>("payload")?.0,
            priority: rows::priority(&row)?,
            dedup_key: row.try_get("dedup_key")?,
        };
        enqueue(&mut *connection, &job).await?;
        batch_jobs::hand_over(&mut *connection, id, twin).await?;
        celery::follow(&mut *connection, id, twin).await?;
        return end(connection, id, JobState::Cancelled, &format!("job {twin} does the same; {reason}")).await;
    }
    if batch_jobs::is_given_up(&mut *connection, id).await? {
        return end(connection, id, JobState::Cancelled, &format!("its batch was cancelled; {reason}")).await;
    }
    sqlx::query(
        "UPDATE job SET state = 'queued', last_error = $1, run_at = $2, attempts = CASE WHEN attempts > $3 THEN attempts - $3 ELSE 0 END,
             lease_owner = NULL, lease_until = NULL, updated_at = $4 WHERE id = $5",
    )
    .bind(without_nul(reason))
    .bind(run_at)
    .bind(unspent)
    .bind(now())
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

/// What a server answered may hold a NUL, which PostgreSQL's texts cannot.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The queued job that does the same work.
async fn queued_twin(connection: &mut DbConnection, id: i64) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar(
        "SELECT id FROM job WHERE state = 'queued' AND dedup_key = (SELECT dedup_key FROM job WHERE id = $1)",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?)
}
