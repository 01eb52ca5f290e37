//! Celery's messages (protocol 2, <https://docs.celeryq.dev/en/stable/internals/protocol.html>) as kombu writes them to Redis:
//! an envelope of JSON around a body in base64.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

/// What stands between the name of a queue and the step of its priority.
const PRIORITY_SEPARATOR: &str = "\u{6}\u{16}";

/// The steps that Celery rounds priorities down to, the most urgent first.
pub(super) const PRIORITY_STEPS: [u8; 4] = [0, 3, 6, 9];

/// Messages taken but not acknowledged: by their tag, and by their age.
pub(super) const UNACKED: &str = "unacked";
pub(super) const UNACKED_INDEX: &str = "unacked_index";
pub(super) const UNACKED_MUTEX: &str = "unacked_mutex";

/// How long Celery keeps a result, in seconds: the default of its `result_expires`.
pub(super) const RESULT_TTL_SECONDS: u64 = 86_400;

/// The list of a queue that holds the messages of a priority.
pub(super) fn list_of(queue: &str, priority: u8) -> String {
    match PRIORITY_STEPS.iter().rev().find(|step| **step <= priority) {
        None | Some(0) => queue.to_owned(),
        Some(step) => format!("{queue}{PRIORITY_SEPARATOR}{step}"),
    }
}

/// How kombu notes that a queue hears of an exchange of its name.
pub(super) fn binding(queue: &str) -> String {
    format!("{queue}{PRIORITY_SEPARATOR}{PRIORITY_SEPARATOR}{queue}")
}

/// The key of a task's result, which is also the channel it is told on.
pub(super) fn result_key(task_id: &str) -> String {
    format!("celery-task-meta-{task_id}")
}

/// A random UUID (version 4), as Celery names its things.
pub(super) fn uuid() -> String {
    let (high, low) = (fastrand::u64(..), fastrand::u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        8 + ((low >> 62) & 0x3),
        (low >> 48) & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

/// A whole message: some of Celery's readers stop at one that lacks a part.
pub(super) fn message(body: &Value, headers: &Value, exchange: &str, routing_key: &str) -> Value {
    json!({
        "body": BASE64.encode(body.to_string()),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            "delivery_mode": 2,
            "delivery_info": { "exchange": exchange, "routing_key": routing_key },
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": uuid(),
        },
    })
}

/// The body of a message.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn body(message: &Value) -> Result<Value, String> {
    let text = message["body"].as_str().ok_or("the message has no body")?;
    let encoding = message["properties"]["body_encoding"].as_str();
    let bytes = match encoding {
        Some("base64") => BASE64.decode(text).map_err(|_| "the body is not in base64".to_owned())?,
        _ => text.as_bytes().to_vec(),
    };
    serde_json::from_slice(&bytes).map_err(|error| format!("the body is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_rounded_down_to_a_step() {
        let lists: Vec<String> = (0..=11).map(|priority| list_of("q", priority).replace("\u{6}\u{16}", "|")).collect();
        assert_eq!(lists, ["q", "q", "q", "q|3", "q|3", "q|3", "q|6", "q|6", "q|6", "q|9", "q|9", "q|9"]);
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let sent = json!([["genre", "drum & bass"], {}, { "chain": null }]);
        let message = message(&sent, &json!({ "id": "1" }), "", "synonym");
        assert_eq!(body(&message), Ok(sent));
        assert_eq!(message["properties"]["delivery_info"], json!({ "exchange": "", "routing_key": "synonym" }));
        for (broken, reason) in [
            (json!({}), "no body"),
            (json!({ "body": "%", "properties": { "body_encoding": "base64" } }), "base64"),
            (json!({ "body": "{" }), "not JSON"),
        ] {
            assert!(body(&broken).unwrap_err().contains(reason), "{broken}");
        }
    }

    #[test]
    fn ids_have_the_form_of_a_uuid_and_differ() {
        let ids = [uuid(), uuid()];
        for id in &ids {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
        assert_ne!(ids[0], ids[1]);
    }
}
