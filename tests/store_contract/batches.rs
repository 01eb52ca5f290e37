//! Batches of generation: what is in one, what becomes of it, and what its progress says.

use std::time::Duration;

use musonym::{
    domain::{JobKind, JobState, LeasedJob, Priority, Source, TagType},
    store::{Batch, BatchState, ClaimOrder, Finish, GenerationOf, Page, Retention, StartedBatch, StoreError},
};

use crate::backend::{Db, LEASE, draft, generate_job, generation, genre};

const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 86400);

/// Creates genres that no job waits for.
async fn idle_genres(db: &Db, names: &[&str]) {
    db.tags(TagType::Genre, names).await;
    db.store.cancel_queued(None).await.unwrap();
}

async fn start(db: &Db, of: GenerationOf) -> Batch {
    let StartedBatch { batch, created } = db.store.start_batch(of, false, Priority::LOW).await.unwrap();
    assert!(created);
    batch
}

async fn batch(db: &Db, id: i64) -> Batch {
    db.store.batch(id).await.unwrap().unwrap()
}

async fn claim(db: &Db, limit: usize) -> Vec<LeasedJob> {
    db.store.claim(JobKind::Generate, ClaimOrder::Priority, "worker", LEASE, limit).await.unwrap()
}

async fn succeed(db: &Db, job: &LeasedJob) {
    db.store.complete_generations(&[generation(job, &["x"])]).await.unwrap();
}

async fn fail(db: &Db, job: &LeasedJob) {
    db.store.finish(&job.lease, &Finish::Failed { error: "no such model".to_owned() }).await.unwrap();
}

async fn hand_back(db: &Db, job: &LeasedJob) {
    let release = Finish::Release { reason: "no server".to_owned(), delay: Duration::ZERO };
    db.store.finish(&job.lease, &release).await.unwrap();
}

/// `[done, failed, cancelled, moved, left]`, which make the total.
fn counts(batch: &Batch) -> [u64; 5] {
    let counts = [batch.done, batch.failed, batch.cancelled, batch.moved, batch.left];
    assert_eq!(counts.iter().sum::<u64>(), batch.total, "{batch:?}");
    counts
}

contract! {
    async fn a_batch_is_for_all_tags_or_the_missing_ones(db) {
        db.tags(TagType::Genre, &["a", "b"]).await;
        db.store.create_synonyms(&draft(genre("c"), &["x"])).await.unwrap();
        let gone = db.store.create_synonyms(&draft(genre("d"), &["y"])).await.unwrap();
        db.store.deactivate_synonyms(gone.id, None).await.unwrap();
        db.store.cancel_queued(None).await.unwrap();
        let missing = start(&db, GenerationOf::Missing).await;
        assert_eq!((missing.total, missing.left, missing.state), (2, 2, BatchState::Active));
        let job = claim(&db, 1).await.remove(0);
        assert!(job.job.payload.get("refresh").is_none(), "{}", job.job.payload);
        hand_back(&db, &job).await;
        let forced = db.store.start_batch(GenerationOf::Missing, true, Priority::LOW).await.unwrap().batch;
        assert_eq!(forced.total, 3, "the tombstone, too");
        let all = db.store.start_batch(GenerationOf::Everything, false, Priority::HIGH).await.unwrap().batch;
        assert_eq!(all.total, 4);
        // The newest batch has every job; nothing is left of the others.
        for (id, moved) in [(missing.id, 2), (forced.id, 3)] {
            let over = batch(&db, id).await;
            assert_eq!((counts(&over), over.state), ([0, 0, 0, moved, 0], BatchState::Done));
            assert!(over.ended_at.is_some());
        }
        let jobs = db.claim_all(JobKind::Generate).await;
        assert_eq!(jobs.len(), 4);
        assert!(jobs.iter().all(|job| job.job.priority == Priority::HIGH && job.job.payload["refresh"] == true));
        assert_eq!(jobs.iter().filter(|job| job.job.payload["force"] == true).count(), 3, "no wish is taken back");
    }

    async fn a_batch_is_for_what_one_source_wrote(db) {
        db.genre_with("ska", &["brass"]).await;
        db.genre("dub").await;
        db.store.create_synonyms(&draft(genre("rap"), &["mine"])).await.unwrap();
        db.store.cancel_queued(None).await.unwrap();
        for (source, jobs) in [(Source::Lexicon, 0), (Source::Ollama, 1)] {
            assert_eq!(start(&db, GenerationOf::WrittenBy(source)).await.total, jobs, "{source}");
        }
        let job = db.claim_one(JobKind::Generate).await;
        assert_eq!(job.job.payload["refresh"], true);
        let tag = db.store.tag(TagType::Genre, job.job.payload["tag_id"].as_i64().unwrap()).await.unwrap().unwrap();
        assert_eq!(tag.name, "ska");
        succeed(&db, &job).await;
    }

    async fn a_batch_is_for_what_was_last_written_long_ago(db) {
        db.genre_with("ska", &["brass"]).await;
        db.store.create_synonyms(&draft(genre("rap"), &["mine"])).await.unwrap();
        db.backend.age().await;
        db.genre_with("dub", &["echo"]).await;
        db.genre("new").await;
        db.store.cancel_queued(None).await.unwrap();
        assert_eq!(start(&db, GenerationOf::OlderThan(25 * HOUR)).await.total, 0);
        assert_eq!(start(&db, GenerationOf::OlderThan(23 * HOUR)).await.total, 1, "ska");
        let forced = db.store.start_batch(GenerationOf::OlderThan(23 * HOUR), true, Priority::LOW).await.unwrap();
        assert_eq!(forced.batch.total, 2, "the person's row, too");
    }

    async fn a_batch_without_work_is_over_at_once(db) {
        let nothing = start(&db, GenerationOf::Everything).await;
        assert_eq!((nothing.total, nothing.left, nothing.state), (0, 0, BatchState::Done));
        assert_eq!(nothing.ended_at, Some(nothing.created_at));
    }

    async fn the_progress_tells_what_became_of_the_jobs(db) {
        idle_genres(&db, &["a", "b", "c", "d", "e"]).await;
        let id = start(&db, GenerationOf::Everything).await.id;
        let claimed = claim(&db, 4).await;
        succeed(&db, &claimed[0]).await;
        assert_eq!(batch(&db, id).await.per_minute, None, "one end makes no rate");
        fail(&db, &claimed[1]).await;
        let going = batch(&db, id).await;
        assert_eq!((counts(&going), going.state), ([1, 1, 0, 0, 3], BatchState::Active));
        assert!(going.per_minute.unwrap() > 0.0 && going.estimated_end.unwrap() >= going.created_at - HOUR, "{going:?}");
        db.store.pause_jobs(None).await.unwrap();
        assert_eq!(batch(&db, id).await.estimated_end, None, "nobody knows when a pause ends");
        db.store.resume_jobs().await.unwrap();
        db.store.cancel_job(claimed[2].job.id).await.unwrap();
        hand_back(&db, &claimed[3]).await;
        assert_eq!(counts(&batch(&db, id).await), [1, 1, 1, 0, 2]);
        for job in claim(&db, 2).await {
            succeed(&db, &job).await;
        }
        let over = batch(&db, id).await;
        assert_eq!((counts(&over), over.state), ([3, 1, 1, 0, 0], BatchState::Done));
        assert!(over.ended_at.unwrap() >= over.created_at && over.cancelled_at.is_none());
        assert_eq!((over.per_minute, over.estimated_end), (None, None));
        assert!(matches!(db.store.cancel_batch(id).await.unwrap_err(), StoreError::Conflict(_)));
    }

    async fn the_same_batch_is_joined_until_it_is_over(db) {
        idle_genres(&db, &["a", "b"]).await;
        let first = start(&db, GenerationOf::Everything).await;
        let job = claim(&db, 1).await.remove(0);
        succeed(&db, &job).await;
        let again = db.store.start_batch(GenerationOf::Everything, false, Priority::HIGH).await.unwrap();
        assert!(!again.created);
        assert_eq!((again.batch.id, counts(&again.batch)), (first.id, [1, 0, 0, 0, 1]), "the tag that is done is not done again");
        assert_eq!(again.batch.priority, Priority::HIGH);
        let other = db.store.start_batch(GenerationOf::Everything, true, Priority::LOW).await.unwrap();
        assert!(other.created, "forced is something else");
        for job in claim(&db, 9).await {
            assert_eq!(job.job.priority, if job.job.payload["tag_id"] == 2 { Priority::HIGH } else { Priority::LOW });
            succeed(&db, &job).await;
        }
        assert!(db.store.start_batch(GenerationOf::Everything, false, Priority::LOW).await.unwrap().created);
    }

    async fn cancelling_takes_back_what_waits_and_what_runs_is_not_tried_again(db) {
        idle_genres(&db, &["a", "b", "c", "d"]).await;
        let id = start(&db, GenerationOf::Everything).await.id;
        let claimed = claim(&db, 3).await;
        let cancelled = db.store.cancel_batch(id).await.unwrap();
        assert_eq!((counts(&cancelled), cancelled.state), ([0, 0, 1, 0, 3], BatchState::Cancelled));
        assert!(cancelled.cancelled_at.is_some() && cancelled.ended_at.is_none());
        assert!(matches!(db.store.cancel_batch(id).await.unwrap_err(), StoreError::Conflict(_)));
        succeed(&db, &claimed[0]).await;
        hand_back(&db, &claimed[1]).await;
        let retry = Finish::Retry { error: "no answer".to_owned(), delay: Duration::ZERO };
        db.store.finish(&claimed[2].lease, &retry).await.unwrap();
        assert!(claim(&db, 9).await.is_empty());
        let over = batch(&db, id).await;
        assert_eq!((counts(&over), over.state), ([1, 0, 3, 0, 0], BatchState::Cancelled));
        assert!(over.ended_at.is_some());
        let why = db.store.job(claimed[2].job.id).await.unwrap().unwrap().last_error.unwrap();
        assert!(why.contains("batch was cancelled") && why.contains("no answer"), "{why}");
        assert!(matches!(db.store.cancel_batch(77).await.unwrap_err(), StoreError::NotFound(_)));
        assert!(db.store.batch(77).await.unwrap().is_none());
        assert!(start(&db, GenerationOf::Everything).await.id > id, "the same can be asked for anew");
    }

    async fn progress_outlives_the_retention_of_jobs(db) {
        idle_genres(&db, &["a", "b", "c"]).await;
        let id = start(&db, GenerationOf::Everything).await.id;
        let claimed = claim(&db, 2).await;
        succeed(&db, &claimed[0]).await;
        fail(&db, &claimed[1]).await;
        db.backend.age().await;
        let keep = Retention { jobs: HOUR, deliveries: WEEK, revisions: WEEK };
        db.store.expire(&keep).await.unwrap();
        assert_eq!(counts(&batch(&db, id).await), [1, 1, 0, 0, 1], "spared while it goes on");
        succeed(&db, &claim(&db, 1).await[0]).await;
        // Nobody has looked at the batch since, and its last job is past its retention, too.
        db.backend.age().await;
        db.store.expire(&keep).await.unwrap();
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM job WHERE kind = 'generate'").await, 0);
        assert!(db.store.batch(id).await.unwrap().is_none(), "it ended longer ago than its retention");
        let second = start(&db, GenerationOf::Everything).await.id;
        for job in claim(&db, 9).await {
            succeed(&db, &job).await;
        }
        db.backend.execute("DELETE FROM job WHERE state = 'nothing'").await;
        let before = batch(&db, second).await;
        db.backend.execute("DELETE FROM job WHERE kind = 'generate'").await;
        assert_eq!(batch(&db, second).await, before, "written down with its end");
        assert_eq!(counts(&before), [3, 0, 0, 0, 0]);
    }

    async fn a_job_that_is_tried_again_counts_while_its_batch_goes_on(db) {
        idle_genres(&db, &["a", "b"]).await;
        let id = start(&db, GenerationOf::Everything).await.id;
        let claimed = claim(&db, 2).await;
        fail(&db, &claimed[0]).await;
        db.store.retry_job(claimed[0].job.id).await.unwrap();
        assert_eq!(counts(&batch(&db, id).await), [0, 0, 0, 0, 2]);
        fail(&db, &claim(&db, 1).await[0]).await;
        fail(&db, &claimed[1]).await;
        assert_eq!(counts(&batch(&db, id).await), [0, 2, 0, 0, 0]);
        db.store.retry_job(claimed[1].job.id).await.unwrap();
        let over = batch(&db, id).await;
        assert_eq!((counts(&over), over.state), ([0, 2, 0, 0, 0], BatchState::Done), "what is over stays as it ended");
    }

    async fn a_job_leaves_its_place_to_the_one_that_does_its_work(db) {
        idle_genres(&db, &["a", "b"]).await;
        let id = start(&db, GenerationOf::Everything).await.id;
        let claimed = claim(&db, 1).await.remove(0);
        let tag = db.store.tag(TagType::Genre, claimed.job.payload["tag_id"].as_i64().unwrap()).await.unwrap().unwrap();
        let twin = db.store.enqueue(&generate_job(&tag, false, Priority::HIGH)).await.unwrap();
        assert!(twin.created);
        hand_back(&db, &claimed).await;
        assert_eq!(counts(&batch(&db, id).await), [0, 0, 0, 0, 2]);
        assert_eq!(db.store.job(claimed.job.id).await.unwrap().unwrap().state, JobState::Cancelled);
        let next = claim(&db, 1).await.remove(0);
        assert_eq!(next.job.id, twin.job.id);
        succeed(&db, &next).await;
        assert_eq!(counts(&batch(&db, id).await), [1, 0, 0, 0, 1]);
    }

    async fn batches_are_listed_newest_first(db) {
        idle_genres(&db, &["a"]).await;
        let mut ids = Vec::new();
        for of in [GenerationOf::Everything, GenerationOf::Missing, GenerationOf::WrittenBy(Source::Import)] {
            ids.push(start(&db, of).await.id);
        }
        ids.reverse();
        let first = db.store.list_batches(&Page::first(2)).await.unwrap();
        let rest = db.store.list_batches(&Page { cursor: first.next.clone(), limit: 2 }).await.unwrap();
        assert_eq!(rest.next, None);
        let listed: Vec<i64> = first.items.iter().chain(&rest.items).map(|batch| batch.id).collect();
        assert_eq!(listed, ids);
        assert_eq!(first.items[1], batch(&db, ids[1]).await);
        let page = Page { cursor: Some("first".to_owned()), limit: 2 };
        assert!(matches!(db.store.list_batches(&page).await.unwrap_err(), StoreError::BadCursor));
    }

    async fn handles_that_ask_for_the_same_at_once_share_one_batch(db) {
        idle_genres(&db, &["a", "b", "c"]).await;
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = db.backend.reopen().await;
            asking.spawn(async move {
                store.start_batch(GenerationOf::Everything, false, Priority::LOW).await.unwrap()
            });
        }
        let started = asking.join_all().await;
        assert!(started.iter().all(|one| one.batch.id == started[0].batch.id), "{started:?}");
        assert_eq!(started.iter().filter(|one| one.created).count(), 1);
        assert_eq!(started[0].batch.total, 3);
    }
}
