//! Workers that are killed without warning.
//!
//! The fencing of leases has its own test in the store's contract suite
//! (`a_lapsed_lease_is_claimed_anew_and_its_former_holder_can_do_nothing`): drop `lease_owner` from `held` in
//! `store/sql/jobs.rs`, and it turns red. Here it is the end of a job in a transaction of its own, before its synonyms
//! are stored (`complete_generation_jobs` in `store/sql/generation.rs`), that loses tags.

use std::time::Duration;

use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

use crate::support::{
    binary::{Home, eventually, kill_9},
    fake_ollama::FakeOllama,
};

/// How many generations the database holds as done.
async fn acknowledged(home: &Home) -> i64 {
    let file = SqliteConnectOptions::new().filename(home.path().join("musonym.db")).read_only(true);
    let mut connection = file.connect().await.unwrap();
    sqlx::query_scalar("SELECT COUNT(*) FROM job WHERE kind = 'generate' AND state = 'succeeded'")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn kill_9_five_times_during_200_tags_loses_nothing_and_repeats_at_most_one_generation_each() {
    const TAGS: usize = 200;
    const KILLS: usize = 5;
    let ollama = FakeOllama::start().await;
    ollama.set_delay(Duration::from_millis(5));
    let home = Home::new(ollama.url()).with("MUSONYM_JOBS__LEASE_SECONDS", "3");
    let names: Vec<String> = (0..TAGS).map(|number| format!("crash test genre {number}")).collect();
    std::fs::write(home.path().join("tags.txt"), names.join("\n")).unwrap();
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).await;

    for kill in 1..=KILLS {
        let mut worker = home.worker();
        let enough = kill * TAGS / (KILLS + 1);
        // In turn in the middle of a generation, and the moment that one is acknowledged: a job that ended before its
        // synonyms are stored would lose them there.
        if kill % 2 == 1 {
            eventually("the worker is under way", async || (ollama.generate_calls() >= enough).then_some(())).await;
        } else {
            let before = acknowledged(&home).await;
            eventually("a job has ended", async || (acknowledged(&home).await > before).then_some(())).await;
        }
        kill_9(&mut worker).await;
    }
    let server = home.serve(&[]).await;
    server.settled().await;

    let (_, jobs) = server.get("/api/jobs?limit=1").await;
    assert_eq!((jobs["counts"]["dead"].as_u64(), jobs["counts"]["failed"].as_u64()), (Some(0), Some(0)), "{jobs}");
    for name in &names {
        let (status, row) = server.get(&format!("/api/synonyms/genre/{}", name.replace(' ', "%20"))).await;
        assert_eq!(status, 200, "{name} is lost");
        assert_eq!(row["embedding"]["dimensions"], 768, "{name} has no vector");
        let (_, revisions) = server.get(&format!("/api/synonyms/{}/revisions", row["id"])).await;
        assert_eq!(revisions["items"].as_array().unwrap().len(), 1, "{name}: {revisions}");
    }
    let generated = ollama.generated_tags();
    // A poor answer is asked for once more by design; the composed answers of this test are full ones.
    let calls: usize = generated.values().sum();
    assert!((TAGS..=TAGS + KILLS).contains(&calls), "{calls} generations for {TAGS} tags and {KILLS} kills");
    println!("{calls} generations for {TAGS} tags and {KILLS} kills");
}

/// The points of `jobs/crash.rs`, and the passing at which the worker ends there.
const POINTS: [(&str, usize); 5] =
    [("after_claim", 3), ("after_generation", 3), ("after_save", 3), ("in_batch", 1), ("before_acknowledgement", 1)];

#[tokio::test]
async fn a_worker_that_ends_at_any_point_leaves_one_revision_a_tag_and_repeats_at_most_one_generation() {
    const TAGS: usize = 6;
    for (point, passing) in POINTS {
        let ollama = FakeOllama::start().await;
        let home = Home::new(ollama.url()).with("MUSONYM_JOBS__LEASE_SECONDS", "1");
        let names: Vec<String> = (0..TAGS).map(|number| format!("crash test genre {number}")).collect();
        std::fs::write(home.path().join("tags.txt"), names.join("\n")).unwrap();
        home.run(&["tags", "import", "tags.txt", "--type", "genre"]).await;

        let planned = format!("{point}:{passing}");
        let ended = home.command(&["worker"]).env("MUSONYM_TEST_CRASH", &planned).output().await.unwrap();
        assert!(!ended.status.success() && ended.status.code().is_none(), "{point}: the worker did not end there");

        let server = home.serve(&[]).await;
        server.settled().await;
        let (_, jobs) = server.get("/api/jobs?limit=1").await;
        assert_eq!((jobs["counts"]["dead"].as_u64(), jobs["counts"]["failed"].as_u64()), (Some(0), Some(0)), "{point}");
        for name in &names {
            let (status, row) = server.get(&format!("/api/synonyms/genre/{}", name.replace(' ', "%20"))).await;
            assert_eq!((status, &row["embedding"]["dimensions"]), (200, &768.into()), "{point}: {name}");
            let (_, revisions) = server.get(&format!("/api/synonyms/{}/revisions", row["id"])).await;
            assert_eq!(revisions["items"].as_array().unwrap().len(), 1, "{point}: {name}: {revisions}");
        }
        let calls: usize = ollama.generated_tags().values().sum();
        assert!((TAGS..=TAGS + 1).contains(&calls), "{point}: {calls} generations for {TAGS} tags");
    }
}
