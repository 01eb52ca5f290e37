//! Settings, upkeep, health.

use std::{sync::Arc, time::Duration};

use musonym::{
    domain::{JobKind, TagType},
    store::{Finish, Retention, WebhookEvent},
};

use crate::backend::genre;

const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 86400);

contract! {
    async fn a_setting_is_written_once(db) {
        assert_eq!(db.store.setting("k").await.unwrap(), None);
        assert_eq!(db.store.setting_or_insert("k", "first").await.unwrap(), "first");
        assert_eq!(db.store.setting_or_insert("k", "second").await.unwrap(), "first");
        assert_eq!(db.store.setting("k").await.unwrap().as_deref(), Some("first"));
    }

    async fn handles_that_write_one_setting_at_once_agree(db) {
        let mut writers = tokio::task::JoinSet::new();
        for n in 0..4 {
            let store = db.backend.reopen().await;
            writers.spawn(async move { store.setting_or_insert("k", &n.to_string()).await.unwrap() });
        }
        let values = writers.join_all().await;
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
    }

    async fn what_has_ended_is_deleted_after_its_retention_and_nothing_else(db) {
        let row = db.genre_with("ska", &["x"]).await;
        db.tags(TagType::Genre, &["waits", "runs"]).await;
        db.store.apply_webhook("msg_1", &WebhookEvent::Deleted { tag: genre("nobody") }).await.unwrap();
        let running = db.claim_all(JobKind::Generate).await;
        db.store.finish(&running[0].lease, &Finish::Failed { error: "x".to_owned() }).await.unwrap();
        db.backend.age().await;
        let keep = Retention { jobs: WEEK, deliveries: WEEK, revisions: WEEK };
        assert_eq!(db.store.expire(&keep).await.unwrap(), 0);
        assert_eq!(db.store.expire(&Retention { jobs: HOUR, ..keep }).await.unwrap(), 2, "one succeeded, one failed");
        let counts = db.store.job_counts().await.unwrap();
        assert_eq!((counts.queued, counts.running, counts.succeeded, counts.failed), (1, 1, 0, 0));
        assert_eq!(db.store.expire(&Retention { deliveries: HOUR, ..keep }).await.unwrap(), 1);
        assert_eq!(db.store.expire(&Retention { revisions: HOUR, ..keep }).await.unwrap(), 1);
        assert!(db.revisions(row.id).await.is_empty());
        assert!(db.row(&genre("ska")).await.is_some());
    }

    async fn a_closed_store_says_so_and_leaves_its_data(db) {
        db.store.ping().await.unwrap();
        assert!(db.store.schema_version().await.unwrap() >= 1);
        assert!(!db.store.describe().is_empty());
        db.genre("ska").await;
        assert_eq!(db.store.tag_count().await.unwrap(), 1);
        let again = db.backend.reopen().await;
        db.store.close().await;
        assert!(db.store.ping().await.is_err());
        assert!(db.store.create_tags(&[], musonym::domain::Priority::LOW).await.is_err());
        assert!(again.tag_by_name(TagType::Genre, "ska").await.unwrap().is_some());
        drop(Arc::clone(&again));
    }
}
