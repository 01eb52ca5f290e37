//! Rust and Python workers together: on one queue, and one handing over to the other.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Stage, error};
use crate::support::{binary::eventually, postgres::Database};

/// Waits until the Python worker answers pings.
async fn is_there(stage: &Stage) {
    eventually("the Python worker answers", async || {
        let said = stage.client(&["pings"]).await;
        said.as_array().unwrap().iter().any(|name| name == "python@test").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_rust_and_a_python_worker_share_a_queue() {
    let Some(stage) = Stage::set().await else { return };
    let stage = stage.with("MUSONYM_CELERY__PREFETCH", "2");
    let _server = stage.serve().await;
    let _python = stage.python_worker();
    is_there(&stage).await;
    // Neither answers before both have taken one: the quicker of the two could empty the queue alone.
    let hold = stage.ollama.hold();
    stage.redis.command(&["SET", "python waits", "1"]).await;
    let names: Vec<String> = (0..60).map(|number| format!("shared {number}")).collect();
    let words: Vec<&str> = ["send_only"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let ids = stage.client(&words).await;
    eventually("both work", async || {
        (stage.number(&["LLEN", "python took"]).await > 0 && stage.ollama.generate_calls() > 0).then_some(())
    })
    .await;
    stage.redis.command(&["DEL", "python waits"]).await;
    stage.redis.command(&["RPUSH", "python goes on", "1"]).await;
    drop(hold);
    let words: Vec<&str> =
        ["wait_for"].into_iter().chain(ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap())).collect();
    let said = stage.client(&words).await;
    let mut by: HashMap<&str, usize> = HashMap::new();
    for (outcome, name) in said.as_array().unwrap().iter().zip(&names) {
        assert_eq!(outcome["value"]["tag_name"], name.as_str(), "{outcome}");
        *by.entry(outcome["value"]["source"].as_str().unwrap()).or_default() += 1;
    }
    println!("done by: {by:?}");
    assert!(by["python"] > 0 && by["ollama"] > 0, "{by:?}");
    assert_eq!(by["python"] + by["ollama"], 60);
    let generated = stage.ollama.generated_tags();
    assert!(generated.values().all(|count| *count == 1) && generated.len() == by["ollama"], "each once: {generated:?}");
}

#[tokio::test]
async fn two_processes_over_one_postgresql_answer_each_task_once() {
    let Some(stage) = Stage::set().await else { return };
    let Some(database) = Database::create().await else { return };
    let stage = stage.with("MUSONYM_DATABASE_URL", &database.url);
    let server = stage.serve().await;
    let _worker = stage.home.worker();
    let said = stage.client(&["heard", "12"]).await;
    let tasks: Vec<&Value> = said.as_object().unwrap().values().collect();
    assert_eq!(tasks.len(), 12);
    for task in tasks {
        assert!(task["value"]["tag_name"].as_str().unwrap().starts_with("heard "), "{task}");
        let events = &task["events"];
        assert_eq!((&events["task-received"], &events["task-succeeded"]), (&json!(1), &json!(1)), "{task}");
    }
    let generated = stage.ollama.generated_tags();
    assert!(generated.len() == 12 && generated.values().all(|count| *count == 1), "{generated:?}");

    // What the application's own table refuses is told, and stops nothing.
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.name LIKE 'forbidden%' THEN RAISE EXCEPTION 'no such genre here'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON genre_tag FOR EACH ROW EXECUTE FUNCTION refuse()";
    database.execute(refuse).await;
    let later = stage.client(&["send_with", "forbidden later", r#"{"countdown": 1}"#]).await;
    let ids = stage.client(&["send_only", "allowed", "forbidden now", "allowed too"]).await;
    let mut words = vec!["wait_for", later.as_str().unwrap()];
    words.extend(ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap()));
    let said = stage.client(&words).await;
    for refused in [&said[0], &said[2]] {
        assert!(error(refused, "ValueError").contains("no such genre here"), "{said}");
    }
    assert_eq!(
        (&said[1]["value"]["tag_name"], &said[3]["value"]["tag_name"]),
        (&json!("allowed"), &json!("allowed too"))
    );
    server.settled().await;
}

#[tokio::test]
async fn what_a_python_worker_took_and_never_acknowledged_is_done_here() {
    let Some(stage) = Stage::set().await else { return };
    let id = stage.client(&["send_only", "left behind"]).await;
    // As a worker leaves it that took it and was killed.
    let message: String = redis::from_redis_value(stage.redis.command(&["RPOP", "synonym"]).await).unwrap();
    let tag =
        serde_json::from_str::<Value>(&message).unwrap()["properties"]["delivery_tag"].as_str().unwrap().to_owned();
    stage.redis.command(&["ZADD", "unacked_index", "1", &tag]).await;
    stage.redis.command(&["HSET", "unacked", &tag, &format!("[{message}, \"\", \"synonym\"]")]).await;
    let stage = stage.with("MUSONYM_CELERY__VISIBILITY_TIMEOUT_SECONDS", "5");
    let _server = stage.serve().await;
    let said = stage.client(&["wait_for", id[0].as_str().unwrap()]).await;
    assert_eq!(said[0]["value"]["tag_name"], "left behind", "{said}");
    assert_eq!(stage.number(&["ZCARD", "unacked_index"]).await, 0);
}

#[tokio::test]
async fn generation_is_handed_over_to_python_workers() {
    let Some(stage) = Stage::set().await else { return };
    let stage = stage.with("MUSONYM_GENERATE__PROVIDER", "celery").with("MUSONYM_JOBS__MAX_ATTEMPTS", "1");
    let _python = stage.python_worker();
    is_there(&stage).await;
    let server = stage.serve().await;
    for name in ["hauntology", "impossible"] {
        server.post("/api/tags", json!({ "tag_type": "genre", "name": name }), 201).await;
    }
    server.settled().await;
    let (status, row) = server.get("/api/synonyms/genre/hauntology").await;
    assert_eq!((status, &row["source"]), (200, &json!("ollama")), "{row}");
    let terms = row["synonyms"]["search_terms"].as_array().unwrap();
    assert!(terms.contains(&json!("hauntology by python")), "{row}");
    assert_eq!(server.get("/api/synonyms/genre/impossible").await.0, 404);
    let (_, jobs) = server.get("/api/jobs?kind=generate&state=succeeded&limit=1").await;
    let heard: String =
        redis::from_redis_value(stage.redis.command(&["GET", "traceparent of hauntology"]).await).unwrap();
    let trace = jobs["items"][0]["trace_id"].as_str().unwrap();
    assert!(heard.contains(trace), "the task belongs to the trace of its job: {heard}, {jobs}");
    let (_, jobs) = server.get("/api/jobs?kind=generate&state=dead&limit=1").await;
    assert!(jobs["items"][0]["last_error"].as_str().unwrap().contains("no such genre"), "{jobs}");
    assert_eq!(stage.ollama.generate_calls(), 0);
    assert!(!stage.redis.keys().await.iter().any(|key| key.starts_with("celery-task-meta")), "nothing is left behind");
    // Applications go on speaking to the Python workers.
    let said = stage.client(&["one", "genre", "impossible"]).await;
    assert!(error(&said, "ValueError").contains("no such genre"));
}
