//! Messages as Celery 5 writes them, and messages that nobody should write.

use serde_json::json;

use super::*;

/// A message of a task as it lies in the queue, with what differs.
fn message(task: &str, args: &Value, kwargs: &Value) -> Value {
    let embed = json!({ "callbacks": null, "errbacks": null, "chain": null, "chord": null });
    let headers = json!({
        "lang": "py", "task": task, "id": "an-id", "eta": null, "expires": null, "timelimit": [null, null],
        "ignore_result": null, "retries": 0,
    });
    let mut message = wire::message(&json!([args, kwargs, embed]), &headers, "", "synonym");
    message["properties"]["priority"] = json!(0);
    message
}

fn now() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

fn read_task(message: &Value) -> NewCeleryTask {
    match read(&message.to_string(), now()) {
        Reading::Task(task) => task,
        other => panic!("{other:?}"),
    }
}

/// The ids that are told, the class of the exception and its text.
fn refused(message: &Value) -> (Vec<String>, String, String) {
    match read(&message.to_string(), now()) {
        Reading::Answered { ids, answer: CeleryAnswer::Failure(failure) | CeleryAnswer::Revoked(failure), .. } => {
            (ids, failure.exc_type, failure.exc_message.join(" "))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn arguments_are_read_by_place_and_by_name() {
    let by_name = json!({ "tag_type": "genre", "tag_name": " dub ", "force": true, "related_tags": ["reggae", 7, ""] });
    for message in [
        message(GENERATE, &json!([]), &by_name),
        message(GENERATE, &json!(["genre", " dub ", true, ["reggae", 7, ""]]), &json!({})),
    ] {
        let expected = CeleryWork::Generate {
            tag_type: TagType::Genre,
            tag_name: "dub".to_owned(),
            force: true,
            related_tags: vec!["reggae".to_owned()],
        };
        assert_eq!(read_task(&message).request.work, expected);
    }
    let all = read_task(&message(GENERATE_ALL, &json!(["mood"]), &json!({})));
    assert_eq!(all.request.work, CeleryWork::GenerateAll { tag_type: TagType::Mood, force: false });
}

#[test]
fn the_smaller_the_number_the_more_urgent_and_none_at_all_counts_as_low() {
    let priority = |value: Value| {
        let mut message = message(GENERATE, &json!(["genre", "dub"]), &json!({}));
        message["properties"]["priority"] = value;
        read_task(&message).request.priority
    };
    let given: Vec<u8> = (1..=9).map(|value| priority(json!(value))).collect();
    assert_eq!(given, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!([json!(0), Value::Null, json!("high"), json!(-1), json!(255)].map(priority), [1; 5]);
}

#[test]
fn headers_say_when_and_how_long() {
    let mut sent = message(GENERATE, &json!(["genre", "dub"]), &json!({}));
    sent["headers"]["eta"] = json!("2026-11-26T14:00:00.123456+01:00");
    sent["headers"]["expires"] = json!("2026-11-26T13:30:00");
    sent["headers"]["timelimit"] = json!([3, 2.5]);
    sent["headers"]["ignore_result"] = json!(true);
    let task = read_task(&sent);
    assert_eq!(task.run_at, Some("2026-11-26T13:00:00.123456Z".parse().unwrap()));
    assert_eq!(task.expires_at, Some("2026-11-26T13:30:00Z".parse().unwrap()), "without a zone it is UTC");
    assert_eq!(
        (task.request.hard_limit, task.request.soft_limit, task.request.ignore_result),
        (Some(3.0), Some(2.5), true)
    );
    assert_eq!(task.request.trace_id, None);
    sent["headers"]["traceparent"] = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let trace_id = read_task(&sent).request.trace_id.unwrap();
    assert_eq!(trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    sent["headers"]["expires"] = Value::Null;
    sent["properties"]["expiration"] = json!("60000");
    assert_eq!(read_task(&sent).expires_at, Some("2026-11-26T12:01:00Z".parse().unwrap()));
    sent["headers"]["expires"] = json!("2026-11-26T11:59:59Z");
    assert_eq!(refused(&sent).1, "TaskRevokedError");
    sent["headers"]["expires"] = json!("soon");
    assert_eq!(refused(&sent).1, "ValueError");
}

#[test]
fn whoever_would_have_followed_is_told_too() {
    let with = |name: &str, value: Value| {
        let mut embed = json!({ "callbacks": null, "errbacks": null, "chain": null, "chord": null });
        embed[name] = value;
        let headers = json!({ "task": GENERATE, "id": "an-id" });
        refused(&wire::message(&json!([["genre", "a"], {}, embed]), &headers, "", "synonym"))
    };
    let step = |id: &str| json!({ "task": GENERATE, "args": [], "options": { "task_id": id } });
    let (ids, kind, reason) = with("chain", json!([step("c"), step("b"), step("b")]));
    assert_eq!((ids, kind.as_str()), (vec!["an-id".to_owned(), "c".to_owned(), "b".to_owned()], "NotImplementedError"));
    assert!(reason.contains("chains"), "{reason}");
    assert_eq!(with("chord", step("body")).0, ["an-id", "body"]);
    assert_eq!(with("callbacks", json!([step("next")])).0, ["an-id", "next"]);
    let nested = json!([{ "options": { "task_id": "group" }, "kwargs": { "tasks": [step("inner")] } }]);
    assert_eq!(with("chain", nested).0, ["an-id", "group", "inner"]);
}

#[test]
fn what_is_not_spoken_is_refused_by_its_name() {
    let good = message(GENERATE, &json!(["genre", "dub"]), &json!({}));
    let but = |change: fn(&mut Value)| {
        let mut message = good.clone();
        change(&mut message);
        refused(&message)
    };
    assert!(but(|sent| sent["headers"]["compression"] = json!("application/x-gzip")).2.contains("compressed"));
    assert!(but(|sent| sent["content-type"] = json!("application/x-python-serialize")).2.contains("python-serialize"));
    assert!(but(|sent| sent["content-type"] = Value::Null).2.contains("without a content type"));
    assert_eq!(but(|sent| sent["headers"]["task"] = json!("other.task")).1, "NotRegistered");
    assert_eq!(but(|sent| sent["body"] = json!("%")).1, "ValueError");
    assert_eq!(but(|sent| sent["body"] = json!("e30=")).1, "ValueError", "an object is no body of protocol 2");
    let first = json!({ "task": GENERATE, "id": "old", "args": [], "kwargs": {} });
    let first = wire::message(&first, &json!({}), "", "synonym");
    assert_eq!(refused(&first).0, ["old"]);
    assert!(refused(&first).2.contains("protocol 1"));
}

#[test]
fn wrong_calls_raise_what_python_would() {
    for (args, kwargs, kind) in [
        (json!([]), json!({}), "TypeError"),
        (json!(["genre"]), json!({}), "TypeError"),
        (json!(["genre", 7]), json!({}), "TypeError"),
        (json!(["genre", "a", true, [], 5]), json!({}), "TypeError"),
        (json!(["genre", "a"]), json!({ "colour": 1 }), "TypeError"),
        (json!(["genre", "a"]), json!({ "force": "yes" }), "TypeError"),
        (json!(["genre", "a"]), json!({ "related_tags": "b" }), "TypeError"),
        (json!(["artist", "a"]), json!({}), "ValueError"),
        (json!(["genre", "a\u{0}b"]), json!({}), "ValueError"),
        (json!(["genre", "a".repeat(101)]), json!({}), "ValueError"),
    ] {
        assert_eq!(refused(&message(GENERATE, &args, &kwargs)).1, kind, "{args} {kwargs}");
    }
}

#[test]
fn a_message_without_an_id_is_unreadable_and_nothing_panics() {
    let deep = "[".repeat(5000);
    let long_id = json!({ "headers": { "task": GENERATE, "id": "x".repeat(300) } }).to_string();
    for raw in ["", "null", "[]", "{}", "7", "\u{0}", &deep, r#"{"headers": 1, "body": 2, "properties": []}"#, &long_id]
    {
        assert!(matches!(read(raw, now()), Reading::Unreadable(_)), "{raw:.40}");
    }
}
