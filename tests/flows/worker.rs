//! The worker at its work: phases, parallel generations, urgent jobs, outages, and a thousand tags with faults.

use std::time::Duration;

use musonym::{
    domain::JobState,
    jobs::{Restraint, RunnerSettings},
    ollama::BreakerState,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{
    binary::{Home, eventually},
    fake_ollama::{EMBED_MODEL, FakeOllama, Fault, GENERATE_MODEL},
    worker::Worker,
};

/// Longer than any answer of the fake.
const PATIENT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_hundred_tags_cost_few_switches_between_the_two_models() {
    let ollama = FakeOllama::start().await;
    let worker = Worker::new(&ollama, 100, PATIENT, RunnerSettings::default()).await;
    worker.settle().await;
    assert_eq!(worker.jobs(JobState::Succeeded).await.len(), 200);
    let switches = ollama.model_switches();
    assert!(switches <= 2 + 100 / 32, "{switches} switches");
    println!("{switches} switches for 100 tags");
}

#[tokio::test]
async fn as_many_generations_as_allowed_are_in_flight_at_once() {
    let ollama = FakeOllama::start().await;
    let worker = Worker::new(&ollama, 7, PATIENT, RunnerSettings { parallel: 3, ..RunnerSettings::default() }).await;
    let hold = ollama.hold();
    let look = async {
        ollama.wait_for_requests(3).await;
        // The others wait for a free place: the queue says so, for a fourth would be claimed by now or never.
        assert_eq!(worker.store.job_counts().await.unwrap().running, 3);
        drop(hold);
    };
    tokio::join!(worker.settle(), look);
    assert_eq!(ollama.generate_calls(), 7);
    assert_eq!(worker.jobs(JobState::Succeeded).await.len(), 14);
}

#[tokio::test]
async fn what_a_person_asks_for_waits_for_no_more_than_the_generation_in_flight() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let server = home.serve(&[]).await;
    let hold = ollama.hold();
    let names: Vec<String> = (0..30).map(|number| format!("background genre {number}")).collect();
    std::fs::write(home.path().join("tags.txt"), names.join("\n")).unwrap();
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).await;
    ollama.wait_for_requests(1).await;
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "urgent genre" }), 201).await;
    drop(hold);
    eventually("the urgent tag has its synonyms", async || {
        (server.get("/api/synonyms/genre/urgent%20genre").await.0 == 200).then_some(())
    })
    .await;
    let asked: Vec<String> = ollama.generate_bodies().iter().map(|body| body["prompt"].to_string()).collect();
    let place = asked.iter().position(|prompt| prompt.contains("urgent genre")).unwrap();
    assert_eq!(place, 1, "after the one in flight");
}

#[tokio::test]
async fn outside_of_its_hours_only_what_a_person_asks_for_is_generated() {
    let ollama = FakeOllama::start().await;
    // A minute that is not now, whenever this runs.
    let begins = chrono::Local::now() + chrono::Duration::hours(6);
    let hours = format!("{}-{}", begins.format("%H:%M"), (begins + chrono::Duration::minutes(1)).format("%H:%M"));
    let home = Home::new(ollama.url()).with("MUSONYM_GENERATE__HOURS", &hours);
    std::fs::write(home.path().join("tags.txt"), "waiting genre\nother waiting genre").unwrap();
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).await;
    let server = home.serve(&[]).await;
    for name in ["first wish", "second wish"] {
        server.post("/api/tags", json!({ "tag_type": "genre", "name": name }), 201).await;
        eventually("the wish is done", async || {
            let path = format!("/api/synonyms/genre/{}", name.replace(' ', "%20"));
            (server.get(&path).await.0 == 200).then_some(())
        })
        .await;
    }
    // The second wish was claimed after the first was done: what waited could have been, too.
    let (_, jobs) = server.get("/api/jobs?state=queued&kind=generate").await;
    assert_eq!(jobs["items"].as_array().unwrap().len(), 2, "{jobs}");
    assert_eq!(ollama.generate_calls(), 2);
}

#[tokio::test]
async fn a_rest_after_each_generation_keeps_to_the_share_of_the_time() {
    let ollama = FakeOllama::start().await;
    ollama.set_delay(Duration::from_millis(20));
    let restraint = Restraint { duty: 0.25, ..Restraint::default() };
    let worker = Worker::new(&ollama, 5, PATIENT, RunnerSettings { restraint, ..RunnerSettings::default() }).await;
    let began = std::time::Instant::now();
    worker.settle().await;
    // Four rests of at least three times the answer's time between five generations: never less on a slow machine.
    assert!(began.elapsed() >= Duration::from_millis(4 * 60 + 5 * 20), "{:?}", began.elapsed());
    assert_eq!(ollama.generate_calls(), 5);
}

#[tokio::test]
async fn while_a_query_waits_behind_a_generation_the_next_are_not_sent() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url()).with("MUSONYM_EMBED__QUERY_DEADLINE_MS", "50");
    let server = home.serve(&[]).await;
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "dub" }), 201).await;
    server.settled().await;
    // Once its vectors are calibrated, nothing but queries asks the embedder.
    eventually("a query is embedded in time", async || {
        (server.search(&format!("warm up {}", fastrand::u32(..))).await["degraded"] == json!([])).then_some(())
    })
    .await;
    let gate = ollama.let_through(EMBED_MODEL, 0);
    let first = server.search("jamaican sound system").await;
    assert_eq!(first["degraded"][0]["code"], "embedder_timeout", "{first}");
    let sent = ollama.embed_calls();
    for number in 0..3 {
        let next = server.search(&format!("bass heavy {number}")).await;
        assert!(next["degraded"][0]["reason"].as_str().unwrap().contains("still busy"), "{next}");
    }
    assert_eq!(ollama.embed_calls(), sent);
    drop(gate);
    eventually("queries are embedded again", async || {
        (server.search(&format!("bass heavy {}", fastrand::u32(..))).await["degraded"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_ollama_that_fails_again_and_again_is_left_alone_and_no_attempt_is_spent_meanwhile() {
    let ollama = FakeOllama::start().await;
    ollama.set_down(true);
    let worker = Worker::new(&ollama, 1, PATIENT, RunnerSettings::default()).await;
    let stop = CancellationToken::new();
    let look = async {
        eventually("the breaker opens", async || {
            matches!(worker.client.breaker(), BreakerState::Open { .. }).then_some(())
        })
        .await;
        let waiting = eventually("the job waits", async || worker.jobs(JobState::Queued).await.pop()).await;
        assert_eq!(waiting.attempts, 0, "{waiting:?}");
        assert!(
            waiting.last_error.as_deref().is_some_and(|reason| reason.contains("cannot be reached")),
            "{waiting:?}"
        );
        ollama.set_down(false);
        eventually("the job is done without anybody's doing", async || {
            (worker.jobs(JobState::Succeeded).await.len() == 2).then_some(())
        })
        .await;
        assert_eq!(worker.client.breaker(), BreakerState::Closed);
        stop.cancel();
    };
    tokio::join!(worker.runner.run(stop.clone()), look);
}

/// Every kind of fault that a generation can meet, the hang left to the one who can wait.
fn faults() -> Vec<Fault> {
    vec![
        Fault::Status(500, "something else".to_owned()),
        Fault::Prose,
        Fault::Status(503, "server busy, please try again. maximum pending requests exceeded".to_owned()),
        Fault::HalfJson,
        Fault::Drop,
        Fault::EndlessWhitespace,
        Fault::Status(404, "model \"llama3.2:1b\" not found, try pulling it first".to_owned()),
        Fault::AnotherModel,
        Fault::Hang,
    ]
}

#[tokio::test]
async fn a_thousand_tags_with_faults_of_all_kinds_are_done_and_no_answer_is_thrown_away() {
    const TAGS: usize = 1000;
    let ollama = FakeOllama::start().await;
    ollama.mix_faults(15, faults());
    let settings = RunnerSettings { parallel: 4, retry_base: Duration::from_millis(10), ..RunnerSettings::default() };
    let worker = Worker::new(&ollama, TAGS, Duration::from_millis(300), settings).await;
    worker.settle().await;

    let counts = worker.store.job_counts().await.unwrap();
    let dead = worker.jobs(JobState::Dead).await;
    for job in &dead {
        assert!(job.last_error.is_some(), "{job:?}");
    }
    assert_eq!((counts.failed, counts.cancelled), (0, 0));
    let done = TAGS - dead.len();
    assert_eq!(
        usize::try_from(counts.succeeded).unwrap(),
        2 * done,
        "each tag that is not dead has synonyms and vector"
    );
    // Each good answer was stored: a call is a fault of the mix, or a tag that is done.
    let (calls, faults) = (ollama.generate_calls(), ollama.mixed_faults());
    assert_eq!(calls - faults, done, "{calls} calls, {faults} faults, {} dead", dead.len());
    println!("{calls} calls, {faults} faults, {} dead", dead.len());
}

#[tokio::test]
async fn each_kind_of_fault_alone_ends_in_synonyms_or_a_reason_that_names_it() {
    for (fault, reason) in [
        (Fault::Status(500, "something else".to_owned()), "something else"),
        (Fault::Prose, "cannot be used"),
        (Fault::HalfJson, "cannot be used"),
        (Fault::EndlessWhitespace, "cannot be used"),
        (Fault::AnotherModel, "another:latest answered in place of"),
        (Fault::Hang, "did not answer `generate`"),
    ] {
        let ollama = FakeOllama::start().await;
        ollama.fail_next(1000, fault.clone());
        let settings = RunnerSettings { retry_base: Duration::from_millis(1), ..RunnerSettings::default() };
        let worker = Worker::new(&ollama, 1, Duration::from_millis(100), settings).await;
        worker.settle().await;
        let dead = worker.jobs(JobState::Dead).await;
        let said = dead.first().and_then(|job| job.last_error.clone()).unwrap_or_default();
        assert!(said.contains(reason), "{fault:?}: {said}");
        assert_eq!(worker.store.tag_count().await.unwrap(), 1);
        let listing = worker.jobs(JobState::Succeeded).await;
        assert!(listing.is_empty(), "{fault:?}: nothing false is stored: {listing:?}");
    }
}

#[tokio::test]
async fn an_embedding_that_cannot_be_compared_is_never_stored() {
    for fault in [Fault::WrongDimensions, Fault::BadEmbeddingCount, Fault::AnotherModel, Fault::Drop] {
        let ollama = FakeOllama::start().await;
        let settings = RunnerSettings { retry_base: Duration::from_millis(1), ..RunnerSettings::default() };
        let worker = Worker::new(&ollama, 1, PATIENT, settings).await;
        // The first batch fixes the space of this database.
        worker.settle().await;
        worker.add_tags("further genre", 40).await;
        ollama.fail_next(3, fault.clone());
        worker.settle().await;
        let space = worker.store.active_space().unwrap();
        assert!(space.contains(":768:"), "{space}");
        assert_eq!(worker.jobs(JobState::Succeeded).await.len(), 82, "{fault:?}");
    }
}

#[tokio::test]
async fn a_missing_model_is_downloaded_where_that_is_allowed() {
    let ollama = FakeOllama::start().await.without_model(GENERATE_MODEL);
    let home = Home::new(ollama.url())
        .with("MUSONYM_GENERATE__PROVIDER", "ollama")
        .with("MUSONYM_EMBED__PROVIDER", "ollama")
        .with("MUSONYM_OLLAMA__PULL", "true");
    let server = home.serve(&[]).await;
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "gqom" }), 201).await;
    eventually("the model is there and has written", async || {
        (server.get("/api/synonyms/genre/gqom").await.0 == 200).then_some(())
    })
    .await;
    assert!(ollama.digest(GENERATE_MODEL).is_some());
}

#[tokio::test]
async fn a_pause_holds_a_worker_of_another_process_and_its_end_wakes_it() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let server = home.serve(&["--no-worker"]).await;
    server.post("/api/jobs/pause", json!({}), 200).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let _worker = home.command(&["worker", "--metrics", &address]).spawn().unwrap();
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "gqom" }), 201).await;
    // The worker says that it has seen both the job and the pause.
    let metrics = eventually("the worker tells that it is held", async || {
        let answer = reqwest::get(format!("http://{address}/metrics")).await.ok()?.text().await.ok()?;
        (answer.contains("musonym_jobs_held{kind=\"generate\"} 1") && answer.contains("musonym_queue_depth"))
            .then_some(answer)
    })
    .await;
    assert!(metrics.contains("musonym_queue_depth{kind=\"generate\",priority=\"8\"} 1"), "{metrics}");
    assert!(metrics.contains("musonym_ollama_breaker{state=\"closed\"} 1"), "{metrics}");
    assert_eq!(ollama.generate_calls(), 0);
    server.post("/api/jobs/resume", json!({}), 200).await;
    eventually("the job is done", async || (server.get("/api/synonyms/genre/gqom").await.0 == 200).then_some(())).await;
}

#[tokio::test]
async fn the_model_of_the_vectors_is_warmed_up_unless_generations_wait() {
    let ollama = FakeOllama::start().await;
    let worker = Worker::new(&ollama, 1, PATIENT, RunnerSettings::default()).await;
    worker.embedder.warm_up().await;
    assert_eq!(ollama.embed_calls(), 0, "nothing is known of the model of a new database");
    worker.settle().await;
    let embedded = ollama.embed_bodies().len();
    worker.embedder.warm_up().await;
    let calls = ollama.embed_bodies().split_off(embedded);
    assert_eq!(calls.len(), 1, "{calls:?}");
    // No texts load the model and give no vectors.
    assert_eq!((&calls[0]["input"], &calls[0]["keep_alive"]), (&json!([]), &json!(900)));
    assert_eq!(calls[0]["model"], EMBED_MODEL);

    worker.add_tags("waiting genre", 1).await;
    worker.embedder.warm_up().await;
    assert_eq!(ollama.embed_bodies().len(), embedded + 1, "it would make room for the other model in vain");
    assert_eq!(ollama.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_starts_again_warms_the_model_up() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let mut server = home.serve(&[]).await;
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "dub" }), 201).await;
    server.settled().await;
    server.child.kill().await.unwrap();
    let before = ollama.embed_bodies().len();
    let _server = home.serve(&["--no-worker"]).await;
    eventually("the model is loaded", async || {
        ollama.embed_bodies().iter().skip(before).any(|body| body["input"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn how_far_a_download_is_comes_as_events() {
    let ollama = FakeOllama::start().await.without_model(GENERATE_MODEL);
    let home = Home::new(ollama.url())
        .with("MUSONYM_GENERATE__PROVIDER", "ollama")
        .with("MUSONYM_EMBED__PROVIDER", "ollama")
        .with("MUSONYM_OLLAMA__PULL", "true");
    // The download begins when somebody listens.
    let hold = ollama.hold();
    let server = home.serve(&[]).await;
    let mut stream = server.client.get(format!("{}/api/events", server.url)).send().await.unwrap();
    drop(hold);
    let mut read = String::new();
    while !read.contains("\"success\"") {
        let chunk = tokio::time::timeout(PATIENT, stream.chunk()).await.expect("an event").unwrap().expect("more");
        read.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(read.contains("event: model.pulled\n"), "{read}");
    let told: Vec<serde_json::Value> = read
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .filter(|event: &serde_json::Value| event["type"] == "model.pulled")
        .collect();
    assert!(told.iter().all(|event| event["model"] == GENERATE_MODEL), "{told:?}");
    let half = |event: &&serde_json::Value| event["completed"] == 500_000 && event["total"] == 1_000_000;
    assert!(told.iter().any(|event| half(&event)), "{told:?}");
    assert_eq!(told.last().unwrap()["status"], "success");
}

#[tokio::test]
async fn while_a_query_waits_for_its_vector_nothing_is_begun_in_the_background() {
    let ollama = FakeOllama::start().await;
    let settings = RunnerSettings { pass: Duration::from_secs(3600), ..RunnerSettings::default() };
    let worker = Worker::new(&ollama, 1, PATIENT, settings).await;
    worker.settle().await;
    let before = (ollama.generate_calls(), ollama.embed_calls());
    let gate = ollama.let_through(EMBED_MODEL, 0);
    worker.add_tags("background genre", 3).await;
    let stop = CancellationToken::new();
    let query = worker.embedder.embed_query("jamaican sound system", Duration::from_secs(3600));
    let look = async {
        eventually("the query is on its way", async || (ollama.embed_calls() > before.1).then_some(())).await;
        // Many times what a worker needs to claim a job.
        for _ in 0..200 {
            assert_eq!(worker.store.job_counts().await.unwrap().running, 0);
        }
        assert_eq!(ollama.generate_calls(), before.0);
        drop(gate);
        eventually("what waited is done", async || (worker.jobs(JobState::Succeeded).await.len() == 8).then_some(()))
            .await;
        stop.cancel();
    };
    // The query comes first: it is polled first.
    let (answer, (), ()) = tokio::join!(query, worker.runner.run(stop.clone()), look);
    assert!(answer.vector.is_some() && answer.failure.is_none(), "{answer:?}");
}

#[tokio::test]
async fn what_cosines_mean_is_measured_in_few_calls() {
    let ollama = FakeOllama::start().await;
    let worker = Worker::new(&ollama, 70, PATIENT, RunnerSettings::default()).await;
    worker.settle().await;
    // Where the worker was stopped before it came to that.
    worker.embedder.calibrate().await.unwrap();
    let is_query = |text: &serde_json::Value| text.as_str().unwrap().starts_with("search_query: ");
    let inputs = |body: &serde_json::Value| body["input"].as_array().cloned().unwrap_or_default();
    let calls: Vec<usize> = ollama
        .embed_bodies()
        .iter()
        .map(inputs)
        .filter(|inputs| !inputs.is_empty() && inputs.iter().all(is_query))
        .map(|inputs| inputs.len())
        .collect();
    assert_eq!(calls, [32, 32, 6]);
    let space = worker.store.active_space().unwrap();
    assert_eq!(worker.store.calibration(&space).tags, 70);
}
