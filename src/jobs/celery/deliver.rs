//! Hands answers over: follows the jobs in the database, whoever works on them, and writes what became of each task into Celery's
//! result backend. An answer is owed until it lies there.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Bridge,
    answer::{self, Verdict, verdict},
    leader::Leadership,
    link::{Backoff, LinkError},
    pause, wire,
};
use crate::store::{CeleryAnswer, CeleryFailure, Owed, OwedTask, StoreError};

/// Most tasks of one look.
const BATCH: usize = 2000;

/// How often is looked at least: for limits, expiries, and tasks that become due.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// At most one look in this time: a busy database changes hundreds of times a second.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// What was told of a task that has no answer yet.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Told {
    attempt: u32,
    started: bool,
    since: Instant,
}

/// Why a round of answers ended early.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl Bridge {
    /// Answers until `stop`.
    pub(super) async fn deliver(&self, stop: CancellationToken) {
        let mut changes = self.store.changes();
        let mut leadership = Leadership::new(&self.installation, &self.settings.queue);
        let mut told: HashMap<String, Told> = HashMap::new();
        let mut backoff = Backoff::default();
        loop {
            changes.mark_unchanged();
            let wait = match self.round(&mut leadership, &mut told).await {
                Ok(()) => {
                    backoff.reset();
                    SHORTEST_PAUSE
                }
                Err(Trouble::Link(problem)) => {
                    tracing::debug!(%problem, "answers wait for Celery's Redis");
                    backoff.pause()
                }
                Err(Trouble::Store(error)) => {
                    tracing::warn!(%error, "tasks of Celery cannot be looked at");
                    backoff.pause()
                }
            };
            if !pause(wait, &stop).await {
                break;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                _ = changes.changed() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
        // What ended while stopping is told at the next start; another process may begin at once.
        leadership.give_up(&self.broker).await;
    }

    /// One look at what is owed. Where another process answers for this database, nothing is done.
    async fn round(&self, leadership: &mut Leadership, told: &mut HashMap<String, Told>) -> Result<(), Trouble> {
        if !leadership.hold(&self.broker).await? {
            told.clear();
            return Ok(());
        }
        self.store.begin_due_celery_tasks().await?;
        let now = chrono::Utc::now();
        let mut answers: Vec<(OwedTask, CeleryAnswer)> = Vec::new();
        for task in self.store.owed_celery_tasks(Owed::WithNews, BATCH).await? {
            match verdict(&task, now) {
                Verdict::Wait => {}
                Verdict::Answer(answer) => answers.push((task, answer)),
                Verdict::Settle { answer, stop_running } => {
                    if self.store.settle_celery_task(&task.id, &answer, stop_running).await? {
                        answers.push((task, answer));
                    }
                }
                Verdict::Started { attempt } => self.tell_started(&task, attempt, told).await?,
                Verdict::Retry { attempt, reason } => self.tell_retry(&task, attempt, reason, told).await?,
            }
        }
        if answers.is_empty() {
            return Ok(());
        }
        let wanted = answers.iter().filter(|(task, _)| !task.request.ignore_result);
        self.store_results(wanted.map(|(task, answer)| (task.id.as_str(), answer))).await?;
        let ids: Vec<String> = answers.iter().map(|(task, _)| task.id.clone()).collect();
        self.store.celery_tasks_answered(&ids).await?;
        for (task, answer) in &answers {
            let since = told.remove(&task.id).map(|told| told.since);
            self.announce_answer(task, answer, since.map(|since| since.elapsed()).unwrap_or_default()).await;
        }
        Ok(())
    }

    /// Writes results, and tells those who wait.
    pub(super) async fn store_results(
        &self,
        answers: impl Iterator<Item = (&str, &CeleryAnswer)>,
    ) -> Result<(), LinkError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        let mut statuses = Vec::new();
        for (id, answer) in answers {
            add_result(&mut pipeline, id, &answer::meta_of(id, answer));
            statuses.push(match answer {
                CeleryAnswer::Success(_) => "success",
                CeleryAnswer::Failure(_) => "failure",
                CeleryAnswer::Revoked(_) => "revoked",
            });
        }
        if statuses.is_empty() {
            return Ok(());
        }
        let () = self.results.pipeline(&pipeline).await?;
        for status in statuses {
            metrics::counter!("musonym_celery_answers_total", "status" => status).increment(1);
        }
        Ok(())
    }

    async fn tell_started(
        &self,
        task: &OwedTask,
        attempt: u32,
        told: &mut HashMap<String, Told>,
    ) -> Result<(), LinkError> {
        if told.get(&task.id).is_some_and(|told| told.attempt == attempt && told.started) {
            return Ok(());
        }
        let result = json!({ "pid": std::process::id(), "hostname": self.settings.hostname });
        self.tell(task, "STARTED", &result).await?;
        told.insert(task.id.clone(), Told { attempt, started: true, since: Instant::now() });
        self.announce_started(task).await;
        Ok(())
    }

    async fn tell_retry(
        &self,
        task: &OwedTask,
        attempt: u32,
        reason: String,
        told: &mut HashMap<String, Told>,
    ) -> Result<(), LinkError> {
        if told.get(&task.id).is_some_and(|told| told.attempt == attempt && !told.started) {
            return Ok(());
        }
        let failure = CeleryFailure::new("celery.exceptions", "Retry", reason);
        self.tell(task, "RETRY", &json!(failure)).await?;
        told.insert(task.id.clone(), Told { attempt, started: false, since: Instant::now() });
        self.announce_retry(task, &failure).await;
        Ok(())
    }

    async fn tell(&self, task: &OwedTask, status: &str, result: &Value) -> Result<(), LinkError> {
        if task.request.ignore_result {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        add_result(pipeline.atomic(), &task.id, &answer::meta(&task.id, status, result, None));
        self.results.pipeline(&pipeline).await
    }
}

fn add_result(pipeline: &mut redis::Pipeline, id: &str, meta: &Value) {
    let (key, text) = (wire::result_key(id), meta.to_string());
    pipeline.set_ex(&key, &text, wire::RESULT_TTL_SECONDS).ignore().publish(&key, &text).ignore();
}
