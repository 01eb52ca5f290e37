//! The active embedding space, the next one beside it, and the switch from one to the other.

use std::{sync::Arc, time::Duration};

use musonym::{
    domain::{JobKind, JobState, SynonymRecord},
    store::{NextSpace, Recall, SpaceProgress, SpaceSwitch, Store, Switched},
};

use crate::backend::{Db, SPACE, draft, genre};

/// A lock of a process that has ended is given back within this.
const PATIENCE: Duration = Duration::from_secs(30);

fn next(space: &str) -> NextSpace {
    NextSpace { space: space.to_owned(), model: format!("ollama:{space}") }
}

/// A vector of two dimensions for a row.
fn vector(row: &SynonymRecord, vector: [f32; 2]) -> (i64, i64, Vec<f32>) {
    (row.id, row.version, vector.to_vec())
}

/// Two genres with a vector in [`SPACE`].
async fn two_embedded(db: &Db) -> (SynonymRecord, SynonymRecord) {
    let rows = (db.genre_with("aaa", &["x"]).await, db.genre_with("bbb", &["x"]).await);
    db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
    rows
}

async fn nearest(store: &Arc<dyn Store>, space: &str, vector: &[f32]) -> Vec<i64> {
    let recall = Recall { vector: Some((space, vector)), term_limit: 9, vector_limit: 9, ..Recall::default() };
    store.recall(&recall).await.unwrap().vectors.into_iter().map(|hit| hit.synonym_id).collect()
}

/// A switch that lets only these rows lack a vector.
fn switch<'a>(space: &'a str, may_lack: &'a [i64]) -> SpaceSwitch<'a> {
    SpaceSwitch { space, keeps_former: false, may_lack: Some(may_lack) }
}

contract! {
    async fn one_change_is_under_way_and_its_vectors_end_with_it(db) {
        let (a, b) = two_embedded(&db).await;
        assert_eq!(db.store.next_space().await.unwrap(), None);
        assert_eq!(db.store.store_next_vectors("one", &[vector(&a, [1.0, 0.0])]).await.unwrap(), None, "not begun");
        assert_eq!(db.store.begin_space_change(&next("one")).await.unwrap(), next("one"));
        assert_eq!(db.store.begin_space_change(&next("two")).await.unwrap(), next("one"), "the first stands");
        let other = db.backend.reopen().await;
        assert_eq!(other.next_space().await.unwrap(), Some(next("one")));
        assert_eq!(other.store_next_vectors("two", &[vector(&a, [1.0, 0.0])]).await.unwrap(), None);
        let outdated = (b.id, b.version + 1, vec![0.0, 1.0]);
        assert_eq!(db.store.store_next_vectors("one", &[vector(&a, [1.0, 0.0]), outdated]).await.unwrap(), Some(1));
        assert_eq!(db.store.space_progress("one").await.unwrap(), SpaceProgress { done: 1, rows: 2 });
        assert_eq!(db.store.space_progress(SPACE).await.unwrap(), SpaceProgress { done: 2, rows: 2 });
        let measured = musonym::domain::Calibration { floor: 0.2, ceiling: 0.8, tags: 77 };
        db.store.set_calibration("one", &measured).await.unwrap();

        db.store.drop_space_change(&next("two"), false).await.unwrap();
        assert_eq!(db.store.next_space().await.unwrap(), Some(next("one")), "another one's end is not this one's");
        db.store.drop_space_change(&next("one"), false).await.unwrap();
        assert_eq!(db.store.next_space().await.unwrap(), None);
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM synonym_embedding").await, 0);
        assert_ne!(db.store.calibration("one"), measured);
        assert_eq!(other.store_next_vectors("one", &[vector(&b, [1.0, 0.0])]).await.unwrap(), None, "no leftovers");
        assert_eq!(nearest(&db.store, SPACE, &[1.0, 0.0, 0.0, 0.0]).await, [a.id, b.id]);

        db.store.begin_space_change(&next("two")).await.unwrap();
        db.store.store_next_vectors("two", &[vector(&a, [1.0, 0.0])]).await.unwrap();
        db.store.drop_space_change(&next("two"), true).await.unwrap();
        assert_eq!(db.store.space_progress("two").await.unwrap().done, 1, "kept where asked for");
    }

    async fn the_active_space_serves_until_the_next_one_is_whole(db) {
        let (a, b) = two_embedded(&db).await;
        let query = [1.0, 0.0, 0.0, 0.0];
        db.store.begin_space_change(&next("next")).await.unwrap();
        db.store.store_next_vectors("next", &[vector(&a, [1.0, 0.0])]).await.unwrap();
        assert_eq!(nearest(&db.store, SPACE, &query).await, [a.id, b.id]);
        let missing = db.store.switch_embedding_space(&switch("next", &[])).await.unwrap();
        assert_eq!(missing, Switched::Missing(vec![b.id]));
        assert_eq!(db.store.switch_embedding_space(&switch("next", &[a.id])).await.unwrap(), missing);
        assert_eq!(nearest(&db.store, SPACE, &query).await, [a.id, b.id]);
        assert_eq!(db.store.next_space().await.unwrap(), Some(next("next")));

        db.store.store_next_vectors("next", &[vector(&b, [0.0, 1.0])]).await.unwrap();
        // A row that changes loses its vector of the next space, and one that comes has none.
        db.store.replace_synonyms(a.id, &draft(genre("aaa"), &["y"]), None).await.unwrap();
        let c = db.store.create_synonyms(&draft(genre("ccc"), &["z"])).await.unwrap();
        let missing = db.store.switch_embedding_space(&switch("next", &[])).await.unwrap();
        assert_eq!(missing, Switched::Missing(vec![a.id, c.id]));
        let inputs = db.store.rows_without_vector("next", 0, 9).await.unwrap();
        assert_eq!(inputs.iter().map(|input| input.synonym_id).collect::<Vec<_>>(), [a.id, c.id]);
        assert_eq!(db.store.rows_without_vector("next", a.id, 9).await.unwrap()[..], inputs[1..]);
        assert_eq!(db.store.rows_without_vector("next", 0, 1).await.unwrap()[..], inputs[..1]);
        let vectors: Vec<_> = inputs.iter().map(|input| (input.synonym_id, input.version, vec![1.0, 0.0])).collect();
        assert_eq!(db.store.store_next_vectors("next", &vectors).await.unwrap(), Some(2));

        let version = db.store.vocabulary_version();
        assert_eq!(db.store.switch_embedding_space(&switch("next", &[])).await.unwrap(), Switched::Done { queued: 0 });
        assert!(db.store.vocabulary_version() > version, "answers of before are outdated");
        assert_eq!(db.store.active_space().as_deref(), Some("next"));
        assert_eq!(db.store.next_space().await.unwrap(), None);
        assert_eq!(nearest(&db.store, "next", &[0.0, 1.0]).await[0], b.id);
        assert_eq!(nearest(&db.store, "next", &[0.0, 1.0]).await.len(), 3);
        assert!(nearest(&db.store, SPACE, &query).await.is_empty());
        assert_eq!(db.store.embedding(b.id).await.unwrap(), Some(vec![0.0, 1.0]));
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM synonym_embedding").await, 0);
        db.backend.check().await;
    }

    async fn another_handle_asks_the_new_space_as_soon_as_the_old_one_finds_nothing(db) {
        let (a, b) = two_embedded(&db).await;
        let other = db.backend.reopen().await;
        db.store.begin_space_change(&next("next")).await.unwrap();
        db.store.store_next_vectors("next", &[vector(&a, [1.0, 0.0]), vector(&b, [0.0, 1.0])]).await.unwrap();
        db.store.switch_embedding_space(&switch("next", &[])).await.unwrap();
        // It may not have heard of the switch yet: whoever embeds for the new space finds its vectors all the same.
        let mut changes = other.changes();
        let heard = async {
            while nearest(&other, "next", &[0.0, 1.0]).await != [b.id, a.id] {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.unwrap();
        while !nearest(&other, SPACE, &[1.0, 0.0, 0.0, 0.0]).await.is_empty() {
            changes.changed().await.unwrap();
        }
        assert_eq!(other.active_space().as_deref(), Some("next"), "nothing found, so it has looked");
    }

    async fn a_switch_settles_the_jobs(db) {
        let (a, b) = two_embedded(&db).await;
        db.store.begin_space_change(&next("next")).await.unwrap();
        // Both wait for an embedder of the former space; one has its vector of the next.
        let a = db.store.replace_synonyms(a.id, &draft(genre("aaa"), &["y"]), None).await.unwrap();
        db.store.replace_synonyms(b.id, &draft(genre("bbb"), &["y"]), None).await.unwrap();
        let c = db.genre_with("ccc", &["z"]).await;
        db.embed_all(|_| [0.0, 1.0, 0.0, 0.0]).await;
        let a = db.store.replace_synonyms(a.id, &draft(genre("aaa"), &["z"]), None).await.unwrap();
        db.store.store_next_vectors("next", &[vector(&a, [1.0, 0.0])]).await.unwrap();
        let switched = db.store.switch_embedding_space(&switch("next", &[b.id, c.id])).await.unwrap();
        assert_eq!(switched, Switched::Done { queued: 2 }, "what lacks a vector gets a job");
        let jobs = db.claim_all(JobKind::Embed).await;
        let mut rows: Vec<_> = jobs.iter().map(|job| job.job.payload["synonym_id"].as_i64().unwrap()).collect();
        rows.sort_unstable();
        assert_eq!(rows, [b.id, c.id], "and what has one needs none");
        let filter = musonym::store::JobFilter { kind: Some(JobKind::Embed), state: Some(JobState::Succeeded) };
        let over = db.store.list_jobs(&filter, &musonym::store::Page::first(9)).await.unwrap().items;
        assert!(over.iter().any(|job| job.result.as_ref().unwrap()["outcome"] == "reembedded"), "{over:?}");
    }

    async fn the_former_vectors_stay_beside_where_they_are_to_stand_by(db) {
        let (a, b) = two_embedded(&db).await;
        db.store.begin_space_change(&next("next")).await.unwrap();
        db.store.store_next_vectors("next", &[vector(&a, [1.0, 0.0]), vector(&b, [0.0, 1.0])]).await.unwrap();
        let keeping = SpaceSwitch { keeps_former: true, ..switch("next", &[]) };
        assert_eq!(db.store.switch_embedding_space(&keeping).await.unwrap(), Switched::Done { queued: 0 });
        let former = [1.0, 0.0, 0.0, 0.0];
        assert_eq!(nearest(&db.store, SPACE, &former).await, [a.id, b.id]);
        assert!(db.store.rows_without_vector(SPACE, 0, 9).await.unwrap().is_empty());
        // And back, without anything being embedded.
        assert_eq!(db.store.switch_embedding_space(&switch(SPACE, &[])).await.unwrap(), Switched::Done { queued: 0 });
        assert_eq!(db.store.embedding(a.id).await.unwrap(), Some(former.to_vec()));
        assert!(nearest(&db.store, "next", &[1.0, 0.0]).await.is_empty());
        db.backend.check().await;
    }

    async fn one_process_at_a_time_works_on_a_change(db) {
        let other = db.backend.reopen().await;
        let lock = db.store.lock_space_change().await.unwrap().unwrap();
        assert!(other.lock_space_change().await.unwrap().is_none());
        assert!(db.store.lock_space_change().await.unwrap().is_none());
        drop(lock);
        let free = async { while other.lock_space_change().await.unwrap().is_none() {} };
        tokio::time::timeout(PATIENCE, free).await.unwrap();
    }
}
