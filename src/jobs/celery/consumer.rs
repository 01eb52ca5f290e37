//! Takes messages off the queue: popped and noted as unacknowledged in one script, acknowledged when their tasks stand in the
//! database. What cannot be done is answered at once, and what cannot even be read is put aside.

use std::{collections::HashSet, sync::LazyLock, time::Duration};

use redis::Script;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Bridge,
    link::{Backoff, LinkError},
    pause,
    task::{self, Reading},
    unix_seconds, wire,
};
use crate::store::{CeleryAnswer, CeleryFailure, NewCeleryTask, StoreError};

/// Most messages of one pop, which is one transaction of the database.
const BATCH: usize = 25;

/// How often an empty queue is looked at: soon after it was full, then less often.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_millis(200);

/// How many unreadable messages are kept for people.
const KEPT_ASIDE: isize = 1000;

/// Pops up to ARGV[3] messages, the most urgent list first, and notes each as Celery does: in a hash by its tag, with what is
/// needed to give it back, and in a set by its age. The text of a message is kept as it is. One that no worker could give back
/// (no JSON, or no tag) is put aside instead. BRPOP cannot note in the same step, and whoever dies between the two loses the
/// message: hence a script, and looking again (docs/adr/0011).
static POP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "
local popped = {}
for place = 4, #KEYS do
    while #popped < 2 * tonumber(ARGV[3]) do
        local raw = redis.call('RPOP', KEYS[place])
        if not raw then break end
        local read, message = pcall(cjson.decode, raw)
        local tag = ''
        if read and type(message) == 'table' and type(message.properties) == 'table'
            and type(message.properties.delivery_tag) == 'string' then
            tag = message.properties.delivery_tag
        end
        if tag == '' then
            redis.call('LPUSH', KEYS[3], raw)
            redis.call('LTRIM', KEYS[3], 0, ARGV[4])
        else
            redis.call('ZADD', KEYS[2], ARGV[1], tag)
            redis.call('HSET', KEYS[1], tag, '[' .. raw .. ', \"\", ' .. ARGV[2] .. ']')
        end
        popped[#popped + 1] = tag
        popped[#popped + 1] = raw
    end
end
return popped",
    )
});

/// Gives a message back to the head of its list, if it is still noted as unacknowledged.
pub(super) static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
    redis.call('ZREM', KEYS[2], ARGV[1])
    return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('RPUSH', KEYS[3], ARGV[2])
return 1",
    )
});

/// A message that is noted as unacknowledged.
struct Popped {
    /// Empty for one that was put aside.
    tag: String,
    raw: String,
}

/// A task with its tag and the text of its message.
type Taken = (String, String, NewCeleryTask);

impl Bridge {
    /// Takes messages until `stop`.
    pub(super) async fn consume(&self, stop: CancellationToken) {
        let mut look = FIRST_LOOK;
        let mut backoff = Backoff::default();
        let mut last_problem = String::new();
        loop {
            let wait = match self.take_some(&stop).await {
                Ok(0) => {
                    backoff.reset();
                    let wait = look;
                    look = (look * 2).min(LONGEST_LOOK);
                    wait
                }
                Ok(_) => {
                    backoff.reset();
                    look = FIRST_LOOK;
                    Duration::ZERO
                }
                Err(problem) => {
                    // An outage of Redis is told by the link.
                    if self.broker.problem().is_none() && problem != last_problem {
                        tracing::warn!(problem, "no tasks of Celery can be taken; trying again goes on");
                        last_problem = problem;
                    }
                    backoff.pause()
                }
            };
            if stop.is_cancelled() || !pause(wait, &stop).await {
                return;
            }
        }
    }

    /// Takes messages as far as there is room; returns how many.
    async fn take_some(&self, stop: &CancellationToken) -> Result<usize, String> {
        let owed = self.store.owed_celery_count().await.map_err(|error| error.to_string())?;
        let room = self.settings.prefetch.saturating_sub(usize::try_from(owed).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let popped = self.pop(room.min(BATCH)).await.map_err(|error| error.to_string())?;
        let count = popped.len();
        let mut tasks: Vec<Taken> = Vec::with_capacity(count);
        for Popped { tag, raw } in popped {
            match task::read(&raw, chrono::Utc::now()) {
                Reading::Task(task) if self.is_revoked(&task.id) => {
                    let answer = task::revoked("revoked");
                    self.answer_at_once(&tag, &raw, &[task.id], &answer, task.request.ignore_result, stop).await;
                }
                Reading::Task(task) => tasks.push((tag, raw, task)),
                Reading::Answered { ids, answer, ignore_result } => {
                    self.answer_at_once(&tag, &raw, &ids, &answer, ignore_result, stop).await;
                }
                Reading::Unreadable(problem) => self.put_aside(&tag, &raw, &problem).await,
            }
        }
        if let Err((tasks, problem)) = self.take_in(tasks, stop).await {
            // Not all of them are at fault.
            let alone = tasks.len() == 1;
            for (tag, raw, task) in tasks {
                let taken = if alone {
                    Err(problem.clone())
                } else {
                    let single = vec![(tag.clone(), raw.clone(), task.clone())];
                    self.take_in(single, stop).await.map_err(|(_, problem)| problem)
                };
                if let Err(problem) = taken {
                    let answer = CeleryAnswer::Failure(CeleryFailure::new("builtins", "ValueError", problem));
                    self.answer_at_once(&tag, &raw, &[task.id], &answer, task.request.ignore_result, stop).await;
                }
            }
        }
        Ok(count)
    }

    async fn pop(&self, most: usize) -> Result<Vec<Popped>, LinkError> {
        let queue = &self.settings.queue;
        let mut script = POP.prepare_invoke();
        script.key(wire::UNACKED).key(wire::UNACKED_INDEX).key(self.aside());
        for step in wire::PRIORITY_STEPS {
            script.key(wire::list_of(queue, step));
        }
        script.arg(unix_seconds()).arg(json!(queue).to_string()).arg(most).arg(KEPT_ASIDE - 1);
        let flat: Vec<Vec<u8>> = self.broker.script(&script).await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(flat.chunks_exact(2).map(|pair| Popped { tag: text(&pair[0]), raw: text(&pair[1]) }).collect())
    }

    /// Where messages lie that nobody can read.
    fn aside(&self) -> String {
        format!("musonym.unreadable.{}", self.settings.queue)
    }

    /// Puts a message aside, unless the script has done so.
    async fn put_aside(&self, tag: &str, raw: &str, problem: &str) {
        let aside = self.aside();
        let beginning: String = raw.chars().take(200).collect();
        tracing::warn!(
            problem,
            beginning,
            "a message of the queue cannot be read; it is kept in the list {aside} of Redis"
        );
        metrics::counter!("musonym_celery_tasks_total", "outcome" => "unreadable").increment(1);
        if tag.is_empty() {
            return;
        }
        let mut pipeline = redis::pipe();
        pipeline.atomic().lpush(&aside, raw).ignore().ltrim(&aside, 0, KEPT_ASIDE - 1).ignore();
        add_ack(&mut pipeline, tag);
        // Where Redis is gone now, the message comes back and is put aside then.
        let _: Result<(), LinkError> = self.broker.pipeline(&pipeline).await;
    }

    /// Answers what cannot be done, then acknowledges it. Tried until it succeeds, for a caller waits; a stop gives it back.
    async fn answer_at_once(
        &self,
        tag: &str,
        raw: &str,
        ids: &[String],
        answer: &CeleryAnswer,
        ignore_result: bool,
        stop: &CancellationToken,
    ) {
        let outcome = match answer {
            CeleryAnswer::Revoked(_) => "revoked",
            _ => "refused",
        };
        metrics::counter!("musonym_celery_tasks_total", "outcome" => outcome).increment(1);
        if let CeleryAnswer::Failure(failure) | CeleryAnswer::Revoked(failure) = answer {
            tracing::warn!(task.id = ids[0], reason = %failure.exc_message.join(" "), "a task of Celery was {outcome}");
        }
        let mut backoff = Backoff::default();
        loop {
            let told = async {
                if !ignore_result {
                    self.store_results(ids.iter().map(|id| (id.as_str(), answer))).await?;
                }
                self.acknowledge(&[tag]).await
            };
            match told.await {
                Ok(()) => break,
                Err(_) if pause(backoff.pause(), stop).await => self.keep(&[tag]).await,
                Err(_) => return self.give_back(tag, raw).await,
            }
        }
        self.announce_refused(&ids[0], raw, answer).await;
    }

    /// Stores tasks, then acknowledges them. Tried until it succeeds; a stop gives them back.
    ///
    /// # Errors
    /// The tasks, where the database refuses one of them for good, and why.
    async fn take_in(&self, popped: Vec<Taken>, stop: &CancellationToken) -> Result<(), (Vec<Taken>, String)> {
        if popped.is_empty() {
            return Ok(());
        }
        let tasks: Vec<NewCeleryTask> = popped.iter().map(|(_, _, task)| task.clone()).collect();
        let tags: Vec<&str> = popped.iter().map(|(tag, _, _)| tag.as_str()).collect();
        let mut backoff = Backoff::default();
        let new = loop {
            match self.store.take_celery_tasks(&tasks).await {
                Ok(new) => break new,
                Err(StoreError::Conflict(problem)) => return Err((popped, problem)),
                Err(error) => {
                    let wait = backoff.pause();
                    tracing::warn!(%error, wait_ms = wait.as_millis(), "tasks of Celery cannot be stored yet");
                    if !pause(wait, stop).await {
                        for (tag, raw, _) in &popped {
                            self.give_back(tag, raw).await;
                        }
                        return Ok(());
                    }
                    self.keep(&tags).await;
                }
            }
        };
        self.take_back_revoked(&tasks).await;
        let accepted: HashSet<&str> =
            tasks.iter().zip(&new).filter(|(_, new)| **new).map(|(task, _)| task.id.as_str()).collect();
        metrics::counter!("musonym_celery_tasks_total", "outcome" => "accepted").increment(accepted.len() as u64);
        metrics::counter!("musonym_celery_tasks_total", "outcome" => "repeated")
            .increment((tasks.len() - accepted.len()) as u64);
        if let Err(error) = self.acknowledge(&tags).await {
            tracing::debug!(%error, "tasks that are stored could not be acknowledged: they come again and are known");
        }
        self.announce_received(tasks.iter().filter(|task| accepted.contains(task.id.as_str()))).await;
        Ok(())
    }

    /// Takes back what was revoked while it was being stored.
    async fn take_back_revoked(&self, tasks: &[NewCeleryTask]) {
        for task in tasks.iter().filter(|task| self.is_revoked(&task.id)) {
            if let Err(error) = self.store.settle_celery_task(&task.id, &task::revoked("revoked"), false).await {
                tracing::warn!(task.id, %error, "a revoked task of Celery is done all the same");
            }
        }
    }

    /// Tells Redis that messages were taken over for good.
    async fn acknowledge(&self, tags: &[&str]) -> Result<(), LinkError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for tag in tags {
            add_ack(&mut pipeline, tag);
        }
        self.broker.pipeline(&pipeline).await
    }

    /// Keeps messages that take their time from being given to others.
    async fn keep(&self, tags: &[&str]) {
        let mut pipeline = redis::pipe();
        for tag in tags {
            pipeline.cmd("ZADD").arg(wire::UNACKED_INDEX).arg("XX").arg(unix_seconds()).arg(*tag).ignore();
        }
        // Where Redis is gone the next try comes soon enough.
        let _: Result<(), LinkError> = self.broker.pipeline(&pipeline).await;
    }

    async fn give_back(&self, tag: &str, raw: &str) {
        let priority = serde_json::from_str::<Value>(raw).ok();
        let priority = priority.and_then(|message| message["properties"]["priority"].as_u64()).unwrap_or_default();
        let list = wire::list_of(&self.settings.queue, u8::try_from(priority).unwrap_or(u8::MAX));
        let mut script = GIVE_BACK.prepare_invoke();
        script.key(wire::UNACKED).key(wire::UNACKED_INDEX).key(list).arg(tag).arg(raw);
        // What cannot be given back now is so when its visibility timeout is over, by any worker.
        let _: Result<i64, LinkError> = self.broker.script(&script).await;
    }
}

fn add_ack(pipeline: &mut redis::Pipeline, tag: &str) {
    pipeline.zrem(wire::UNACKED_INDEX, tag).ignore().hdel(wire::UNACKED, tag).ignore();
}
