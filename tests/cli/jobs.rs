//! The queue from the command line.

use std::{process::Stdio, time::Duration};

use serde_json::json;

use super::{Home, Ran, ollama, support::fake_ollama::FakeOllama};

#[test]
fn a_pause_is_told_by_the_list_and_by_the_doctor_until_work_goes_on() {
    let home = Home::new();
    assert!(!home.run(&["jobs", "list"]).succeeded().stderr.contains("paused"));
    let paused = home.run(&["jobs", "pause", "--for", "2h"]).succeeded();
    assert!(paused.stdout.contains("paused until 20"), "{paused:?}");
    assert!(home.run(&["jobs", "list"]).succeeded().stderr.contains("paused until 20"));
    let doctor = home.run(&["doctor"]).succeeded().stdout;
    assert!(doctor.contains("paused until 20") && doctor.contains("musonym jobs resume"), "{doctor}");
    let endless = home.run(&["jobs", "pause", "--json"]).succeeded().json();
    assert_eq!((&endless[0]["paused"], &endless[0]["paused_until"]), (&true.into(), &serde_json::Value::Null));
    assert!(home.run(&["jobs", "resume"]).succeeded().stdout.contains("goes on"));
    assert!(home.run(&["jobs", "resume"]).succeeded().stdout.contains("not paused"));
    assert!(!home.run(&["jobs", "list"]).succeeded().stderr.contains("paused"));
    home.run(&["jobs", "pause", "--for", "2 hours"]).refused(2, &["m, h, d, w"]);
}

#[test]
fn a_batch_is_started_joined_shown_and_cancelled() {
    let home = Home::new();
    home.run(&["tags", "add", "ska", "dub", "rap", "--type", "genre"]).succeeded();
    let started = home.run(&["generate", "--all"]).succeeded();
    assert_eq!(started.stdout, "batch 1: 3 jobs queued\n");
    assert!(started.stderr.contains("musonym jobs batch 1 --watch"), "{started:?}");
    let again = home.run(&["generate", "--all", "--json"]).succeeded();
    assert_eq!(again.json()[0], json!({ "batch": 1, "joined": true, "queued": 3, "failed": 0 }));
    let other = home.run(&["generate", "--older-than", "2w"]).succeeded();
    assert_eq!(other.stdout, "batch 2: 0 jobs queued\n");
    let shown = home.run(&["jobs", "batch", "1"]).succeeded();
    assert_eq!(shown.stdout, "batch 1: 0 of 3 done, 3 left (--all)\n");
    let list = home.run(&["jobs", "batch"]).succeeded().stdout;
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].contains("ASKED FOR"), "{list}");
    assert!(lines[1].contains("--older-than 14d") && lines[1].contains("done"), "{list}");
    assert!(lines[2].contains("--all") && lines[2].contains("active"), "{list}");
    let cancelled = home.run(&["jobs", "batch", "1", "--cancel"]).succeeded();
    assert_eq!(cancelled.stdout, "batch 1: 0 of 3 done, 3 cancelled (cancelled) (--all)\n");
    home.run(&["jobs", "batch", "1", "--cancel"]).refused(1, &["over"]);
    let watched = home.run(&["jobs", "batch", "1", "--watch", "--json"]).succeeded();
    assert_eq!((&watched.json()[0]["state"], &watched.json()[0]["left"]), (&json!("cancelled"), &json!(0)));
    home.run(&["jobs", "batch", "9"]).refused(1, &["no batch 9", "musonym jobs batch"]);
    home.run(&["generate", "--older-than", "3m"]).refused(2, &["h, d, w"]);
}

#[test]
fn jobs_are_taken_back_and_tried_again_all_at_once() {
    let home = Home::new();
    home.run(&["tags", "add", "ska", "dub", "--type", "genre"]).succeeded();
    assert_eq!(
        home.run(&["jobs", "cancel", "--all", "--kind", "embed", "--yes"]).succeeded().stdout,
        "0 jobs cancelled\n"
    );
    assert_eq!(home.run(&["jobs", "cancel", "--all", "--yes"]).succeeded().stdout, "2 jobs cancelled\n");
    assert_eq!(home.run(&["jobs", "retry", "--all"]).succeeded().stdout, "0 jobs queued again\n");
    let words = ["jobs", "retry", "--all", "--state", "cancelled", "--error", "by a person", "--json"];
    assert_eq!(home.run(&words).succeeded().json()[0], json!({ "retried": 2 }));
    assert!(home.run(&["jobs", "list"]).succeeded().stderr.contains("2 queued"));
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_wait_leaves_the_rest_queued_and_the_same_command_goes_on() {
    let (home, ollama) = (Home::new(), FakeOllama::start().await);
    let names: Vec<String> = (0..8).map(|number| format!("invented genre {number}")).collect();
    home.file("tags.txt", names.join("\n"));
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).succeeded();
    ollama.set_delay(Duration::from_millis(200));
    let mut command = home.command(&["generate", "--all", "--wait"]);
    command.env("OLLAMA_HOST", ollama.url()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    while ollama.generate_calls() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        std::process::Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success()
    );
    let ran = Ran::of(tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap());
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.stderr.contains(" left") && ran.stderr.contains("the same command goes on"), "{ran:?}");
    let left = home.run(&["jobs", "batch", "1", "--json"]).succeeded().json().remove(0);
    assert!(left["left"].as_u64().unwrap() > 0 && left["state"] == "active", "{left}");
    ollama.set_delay(Duration::ZERO);
    let again = ollama::run(&home, &ollama, &["generate", "--all", "--wait", "--json"]).await.succeeded();
    assert_eq!((&again.json()[0]["batch"], &again.json()[0]["joined"]), (&json!(1), &json!(true)));
    let over = home.run(&["jobs", "batch", "1"]).succeeded();
    assert_eq!(over.stdout, "batch 1: 8 of 8 done (--all)\n");
    let generated = ollama.generated_tags();
    assert_eq!(generated.len(), 8);
    let calls: usize = generated.values().sum();
    assert!(calls <= 9, "what was done is not done again: {generated:?}");
}
