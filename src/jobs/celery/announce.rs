//! Celery's events, for monitors such as Flower: that this worker is there, and what becomes of its tasks. Best effort: nobody
//! waits for them.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Bridge,
    inspect::{args_of, name_of},
    link::LinkError,
    pause, unix_seconds, wire,
};
use crate::store::{CeleryAnswer, CeleryFailure, NewCeleryTask, OwedTask};

/// The exchange of events.
const EXCHANGE: &str = "celeryev";

/// How often this worker says that it is there, as Celery's own do.
const HEARTBEAT: Duration = Duration::from_secs(2);

impl Bridge {
    /// Says that this worker is there, until `stop`.
    pub(super) async fn heartbeat(&self, stop: CancellationToken) {
        let mut kind = "worker-online";
        loop {
            let announced = self.announce_worker(kind).await;
            kind = if announced.is_ok() { "worker-heartbeat" } else { "worker-online" };
            if !pause(HEARTBEAT, &stop).await {
                break;
            }
        }
        // Who is gone is missed within a minute anyway.
        let _: Result<(), LinkError> = self.announce_worker("worker-offline").await;
    }

    async fn announce_worker(&self, kind: &str) -> Result<(), LinkError> {
        let active = self.store.owed_celery_count().await.unwrap_or_default();
        let mut event = self.event(kind);
        event["freq"] = json!(HEARTBEAT.as_secs_f64());
        event["active"] = json!(active);
        event["processed"] = json!(self.processed.load(Ordering::Relaxed));
        event["loadavg"] = json!([0.0, 0.0, 0.0]);
        event["sw_ident"] = json!("musonym");
        event["sw_ver"] = json!(env!("CARGO_PKG_VERSION"));
        event["sw_sys"] = json!(std::env::consts::OS);
        self.publish(&kind.replace('-', "."), &event).await
    }

    /// Tells of tasks that were taken in.
    pub(super) async fn announce_received(&self, tasks: impl Iterator<Item = &NewCeleryTask>) {
        let events: Vec<Value> = tasks
            .map(|task| {
                let (args, kwargs) = args_of(&task.request.work);
                let mut event = self.task_event("task-received", &task.id);
                event["name"] = json!(name_of(&task.request.work));
                event["args"] = json!(args);
                event["kwargs"] = json!(kwargs);
                event["root_id"] = json!(task.id);
                event["parent_id"] = Value::Null;
                event["retries"] = json!(0);
                event["eta"] = json!(task.run_at);
                event["expires"] = json!(task.expires_at);
                event
            })
            .collect();
        self.announce_tasks(events).await;
    }

    /// Tells of a task that was answered as it came.
    pub(super) async fn announce_refused(&self, id: &str, raw: &str, answer: &CeleryAnswer) {
        let name = serde_json::from_str::<Value>(raw).map(|message| message["headers"]["task"].clone());
        let mut received = self.task_event("task-received", id);
        received["name"] = name.unwrap_or_default();
        for (key, value) in [("args", ""), ("kwargs", "")] {
            received[key] = json!(value);
        }
        received["retries"] = json!(0);
        self.announce_tasks(vec![received, self.end_event(id, answer, Duration::ZERO)]).await;
    }

    /// Tells that a task's job runs.
    pub(super) async fn announce_started(&self, task: &OwedTask) {
        self.announce_tasks(vec![self.task_event("task-started", &task.id)]).await;
    }

    /// Tells that a task's job is tried again.
    pub(super) async fn announce_retry(&self, task: &OwedTask, failure: &CeleryFailure) {
        let mut event = self.task_event("task-retried", &task.id);
        event["exception"] = json!(exception(failure));
        event["traceback"] = json!("");
        self.announce_tasks(vec![event]).await;
    }

    /// Tells how a task ended.
    pub(super) async fn announce_answer(&self, task: &OwedTask, answer: &CeleryAnswer, runtime: Duration) {
        self.processed.fetch_add(1, Ordering::Relaxed);
        self.announce_tasks(vec![self.end_event(&task.id, answer, runtime)]).await;
    }

    fn end_event(&self, id: &str, answer: &CeleryAnswer, runtime: Duration) -> Value {
        match answer {
            CeleryAnswer::Success(value) => {
                let mut event = self.task_event("task-succeeded", id);
                event["result"] = json!(value.to_string());
                event["runtime"] = json!(runtime.as_secs_f64());
                event
            }
            CeleryAnswer::Failure(failure) => {
                let mut event = self.task_event("task-failed", id);
                event["exception"] = json!(exception(failure));
                event["traceback"] = json!("");
                event
            }
            CeleryAnswer::Revoked(failure) => {
                let mut event = self.task_event("task-revoked", id);
                event["terminated"] = json!(false);
                event["signum"] = Value::Null;
                event["expired"] = json!(failure.exc_message.iter().any(|message| message == "expired"));
                event
            }
        }
    }

    async fn announce_tasks(&self, events: Vec<Value>) {
        if events.is_empty() {
            return;
        }
        if let Err(error) = self.publish("task.multi", &Value::Array(events)).await {
            tracing::debug!(%error, "an event of Celery could not be told");
        }
    }

    fn task_event(&self, kind: &str, id: &str) -> Value {
        let mut event = self.event(kind);
        event["uuid"] = json!(id);
        event
    }

    fn event(&self, kind: &str) -> Value {
        json!({
            "type": kind,
            "hostname": self.settings.hostname,
            "timestamp": unix_seconds(),
            "clock": self.tick(),
            "pid": std::process::id(),
            // Timestamps are UTC.
            "utcoffset": 0,
        })
    }

    async fn publish(&self, routing_key: &str, body: &Value) -> Result<(), LinkError> {
        let headers = json!({ "hostname": self.settings.hostname });
        let message = wire::message(body, &headers, EXCHANGE, routing_key);
        let channel = format!("/{}.{EXCHANGE}/{routing_key}", self.broker.database());
        self.broker.command(redis::cmd("PUBLISH").arg(channel).arg(message.to_string())).await
    }
}

/// An exception as Python shows it.
fn exception(failure: &CeleryFailure) -> String {
    format!(
        "{}({})",
        failure.exc_type,
        failure.exc_message.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
    )
}
