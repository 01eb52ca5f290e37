//! What this worker says of itself when it is asked: `celery inspect …`, and the pages of Flower.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::{
    Bridge,
    task::{GENERATE, GENERATE_ALL, TASKS},
    wire,
};
use crate::{
    domain::JobState,
    store::{CeleryWork, Owed, OwedTask},
};

/// Most tasks of one answer.
const MOST_TASKS: usize = 1000;

/// The task that work was asked for by.
pub(super) fn name_of(work: &CeleryWork) -> &'static str {
    match work {
        CeleryWork::Generate { .. } => GENERATE,
        CeleryWork::GenerateAll { .. } => GENERATE_ALL,
    }
}

/// Arguments as Python shows them: by place, and by name.
pub(super) fn args_of(work: &CeleryWork) -> (String, String) {
    let (args, mut kwargs, force) = match work {
        CeleryWork::Generate { tag_type, tag_name, force, related_tags } => {
            let kwargs =
                if related_tags.is_empty() { vec![] } else { vec![format!("'related_tags': {related_tags:?}")] };
            (format!("['{tag_type}', {tag_name:?}]"), kwargs, force)
        }
        CeleryWork::GenerateAll { tag_type, force } => (format!("['{tag_type}']"), vec![], force),
    };
    if *force {
        kwargs.insert(0, "'force': True".to_owned());
    }
    (args, format!("{{{}}}", kwargs.join(", ")))
}

impl Bridge {
    /// The answer to one question; `None` for one that is not known.
    pub(super) async fn inspect(&self, method: &str, arguments: &Map<String, Value>) -> Option<Value> {
        Some(match method {
            "ping" => json!({ "ok": "pong" }),
            "registered" | "registered_tasks" | "tasks" | "dump_tasks" => json!(TASKS),
            "active" | "dump_active" => self.tasks(is_running).await,
            "reserved" | "dump_reserved" => self.tasks(|task| !is_running(task) && task.job_id.is_some()).await,
            "scheduled" | "dump_schedule" => self.scheduled().await,
            "revoked" | "dump_revoked" => json!(self.revoked()),
            "query_task" => self.query(arguments).await,
            "stats" => self.stats().await,
            "active_queues" => json!([self.queue()]),
            "conf" | "dump_conf" => self.conf(),
            "clock" => json!({ "clock": self.tick() }),
            "hello" => json!({ "revoked": {}, "clock": self.tick() }),
            "report" => json!({ "ok": format!("musonym {} on {}", env!("CARGO_PKG_VERSION"), self.broker.describe()) }),
            _ => return None,
        })
    }

    async fn owed(&self) -> Vec<OwedTask> {
        let owed = self.store.owed_celery_tasks(Owed::All, MOST_TASKS).await;
        owed.inspect_err(|error| tracing::warn!(%error, "tasks of Celery cannot be listed")).unwrap_or_default()
    }

    async fn tasks(&self, which: impl Fn(&OwedTask) -> bool) -> Value {
        self.owed().await.iter().filter(|task| which(task)).map(|task| self.task_info(task)).collect()
    }

    async fn scheduled(&self) -> Value {
        let owed = self.owed().await;
        let scheduled = owed.iter().filter(|task| task.job_id.is_none() && task.answer.is_none());
        scheduled.map(|task| json!({ "eta": task.run_at, "priority": 6, "request": self.task_info(task) })).collect()
    }

    async fn query(&self, arguments: &Map<String, Value>) -> Value {
        let wanted: Vec<&str> =
            arguments.get("ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let owed = self.owed().await;
        let found = owed.iter().filter(|task| wanted.contains(&task.id.as_str())).map(|task| {
            let state = if is_running(task) { "active" } else { "reserved" };
            (task.id.clone(), json!([state, self.task_info(task)]))
        });
        Value::Object(found.collect())
    }

    fn task_info(&self, task: &OwedTask) -> Value {
        let (args, kwargs) = args_of(&task.request.work);
        let started = task.job.as_ref().filter(|_| is_running(task)).map(|job| job.updated_at.timestamp());
        json!({
            "id": task.id,
            "name": name_of(&task.request.work),
            "type": name_of(&task.request.work),
            "args": args,
            "kwargs": kwargs,
            "hostname": self.settings.hostname,
            "time_start": started,
            "acknowledged": true,
            "delivery_info": {
                "exchange": "",
                "routing_key": self.settings.queue,
                "priority": 10 - task.request.priority.min(10),
                "redelivered": false,
            },
            "worker_pid": started.map(|_| std::process::id()),
        })
    }

    async fn stats(&self) -> Value {
        let owed = self.store.owed_celery_count().await.unwrap_or_default();
        let pid = std::process::id();
        json!({
            "total": { GENERATE: self.processed.load(Ordering::Relaxed) },
            "pid": pid,
            "clock": self.tick().to_string(),
            "uptime": self.started.elapsed().as_secs(),
            "prefetch_count": self.settings.prefetch,
            "pool": {
                "implementation": "musonym",
                "max-concurrency": 1,
                "processes": [pid],
                "max-tasks-per-child": "N/A",
                "put-guarded-by-semaphore": false,
                "timeouts": [0, 0],
                "writes": { "total": owed },
            },
            "broker": {
                "transport": "redis",
                "hostname": self.broker.public_url(),
                "port": Value::Null,
                "userid": Value::Null,
                "virtual_host": self.broker.database().to_string(),
                "ssl": false,
                "heartbeat": 0,
            },
            "rusage": {},
        })
    }

    fn queue(&self) -> Value {
        let name = &self.settings.queue;
        json!({
            "name": name,
            "exchange": {
                "name": "", "type": "direct", "arguments": Value::Null, "durable": true, "passive": false,
                "auto_delete": false, "delivery_mode": Value::Null, "no_declare": false,
            },
            "routing_key": name,
            "queue_arguments": Value::Null,
            "binding_arguments": Value::Null,
            "consumer_arguments": Value::Null,
            "durable": true,
            "exclusive": false,
            "auto_delete": false,
            "no_ack": false,
            "alias": Value::Null,
            "bindings": [],
            "no_declare": Value::Null,
            "expires": Value::Null,
            "message_ttl": Value::Null,
            "max_length": Value::Null,
            "max_length_bytes": Value::Null,
            "max_priority": Value::Null,
        })
    }

    fn conf(&self) -> Value {
        json!({
            "broker_url": self.broker.public_url(),
            "result_backend": self.results.public_url(),
            "result_expires": wire::RESULT_TTL_SECONDS,
            "task_default_queue": self.settings.queue,
            "task_protocol": 2,
            "task_serializer": "json",
            "result_serializer": "json",
            "accept_content": ["json"],
            "task_acks_late": false,
            "task_track_started": true,
            "worker_prefetch_multiplier": self.settings.prefetch,
            "broker_transport_options": { "visibility_timeout": self.settings.visibility_timeout.as_secs() },
            "enable_utc": true,
            "timezone": "UTC",
        })
    }
}

fn is_running(task: &OwedTask) -> bool {
    task.job.as_ref().is_some_and(|job| job.state == JobState::Running)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TagType;

    #[test]
    fn arguments_look_as_in_python() {
        let work = CeleryWork::Generate {
            tag_type: TagType::Genre,
            tag_name: "dub".to_owned(),
            force: true,
            related_tags: vec!["reggae".to_owned()],
        };
        let expected = (r#"['genre', "dub"]"#.to_owned(), r#"{'force': True, 'related_tags': ["reggae"]}"#.to_owned());
        assert_eq!(args_of(&work), expected);
        let all = CeleryWork::GenerateAll { tag_type: TagType::Mood, force: false };
        assert_eq!(args_of(&all), ("['mood']".to_owned(), "{}".to_owned()));
    }
}
