//! The other way round: generation is handed over to workers of Celery that have been there before, as the task that an
//! application would send; their answers go through the same gates as a model's.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{SecondsFormat, TimeDelta, Utc};
use futures_util::StreamExt;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    CelerySettings,
    link::{Link, LinkError},
    task::GENERATE,
    wire,
};
use crate::{
    domain::Source,
    generate::{GenerateError, Generation, GenerationRequest, GenerationTrace, Generator, gates},
    trace,
};

/// How often the result is looked for although nothing was heard: news are lost where a connection breaks.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How far a raw answer is kept in the trace, in characters.
const MAX_TRACED_CHARS: usize = 4096;

/// Has synonyms written by workers of Celery.
pub struct HandOver {
    broker: Arc<Link>,
    results: Arc<Link>,
    settings: CelerySettings,
    /// Longest wait for one answer; afterwards no worker begins the task any more.
    timeout: Duration,
}

impl HandOver {
    /// A generator over this queue. Nothing is sent.
    ///
    /// # Errors
    /// What is wrong with a URL.
    pub fn new(settings: CelerySettings, timeout: Duration) -> Result<Self, String> {
        let broker = Arc::new(Link::new(settings.broker_url.expose_secret())?);
        let results = Arc::new(Link::new(settings.result_url.expose_secret())?);
        Ok(Self { broker, results, settings, timeout })
    }

    /// The way to the broker, to tell how it does.
    pub fn broker(&self) -> Arc<Link> {
        Arc::clone(&self.broker)
    }

    /// Sends the task as Celery's own client does.
    async fn send(&self, id: &str, request: &GenerationRequest) -> Result<(), LinkError> {
        let queue = &self.settings.queue;
        let (tag_type, name) = (request.tag.tag_type, request.tag.tag_name.as_str());
        // This side asks only where new synonyms are wanted.
        let kwargs = json!({ "force": true, "related_tags": request.related_tags });
        let embed = json!({ "callbacks": null, "errbacks": null, "chain": null, "chord": null });
        let expires = Utc::now().checked_add_signed(TimeDelta::from_std(self.timeout).unwrap_or(TimeDelta::MAX));
        let mut headers = json!({
            "lang": "py",
            "task": GENERATE,
            "id": id,
            "shadow": null,
            "eta": null,
            "expires": expires.map(|expires| expires.to_rfc3339_opts(SecondsFormat::Micros, false)),
            "group": null,
            "group_index": null,
            "retries": 0,
            "timelimit": [null, null],
            "root_id": id,
            "parent_id": null,
            "argsrepr": format!("['{tag_type}', {name:?}]"),
            "kwargsrepr": "{'force': True}",
            "origin": self.settings.hostname,
            "ignore_result": false,
            "replaced_task_nesting": 0,
            "stamped_headers": null,
            "stamps": {},
        });
        if let Some(trace_id) = trace::current() {
            headers["traceparent"] = trace_id.traceparent().into();
        }
        let mut message = wire::message(&json!([[tag_type, name], kwargs, embed]), &headers, "", queue);
        message["properties"]["correlation_id"] = json!(id);
        message["properties"]["reply_to"] = json!(wire::uuid());
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.sadd(format!("_kombu.binding.{queue}"), wire::binding(queue)).ignore();
        pipeline.lpush(wire::list_of(queue, 0), message.to_string()).ignore();
        self.broker.pipeline(&pipeline).await
    }

    /// Sends the task and waits for its end: what Celery keeps of it.
    async fn ask(&self, request: &GenerationRequest) -> Result<Value, GenerateError> {
        let id = wire::uuid();
        let key = wire::result_key(&id);
        // Before it is sent, so that no answer is missed.
        let mut pubsub = self.results.pubsub().await?;
        pubsub.subscribe(&key).await.map_err(LinkError::from)?;
        self.send(&id, request).await?;
        let deadline = Instant::now() + self.timeout;
        let mut news = pubsub.on_message();
        loop {
            let stored: Option<String> = self.results.command(redis::cmd("GET").arg(&key)).await?;
            let meta = stored.and_then(|text| serde_json::from_str::<Value>(&text).ok());
            if let Some(meta) = meta.filter(|meta| is_end(meta["status"].as_str().unwrap_or_default())) {
                // Nobody else reads it.
                let _: Result<i64, LinkError> = self.results.command(redis::cmd("DEL").arg(&key)).await;
                return Ok(meta);
            }
            tokio::select! {
                // A broken connection gives no more news: looking goes on.
                Some(_) = news.next() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                () = tokio::time::sleep_until(deadline) => {
                    let (queue, seconds) = (&self.settings.queue, self.timeout.as_secs());
                    return Err(failed(format!("no worker of Celery has answered on the queue {queue} within {seconds} s")));
                }
            }
        }
    }
}

fn is_end(status: &str) -> bool {
    matches!(status, "SUCCESS" | "FAILURE" | "REVOKED")
}

fn failed(reason: String) -> GenerateError {
    GenerateError::Celery { reason, is_outage: false }
}

impl From<LinkError> for GenerateError {
    fn from(error: LinkError) -> Self {
        Self::Celery { reason: format!("Celery's Redis: {error}"), is_outage: true }
    }
}

/// The value of a task that succeeded.
fn value_of(meta: &Value) -> Result<&Value, GenerateError> {
    let result = &meta["result"];
    match meta["status"].as_str() {
        // A row with its synonyms, or the sections themselves.
        Some("SUCCESS") => Ok(if result["synonyms"].is_object() { &result["synonyms"] } else { result }),
        status => {
            let kind = result["exc_type"].as_str().unwrap_or(status.unwrap_or_default());
            let reason: String = result["exc_message"].to_string().chars().take(MAX_TRACED_CHARS).collect();
            Err(failed(format!("the worker of Celery failed: {kind} {reason}")))
        }
    }
}

#[async_trait]
impl Generator for HandOver {
    async fn generate(&self, request: &GenerationRequest) -> Result<Generation, GenerateError> {
        let meta = self.ask(request).await?;
        let answer = match value_of(&meta)? {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let mut trace =
            GenerationTrace { answers: vec![answer.chars().take(MAX_TRACED_CHARS).collect()], ..Default::default() };
        match gates::pass(&answer, &request.tag.tag_name, &request.rejected_keys) {
            Ok(mut gated) => {
                let confidence = gates::confidence(&gated, false);
                for term in &mut gated.terms {
                    term.confidence = confidence;
                }
                trace.dropped = gated.dropped;
                Ok(Generation { terms: gated.terms, confidence, trace: Some(trace) })
            }
            Err(error) => Err(GenerateError::Gates { error, trace: Box::new(trace) }),
        }
    }

    fn describe(&self) -> String {
        format!("workers of Celery on the queue {}", self.settings.queue)
    }

    /// A language model, as far as is known from here.
    fn source(&self) -> Source {
        Source::Ollama
    }

    /// One: an answer may take minutes.
    fn batch_size(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_a_row_or_its_sections_and_a_failure_keeps_its_reason() {
        let sections = json!({ "search_terms": ["a"] });
        for result in [json!({ "synonyms": sections, "source": "x" }), sections.clone()] {
            assert_eq!(value_of(&json!({ "status": "SUCCESS", "result": result })).unwrap(), &sections);
        }
        let failure = json!({ "exc_type": "ValueError", "exc_message": ["no such genre"], "exc_module": "builtins" });
        let error = value_of(&json!({ "status": "FAILURE", "result": failure })).unwrap_err();
        assert!(error.to_string().contains("ValueError") && error.to_string().contains("no such genre"), "{error}");
        assert!(!error.is_outage());
        assert!(value_of(&json!({ "status": "REVOKED", "result": null })).is_err());
    }
}
