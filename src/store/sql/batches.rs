//! Batches. While one goes on, its progress is counted from its jobs; with the last of them it is written down.

use async_trait::async_trait;
use chrono::{SubsecRound, Utc};
use sqlx::{Row, types::Json};

use super::{
    SqlStore, batch_jobs,
    dialect::{self, DbConnection, DbRow, Moment, now, timestamp},
    jobs::Before,
    rows,
};
use crate::{
    domain::{JobState, Priority, Timestamp},
    store::{
        Batch, BatchAsk, BatchState, BatchStore, GenerationOf, Listing, Page, Result, StartedBatch, SteeringStore,
        StoreError,
    },
};

/// The rate is that of so many of the jobs that ended last.
const RATE_OVER: i64 = 30;

/// What has become of the jobs of a batch.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    done: u64,
    failed: u64,
    cancelled: u64,
    left: u64,
}

#[async_trait]
impl BatchStore for SqlStore {
    async fn start_batch(&self, of: GenerationOf, force: bool, priority: Priority) -> Result<StartedBatch> {
        let asked = BatchAsk::new(of, force);
        let mut transaction = self.begin().await?;
        dialect::take_your_time(&mut transaction).await?;
        batch_jobs::settle(&mut transaction).await?;
        let same = same_batch(&mut transaction, &asked).await?;
        let id = match same {
            Some(id) => {
                batch_jobs::hurry(&mut transaction, id, priority).await?;
                id
            }
            None => batch_jobs::insert(&mut transaction, of, &asked, priority).await?,
        };
        self.commit(transaction).await?;
        Ok(StartedBatch { batch: self.require_batch(id).await?, created: same.is_none() })
    }

    async fn batch(&self, id: i64) -> Result<Option<Batch>> {
        let row = sqlx::query("SELECT * FROM job_batch WHERE id = $1").bind(id).fetch_optional(&self.readers).await?;
        match row {
            Some(row) => self.read_batch(&row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn list_batches(&self, page: &Page) -> Result<Listing<Batch>> {
        let before: Before = page.parse_cursor()?;
        let rows = sqlx::query("SELECT * FROM job_batch WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before.0)
            .bind(page.fetch_limit())
            .fetch_all(&self.readers)
            .await?;
        let mut batches = Vec::with_capacity(rows.len());
        for row in &rows {
            batches.push(self.read_batch(row).await?);
        }
        Ok(page.listing(batches, |batch| batch.id))
    }

    async fn cancel_batch(&self, id: i64) -> Result<Batch> {
        let mut transaction = self.begin().await?;
        dialect::take_your_time(&mut transaction).await?;
        batch_jobs::settle(&mut transaction).await?;
        let row =
            sqlx::query("SELECT * FROM job_batch WHERE id = $1").bind(id).fetch_optional(&mut *transaction).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("the batch {id}")))?;
        let is_over = row.try_get::<Option<Moment>, _>("ended_at")?.is_some();
        if is_over || row.try_get::<Option<Moment>, _>("cancelled_at")?.is_some() {
            let how = if is_over { "over" } else { "cancelled already" };
            return Err(StoreError::Conflict(format!("the batch {id} is {how}; nothing of it waits")));
        }
        let now = now();
        sqlx::query("UPDATE job_batch SET cancelled_at = $1 WHERE id = $2")
            .bind(now)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "UPDATE job SET state = 'cancelled', last_error = 'its batch was cancelled', updated_at = $1
             WHERE batch_id = $2 AND state = 'queued'",
        )
        .bind(now)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        batch_jobs::settle(&mut transaction).await?;
        self.commit(transaction).await?;
        self.require_batch(id).await
    }
}

impl SqlStore {
    async fn require_batch(&self, id: i64) -> Result<Batch> {
        self.batch(id).await?.ok_or_else(|| StoreError::NotFound(format!("the batch {id}")))
    }

    /// A row of `job_batch` with its progress. What has ended is written down by whoever sees it first.
    async fn read_batch(&self, row: &DbRow) -> Result<Batch> {
        let mut batch = written(row)?;
        if batch.ended_at.is_some() {
            return Ok(batch);
        }
        let tally = self.tally(batch.id).await?;
        if tally.left > 0 {
            tally.show(&mut batch);
            if batch.state == BatchState::Active {
                self.estimate(&mut batch).await?;
            }
            return Ok(batch);
        }
        let mut transaction = self.begin().await?;
        batch_jobs::settle(&mut transaction).await?;
        let row =
            sqlx::query("SELECT * FROM job_batch WHERE id = $1").bind(batch.id).fetch_one(&mut *transaction).await?;
        self.commit(transaction).await?;
        batch = written(&row)?;
        Ok(batch)
    }

    async fn tally(&self, id: i64) -> Result<Tally> {
        let counts: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, COUNT(*) FROM job WHERE batch_id = $1 GROUP BY state")
                .bind(id)
                .fetch_all(&self.readers)
                .await?;
        let mut tally = Tally::default();
        for (state, count) in counts {
            let part = match state.parse().map_err(StoreError::Corrupt)? {
                JobState::Queued | JobState::Running => &mut tally.left,
                JobState::Succeeded => &mut tally.done,
                JobState::Failed | JobState::Dead => &mut tally.failed,
                JobState::Cancelled => &mut tally.cancelled,
            };
            *part += unsigned(count);
        }
        Ok(tally)
    }

    /// Adds the rate at which jobs of the batch ended last, and when the rest will have ended at that rate. The time since the
    /// last of them counts, too, so that a batch that stands still moves its end away.
    async fn estimate(&self, batch: &mut Batch) -> Result<()> {
        let (oldest, count): (Option<Moment>, i64) = sqlx::query_as(
            "SELECT MIN(updated_at), COUNT(*) FROM (
                 SELECT updated_at FROM job WHERE batch_id = $1 AND state IN ('succeeded', 'failed', 'dead')
                 ORDER BY updated_at DESC LIMIT $2) AS recent",
        )
        .bind(batch.id)
        .bind(RATE_OVER)
        .fetch_one(&self.readers)
        .await?;
        let Some(oldest) = oldest.filter(|_| count > 1) else { return Ok(()) };
        let now = Utc::now();
        // Clocks of other processes may be ahead.
        let millis = (now - timestamp(oldest)?).num_milliseconds().max(1);
        let each = millis / (count - 1);
        #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
        let per_minute = 60_000.0 * (count - 1) as f64 / millis as f64;
        batch.per_minute = Some(per_minute);
        if self.jobs_paused().await?.is_none() {
            let left = i64::try_from(batch.left).unwrap_or(i64::MAX).saturating_mul(each.max(1));
            let end = chrono::TimeDelta::try_milliseconds(left).and_then(|left| now.checked_add_signed(left));
            batch.estimated_end = end.map(|end| end.trunc_subsecs(0));
        }
        Ok(())
    }
}

impl Tally {
    fn show(self, batch: &mut Batch) {
        let Self { done, failed, cancelled, left } = self;
        (batch.done, batch.failed, batch.cancelled, batch.left) = (done, failed, cancelled, left);
        batch.moved = batch.total.saturating_sub(done + failed + cancelled + left);
    }
}

/// What is written in a row of `job_batch`: all there is to say of a batch that has ended.
fn written(row: &DbRow) -> Result<Batch> {
    let moment = |column| row.try_get::<Option<Moment>, _>(column)?.map(timestamp).transpose();
    let count = |column| Ok::<_, StoreError>(unsigned(row.try_get::<Option<i64>, _>(column)?.unwrap_or_default()));
    let (cancelled_at, ended_at): (Option<Timestamp>, Option<Timestamp>) =
        (moment("cancelled_at")?, moment("ended_at")?);
    let Json(asked): Json<BatchAsk> = row.try_get("asked")?;
    let mut batch = Batch {
        id: row.try_get("id")?,
        asked,
        priority: rows::priority(row)?,
        state: match (cancelled_at, ended_at) {
            (Some(_), _) => BatchState::Cancelled,
            (None, Some(_)) => BatchState::Done,
            (None, None) => BatchState::Active,
        },
        total: count("total")?,
        done: 0,
        failed: 0,
        cancelled: 0,
        moved: 0,
        left: 0,
        per_minute: None,
        estimated_end: None,
        created_at: timestamp(row.try_get("created_at")?)?,
        cancelled_at,
        ended_at,
    };
    let tally = Tally { done: count("done")?, failed: count("failed")?, cancelled: count("cancelled")?, left: 0 };
    tally.show(&mut batch);
    Ok(batch)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// The batch that was asked for the same and goes on.
async fn same_batch(connection: &mut DbConnection, asked: &BatchAsk) -> Result<Option<i64>> {
    let open: Vec<(i64, Json<BatchAsk>)> = sqlx::query_as(
        "SELECT id, asked FROM job_batch WHERE ended_at IS NULL AND cancelled_at IS NULL ORDER BY id DESC",
    )
    .fetch_all(connection)
    .await?;
    Ok(open.into_iter().find(|(_, Json(other))| other == asked).map(|(id, _)| id))
}
