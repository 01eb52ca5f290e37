//! What operators see: `celery inspect`, events, Flower.

use std::process::Stdio;

use serde_json::{Value, json};

use super::Stage;
use crate::support::binary::eventually;

#[tokio::test]
async fn inspect_is_answered() {
    let Some(stage) = Stage::set().await else { return };
    let stage = stage.with("MUSONYM_CELERY__HOSTNAME", "musonym@attic");
    let _server = stage.serve().await;
    let hold = stage.ollama.hold();
    let ids = stage.client(&["send_only", "runs", "waits"]).await;
    stage.client(&["send_with", "for later", r#"{"countdown": 600}"#]).await;
    stage.ollama.wait_for_requests(1).await;
    let said = stage.client(&["inspect"]).await;
    let of = |name: &str| &said[name]["musonym@attic"];
    assert_eq!(of("ping"), &json!({ "ok": "pong" }), "{said}");
    assert_eq!(of("registered"), &json!(["synonym.generate_all_synonyms", "synonym.generate_synonyms_for_tag"]));
    let active = of("active");
    assert_eq!(
        (&active[0]["id"], &active[0]["name"]),
        (&ids[0], &json!("synonym.generate_synonyms_for_tag")),
        "{active}"
    );
    assert!(active[0]["time_start"].is_number() && active[0]["args"].as_str().unwrap().contains("runs"), "{active}");
    assert_eq!((&of("reserved")[0]["id"], of("reserved").as_array().unwrap().len()), (&ids[1], 1));
    assert!(of("scheduled")[0]["request"]["args"].as_str().unwrap().contains("for later"), "{}", of("scheduled"));
    assert_eq!(of("active_queues")[0]["name"], "synonym");
    assert_eq!(of("stats")["pool"]["implementation"], "musonym");
    assert_eq!(of("conf")["task_default_queue"], "synonym");
    assert_eq!(said["by_name"], json!([{ "musonym@attic": { "ok": "pong" } }]));
    assert_eq!(said["by_other_name"], json!([]), "only who is meant answers");
    assert_eq!(said["by_pattern"], said["by_name"]);
    assert_eq!(said["unknown"][0]["musonym@attic"]["error"], "KeyError('no_such_method')");
    drop(hold);
}

#[tokio::test]
async fn events_tell_of_a_task_from_its_coming_to_its_end() {
    let Some(stage) = Stage::set().await else { return };
    let _server = stage.serve().await;
    let said = stage.client(&["events"]).await;
    let heard = said["heard"].as_array().unwrap();
    let kinds: Vec<&str> =
        heard.iter().filter(|event| event["uuid"] == said["id"]).map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"task-received"), "{said}");
    assert_eq!(kinds.last(), Some(&"task-succeeded"), "{said}");
    assert!(heard.iter().all(|event| event["hostname"].as_str().unwrap().starts_with("musonym@")), "{said}");
}

#[tokio::test]
async fn flower_shows_the_worker_and_its_tasks() {
    let Some(stage) = Stage::set().await else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port_argument = format!("--port={port}");
    let broker = stage.redis.url();
    let words = ["-m", "celery", "--broker", &broker, "flower", "--address=127.0.0.1", &port_argument];
    let mut flower = stage.python(&words);
    flower.env("FLOWER_UNAUTHENTICATED_API", "true").stdout(Stdio::null()).stderr(Stdio::null());
    let _flower = flower.spawn().unwrap();
    let server = stage.with("MUSONYM_CELERY__HOSTNAME", "musonym@attic");
    let (stage, server) = {
        let running = server.serve().await;
        (server, running)
    };
    let ask = async |path: &str| -> Option<Value> {
        let response = server.client.get(format!("http://127.0.0.1:{port}{path}")).send().await.ok()?;
        response.json().await.ok()
    };
    eventually("Flower has heard of the worker", async || {
        ask("/api/workers?status=true").await.filter(|workers| workers["musonym@attic"] == true)
    })
    .await;
    let workers = eventually("Flower knows what the worker does", async || {
        let workers = ask("/api/workers?refresh=true&workername=musonym@attic").await?;
        workers["musonym@attic"]["registered"].is_array().then_some(workers)
    })
    .await;
    let worker = &workers["musonym@attic"];
    assert_eq!(worker["active_queues"][0]["name"], "synonym", "{worker}");
    assert_eq!(worker["stats"]["pool"]["implementation"], "musonym", "{worker}");
    let said = stage.client(&["send_only", "in bloom"]).await;
    let id = said[0].as_str().unwrap();
    let task = eventually("Flower shows the task as done", async || {
        ask(&format!("/api/task/info/{id}")).await.filter(|task| task["state"] == "SUCCESS")
    })
    .await;
    assert_eq!(task["name"], "synonym.generate_synonyms_for_tag");
    assert!(
        task["worker"].as_str().unwrap().contains("musonym@attic")
            && task["args"].as_str().unwrap().contains("in bloom"),
        "{task}"
    );
}
