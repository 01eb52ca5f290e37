//! Several processes on one database: what one writes, the others see within a second.

use std::{sync::Arc, time::Duration};

use musonym::{
    domain::{Priority, key},
    store::{Recall, Store},
};

use crate::backend::{Db, SPACE, draft, genre, name};

/// The promise is a second; the rest is for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits until `seen` holds for a handle, looking again at each of its ticks.
async fn eventually(store: &Arc<dyn Store>, what: &str, seen: impl AsyncFn(&Arc<dyn Store>) -> bool) {
    let mut changes = store.changes();
    let look = async {
        while !seen(store).await {
            changes.changed().await.unwrap();
        }
    };
    assert!(tokio::time::timeout(PATIENCE, look).await.is_ok(), "{what}");
}

async fn nearest(store: &Arc<dyn Store>) -> Vec<i64> {
    let recall = Recall {
        keys: &[],
        phrases: &[],
        stems: &[],
        fuzzy_key: None,
        vector: Some((SPACE, &[1.0, 0.0, 0.0, 0.0])),
        tag_type: None,
        term_limit: 9,
        vector_limit: 9,
    };
    store.recall(&recall).await.unwrap().vectors.into_iter().map(|hit| hit.synonym_id).collect()
}

async fn finds(store: &Arc<dyn Store>, text: &str) -> bool {
    let keys = [key(text)];
    let recall = Recall {
        keys: &keys,
        phrases: &[],
        stems: &[],
        fuzzy_key: None,
        vector: None,
        tag_type: None,
        term_limit: 9,
        vector_limit: 9,
    };
    !store.recall(&recall).await.unwrap().terms.is_empty()
}

contract! {
    async fn a_write_ticks_at_home_at_once_and_elsewhere_within_a_second(db) {
        let other = db.backend.reopen().await;
        let (mut here, mut there) = (db.store.changes(), other.changes());
        here.mark_unchanged();
        there.mark_unchanged();
        db.genre("ska").await;
        assert!(here.has_changed().unwrap());
        assert!(tokio::time::timeout(PATIENCE, there.changed()).await.is_ok());
        there.mark_unchanged();
        db.backend.execute("INSERT INTO mood_tag (name) VALUES ('sad')").await;
        assert!(tokio::time::timeout(PATIENCE, there.changed()).await.is_ok(), "plain SQL ticks, too");
    }

    async fn vectors_and_versions_follow_the_writes_of_another_handle(db) {
        let other = db.backend.reopen().await;
        let row = db.genre_with("ska", &["x"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        eventually(&other, "embedding", async |store| nearest(store).await == [row.id]).await;
        eventually(&other, "version", async |store| store.vocabulary_version() == db.store.vocabulary_version()).await;
        db.store.replace_synonyms(row.id, &draft(genre("ska"), &["y"]), None).await.unwrap();
        eventually(&other, "update", async |store| nearest(store).await.is_empty()).await;
        db.embed_all(|_| [0.0, 1.0, 0.0, 0.0]).await;
        eventually(&other, "embedding anew", async |store| nearest(store).await == [row.id]).await;
        let version = other.vocabulary_version();
        db.store.rename_tag(&genre("ska"), &name("rocksteady"), Priority::LOW).await.unwrap();
        eventually(&other, "rename", async |store| store.vocabulary_version() > version && finds(store, "rocksteady").await).await;
        assert!(!finds(&other, "ska").await);
        db.store.delete_tag(&genre("rocksteady")).await.unwrap();
        eventually(&other, "deletion", async |store| nearest(store).await.is_empty() && !finds(store, "rocksteady").await).await;
        eventually(&other, "version", async |store| store.vocabulary_version() == db.store.vocabulary_version()).await;
    }

    async fn who_catches_up_answers_from_what_another_handle_has_committed(db) {
        let other = db.backend.reopen().await;
        for name in ["ska", "dub", "roots", "rocksteady", "lovers rock"] {
            db.genre_with(name, &["x"]).await;
            other.catch_up().await.unwrap();
            assert!(finds(&other, name).await, "{name}");
            assert_eq!(other.vocabulary_version(), db.store.vocabulary_version());
        }
    }

    async fn a_switch_of_the_space_reaches_another_handle(db) {
        let other = db.backend.reopen().await;
        db.genre_with("ska", &["x"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        eventually(&other, "embedding", async |store| nearest(store).await.len() == 1).await;
        db.switch("next").await;
        eventually(&other, "switch", async |store| nearest(store).await.is_empty()).await;
    }

    async fn a_tag_deleted_by_plain_sql_is_gone_from_the_vectors(db) {
        let row = db.genre_with("ska", &["x"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        assert_eq!(nearest(&db.store).await, [row.id]);
        db.backend.execute("DELETE FROM genre_tag").await;
        eventually(&db.store, "deletion", async |store| nearest(store).await.is_empty()).await;
        assert!(db.row(&genre("ska")).await.is_none());
        db.backend.check().await;
    }

    async fn handles_that_open_a_new_database_together_all_succeed(db) {
        let Db { backend, .. } = db;
        let backend: Arc<dyn crate::backend::Backend> = backend.into();
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let backend = Arc::clone(&backend);
            opening.spawn(async move { backend.reopen().await.ping().await.unwrap() });
        }
        opening.join_all().await;
    }
}
