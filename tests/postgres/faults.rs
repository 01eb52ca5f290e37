//! A server that goes away in the middle of work, and writers that meet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use musonym::store::{AdminStore as _, StoreError, SynonymStore as _, postgres::PostgresStore};
use serde_json::json;

use crate::support::{
    binary::{Home, eventually},
    cluster::Cluster,
    fake_ollama::FakeOllama,
    postgres::Database,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_in_the_middle_of_100_jobs_and_a_load_of_searches_costs_a_moment() {
    const TAGS: usize = 100;
    let Some(cluster) = Cluster::start("") else { return };
    let ollama = FakeOllama::start().await;
    ollama.set_delay(Duration::from_millis(10));
    let home = Home::new(ollama.url())
        .with("MUSONYM_DATABASE_URL", &cluster.url("postgres", "postgres"))
        .with("MUSONYM_DATABASE__ACQUIRE_TIMEOUT_MS", "500")
        .with("MUSONYM_JOBS__LEASE_SECONDS", "3");
    let server = home.serve(&[]).await;
    let names: Vec<String> = (0..TAGS).map(|number| format!("crash genre {number}")).collect();
    std::fs::write(home.path().join("tags.txt"), names.join("\n")).unwrap();
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).await;

    // A load of searches, each a new question.
    let (stop, answered, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let load = async |who: usize| {
        let mut asked = 0;
        while !stop.load(Ordering::Relaxed) {
            asked += 1;
            let url = format!("{}/api/synonyms/search?q=crash+{who}+{asked}", server.url);
            let response = server.client.get(url).send().await.unwrap();
            match response.status().as_u16() {
                200 => answered.fetch_add(1, Ordering::Relaxed),
                503 => {
                    assert!(response.headers().contains_key("retry-after"));
                    assert!(response.text().await.unwrap().contains("storage_busy"));
                    refused.fetch_add(1, Ordering::Relaxed)
                }
                other => panic!("{other}: {}", response.text().await.unwrap()),
            };
        }
    };
    let faults = async {
        for crash in 1..=2 {
            eventually("work is under way", async || (ollama.generate_calls() >= crash * TAGS / 4).then_some(())).await;
            let before = refused.load(Ordering::Relaxed);
            cluster.crash();
            eventually("searches are refused", async || (refused.load(Ordering::Relaxed) > before).then_some(())).await;
            let (status, ready) = server.get("/readyz").await;
            if status == 503 {
                assert_eq!(ready["components"][0]["name"], "database", "{ready}");
            }
            cluster.up();
            let before = answered.load(Ordering::Relaxed);
            eventually("searches are answered again", async || {
                (answered.load(Ordering::Relaxed) > before).then_some(())
            })
            .await;
        }
        eventually("all jobs have ended", async || {
            let (status, jobs) = server.get("/api/jobs?limit=1").await;
            (status == 200 && jobs["counts"]["queued"] == 0 && jobs["counts"]["running"] == 0).then_some(())
        })
        .await;
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(faults, load(1), load(2));
    let (_, jobs) = server.get("/api/jobs?limit=1").await;
    assert_eq!((jobs["counts"]["dead"].as_u64(), jobs["counts"]["failed"].as_u64()), (Some(0), Some(0)), "{jobs}");
    for name in &names {
        let (status, row) = server.get(&format!("/api/synonyms/genre/{}", name.replace(' ', "%20"))).await;
        assert_eq!((status, row["embedding"]["dimensions"].as_u64()), (200, Some(768)), "{name}: {row}");
        let (_, revisions) = server.get(&format!("/api/synonyms/{}/revisions", row["id"])).await;
        assert_eq!(revisions["items"].as_array().unwrap().len(), 1, "{name}: {revisions}");
    }
    println!("{} searches answered, {} refused over two crashes", answered.into_inner(), refused.into_inner());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_the_server_is_away_is_an_error_and_news_are_heard_again_afterwards() {
    let Some(cluster) = Cluster::start("") else { return };
    let options = || musonym::store::postgres::PostgresOptions {
        acquire_timeout: Duration::from_millis(300),
        ..musonym::store::postgres::PostgresOptions::new(cluster.url("postgres", "postgres"))
    };
    let (here, there) = (PostgresStore::open(options()).await.unwrap(), PostgresStore::open(options()).await.unwrap());
    cluster.crash();
    let error = here.setting_or_insert("a", "b").await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error:?}");
    cluster.up();
    let mut changes = there.changes();
    eventually("the store writes again", async || here.setting_or_insert("a", "b").await.ok()).await;
    // LISTEN was lost with the connection; polling and a new LISTEN bring the news.
    cluster.sql("postgres", "INSERT INTO mood_tag (name) VALUES ('calm')");
    tokio::time::timeout(Duration::from_secs(60), changes.changed()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_write_the_same_synonyms_at_once_leave_one_winner_or_both_in_the_revisions() {
    let Some(database) = Database::create().await else { return };
    let database_url = database.url.clone();
    let home = Home::without_ollama().with("MUSONYM_DATABASE_URL", &database_url);
    let (one, two) = (home.serve(&["--no-worker"]).await, home.serve(&["--no-worker"]).await);
    let body = |term: &str| json!({ "synonyms": { "search_terms": [term] } });
    let created = json!({ "tag_type": "genre", "tag_name": "dub", "synonyms": { "search_terms": ["riddim"] } });
    let row = one.post("/api/synonyms", created, 201).await;
    let put = async |server: &crate::support::binary::Server, term: &str, etag: Option<String>| {
        let mut request = server.client.put(format!("{}/api/synonyms/{}", server.url, row["id"])).json(&body(term));
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        request.send().await.unwrap().status().as_u16()
    };
    for turn in 0..20 {
        // Without a version both are written, one after the other.
        let (first, second) = (format!("one {turn}"), format!("two {turn}"));
        let (a, b) = tokio::join!(put(&one, &first, None), put(&two, &second, None));
        assert_eq!((a, b), (200, 200));
        // With the version that both saw, one is.
        let seen = one.client.get(format!("{}/api/synonyms/{}", one.url, row["id"])).send().await.unwrap();
        let etag = seen.headers()["etag"].to_str().unwrap().to_owned();
        let (a, b) = tokio::join!(put(&one, "left", Some(etag.clone())), put(&two, "right", Some(etag)));
        assert!([(200, 412), (412, 200)].contains(&(a, b)), "{a} {b}");
    }
    let (_, revisions) = one.get(&format!("/api/synonyms/{}/revisions?limit=100", row["id"])).await;
    let versions: Vec<i64> =
        revisions["items"].as_array().unwrap().iter().map(|revision| revision["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, (1..=61).rev().collect::<Vec<_>>(), "every write has its own version");
    for pair in revisions["items"].as_array().unwrap().windows(2) {
        assert_eq!(pair[0]["before"], pair[1]["after"], "each saw what the one before it left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_many_rows_in_any_order_never_lose_one_to_a_deadlock() {
    let Some(database) = Database::create().await else { return };
    let store = Arc::new(PostgresStore::open(database.options()).await.unwrap());
    let row = |number: usize| musonym::store::ExportRow {
        tag_type: musonym::domain::TagType::Genre,
        name: musonym::domain::TagName::parse(&format!("g{number}")).unwrap(),
        ..serde_json::from_value(json!({ "tag_type": "genre", "name": "x" })).unwrap()
    };
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = Arc::clone(&store);
            let mut rows: Vec<_> = (0..40).map(row).collect();
            rows.rotate_left(writer * 10);
            if writer % 2 == 1 {
                rows.reverse();
            }
            tokio::spawn(async move { store.import_rows(&rows, true).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(database.number("SELECT count(*) FROM genre_tag").await, 40);
}
