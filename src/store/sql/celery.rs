//! Tasks of Celery: written with their jobs before the message is acknowledged, kept until their answer was handed over.

use async_trait::async_trait;
use sqlx::{Row, types::Json};

use super::{
    SqlStore,
    dialect::{self, DbConnection, DbRow, Moment, moment, now},
    jobs, rows, synonyms, tags,
};
use crate::{
    domain::{GeneratePayload, JobState, NewJob, TagName, TagType},
    store::{
        CeleryAnswer, CeleryFailure, CeleryJob, CeleryRequest, CeleryStore, CeleryWork, NewCeleryTask, Owed, OwedTask,
        Result, StoreError,
    },
    trace,
};

#[async_trait]
impl CeleryStore for SqlStore {
    async fn take_celery_tasks(&self, tasks: &[NewCeleryTask]) -> Result<Vec<bool>> {
        let mut transaction = self.begin().await?;
        let mut new = Vec::with_capacity(tasks.len());
        for task in tasks {
            let known = sqlx::query("UPDATE celery_task SET answered_at = NULL WHERE id = $1")
                .bind(&task.id)
                .execute(&mut *transaction)
                .await?;
            new.push(known.rows_affected() == 0);
            if known.rows_affected() == 0 {
                take(&mut transaction, task).await?;
            }
        }
        self.commit(transaction).await?;
        Ok(new)
    }

    async fn begin_due_celery_tasks(&self) -> Result<u64> {
        let waiting = sqlx::query(
            "SELECT id, request FROM celery_task
             WHERE answered_at IS NULL AND run_at <= $1 AND job_id IS NULL AND answer IS NULL
               AND (expires_at IS NULL OR expires_at > $1)
             ORDER BY run_at",
        )
        .bind(now())
        .fetch_all(&self.readers)
        .await?;
        let mut begun = 0;
        // Each by itself: one that the database refuses must not keep the others from their jobs.
        for row in &waiting {
            let id: &str = row.try_get("id")?;
            let Json(request): Json<CeleryRequest> = row.try_get("request")?;
            match self.begin_due(id, &request).await {
                Ok(begins) => begun += u64::from(begins),
                Err(StoreError::Conflict(problem)) => {
                    let failure = CeleryFailure::new("builtins", "ValueError", problem);
                    self.settle_celery_task(id, &CeleryAnswer::Failure(failure), false).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(begun)
    }

    async fn owed_celery_tasks(&self, which: Owed, limit: usize) -> Result<Vec<OwedTask>> {
        let mut snapshot = self.snapshot().await?;
        let found = sqlx::query(
            "SELECT c.*, j.state, j.attempts, j.last_error, j.payload, j.result, j.updated_at
             FROM celery_task c LEFT JOIN job j ON j.id = c.job_id
             WHERE c.answered_at IS NULL
               AND ($1 OR c.answer IS NOT NULL OR c.expires_at <= $2
                    OR (c.job_id IS NOT NULL AND (j.id IS NULL OR j.state <> 'queued' OR j.attempts > 0)))
             ORDER BY c.run_at, c.id LIMIT $3",
        )
        .bind(which == Owed::All)
        .bind(now())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *snapshot)
        .await?;
        let mut owed = Vec::with_capacity(found.len());
        for row in &found {
            let mut task = owed_task(row)?;
            if task.job.as_ref().is_some_and(|job| job.state == JobState::Succeeded) {
                let Json(payload): Json<GeneratePayload> = row.try_get("payload")?;
                task.synonyms = synonyms::active(&mut snapshot, payload.tag_type, payload.tag_id).await?;
            }
            owed.push(task);
        }
        Ok(owed)
    }

    async fn owed_celery_count(&self) -> Result<u64> {
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM celery_task WHERE answered_at IS NULL AND job_id IS NOT NULL")
                .fetch_one(&self.readers)
                .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn settle_celery_task(&self, id: &str, answer: &CeleryAnswer, stop_running: bool) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let found: Option<(Option<i64>, bool, Option<String>)> = sqlx::query_as(
            "SELECT c.job_id, c.made_job AND NOT EXISTS (
                 SELECT 1 FROM celery_task other WHERE other.job_id = c.job_id AND other.id <> c.id
                     AND other.answered_at IS NULL AND other.answer IS NULL) AS is_alone, j.state
             FROM celery_task c LEFT JOIN job j ON j.id = c.job_id
             WHERE c.id = $1 AND c.answered_at IS NULL AND c.answer IS NULL",
        )
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((job_id, is_alone, state)) = found else { return Ok(false) };
        let state: Option<JobState> = state.map(|state| state.parse().map_err(StoreError::Corrupt)).transpose()?;
        if state == Some(JobState::Running) && !stop_running {
            return Ok(false);
        }
        sqlx::query("UPDATE celery_task SET answer = $2 WHERE id = $1")
            .bind(id)
            .bind(Json(answer))
            .execute(&mut *transaction)
            .await?;
        if let (Some(job_id), true, Some(JobState::Queued | JobState::Running)) = (job_id, is_alone, state) {
            let reason = "the task of Celery that asked for it was taken back";
            jobs::end(&mut transaction, job_id, JobState::Cancelled, reason).await?;
        }
        self.commit(transaction).await?;
        Ok(true)
    }

    async fn celery_tasks_answered(&self, ids: &[String]) -> Result<()> {
        let mut transaction = self.begin_claim().await?;
        for id in ids {
            sqlx::query("UPDATE celery_task SET answered_at = $1 WHERE id = $2")
                .bind(now())
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        self.commit_claim(transaction).await
    }
}

impl SqlStore {
    /// Begins a task that has become due, unless another process has begun it or it has its answer by now.
    async fn begin_due(&self, id: &str, request: &CeleryRequest) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let waits: Option<bool> =
            sqlx::query_scalar("SELECT job_id IS NULL AND answer IS NULL FROM celery_task WHERE id = $1")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
        if waits != Some(true) {
            return Ok(false);
        }
        trace::scope(request.trace_id, begin(&mut transaction, id, request)).await?;
        self.commit(transaction).await?;
        Ok(true)
    }
}

/// Lets the tasks that wait for a job wait for the one that does its work.
pub(super) async fn follow(connection: &mut DbConnection, job_id: i64, twin: i64) -> Result<()> {
    sqlx::query("UPDATE celery_task SET job_id = $2 WHERE job_id = $1 AND answered_at IS NULL")
        .bind(job_id)
        .bind(twin)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a new task, and begins it where it is due.
async fn take(connection: &mut DbConnection, task: &NewCeleryTask) -> Result<()> {
    let now = now();
    let run_at = task.run_at.map_or(now, moment);
    sqlx::query("INSERT INTO celery_task (id, request, run_at, expires_at, received_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&task.id)
        .bind(Json(&task.request))
        .bind(run_at)
        .bind(task.expires_at.map(moment))
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if run_at > now {
        return Ok(());
    }
    trace::scope(task.request.trace_id, begin(connection, &task.id, &task.request)).await
}

/// Writes what a task asks for: its job, or the jobs of all tags and the answer.
async fn begin(connection: &mut DbConnection, id: &str, request: &CeleryRequest) -> Result<()> {
    let (job, answer) = match &request.work {
        CeleryWork::Generate { tag_type, tag_name, force, related_tags } => {
            let name = TagName::parse(tag_name).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let created = tags::create(&mut *connection, *tag_type, &name, request.priority()).await?;
            let payload =
                GeneratePayload { tag_type: *tag_type, tag_id: created.tag.id, force: *force, refresh: *force };
            let job = NewJob::generate(&payload, request.priority()).with_related_tags(related_tags);
            let (job_id, new) = jobs::enqueue(&mut *connection, &job).await?;
            (Some((job_id, new || created.created)), None)
        }
        CeleryWork::GenerateAll { tag_type, force } => {
            let queued = begin_all(&mut *connection, *tag_type, *force, request).await?;
            let value = serde_json::json!({ "tag_type": tag_type, "queued": queued });
            (None, Some(CeleryAnswer::Success(value)))
        }
    };
    sqlx::query("UPDATE celery_task SET job_id = $2, made_job = $3, answer = $4 WHERE id = $1")
        .bind(id)
        .bind(job.map(|(job_id, _)| job_id))
        .bind(job.is_some_and(|(_, made)| made))
        .bind(answer.map(Json))
        .execute(connection)
        .await?;
    Ok(())
}

/// Enqueues the tags of a type that nothing was ever written for, or all of them; returns how many.
async fn begin_all(
    connection: &mut DbConnection,
    tag_type: TagType,
    force: bool,
    request: &CeleryRequest,
) -> Result<usize> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT t.id FROM tag t WHERE t.tag_type = $1 AND ($2 OR NOT EXISTS (
             SELECT 1 FROM mir_synonym s WHERE s.tag_type = t.tag_type AND s.tag_id = t.id)) ORDER BY t.id",
    )
    .bind(tag_type.as_str())
    .bind(force)
    .fetch_all(&mut *connection)
    .await?;
    for tag_id in &ids {
        let payload = GeneratePayload { tag_type, tag_id: *tag_id, force, refresh: force };
        jobs::enqueue(&mut *connection, &NewJob::generate(&payload, request.priority())).await?;
    }
    Ok(ids.len())
}

fn owed_task(row: &DbRow) -> Result<OwedTask> {
    let Json(request) = row.try_get("request")?;
    let answer: Option<Json<CeleryAnswer>> = row.try_get("answer")?;
    let expires_at: Option<Moment> = row.try_get("expires_at")?;
    let job = match rows::optional_word::<JobState>(row, "state")? {
        None => None,
        Some(state) => Some(CeleryJob {
            state,
            attempts: u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or_default(),
            last_error: row.try_get("last_error")?,
            outcome: row
                .try_get::<Option<Json<serde_json::Value>>, _>("result")?
                .and_then(|Json(result)| Some(result.get("outcome")?.as_str()?.to_owned())),
            updated_at: dialect::timestamp(row.try_get("updated_at")?)?,
        }),
    };
    Ok(OwedTask {
        id: row.try_get("id")?,
        request,
        job_id: row.try_get("job_id")?,
        job,
        synonyms: None,
        answer: answer.map(|Json(answer)| answer),
        run_at: dialect::timestamp(row.try_get("run_at")?)?,
        expires_at: expires_at.map(dialect::timestamp).transpose()?,
        received_at: dialect::timestamp(row.try_get("received_at")?)?,
    })
}
