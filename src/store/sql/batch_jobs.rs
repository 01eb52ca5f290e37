//! What a batch does to its jobs and they to it: its beginning, its end, and what becomes of a job's place in it.

use sqlx::types::Json;

use super::{
    dialect::{DbConnection, Moment, earlier, now},
    rows,
};
use crate::{
    domain::{Priority, Source},
    store::{BatchAsk, GenerationOf, Result},
};

/// Writes down what became of every batch whose last job has ended, before anything may delete its jobs.
pub(super) async fn settle(connection: &mut DbConnection) -> Result<()> {
    sqlx::query(
        "UPDATE job_batch SET
             ended_at = COALESCE((SELECT MAX(updated_at) FROM job WHERE batch_id = job_batch.id), created_at),
             done = (SELECT COUNT(*) FROM job WHERE batch_id = job_batch.id AND state = 'succeeded'),
             failed = (SELECT COUNT(*) FROM job WHERE batch_id = job_batch.id AND state IN ('failed', 'dead')),
             cancelled = (SELECT COUNT(*) FROM job WHERE batch_id = job_batch.id AND state = 'cancelled')
         WHERE ended_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM job WHERE batch_id = job_batch.id AND state IN ('queued', 'running'))",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the batches that ended before a moment. What is left of their jobs stays, without them.
pub(super) async fn expire(connection: &mut DbConnection, before: Moment) -> Result<u64> {
    let deleted = sqlx::query("DELETE FROM job_batch WHERE ended_at < $1").bind(before).execute(connection).await?;
    Ok(deleted.rows_affected())
}

/// Makes a batch and what waits of it at least this urgent.
pub(super) async fn hurry(connection: &mut DbConnection, id: i64, priority: Priority) -> Result<()> {
    let priority = i32::from(priority.value());
    sqlx::query("UPDATE job_batch SET priority = $1 WHERE id = $2 AND priority < $1")
        .bind(priority)
        .bind(id)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE job SET priority = $1 WHERE batch_id = $2 AND state = 'queued' AND priority < $1")
        .bind(priority)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a batch and its jobs: new ones, and those that are queued already, whose wishes are never taken back.
pub(super) async fn insert(
    connection: &mut DbConnection,
    of: GenerationOf,
    asked: &BatchAsk,
    priority: Priority,
) -> Result<i64> {
    let now = now();
    let (only_missing, force) = (of == GenerationOf::Missing, asked.force);
    let older_than = match of {
        GenerationOf::OlderThan(age) => Some(earlier(now, age)),
        _ => None,
    };
    let mut wishes = serde_json::Map::new();
    for (wish, is_meant) in [("force", force), ("refresh", !only_missing)] {
        if is_meant {
            wishes.insert(wish.to_owned(), true.into());
        }
    }
    let id: i64 =
        sqlx::query_scalar("INSERT INTO job_batch (asked, priority, created_at) VALUES ($1, $2, $3) RETURNING id")
            .bind(Json(asked))
            .bind(i32::from(priority.value()))
            .bind(now)
            .fetch_one(&mut *connection)
            .await?;
    let jobs = sqlx::query(concat!(
        "INSERT INTO job (kind, payload, priority, run_at, dedup_key, batch_id, created_at, updated_at, trace_id)
         SELECT 'generate', json_patch(",
        json_object!("'tag_type', t.tag_type, 'tag_id', t.id"),
        ", $5), $6, $7, 'generate:' || t.tag_type || ':' || t.id, $8, $7, $7, $9
         FROM tag t
         WHERE NOT ($1 AND EXISTS (SELECT 1 FROM mir_synonym s
                                   WHERE s.tag_type = t.tag_type AND s.tag_id = t.id AND (s.is_active OR NOT $2)))
           AND ($3 IS NULL OR EXISTS (
               SELECT 1 FROM mir_synonym w
               WHERE w.tag_type = t.tag_type AND w.tag_id = t.id AND w.is_active AND w.source = $3))
           AND ($4 IS NULL OR EXISTS (
               SELECT 1 FROM mir_synonym o
               WHERE o.tag_type = t.tag_type AND o.tag_id = t.id AND o.is_active AND o.updated_at < $4
                 AND ($2 OR o.source <> 'manual')))
         ORDER BY t.tag_type, t.id
         ON CONFLICT (dedup_key) WHERE state = 'queued' DO UPDATE SET
             priority = CASE WHEN excluded.priority > job.priority THEN excluded.priority ELSE job.priority END,
             payload = json_patch(job.payload, $5),
             run_at = CASE WHEN excluded.priority > job.priority AND excluded.run_at < job.run_at
                      THEN excluded.run_at ELSE job.run_at END,
             batch_id = excluded.batch_id, trace_id = COALESCE(excluded.trace_id, job.trace_id)"
    ))
    .bind(only_missing)
    .bind(force)
    .bind(asked.source.map(Source::as_str))
    .bind(older_than)
    .bind(Json(serde_json::Value::Object(wishes)))
    .bind(i32::from(priority.value()))
    .bind(now)
    .bind(id)
    .bind(rows::current_trace())
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE job_batch SET total = $1 WHERE id = $2")
        .bind(i64::try_from(jobs.rows_affected()).unwrap_or(i64::MAX))
        .bind(id)
        .execute(&mut *connection)
        .await?;
    // The former batches of what joined may have nothing left, and one that found nothing to do is over.
    settle(connection).await?;
    Ok(id)
}

/// Whether the batch of a job was cancelled: such a job is not tried again.
pub(super) async fn is_given_up(connection: &mut DbConnection, job_id: i64) -> Result<bool> {
    let batch: Option<i64> = sqlx::query_scalar(
        "SELECT b.id FROM job j JOIN job_batch b ON b.id = j.batch_id WHERE j.id = $1 AND b.cancelled_at IS NOT NULL",
    )
    .bind(job_id)
    .fetch_optional(connection)
    .await?;
    Ok(batch.is_some())
}

/// A job that leaves its work to another leaves it its place in a batch, too, unless that one has one.
pub(super) async fn hand_over(connection: &mut DbConnection, from: i64, to: i64) -> Result<()> {
    sqlx::query(
        "UPDATE job SET batch_id = (SELECT batch_id FROM job WHERE id = $1) WHERE id = $2 AND batch_id IS NULL",
    )
    .bind(from)
    .bind(to)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE job SET batch_id = NULL WHERE id = $1").bind(from).execute(connection).await?;
    Ok(())
}
