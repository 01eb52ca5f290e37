//! The outbox: what is written down for subscribers, and how it is taken from there.

use std::time::Duration;

use musonym::{
    domain::{DeliveryState, JobKind, OutboundKind, TagType, Timestamp},
    store::{
        ClaimedDelivery, DeliveryAttempt, DeliveryEnd, Finish, NewSubscriber, OutboundDelivery, OutboundSubscriber,
        Page, Retention, StoreError,
    },
};
use serde_json::json;

use crate::backend::{Db, LEASE, draft, genre, name};

const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 86400);

fn subscriber(key: &str, events: &[OutboundKind]) -> NewSubscriber {
    NewSubscriber { url_key: key.to_owned(), shown: format!("https://{key}.example/"), events: events.to_vec() }
}

/// Makes one that wants everything known; returns its number.
async fn subscribe(db: &Db, key: &str) -> i64 {
    db.store.set_outbound_subscribers(&[subscriber(key, OutboundKind::ALL)]).await.unwrap()[0].id
}

/// All deliveries, oldest first.
async fn deliveries(db: &Db) -> Vec<OutboundDelivery> {
    let mut items = db.store.list_deliveries(None, &Page::first(500)).await.unwrap().items;
    items.reverse();
    items
}

async fn claim_one(db: &Db, subscriber: i64, lease: Duration) -> ClaimedDelivery {
    let mut claimed = db.store.claim_deliveries(subscriber, lease, 10).await.unwrap();
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed.remove(0)
}

fn answered(status: u16) -> DeliveryAttempt {
    let error = (status >= 300).then(|| format!("the answer was {status}"));
    DeliveryAttempt { at: Timestamp::UNIX_EPOCH, status: Some(status), error, elapsed_ms: 3 }
}

contract! {
    async fn every_change_is_written_down_for_those_who_want_it_and_no_other(db) {
        db.genre_with("early", &["x"]).await;
        assert!(deliveries(&db).await.is_empty(), "nobody was told of it");
        let changes = [OutboundKind::SynonymsUpdated, OutboundKind::SynonymsDeactivated];
        let wanted = [subscriber("changes", &changes), subscriber("failures", &[OutboundKind::GenerationFailed])];
        let known = db.store.set_outbound_subscribers(&wanted).await.unwrap();
        assert_eq!(known.iter().map(|one| one.events.len()).collect::<Vec<_>>(), [2, 1]);
        let row = db.genre_with("ska", &["x"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        db.store.replace_synonyms(row.id, &draft(genre("ska"), &["two tone"]), None).await.unwrap();
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        db.store.activate_synonyms(row.id).await.unwrap();
        db.store.rename_tag(&genre("ska"), &name("Ska Punk"), musonym::domain::Priority::LOW).await.unwrap();
        db.store.delete_tag(&genre("ska punk")).await.unwrap();
        let seen: Vec<_> = deliveries(&db)
            .await
            .into_iter()
            .map(|it| (it.event.as_str(), it.data["version"].as_i64().unwrap(), it.data["tag_name"].clone()))
            .collect();
        assert_eq!(seen, [
            ("synonyms.updated", 1, json!("ska")),
            ("synonyms.updated", 2, json!("ska")),
            ("synonyms.deactivated", 3, json!("ska")),
            ("synonyms.updated", 4, json!("ska")),
            ("synonyms.updated", 5, json!("Ska Punk")),
            ("synonyms.deactivated", 5, json!("Ska Punk")),
        ]);
        assert!(deliveries(&db).await.iter().all(|it| it.subscriber_id == known[0].id && it.url == "https://changes.example/"));
    }

    async fn a_generation_that_fails_for_good_is_told_once(db) {
        let id = subscribe(&db, "all").await;
        db.genre("gqom").await;
        let job = db.claim_one(JobKind::Generate).await;
        db.store.finish(&job.lease, &Finish::Retry { error: "no answer".to_owned(), delay: Duration::ZERO }).await.unwrap();
        assert!(deliveries(&db).await.is_empty(), "it is tried again");
        let job = db.claim_one(JobKind::Generate).await;
        db.store.finish(&job.lease, &Finish::Failed { error: "no such model".to_owned() }).await.unwrap();
        let told = claim_one(&db, id, LEASE).await;
        assert_eq!(told.kind, OutboundKind::GenerationFailed);
        assert_eq!((&told.data["tag_name"], &told.data["state"]), (&json!("gqom"), &json!("failed")));
        assert_eq!((&told.data["error"], &told.data["job_id"]), (&json!("no such model"), &json!(job.job.id)));
        assert!(told.message_id.starts_with("evt_") && told.message_id.len() == 36, "{}", told.message_id);
    }

    async fn what_is_taken_back_is_not_told(db) {
        db.genre_with("rap", &["x"]).await;
        db.genre_with("hip hop", &["y"]).await;
        subscribe(&db, "all").await;
        db.store.merge_tags(TagType::Genre, &name("rap"), &name("hip hop"), true).await.unwrap();
        assert!(deliveries(&db).await.is_empty(), "a dry run");
        db.store.merge_tags(TagType::Genre, &name("rap"), &name("hip hop"), false).await.unwrap();
        let seen: Vec<_> = deliveries(&db).await.into_iter().map(|it| (it.event.as_str(), it.data["tag_name"].clone())).collect();
        assert_eq!(seen, [("synonyms.updated", json!("hip hop")), ("synonyms.deactivated", json!("rap"))]);
    }

    async fn a_tag_deleted_by_plain_sql_is_told_of(db) {
        subscribe(&db, "all").await;
        db.genre_with("ska", &["x"]).await;
        db.backend.execute("DELETE FROM genre_tag WHERE name = 'ska'").await;
        let last = deliveries(&db).await.pop().unwrap();
        assert_eq!((last.event, &last.data["reason"]), (OutboundKind::SynonymsDeactivated, &json!("deleted")));
        assert_eq!(last.data["tag_name"], "ska");
    }

    async fn a_claim_is_a_lease_and_only_its_holder_ends_it(db) {
        let id = subscribe(&db, "all").await;
        db.genre_with("ska", &["x"]).await;
        assert!(db.store.next_delivery_at(id).await.unwrap().unwrap() <= chrono::Utc::now());
        let first = claim_one(&db, id, Duration::ZERO).await;
        // The lease has lapsed at once: as after a crash, another takes it over, under the same id.
        let second = claim_one(&db, id, LEASE).await;
        assert_eq!((first.attempts, second.attempts), (1, 2));
        assert_eq!(first.message_id, second.message_id);
        assert!(db.store.claim_deliveries(id, LEASE, 10).await.unwrap().is_empty(), "it is held");
        assert!(matches!(db.store.retry_delivery(second.id).await, Err(StoreError::Conflict(_))), "it is being sent");
        assert!(!db.store.finish_delivery(&first, &answered(200), DeliveryEnd::Delivered).await.unwrap());
        assert!(db.store.finish_delivery(&second, &answered(204), DeliveryEnd::Delivered).await.unwrap());
        assert!(!db.store.finish_delivery(&second, &answered(204), DeliveryEnd::Delivered).await.unwrap());
        let done = deliveries(&db).await.remove(0);
        assert_eq!((done.state, done.last_status, done.next_at), (DeliveryState::Delivered, Some(204), None));
        assert_eq!(done.log, [answered(204)]);
        assert_eq!(db.store.next_delivery_at(id).await.unwrap(), None);
    }

    async fn handles_that_claim_at_once_share_the_deliveries(db) {
        let id = subscribe(&db, "all").await;
        for number in 0..20 {
            db.genre_with(&format!("genre {number}"), &["x"]).await;
        }
        let mut claimers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = db.backend.reopen().await;
            claimers.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = store.claim_deliveries(id, LEASE, 3).await.unwrap();
                    if claimed.is_empty() && store.next_delivery_at(id).await.unwrap().unwrap() > chrono::Utc::now() {
                        return mine;
                    }
                    mine.extend(claimed.into_iter().map(|claimed| claimed.id));
                }
            });
        }
        let mut ids: Vec<i64> = claimers.join_all().await.into_iter().flatten().collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 20, "each once");
    }

    async fn what_was_not_taken_waits_dies_and_may_be_sent_again(db) {
        let id = subscribe(&db, "all").await;
        db.genre_with("ska", &["x"]).await;
        let claimed = claim_one(&db, id, LEASE).await;
        db.store.finish_delivery(&claimed, &answered(500), DeliveryEnd::Retry(HOUR)).await.unwrap();
        assert!(db.store.claim_deliveries(id, LEASE, 10).await.unwrap().is_empty(), "not before its time");
        let waiting = deliveries(&db).await.remove(0);
        assert!(waiting.next_at.unwrap() > chrono::Utc::now() + chrono::Duration::minutes(50));
        assert_eq!((waiting.state, waiting.last_error.as_deref()), (DeliveryState::Pending, Some("the answer was 500")));
        // A person does not want to wait.
        let again = db.store.retry_delivery(claimed.id).await.unwrap();
        assert_eq!((again.state, again.attempts), (DeliveryState::Pending, 0));
        let claimed = claim_one(&db, id, LEASE).await;
        db.store.finish_delivery(&claimed, &answered(503), DeliveryEnd::Dead).await.unwrap();
        let dead = db.store.list_deliveries(Some(DeliveryState::Dead), &Page::first(9)).await.unwrap().items;
        assert_eq!(dead[0].log.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [Some(500), Some(503)]);
        assert!(db.store.list_deliveries(Some(DeliveryState::Pending), &Page::first(9)).await.unwrap().items.is_empty());
        db.store.retry_delivery(claimed.id).await.unwrap();
        assert_eq!(claim_one(&db, id, LEASE).await.message_id, claimed.message_id);
        assert!(matches!(db.store.retry_delivery(9_999).await, Err(StoreError::NotFound(_))));
    }

    async fn who_is_gone_is_told_nothing_more_until_enabled(db) {
        let id = subscribe(&db, "all").await;
        db.genre_with("ska", &["x"]).await;
        db.genre_with("dub", &["x"]).await;
        let claimed = db.store.claim_deliveries(id, LEASE, 1).await.unwrap().remove(0);
        assert!(db.store.finish_delivery(&claimed, &answered(410), DeliveryEnd::Gone).await.unwrap());
        assert!(deliveries(&db).await.iter().all(|it| it.state == DeliveryState::Dead), "those that waited, too");
        db.genre_with("rap", &["x"]).await;
        assert_eq!(deliveries(&db).await.len(), 2);
        let refused = db.store.retry_delivery(claimed.id).await.unwrap_err().to_string();
        assert!(refused.contains("musonym webhooks test"), "{refused}");
        // A new start of the program changes nothing.
        subscribe(&db, "all").await;
        let known: Vec<OutboundSubscriber> = db.store.outbound_subscribers().await.unwrap();
        assert!(known[0].disabled_at.is_some(), "{known:?}");
        assert!(db.store.enable_outbound_subscriber(id).await.unwrap());
        assert!(!db.store.enable_outbound_subscriber(id).await.unwrap());
        db.genre_with("gqom", &["x"]).await;
        assert_eq!(claim_one(&db, id, LEASE).await.data["tag_name"], "gqom");
    }

    async fn who_is_no_longer_configured_is_told_nothing_more(db) {
        let first = subscribe(&db, "first").await;
        db.genre_with("ska", &["x"]).await;
        let second = subscribe(&db, "second").await;
        let given_up = deliveries(&db).await.remove(0);
        assert_eq!((given_up.subscriber_id, given_up.state), (first, DeliveryState::Dead));
        assert!(db.store.retry_delivery(given_up.id).await.unwrap_err().to_string().contains("no longer configured"));
        db.genre_with("dub", &["x"]).await;
        assert!(db.store.claim_deliveries(first, LEASE, 10).await.unwrap().is_empty());
        assert_eq!(claim_one(&db, second, LEASE).await.data["tag_name"], "dub");
        assert_eq!(subscribe(&db, "first").await, first, "it is the same when it comes back");
        assert!(db.store.set_outbound_subscribers(&[]).await.unwrap().is_empty());
        assert!(db.store.outbound_subscribers().await.unwrap().is_empty());
    }

    async fn what_was_delivered_is_deleted_after_its_retention_and_what_waits_is_not(db) {
        let id = subscribe(&db, "all").await;
        db.genre_with("ska", &["x"]).await;
        let claimed = claim_one(&db, id, LEASE).await;
        db.store.finish_delivery(&claimed, &answered(200), DeliveryEnd::Delivered).await.unwrap();
        db.genre_with("dub", &["x"]).await;
        db.backend.age().await;
        let keep = Retention { jobs: WEEK, deliveries: WEEK, revisions: WEEK };
        assert_eq!(db.store.expire(&keep).await.unwrap(), 0);
        assert_eq!(db.store.expire(&Retention { deliveries: HOUR, ..keep }).await.unwrap(), 1);
        assert_eq!(deliveries(&db).await.iter().map(|it| it.data["tag_name"].clone()).collect::<Vec<_>>(), ["dub"]);
        db.backend.check().await;
    }
}
