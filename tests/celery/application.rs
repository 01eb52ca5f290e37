//! What an application sees: results, priorities, failures, states, times.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Stage, error};
use crate::support::{binary::eventually, fake_ollama::Fault};

#[tokio::test]
async fn five_hundred_tasks_get_five_hundred_results_and_urgent_ones_overtake() {
    let Some(stage) = Stage::set().await else { return };
    let hold = stage.ollama.hold();
    let server = stage.serve().await;
    let sending = stage.client(&["many", "500"]);
    let releasing = async {
        // All of them lie in the database before the first is done: then the order is the bridge's and not the sender's.
        eventually("all tasks are taken", async || {
            let (_, jobs) = server.get("/api/jobs?kind=generate&limit=1").await;
            (jobs["counts"]["queued"].as_i64()? + jobs["counts"]["running"].as_i64()? >= 500).then_some(())
        })
        .await;
        drop(hold);
    };
    let (done, ()) = tokio::join!(sending, releasing);
    let done = done.as_array().unwrap();
    assert_eq!(done.len(), 500);
    assert!(done.iter().all(|task| task[3].as_u64().unwrap() >= 5), "each has its search terms");
    let mut by_time: Vec<(&str, &Value)> = done.iter().map(|task| (task[1].as_str().unwrap(), &task[0])).collect();
    by_time.sort_by_key(|(moment, _)| *moment);
    let mean_place = |priority: Value| {
        let places: Vec<usize> = (0..500).filter(|place| *by_time[*place].1 == priority).collect();
        assert_eq!(places.len(), 100, "{priority}");
        places.iter().sum::<usize>() / places.len()
    };
    let places = [json!(1), json!(3), json!(6), json!(9), json!(null)].map(mean_place);
    println!("mean places of priorities 1, 3, 6, 9 and none: {places:?}");
    assert!(places[0] < places[1] && places[1] < places[2] && places[2] < places[3], "{places:?}");
    assert!(places[2] < places[4], "without a priority counts as low: {places:?}");
    let names: std::collections::HashSet<&str> = done.iter().map(|task| task[2].as_str().unwrap()).collect();
    assert_eq!(names.len(), 500, "each its own");
    assert_eq!(stage.number(&["HLEN", "unacked"]).await, 0, "all are acknowledged");
    assert_eq!(stage.ollama.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn good_calls_are_answered_with_synonyms_and_bad_ones_raise_what_python_would() {
    let Some(stage) = Stage::set().await else { return };
    let _server = stage.serve().await;
    let said = stage.client(&["answers"]).await;
    let first = &said["by_name"]["value"];
    assert_eq!((&first["tag_type"], &first["tag_name"]), (&json!("mood"), &json!("wistful")), "{said}");
    assert_eq!((&first["source"], &first["version"], &first["is_active"]), (&json!("ollama"), &json!(1), &json!(true)));
    assert!(first["synonyms"]["search_terms"].as_array().is_some_and(|terms| terms.len() >= 5), "{first}");
    assert_eq!(said["again"]["value"]["version"], 1, "what is there is not written again");
    assert!(said["forced"]["value"]["version"].as_i64().unwrap() >= 1, "{said}");
    assert_eq!(stage.ollama.generated_tags()["wistful"], 2, "forced, it is written anew");
    let told = stage.ollama.generate_bodies();
    let prompts: Vec<&str> = told.iter().map(|body| body["prompt"].as_str().unwrap()).collect();
    assert!(
        prompts.iter().any(|prompt| prompt.contains("sepia") && prompt.contains("longing")),
        "related tags are told"
    );
    assert!(error(&said["no_type"], "ValueError").contains("`genre` or `mood`"));
    assert!(error(&said["no_name"], "ValueError").contains("visible character"));
    assert!(error(&said["unknown_argument"], "TypeError").contains("colour"));
    assert!(error(&said["unknown_task"], "NotRegistered").contains("library.import"));
    assert_eq!(said["all"]["value"], json!({ "tag_type": "mood", "queued": 0 }), "{said}");
    assert_eq!(said["group"], json!(["serene", "tense"]), "a group is its tasks");
    assert_eq!(said["ignored"], true, "no result is kept that nobody wants");
}

#[tokio::test]
async fn all_tags_of_a_type_that_have_no_synonyms_get_their_jobs() {
    let Some(stage) = Stage::set().await else { return };
    let server = stage.serve().await;
    stage.client(&["one", "genre", "dub"]).await;
    let hold = stage.ollama.hold();
    for name in ["ska", "gqom"] {
        server.post("/api/tags", json!({ "tag_type": "genre", "name": name }), 201).await;
    }
    let client = ["send_with_all", "genre"];
    let said = stage.client(&client).await;
    assert_eq!(said["value"], json!({ "tag_type": "genre", "queued": 2 }), "{said}");
    drop(hold);
    server.settled().await;
    assert_eq!(server.get("/api/synonyms/genre/gqom").await.0, 200);
}

#[tokio::test]
async fn a_failure_raises_its_reason_and_attempts_are_told() {
    let Some(stage) = Stage::set().await else { return };
    let stage = stage.with("MUSONYM_JOBS__MAX_ATTEMPTS", "4").with("MUSONYM_JOBS__RETRY_BASE_MS", "2000");
    let _server = stage.serve().await;
    // Each attempt asks twice.
    stage.ollama.fail_next(8, Fault::Prose);
    let ids = stage.client(&["send_only", "grumpy genre"]).await;
    let id = ids[0].as_str().unwrap();
    let key = format!("celery-task-meta-{id}");
    let mut seen: HashMap<String, Value> = HashMap::new();
    eventually("the task has failed", async || {
        let text: Option<String> = redis::from_redis_value(stage.redis.command(&["GET", &key]).await).unwrap();
        let meta: Value = serde_json::from_str(&text?).unwrap();
        let status = meta["status"].as_str().unwrap().to_owned();
        seen.insert(status.clone(), meta["result"].clone());
        (status == "FAILURE").then_some(())
    })
    .await;
    assert!(seen["STARTED"]["hostname"].as_str().unwrap().starts_with("musonym@"), "{seen:?}");
    assert_eq!(seen["RETRY"]["exc_type"], "Retry", "{seen:?}");
    assert!(seen["RETRY"]["exc_message"][0].as_str().unwrap().contains("cannot be used"), "{seen:?}");
    let said = stage.client(&["wait_for", id]).await;
    assert!(error(&said[0], "RuntimeError").contains("cannot be used"), "{said}");
}

#[tokio::test]
async fn tasks_wait_for_their_time_and_expire() {
    let Some(stage) = Stage::set().await else { return };
    let _server = stage.serve().await;
    let said = stage.client(&["times"]).await;
    assert_eq!(said["later"]["value"]["tag_name"], "later", "{said}");
    assert!(said["waited"].as_f64().unwrap() >= 2.0, "not before its time: {said}");
    assert!(error(&said["expired"], "TaskRevokedError").contains("expired"));
    assert!(error(&said["expires_while_it_waits"], "TaskRevokedError").contains("expired"));
    assert_eq!(stage.ollama.generated_tags().get("expired"), None);
    assert_eq!(stage.ollama.generated_tags().get("expires early"), None);
}

#[tokio::test]
async fn a_time_limit_ends_a_task_that_runs_on() {
    let Some(stage) = Stage::set().await else { return };
    let server = stage.serve().await;
    let _hold = stage.ollama.hold();
    let id = stage.client(&["send_with", "endless", r#"{"time_limit": 1}"#]).await;
    let said = stage.client(&["wait_for", id.as_str().unwrap()]).await;
    assert_eq!(said[0]["error"], "TimeLimitExceeded", "{said}");
    let (_, jobs) = server.get("/api/jobs?kind=generate&limit=1").await;
    assert_eq!(jobs["items"][0]["state"], "cancelled", "its job is taken back: {jobs}");
}

#[tokio::test]
async fn a_revoked_task_is_not_begun_and_one_that_runs_is_ended_where_asked() {
    let Some(stage) = Stage::set().await else { return };
    let server = stage.serve().await;
    let hold = stage.ollama.hold();
    let ids = stage.client(&["send_only", "first", "second"]).await;
    let [first, second] = [0, 1].map(|place| ids[place].as_str().unwrap());
    stage.ollama.wait_for_requests(1).await;
    stage.client(&["revoke", second, "leave"]).await;
    let said = stage.client(&["wait_for", second]).await;
    assert!(error(&said[0], "TaskRevokedError").contains("revoked"));
    stage.client(&["revoke", first, "terminate"]).await;
    let said = stage.client(&["wait_for", first]).await;
    assert!(error(&said[0], "TaskRevokedError").contains("terminated"));
    // One that is revoked before it comes.
    stage.client(&["revoke", "not-there-yet", "leave"]).await;
    let id = stage.client(&["send_with", "third", r#"{"task_id": "not-there-yet"}"#]).await;
    let said = stage.client(&["wait_for", id.as_str().unwrap()]).await;
    error(&said[0], "TaskRevokedError");
    drop(hold);
    server.settled().await;
    let generated = stage.ollama.generated_tags();
    assert!(!generated.contains_key("second") && !generated.contains_key("third"), "{generated:?}");
}

#[tokio::test]
async fn many_tasks_for_one_tag_are_answered_by_one_job() {
    let Some(stage) = Stage::set().await else { return };
    let server = stage.serve().await;
    let names = ["hard bop"; 20];
    let words: Vec<&str> = ["send_only"].into_iter().chain(names).collect();
    let ids = stage.client(&words).await;
    let words: Vec<&str> =
        ["wait_for"].into_iter().chain(ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap())).collect();
    let said = stage.client(&words).await;
    assert!(said.as_array().unwrap().iter().all(|one| one["value"]["tag_name"] == "hard bop"), "{said}");
    assert_eq!(stage.ollama.generated_tags()["hard bop"], 1);
    server.settled().await;
}
