//! Steering all work at once: the pause.

use std::time::Duration;

use chrono::Utc;
use musonym::store::{SETTING_JOBS_PAUSED, StoreError};

/// How long news of another handle may take: it comes within a second, and test machines are shared.
const PATIENCE: Duration = Duration::from_secs(20);

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
}
