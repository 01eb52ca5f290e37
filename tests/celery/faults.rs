//! A Redis that is killed or emptied, and a musonym that is killed: what was taken is done, and what is owed is answered.

use super::Stage;
use crate::support::binary::{eventually, kill_9};

/// Sends tasks and waits until they are in the database.
async fn taken(stage: &Stage, server: &crate::support::binary::Server, names: &[&str]) -> Vec<String> {
    let words: Vec<&str> = ["send_only"].into_iter().chain(names.iter().copied()).collect();
    let ids = stage.client(&words).await;
    eventually("the tasks are taken", async || {
        let (_, jobs) = server.get("/api/jobs?kind=generate&limit=1").await;
        let waiting = jobs["counts"]["queued"].as_u64()? + jobs["counts"]["running"].as_u64()?;
        (waiting >= names.len() as u64).then_some(())
    })
    .await;
    eventually("the tasks are acknowledged", async || (stage.number(&["HLEN", "unacked"]).await == 0).then_some(()))
        .await;
    ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

async fn are_answered(stage: &Stage, ids: &[String], names: &[&str]) {
    let words: Vec<&str> = ["wait_for"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    let said = stage.client(&words).await;
    for (outcome, name) in said.as_array().unwrap().iter().zip(names) {
        assert_eq!(outcome["value"]["tag_name"], *name, "{said}");
    }
}

const NAMES: [&str; 3] = ["glitch", "bassline", "coldwave"];

#[tokio::test]
async fn redis_is_killed_and_comes_back_empty() {
    let Some(mut stage) = Stage::set().await else { return };
    let hold = stage.ollama.hold();
    let server = stage.serve().await;
    let ids = taken(&stage, &server, &NAMES).await;
    stage.redis.kill().await;
    drop(hold);
    server.settled().await;
    stage.redis.start().await;
    are_answered(&stage, &ids, &NAMES).await;
    // And new ones are taken.
    let later = stage.client(&["one", "genre", "after the fall"]).await;
    assert_eq!(later["value"]["tag_name"], "after the fall");
    assert_eq!(stage.log().matches("does not answer").count(), 1, "an outage is told once: {}", stage.log());
}

#[tokio::test]
async fn redis_is_emptied() {
    let Some(stage) = Stage::set().await else { return };
    let hold = stage.ollama.hold();
    let server = stage.serve().await;
    let ids = taken(&stage, &server, &NAMES).await;
    stage.redis.command(&["FLUSHALL"]).await;
    stage.redis.command(&["SCRIPT", "FLUSH"]).await;
    drop(hold);
    are_answered(&stage, &ids, &NAMES).await;
    server.settled().await;
}

#[tokio::test]
async fn musonym_is_killed_and_another_process_answers() {
    let Some(stage) = Stage::set().await else { return };
    let stage = stage.with("MUSONYM_JOBS__LEASE_SECONDS", "2");
    let hold = stage.ollama.hold();
    let mut server = stage.serve().await;
    let ids = taken(&stage, &server, &NAMES).await;
    kill_9(&mut server.child).await;
    drop(hold);
    // A worker of its own beside a server without one: the answer does not depend on who works.
    let server = stage.home.serve(&["--no-worker"]).await;
    let _worker = stage.home.worker();
    are_answered(&stage, &ids, &NAMES).await;
    server.settled().await;
}

/// Killed at any moment of taking, nothing is lost and nothing is done twice.
#[tokio::test]
async fn musonym_is_killed_while_it_takes_tasks() {
    let Some(stage) = Stage::set().await else { return };
    let stage = stage.with("MUSONYM_CELERY__VISIBILITY_TIMEOUT_SECONDS", "3").with("MUSONYM_JOBS__LEASE_SECONDS", "2");
    let names: Vec<String> = (0..30).map(|number| format!("interrupted {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let words: Vec<&str> = ["send_only"].into_iter().chain(names.iter().copied()).collect();
    let hold = stage.ollama.hold();
    let ids: Vec<String> = serde_json::from_value(stage.client(&words).await).unwrap();
    for left in [29, 5] {
        let mut server = stage.serve().await;
        eventually("some tasks are popped", async || (stage.number(&["LLEN", "synonym"]).await <= left).then_some(()))
            .await;
        kill_9(&mut server.child).await;
        println!("killed with {} unacknowledged", stage.number(&["HLEN", "unacked"]).await);
    }
    drop(hold);
    let server = stage.serve().await;
    are_answered(&stage, &ids, &names).await;
    server.settled().await;
    let generated = stage.ollama.generated_tags();
    assert_eq!(generated.len(), names.len());
    assert_eq!((stage.number(&["HLEN", "unacked"]).await, stage.number(&["LLEN", "synonym"]).await), (0, 0));
}

#[tokio::test]
async fn a_redis_that_comes_after_the_start_is_found() {
    let Some(mut stage) = Stage::set().await else { return };
    stage.redis.kill().await;
    let server = stage.serve().await;
    let part = async || {
        let (_, ready) = server.get("/readyz").await;
        ready["components"].as_array().unwrap().iter().find(|part| part["name"] == "celery").cloned()
    };
    eventually("readyz knows", async || part().await.filter(|part| part["state"] == "waiting")).await;
    stage.redis.start().await;
    eventually("readyz knows", async || part().await.filter(|part| part["state"] == "ok")).await;
    let said = stage.client(&["one", "genre", "patience"]).await;
    assert_eq!(said["value"]["tag_name"], "patience");
}

#[tokio::test]
async fn a_task_that_is_delivered_twice_is_done_once() {
    let Some(stage) = Stage::set().await else { return };
    let server = stage.serve().await;
    let ids = stage.client(&["send_with", "twice", r#"{"task_id": "the-same"}"#]).await;
    let id = ids.as_str().unwrap();
    stage.client(&["wait_for", id]).await;
    stage.redis.command(&["DEL", "celery-task-meta-the-same"]).await;
    stage.client(&["send_with", "twice", r#"{"task_id": "the-same", "kwargs": {"force": true}}"#]).await;
    are_answered(&stage, &[id.to_owned()], &["twice"]).await;
    server.settled().await;
    assert_eq!(stage.ollama.generated_tags()["twice"], 1);
}
