//! Remote control: what `celery inspect`, `celery control` and Flower ask all workers over a channel of Redis, and the answers.

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Bridge,
    link::{Backoff, LinkError},
    pause, task, unix_seconds, wire,
};

/// The exchange of remote control, and of the answers.
const EXCHANGE: &str = "celery.pidbox";
const REPLIES: &str = "reply.celery.pidbox";

/// How long an answer lies for whoever asked, in seconds: they wait for one.
const REPLY_TTL_SECONDS: i64 = 60;

impl Bridge {
    /// Hears and answers until `stop`.
    pub(super) async fn listen(&self, stop: CancellationToken) {
        let mut backoff = Backoff::default();
        while !stop.is_cancelled() {
            if let Err(error) = self.hear(&stop, &mut backoff).await {
                tracing::debug!(%error, "remote control of Celery is not heard");
            }
            if !pause(backoff.pause(), &stop).await {
                return;
            }
        }
    }

    /// Hears until the connection ends.
    async fn hear(&self, stop: &CancellationToken, backoff: &mut Backoff) -> Result<(), LinkError> {
        let mut pubsub = self.broker.pubsub().await?;
        let channel = format!("/{}.{EXCHANGE}", self.broker.database());
        pubsub.psubscribe(&channel).await.map_err(LinkError::from)?;
        backoff.reset();
        let mut messages = pubsub.on_message();
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                message = messages.next() => message,
            };
            let Some(message) = message else { return Ok(()) };
            self.answer(message.get_payload_bytes()).await;
        }
    }

    /// Carries out one request, and answers where an answer is wanted.
    async fn answer(&self, payload: &[u8]) {
        let Ok(message) = serde_json::from_slice::<Value>(payload) else { return };
        let Ok(request) = wire::body(&message) else { return };
        let is_late = message["headers"]["expires"].as_f64().is_some_and(|expires| expires < unix_seconds());
        if is_late || !self.is_meant(&request) {
            return;
        }
        let Some(method) = request["method"].as_str() else { return };
        let empty = Map::new();
        let arguments = request["arguments"].as_object().unwrap_or(&empty);
        let answer = match method {
            "revoke" => self.revoke(arguments).await,
            "enable_events" | "disable_events" => Some(json!({ "ok": "events are always sent" })),
            _ => self.inspect(method, arguments).await,
        };
        let answer = answer.unwrap_or_else(|| json!({ "error": format!("KeyError('{}')", method.escape_debug()) }));
        let (exchange, key) = (&request["reply_to"]["exchange"], &request["reply_to"]["routing_key"]);
        if let (Some(REPLIES), Some(key)) = (exchange.as_str(), key.as_str()) {
            let body = json!({ self.settings.hostname.as_str(): answer });
            let headers = json!({ "ticket": request["ticket"], "clock": self.tick() });
            let list = format!("{key}.{REPLIES}");
            let mut pipeline = redis::pipe();
            pipeline.lpush(&list, wire::message(&body, &headers, REPLIES, key).to_string()).ignore();
            pipeline.expire(&list, REPLY_TTL_SECONDS).ignore();
            // Whoever asked asks again.
            let _: Result<(), LinkError> = self.broker.pipeline(&pipeline).await;
        }
    }

    /// Whether a request is for this worker: for all, or for its name among others or by a pattern.
    fn is_meant(&self, request: &Value) -> bool {
        let name = self.settings.hostname.as_str();
        if let Some(destination) = request["destination"].as_array()
            && !destination.is_empty()
        {
            return destination.iter().any(|one| one == name);
        }
        match (request["pattern"].as_str(), request["matcher"].as_str()) {
            (None | Some(""), _) => true,
            (Some(pattern), None | Some("glob")) => matches_glob(pattern, name),
            // Regular expressions: rather silent than wrong.
            (Some(_), Some(_)) => false,
        }
    }

    /// Takes tasks back: those that are here, and those that may come.
    async fn revoke(&self, arguments: &Map<String, Value>) -> Option<Value> {
        let ids: Vec<String> = match arguments.get("task_id") {
            Some(Value::String(id)) => vec![id.clone()],
            Some(Value::Array(ids)) => ids.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect(),
            _ => return Some(json!({ "error": "task_id is missing" })),
        };
        self.remember_revoked(&ids);
        let terminate = arguments.get("terminate").and_then(Value::as_bool).unwrap_or_default();
        for id in &ids {
            match self.revoke_one(id, terminate).await {
                Ok(true) => tracing::info!(task.id = id, "a task of Celery was revoked"),
                Ok(false) => {}
                Err(error) => tracing::warn!(task.id = id, %error, "a task of Celery could not be revoked"),
            }
        }
        Some(json!({ "ok": format!("tasks {} flagged as revoked", ids.join(", ")) }))
    }

    /// Takes one task back; one whose job runs goes on, as in Celery, unless it is to be ended.
    async fn revoke_one(&self, id: &str, terminate: bool) -> Result<bool, crate::store::StoreError> {
        let answer = task::revoked(if terminate { "terminated" } else { "revoked" });
        self.store.settle_celery_task(id, &answer, terminate).await
    }
}

/// Whether a name has the form of a pattern in which `*` stands for anything and `?` for one character.
fn matches_glob(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    match pattern.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = pattern.as_str();
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches_glob(rest, &name[at..]))
        }
        Some(wanted) => {
            let mut name = name.chars();
            name.next().is_some_and(|found| {
                (wanted == '?' || wanted == found) && matches_glob(pattern.as_str(), name.as_str())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_workers() {
        for (pattern, matches) in
            [("musonym@*", true), ("*@pi", true), ("musonym@p?", true), ("celery@*", false), ("", false)]
        {
            assert_eq!(matches_glob(pattern, "musonym@pi"), matches, "{pattern}");
        }
    }
}
