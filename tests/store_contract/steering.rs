//! Steering all work at once: the pause, trying again, taking back.

use std::time::Duration;

use chrono::Utc;
use musonym::{
    domain::{JobKind, JobState, Priority, TagType},
    store::{ClaimOrder, Finish, RetryFilter, SETTING_JOBS_PAUSED, StoreError},
};

use crate::backend::{Db, LEASE, generate_job, generation};

/// How long news of another handle may take: it comes within a second, and test machines are shared.
const PATIENCE: Duration = Duration::from_secs(20);

/// Creates genres and ends the job of each in this way.
async fn ended(db: &Db, names: &[&str], finish: &Finish) -> Vec<i64> {
    db.tags(TagType::Genre, names).await;
    let jobs = db.claim_all(JobKind::Generate).await;
    for job in &jobs {
        db.store.finish(&job.lease, finish).await.unwrap();
    }
    jobs.into_iter().map(|job| job.job.id).collect()
}

contract! {
    async fn a_pause_holds_until_its_end_or_until_somebody_resumes(db) {
        assert_eq!(db.store.jobs_paused().await.unwrap(), None);
        assert!(!db.store.resume_jobs().await.unwrap(), "there was nothing to end");
        let endless = db.store.pause_jobs(None).await.unwrap();
        assert_eq!(endless.until, None);
        assert_eq!(db.store.jobs_paused().await.unwrap(), Some(endless));
        let later = Utc::now() + Duration::from_secs(3600);
        let until = db.store.pause_jobs(Some(later)).await.unwrap();
        assert_eq!(until.since, endless.since, "the same pause with another end");
        assert_eq!(until.until.unwrap().timestamp_millis(), later.timestamp_millis());
        assert_eq!(db.store.jobs_paused().await.unwrap(), Some(until));
        assert!(db.store.resume_jobs().await.unwrap());
        assert_eq!(db.store.jobs_paused().await.unwrap(), None);
        db.store.pause_jobs(Some(Utc::now())).await.unwrap();
        assert_eq!(db.store.jobs_paused().await.unwrap(), None, "its end has come");
        assert!(!db.store.resume_jobs().await.unwrap());
    }

    async fn every_process_hears_of_a_pause_and_of_its_end(db) {
        let other = db.backend.reopen().await;
        let (mut here, mut there) = (db.store.changes(), other.changes());
        for paused in [true, false] {
            here.mark_unchanged();
            there.mark_unchanged();
            if paused {
                db.store.pause_jobs(None).await.unwrap();
            } else {
                db.store.resume_jobs().await.unwrap();
            }
            assert!(here.has_changed().unwrap(), "at once in this one");
            tokio::time::timeout(PATIENCE, there.changed()).await.expect("the other was not told").unwrap();
            assert_eq!(other.jobs_paused().await.unwrap().is_some(), paused);
        }
    }

    async fn an_unreadable_pause_is_told_and_can_be_mended(db) {
        let damage = format!("INSERT INTO setting (key, value) VALUES ('{SETTING_JOBS_PAUSED}', 'soon')");
        db.backend.execute(&damage).await;
        assert!(matches!(db.store.jobs_paused().await.unwrap_err(), StoreError::Corrupt(_)));
        assert!(db.store.resume_jobs().await.unwrap());
        db.backend.execute(&damage).await;
        let paused = db.store.pause_jobs(None).await.unwrap();
        assert_eq!(db.store.jobs_paused().await.unwrap(), Some(paused));
    }

    async fn what_failed_is_tried_again_as_the_filter_says(db) {
        let failed = ended(&db, &["a", "b"], &Finish::Failed { error: "no such model: llama".to_owned() }).await;
        let other = ended(&db, &["c"], &Finish::Failed { error: "100% broken".to_owned() }).await;
        db.genre("d").await;
        let cancelled = db.claim_one(JobKind::Generate).await.job.id;
        db.store.cancel_job(cancelled).await.unwrap();
        let retry = async |filter: RetryFilter| db.store.retry_jobs(&filter).await.unwrap();
        assert_eq!(retry(RetryFilter { state: Some(JobState::Dead), ..RetryFilter::default() }).await, 0);
        assert_eq!(retry(RetryFilter { kind: Some(JobKind::Embed), ..RetryFilter::default() }).await, 0);
        let saying = |text: &str| RetryFilter { error_contains: Some(text.to_owned()), ..RetryFilter::default() };
        assert_eq!(retry(saying("No such")).await, 0, "letters as they are");
        assert_eq!(retry(saying("_")).await, 0, "no pattern");
        assert_eq!(retry(saying("0% b")).await, 1);
        assert_eq!(db.store.job(other[0]).await.unwrap().unwrap().state, JobState::Queued);
        assert_eq!(retry(RetryFilter::default()).await, 2);
        let again = db.store.job(failed[0]).await.unwrap().unwrap();
        assert_eq!((again.state, again.attempts, again.last_error), (JobState::Queued, 0, None));
        assert_eq!(retry(RetryFilter { state: Some(JobState::Cancelled), ..RetryFilter::default() }).await, 1);
        let wrong = RetryFilter { state: Some(JobState::Succeeded), ..RetryFilter::default() };
        assert!(matches!(db.store.retry_jobs(&wrong).await.unwrap_err(), StoreError::Conflict(_)));
    }

    async fn what_was_done_since_is_not_done_again(db) {
        let failure = Finish::Failed { error: "x".to_owned() };
        let first = ended(&db, &["a", "b"], &failure).await;
        let tags = [db.genre("a").await, db.genre("b").await];
        let queue = async |tag| db.store.enqueue(&generate_job(tag, false, Priority::LOW)).await.unwrap().job.id;
        let second = queue(&tags[0]).await;
        let done = db.claim_one(JobKind::Generate).await;
        db.store.complete_generations(&[generation(&done, &["x"])]).await.unwrap();
        let third = queue(&tags[1]).await;
        db.store.finish(&db.claim_one(JobKind::Generate).await.lease, &failure).await.unwrap();
        assert_eq!(db.store.retry_jobs(&RetryFilter::default()).await.unwrap(), 1, "the newest of `b` alone");
        for (id, state) in [
            (first[0], JobState::Failed),
            (first[1], JobState::Failed),
            (second, JobState::Succeeded),
            (third, JobState::Queued),
        ] {
            assert_eq!(db.store.job(id).await.unwrap().unwrap().state, state, "{id}");
        }
        assert_eq!(db.store.retry_jobs(&RetryFilter::default()).await.unwrap(), 0);
        // An older one that a person queued by its number keeps the newest from being queued beside it.
        db.store.cancel_queued(None).await.unwrap();
        db.store.retry_job(first[1]).await.unwrap();
        let cancelled = RetryFilter {
            state: Some(JobState::Cancelled),
            kind: Some(JobKind::Generate),
            error_contains: None,
        };
        assert_eq!(db.store.retry_jobs(&cancelled).await.unwrap(), 0);
    }

    async fn what_waits_is_taken_back_and_what_runs_goes_on(db) {
        db.genre_with("a", &["x"]).await;
        db.tags(TagType::Genre, &["b", "c"]).await;
        let running = db.store.claim(JobKind::Generate, ClaimOrder::Age, "worker", LEASE, 1).await.unwrap();
        assert_eq!(db.store.cancel_queued(Some(JobKind::Embed)).await.unwrap(), 1);
        assert_eq!(db.store.cancel_queued(None).await.unwrap(), 1);
        assert_eq!(db.store.cancel_queued(None).await.unwrap(), 0);
        let counts = db.store.job_counts().await.unwrap();
        assert_eq!((counts.queued, counts.running, counts.cancelled), (0, 1, 2));
        db.store.complete_generations(&[generation(&running[0], &["y"])]).await.unwrap();
    }
}
