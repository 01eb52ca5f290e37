//! The queue: claims, leases, attempts, and one queued and one running job for a piece of work.

use std::{collections::HashSet, time::Duration};

use musonym::{
    domain::{JobKind, JobState, LeasedJob, NewJob, Priority, TagType},
    store::{ClaimOrder, Finish, JobCounts, JobFilter, Page, StoreError},
};

use crate::backend::{Db, LEASE, draft, generate_job, generation, genre};

const HOUR: Duration = Duration::from_secs(3600);

fn retry(delay: Duration) -> Finish {
    Finish::Retry { error: "no answer".to_owned(), delay }
}

async fn claim(db: &Db, order: ClaimOrder, lease: Duration, limit: usize) -> Vec<LeasedJob> {
    db.store.claim(JobKind::Generate, order, "worker", lease, limit).await.unwrap()
}

async fn state(db: &Db, id: i64) -> JobState {
    db.store.job(id).await.unwrap().unwrap().state
}

contract! {
    async fn the_most_urgent_comes_first_or_the_oldest(db) {
        let tags = db.tags(TagType::Genre, &["a", "b", "c"]).await;
        let urgent = db.store.enqueue(&generate_job(&tags[2], false, Priority::HIGH)).await.unwrap();
        assert!(!urgent.created, "it joins the job of the creation");
        assert_eq!(urgent.job.priority, Priority::HIGH);
        let ids = |jobs: Vec<LeasedJob>| jobs.iter().map(|job| job.job.payload["tag_id"].as_i64().unwrap()).collect::<Vec<_>>();
        assert_eq!(ids(claim(&db, ClaimOrder::Age, LEASE, 1).await), [tags[0].id]);
        assert_eq!(ids(claim(&db, ClaimOrder::Priority, LEASE, 9).await), [tags[2].id, tags[1].id]);
        assert!(claim(&db, ClaimOrder::Priority, LEASE, 9).await.is_empty());
        assert!(db.claim_all(JobKind::Embed).await.is_empty());
    }

    async fn what_somebody_waits_for_can_be_claimed_alone(db) {
        let tags = db.tags(TagType::Genre, &["a", "b", "c"]).await;
        assert!(!db.store.is_urgent_due(JobKind::Generate).await.unwrap());
        assert!(claim(&db, ClaimOrder::Urgent, LEASE, 9).await.is_empty());
        db.store.enqueue(&generate_job(&tags[1], false, Priority::HIGH)).await.unwrap();
        assert!(db.store.is_urgent_due(JobKind::Generate).await.unwrap());
        let depth = db.store.queue_depth().await.unwrap();
        let waiting: Vec<_> = depth.iter().map(|depth| (depth.kind, depth.priority, depth.waiting)).collect();
        assert_eq!(waiting, [(JobKind::Generate, Priority::LOW, 2), (JobKind::Generate, Priority::HIGH, 1)]);
        assert!(depth.iter().all(|depth| depth.oldest <= chrono::Utc::now()));
        let claimed = claim(&db, ClaimOrder::Urgent, LEASE, 9).await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].job.payload["tag_id"], tags[1].id);
        assert!(!db.store.is_urgent_due(JobKind::Generate).await.unwrap());
    }

    async fn joining_a_queued_job_raises_its_wishes_and_never_takes_one_back(db) {
        let tag = db.genre("a").await;
        db.store.enqueue(&generate_job(&tag, true, Priority::HIGH)).await.unwrap();
        let mut plain = generate_job(&tag, false, Priority::LOW);
        plain.payload["refresh"] = false.into();
        let joined = db.store.enqueue(&plain).await.unwrap();
        assert!(!joined.created);
        assert_eq!(joined.job.priority, Priority::HIGH);
        assert_eq!(joined.job.payload["force"], true);
        assert_eq!(joined.job.payload["refresh"], true);
        assert_eq!(joined.job.payload["tag_id"], tag.id);
    }

    async fn one_job_of_a_kind_is_queued_and_one_runs(db) {
        let tag = db.genre("a").await;
        let running = db.claim_one(JobKind::Generate).await;
        let queued = db.store.enqueue(&generate_job(&tag, false, Priority::LOW)).await.unwrap();
        assert!(queued.created);
        assert_ne!(queued.job.id, running.job.id);
        assert!(!db.store.enqueue(&generate_job(&tag, false, Priority::LOW)).await.unwrap().created);
        assert!(claim(&db, ClaimOrder::Priority, LEASE, 9).await.is_empty(), "its twin runs");
        assert!(db.store.next_run_at(JobKind::Generate).await.unwrap().unwrap() > chrono::Utc::now(), "so nothing is due");
        db.store.finish(&running.lease, &Finish::Succeeded { result: serde_json::json!({ "n": 1 }) }).await.unwrap();
        assert_eq!(db.store.job(running.job.id).await.unwrap().unwrap().result.unwrap()["n"], 1);
        assert_eq!(db.claim_one(JobKind::Generate).await.job.id, queued.job.id);
    }

    async fn a_lapsed_lease_is_claimed_anew_and_its_former_holder_can_do_nothing(db) {
        let tag = db.genre("a").await;
        let lost = claim(&db, ClaimOrder::Priority, Duration::ZERO, 1).await.remove(0);
        let held = claim(&db, ClaimOrder::Priority, LEASE, 1).await.remove(0);
        assert_eq!((lost.job.id, held.job.id, held.job.attempts), (held.job.id, lost.job.id, 2));
        assert_ne!(lost.lease.owner, held.lease.owner, "the same worker, another claim");
        assert!(held.job.last_error.is_some());
        let both = [lost.lease.clone(), held.lease.clone()];
        assert_eq!(db.store.extend_leases(&both, LEASE).await.unwrap(), std::slice::from_ref(&lost.lease));
        for finish in [
            retry(Duration::ZERO),
            Finish::Succeeded { result: serde_json::json!({}) },
            Finish::Failed { error: "x".to_owned() },
            Finish::Release { reason: "x".to_owned(), delay: Duration::ZERO },
        ] {
            let error = db.store.finish(&lost.lease, &finish).await.unwrap_err();
            assert!(matches!(error, StoreError::LeaseLost(id) if id == lost.job.id), "{error}");
        }
        let outcomes = db.store.complete_generations(&[generation(&lost, &["x"]), generation(&held, &["y"])]).await.unwrap();
        assert_eq!(outcomes[0], musonym::store::GenerationOutcome::LeaseLost);
        assert_eq!(crate::backend::search_terms(&db.row(&genre(&tag.name)).await.unwrap()), ["y"]);
        assert_eq!(state(&db, held.job.id).await, JobState::Succeeded);
    }

    async fn an_extended_lease_does_not_lapse(db) {
        db.genre("a").await;
        let job = claim(&db, ClaimOrder::Priority, Duration::ZERO, 1).await.remove(0);
        assert!(db.store.extend_leases(&[job.lease], HOUR).await.unwrap().is_empty());
        assert!(claim(&db, ClaimOrder::Priority, LEASE, 1).await.is_empty());
    }

    async fn a_job_is_dead_when_its_attempts_are_spent(db) {
        db.genre("a").await;
        let mut id = 0;
        for attempt in 1..=3 {
            let job = db.claim_one(JobKind::Generate).await;
            assert_eq!((job.job.attempts, job.job.max_attempts), (attempt, 3));
            id = job.job.id;
            db.store.finish(&job.lease, &retry(Duration::ZERO)).await.unwrap();
        }
        let dead = db.store.job(id).await.unwrap().unwrap();
        assert_eq!((dead.state, dead.last_error.as_deref()), (JobState::Dead, Some("no answer")));
        assert!(db.claim_all(JobKind::Generate).await.is_empty());
        let again = db.store.retry_job(id).await.unwrap();
        assert_eq!((again.state, again.attempts), (JobState::Queued, 0));
        assert_eq!(db.claim_one(JobKind::Generate).await.job.id, id);
    }

    async fn a_worker_that_vanishes_spends_attempts_too(db) {
        db.genre("a").await;
        for _ in 0..3 {
            assert_eq!(claim(&db, ClaimOrder::Priority, Duration::ZERO, 1).await.len(), 1);
        }
        assert!(claim(&db, ClaimOrder::Priority, Duration::ZERO, 1).await.is_empty());
        assert_eq!(db.store.job_counts().await.unwrap(), JobCounts { dead: 1, ..JobCounts::default() });
    }

    async fn a_release_spends_nothing_and_a_delay_is_kept(db) {
        db.genre("a").await;
        for _ in 0..5 {
            let job = db.claim_one(JobKind::Generate).await;
            assert_eq!(job.job.attempts, 1);
            let release = Finish::Release { reason: "Ollama is away".to_owned(), delay: Duration::ZERO };
            db.store.finish(&job.lease, &release).await.unwrap();
        }
        let job = db.claim_one(JobKind::Generate).await;
        let before = chrono::Utc::now();
        db.store.finish(&job.lease, &retry(HOUR)).await.unwrap();
        assert!(db.claim_all(JobKind::Generate).await.is_empty());
        let next = db.store.next_run_at(JobKind::Generate).await.unwrap().unwrap();
        assert!((next - before).num_minutes() >= 59, "{next}");
        assert_eq!(db.store.next_run_at(JobKind::Embed).await.unwrap(), None);
    }

    async fn joining_a_waiting_job_ends_the_wait_only_when_more_urgent(db) {
        let tag = db.genre("a").await;
        let job = db.claim_one(JobKind::Generate).await;
        db.store.finish(&job.lease, &retry(HOUR)).await.unwrap();
        db.store.enqueue(&generate_job(&tag, false, Priority::LOW)).await.unwrap();
        assert!(db.claim_all(JobKind::Generate).await.is_empty(), "a repeated webhook must not spend the attempts");
        db.store.enqueue(&generate_job(&tag, false, Priority::HIGH)).await.unwrap();
        assert_eq!(db.claim_one(JobKind::Generate).await.job.id, job.job.id);
    }

    async fn what_cannot_be_queued_again_beside_its_twin_hands_its_wishes_over(db) {
        let tag = db.genre("a").await;
        db.store.enqueue(&generate_job(&tag, true, Priority::HIGH)).await.unwrap();
        let running = db.claim_one(JobKind::Generate).await;
        let mut plain = generate_job(&tag, false, Priority::LOW);
        plain.payload["refresh"] = false.into();
        let twin = db.store.enqueue(&plain).await.unwrap().job;
        db.store.finish(&running.lease, &retry(HOUR)).await.unwrap();
        assert_eq!(state(&db, running.job.id).await, JobState::Cancelled);
        let claimed = db.claim_one(JobKind::Generate).await.job;
        assert_eq!((claimed.id, claimed.priority, claimed.payload["force"].as_bool()), (twin.id, Priority::HIGH, Some(true)));
    }

    async fn a_lapsed_job_with_a_queued_twin_leaves_the_work_to_it(db) {
        let tag = db.genre("a").await;
        let lapsed = claim(&db, ClaimOrder::Priority, Duration::ZERO, 1).await.remove(0);
        let twin = db.store.enqueue(&generate_job(&tag, false, Priority::LOW)).await.unwrap().job;
        assert_eq!(db.claim_one(JobKind::Generate).await.job.id, twin.id);
        assert_eq!(state(&db, lapsed.job.id).await, JobState::Cancelled);
    }

    async fn retry_and_cancel_follow_the_state(db) {
        let tag = db.genre("a").await;
        let job = db.claim_one(JobKind::Generate).await;
        let conflict = |error: StoreError| assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        conflict(db.store.retry_job(job.job.id).await.unwrap_err());
        assert_eq!(db.store.cancel_job(job.job.id).await.unwrap().state, JobState::Cancelled);
        let error = db.store.finish(&job.lease, &retry(HOUR)).await.unwrap_err();
        assert!(matches!(error, StoreError::LeaseLost(_)), "{error}");
        assert_eq!(db.store.extend_leases(std::slice::from_ref(&job.lease), LEASE).await.unwrap(), [job.lease]);
        conflict(db.store.cancel_job(job.job.id).await.unwrap_err());
        let twin = db.store.enqueue(&generate_job(&tag, false, Priority::LOW)).await.unwrap().job;
        conflict(db.store.retry_job(job.job.id).await.unwrap_err());
        assert_eq!(db.store.cancel_job(twin.id).await.unwrap().state, JobState::Cancelled);
        assert_eq!(db.store.retry_job(job.job.id).await.unwrap().state, JobState::Queued);
        let job = db.claim_one(JobKind::Generate).await;
        db.store.finish(&job.lease, &Finish::Failed { error: "bad model".to_owned() }).await.unwrap();
        assert_eq!(state(&db, job.job.id).await, JobState::Failed);
        assert_eq!(db.store.retry_job(job.job.id).await.unwrap().state, JobState::Queued);
        for error in [db.store.retry_job(999).await.unwrap_err(), db.store.cancel_job(999).await.unwrap_err()] {
            assert!(matches!(error, StoreError::NotFound(_)), "{error}");
        }
        assert_eq!(db.store.job(999).await.unwrap(), None);
    }

    async fn jobs_are_listed_newest_first_and_counted(db) {
        db.tags(TagType::Genre, &["a", "b", "c"]).await;
        db.store.create_synonyms(&draft(genre("a"), &["x"])).await.unwrap();
        let claimed = claim(&db, ClaimOrder::Priority, LEASE, 1).await.remove(0);
        let first = db.store.list_jobs(&JobFilter::default(), &Page::first(3)).await.unwrap();
        let ids: Vec<i64> = first.items.iter().map(|job| job.id).collect();
        assert!(ids.is_sorted_by(|a, b| a > b));
        let rest = db.store.list_jobs(&JobFilter::default(), &Page { cursor: first.next, limit: 3 }).await.unwrap();
        assert_eq!((rest.items.len(), rest.next), (1, None));
        for (filter, count) in [
            (JobFilter { state: Some(JobState::Running), kind: None }, 1),
            (JobFilter { state: None, kind: Some(JobKind::Embed) }, 1),
            (JobFilter { state: Some(JobState::Queued), kind: Some(JobKind::Generate) }, 2),
        ] {
            assert_eq!(db.store.list_jobs(&filter, &Page::first(9)).await.unwrap().items.len(), count, "{filter:?}");
        }
        assert_eq!(db.store.job_counts().await.unwrap(), JobCounts { queued: 3, running: 1, ..JobCounts::default() });
        db.store.cancel_job(claimed.job.id).await.unwrap();
        let page = Page { cursor: Some("last".to_owned()), limit: 3 };
        let error = db.store.list_jobs(&JobFilter::default(), &page).await.unwrap_err();
        assert!(matches!(error, StoreError::BadCursor), "{error}");
    }

    async fn handles_that_claim_at_once_never_share_a_job(db) {
        let names: Vec<String> = (0..60).map(|n| format!("tag {n}")).collect();
        db.tags(TagType::Genre, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..4 {
            let store = db.backend.reopen().await;
            workers.spawn(async move {
                let mut claimed = Vec::new();
                loop {
                    let order = if worker % 2 == 0 { ClaimOrder::Priority } else { ClaimOrder::Age };
                    let jobs = store.claim(JobKind::Generate, order, &worker.to_string(), LEASE, 3).await.unwrap();
                    if jobs.is_empty() {
                        return claimed;
                    }
                    claimed.extend(jobs.into_iter().map(|job| job.job.id));
                }
            });
        }
        let claimed: Vec<i64> = workers.join_all().await.into_iter().flatten().collect();
        assert_eq!((claimed.len(), claimed.iter().collect::<HashSet<_>>().len()), (60, 60));
    }

    async fn callers_that_give_up_half_way_leave_no_lock_and_nothing_half_written(db) {
        for round in 0..40u64 {
            let store = std::sync::Arc::clone(&db.store);
            let draft = draft(genre(&format!("tag {round}")), &["x", "y"]);
            let writing = tokio::spawn(async move { store.create_synonyms(&draft).await.map(|_| ()) });
            // Given up at another moment in each round.
            for _ in 0..round * 5 {
                tokio::task::yield_now().await;
            }
            writing.abort();
            let _ = writing.await;
        }
        db.store.enqueue(&NewJob::embed(1, Priority::LOW)).await.unwrap();
        let tags = db.backend.number("SELECT COUNT(*) FROM genre_tag").await;
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM mir_synonym").await, tags);
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM synonym_term").await, tags * 3);
        db.backend.check().await;
    }
}
