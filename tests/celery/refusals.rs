//! What is not done, and what cannot be read: its sender is told, and the queue goes on.

use super::{Stage, error};
use crate::support::binary::eventually;

#[tokio::test]
async fn what_is_not_done_is_refused_aloud_and_poison_neither_stops_nor_loops() {
    let Some(stage) = Stage::set().await else { return };
    let server = stage.serve().await;
    let said = stage.client(&["refused"]).await;
    for later in ["chain_first", "chain_middle", "chain_last"] {
        assert!(error(&said[later], "NotImplementedError").contains("chains are not taken"), "{later}: {said}");
    }
    assert!(error(&said["chord"], "NotImplementedError").contains("chords are not taken"));
    assert!(error(&said["link"], "NotImplementedError").contains("linked tasks"));
    assert!(error(&said["zlib"], "NotImplementedError").contains("without compression"));
    assert!(error(&said["pickle"], "NotImplementedError").contains("x-python-serialize"));
    assert!(error(&said["protocol_1"], "NotImplementedError").contains("protocol 1"));
    assert_eq!(said["good"]["value"]["tag_name"], "good", "{said}");
    assert_eq!((&said["left"], &said["unacked"]), (&0.into(), &0.into()), "{said}");
    assert_eq!(said["aside"], 9, "kept for people: {said}");
    let warned = stage.log().matches("cannot be read").count();
    assert_eq!(warned, 9, "once each");
    let metrics = server.client.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
    for line in [
        r#"musonym_celery_tasks_total{outcome="unreadable"} 9"#,
        r#"musonym_celery_tasks_total{outcome="accepted"} 1"#,
        r#"musonym_celery_answers_total{status="success"} 1"#,
        "musonym_celery_broker_up 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_shown() {
    let Some(mut stage) = Stage::set().await else { return };
    let wrong = stage.redis.url().replace("redis://", "redis://:hunter2@");
    stage.redis.require_password("s3cret").await;
    let stage = stage.with("MUSONYM_CELERY_BROKER_URL", &wrong);
    let server = stage.serve().await;
    let ready = eventually("the outage is known", async || {
        Some(server.get("/readyz").await.1.to_string()).filter(|ready| ready.contains("\"waiting\""))
    })
    .await;
    let doctor = String::from_utf8(stage.home.run(&["doctor"]).await.stdout).unwrap();
    let line = doctor.lines().find(|line| line.starts_with("celery")).unwrap();
    assert!(line.contains("missing") && line.contains("Redis at 127.0.0.1"), "{doctor}");
    let log = stage.log();
    assert_eq!(log.matches("does not answer").count(), 1, "{log}");
    for text in [&log, &ready, &doctor] {
        assert!(!text.contains("hunter2") && !text.contains("s3cret"), "{text}");
    }
}
