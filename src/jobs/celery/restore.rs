//! Gives messages back to their queue that somebody took and never acknowledged, as every worker of Celery does for all others.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Bridge, consumer::GIVE_BACK, link::LinkError, pause, unix_seconds, wire};

/// How often is looked; less often where the visibility timeout is long.
const LONGEST_INTERVAL: Duration = Duration::from_secs(30);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(500);

/// How long one look may take before others may look, should this process die. Celery's workers allow themselves five minutes,
/// for which a death at the wrong moment then keeps all messages from coming back.
const MUTEX_TTL_MS: u64 = 10_000;

/// Most messages of one look.
const BATCH: isize = 100;

impl Bridge {
    /// Looks again and again, until `stop`.
    pub(super) async fn restore(&self, stop: CancellationToken) {
        let interval = (self.settings.visibility_timeout / 10).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        while pause(interval, &stop).await {
            match self.restore_some().await {
                Ok(0) => {}
                Ok(count) => {
                    metrics::counter!("musonym_celery_restored_total").increment(count);
                    tracing::info!(count, "messages that nobody acknowledged are back in their queue");
                }
                Err(error) => tracing::debug!(%error, "unacknowledged messages cannot be looked at"),
            }
        }
    }

    /// One look, unless somebody else looks; returns how many messages were given back.
    async fn restore_some(&self) -> Result<u64, LinkError> {
        let token = wire::uuid();
        let mut lock = redis::cmd("SET");
        lock.arg(wire::UNACKED_MUTEX).arg(&token).arg("NX").arg("PX").arg(MUTEX_TTL_MS);
        let locked: Option<String> = self.broker.command(&lock).await?;
        if locked.is_none() {
            return Ok(0);
        }
        let restored = self.restore_overdue().await;
        let holder: Option<String> = self.broker.command(redis::cmd("GET").arg(wire::UNACKED_MUTEX)).await?;
        if holder.as_deref() == Some(&token) {
            let () = self.broker.command(redis::cmd("DEL").arg(wire::UNACKED_MUTEX)).await?;
        }
        restored
    }

    async fn restore_overdue(&self) -> Result<u64, LinkError> {
        let latest = unix_seconds() - self.settings.visibility_timeout.as_secs_f64();
        let mut overdue = redis::cmd("ZRANGEBYSCORE");
        overdue.arg(wire::UNACKED_INDEX).arg(0).arg(latest).arg("LIMIT").arg(0).arg(BATCH);
        let tags: Vec<String> = self.broker.command(&overdue).await?;
        let mut count = 0;
        for tag in tags {
            let noted: Option<String> = self.broker.command(redis::cmd("HGET").arg(wire::UNACKED).arg(&tag)).await?;
            let Some(noted) = noted else {
                // Acknowledged half-way: only its age was left.
                let () = self.broker.command(redis::cmd("ZREM").arg(wire::UNACKED_INDEX).arg(&tag)).await?;
                continue;
            };
            let Some((list, message)) = to_restore(&noted, &self.settings.queue) else { continue };
            let mut script = GIVE_BACK.prepare_invoke();
            script.key(wire::UNACKED).key(wire::UNACKED_INDEX).key(list).arg(&tag).arg(message);
            let given: u64 = self.broker.script(&script).await?;
            count += given;
        }
        Ok(count)
    }
}

/// The list that a noted message goes back to, and the message, marked as delivered before. Messages of exchanges with
/// bindings of their own are left to those who know them.
fn to_restore(noted: &str, queue: &str) -> Option<(String, String)> {
    let noted: Value = serde_json::from_str(noted).ok()?;
    let (exchange, routing_key) = (noted[1].as_str()?, noted[2].as_str()?);
    if !(exchange.is_empty() || routing_key == queue) {
        return None;
    }
    let mut message = noted[0].clone();
    if !message.is_object() {
        return None;
    }
    if message["headers"].is_object() {
        message["headers"]["redelivered"] = json!(true);
    }
    if message["properties"]["delivery_info"].is_object() {
        message["properties"]["delivery_info"]["redelivered"] = json!(true);
    }
    let priority = message["properties"]["priority"].as_u64().unwrap_or_default();
    Some((wire::list_of(routing_key, u8::try_from(priority).unwrap_or(u8::MAX)), message.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_back_to_the_list_of_its_priority_and_says_so() {
        let noted = json!([
            { "headers": { "id": "1" }, "properties": { "priority": 7, "delivery_info": {}, "delivery_tag": "t" }, "body": "" },
            "", "other"
        ]);
        let (list, message) = to_restore(&noted.to_string(), "synonym").unwrap();
        assert_eq!(list, "other\u{6}\u{16}6");
        let message: Value = serde_json::from_str(&message).unwrap();
        assert_eq!(message["headers"], json!({ "id": "1", "redelivered": true }));
        assert_eq!(message["properties"]["delivery_info"], json!({ "redelivered": true }));
        for left_alone in ["no json", "[1, \"\", \"q\"]", r#"[{}, "topics", "rock.*"]"#] {
            assert_eq!(to_restore(left_alone, "synonym"), None, "{left_alone}");
        }
    }
}
