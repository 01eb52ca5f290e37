//! Two servers and three workers on one database.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    binary::{Home, eventually, kill_9},
    fake_ollama::FakeOllama,
    postgres::Database,
};

/// The documents promise a second; three, for test machines are shared. What was measured is printed.
const PROMISED: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_and_three_workers_share_the_work_and_a_killed_ones_jobs_are_taken_over() {
    const TAGS: usize = 90;
    let Some(database) = Database::create().await else { return };
    let ollama = FakeOllama::start().await;
    ollama.set_delay(Duration::from_millis(15));
    let home = Home::new(ollama.url())
        .with("MUSONYM_DATABASE_URL", &database.url)
        .with("MUSONYM_DATABASE__MAX_CONNECTIONS", "4")
        .with("MUSONYM_JOBS__LEASE_SECONDS", "3");
    let (one, two) = (home.serve(&["--no-worker"]).await, home.serve(&["--no-worker"]).await);
    let mut workers = [home.worker(), home.worker(), home.worker()];
    let names: Vec<String> = (0..TAGS).map(|number| format!("shared genre {number}")).collect();
    std::fs::write(home.path().join("tags.txt"), names.join("\n")).unwrap();
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).await;

    // Each worker's claims are seen while they run; one is killed in the middle of a job.
    let mut owners = HashSet::new();
    eventually("all three have worked", async || {
        let mut connection = database.connect().await;
        let leases: Vec<(String, String)> =
            sqlx::query_as("SELECT dedup_key, split_part(lease_owner, '#', 1) FROM job WHERE state = 'running'")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let keys: HashSet<&String> = leases.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), leases.len(), "a job runs once at a time");
        owners.extend(leases.into_iter().map(|(_, owner)| owner));
        (owners.len() >= 3).then_some(())
    })
    .await;
    eventually("the first is in the middle of a job", async || {
        let pid = workers[0].id().unwrap();
        let running = format!("SELECT count(*) FROM job WHERE state = 'running' AND lease_owner LIKE '{pid}-%'");
        (database.number(&running).await > 0).then_some(())
    })
    .await;
    kill_9(&mut workers[0]).await;
    two.settled().await;

    let (_, jobs) = one.get("/api/jobs?limit=1").await;
    assert_eq!((jobs["counts"]["dead"].as_u64(), jobs["counts"]["failed"].as_u64()), (Some(0), Some(0)), "{jobs}");
    for name in &names {
        let path = format!("/api/synonyms/genre/{}", name.replace(' ', "%20"));
        let ((status, row), (other_status, other)) = tokio::join!(one.get(&path), two.get(&path));
        assert_eq!((status, other_status, &row), (200, 200, &other), "{name}");
        let (_, revisions) = one.get(&format!("/api/synonyms/{}/revisions", row["id"])).await;
        assert_eq!(revisions["items"].as_array().unwrap().len(), 1, "{name}: {revisions}");
    }
    let calls: usize = ollama.generated_tags().values().sum();
    assert!((TAGS..=TAGS + 1).contains(&calls), "{calls} generations for {TAGS} tags and one kill");

    // What one server writes, the other one finds, whatever it had answered before.
    assert_eq!(two.search("zzunheard").await["count"], 0);
    let body = json!({ "tag_type": "mood", "tag_name": "quiet", "synonyms": { "search_terms": ["zzunheard"] } });
    one.post("/api/synonyms", body, 201).await;
    assert_eq!(one.best("zzunheard").await, "quiet", "at once where it was written");
    let started = Instant::now();
    eventually("the other server finds it", async || (two.best("zzunheard").await == "quiet").then_some(())).await;
    println!("a write through one server is found by the other after {:?}", started.elapsed());
    assert!(started.elapsed() < PROMISED, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_plain_sql_inserts_is_searchable_without_anybody_asking() {
    let Some(database) = Database::create().await else { return };
    let home = Home::without_ollama().with("MUSONYM_DATABASE_URL", &database.url);
    let server = home.serve(&[]).await;
    database.execute("INSERT INTO genre_tag (name) VALUES ('drum and bass')").await;
    eventually("its alias finds it", async || (server.best("dnb").await == "drum and bass").then_some(())).await;
}
