//! Webhook deliveries: each applied once, and answered alike every time.

use musonym::{
    domain::{JobKind, TagType},
    store::{Page, TagFilter, WebhookEvent},
};

use crate::backend::{genre, mood, name};

fn upserted(tag: musonym::domain::TagRef) -> WebhookEvent {
    WebhookEvent::Upserted { tag, previous_name: None, regenerate: false }
}

contract! {
    async fn a_delivery_is_applied_once_and_answered_alike(db) {
        let first = db.store.apply_webhook("msg_1", &upserted(genre("ska"))).await.unwrap();
        assert_eq!((first.status.as_str(), first.job_id.is_some()), ("accepted", true));
        let job = db.claim_one(JobKind::Generate).await;
        assert_eq!(Some(job.job.id), first.job_id);
        assert_eq!(db.store.apply_webhook("msg_1", &upserted(genre("ska"))).await.unwrap(), first);
        let other = WebhookEvent::Deleted { tag: genre("ska") };
        assert_eq!(db.store.apply_webhook("msg_1", &other).await.unwrap(), first, "the id decides");
        assert!(db.claim_all(JobKind::Generate).await.is_empty());
        let second = db.store.apply_webhook("msg_2", &upserted(genre("SKA"))).await.unwrap();
        assert_ne!(second.job_id, first.job_id, "another delivery while the first job runs");
    }

    async fn deliveries_of_one_id_at_once_make_one_job(db) {
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = db.backend.reopen().await;
            senders.spawn(async move { store.apply_webhook("msg_1", &upserted(mood("sad"))).await.unwrap() });
        }
        let outcomes = senders.join_all().await;
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0] && outcome.job_id.is_some()));
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM job").await, 1);
    }

    async fn an_update_regenerates_and_renames_where_it_can(db) {
        let row = db.genre_with("triphop", &["x"]).await;
        let renamed = WebhookEvent::Upserted {
            tag: genre("trip-hop 2"),
            previous_name: Some(name("Trip Hop")),
            regenerate: true,
        };
        let outcome = db.store.apply_webhook("msg_1", &renamed).await.unwrap();
        assert_eq!(db.row(&genre("trip-hop 2")).await.unwrap().id, row.id);
        assert_eq!(db.store.tag_by_name(TagType::Genre, "triphop").await.unwrap(), None);
        let job = db.store.job(outcome.job_id.unwrap()).await.unwrap().unwrap();
        assert_eq!(job.payload["refresh"], true);
        // Where the new name is taken, the tag that has it is served and nothing is merged.
        db.genre("downtempo").await;
        let taken = WebhookEvent::Upserted {
            tag: genre("downtempo"),
            previous_name: Some(name("trip-hop 2")),
            regenerate: false,
        };
        db.store.apply_webhook("msg_2", &taken).await.unwrap();
        assert_eq!(db.store.list_tags(&TagFilter::default(), &Page::first(9)).await.unwrap().items.len(), 2);
        // An unknown former name is no error: the tag is created.
        let unknown = WebhookEvent::Upserted { tag: genre("lo-fi"), previous_name: Some(name("low")), regenerate: false };
        assert!(db.store.apply_webhook("msg_3", &unknown).await.unwrap().job_id.is_some());
    }

    async fn a_deletion_has_no_job(db) {
        db.genre_with("ska", &["x"]).await;
        let deleted = WebhookEvent::Deleted { tag: genre("ska") };
        let outcome = db.store.apply_webhook("msg_1", &deleted).await.unwrap();
        assert_eq!((outcome.status.as_str(), outcome.job_id), ("deleted", None));
        let outcome = db.store.apply_webhook("msg_2", &deleted).await.unwrap();
        assert_eq!((outcome.status.as_str(), outcome.job_id), ("unknown_tag", None));
        assert_eq!(db.store.apply_webhook("msg_1", &deleted).await.unwrap().status, "deleted");
        assert_eq!(db.row(&genre("ska")).await, None);
    }
}
