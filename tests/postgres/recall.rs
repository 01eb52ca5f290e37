//! What recall holds from one search to the next, and what it knows before it is done.

use std::sync::Arc;

use musonym::{
    domain::Synonyms,
    store::{AdminStore as _, Recall, Recalled, SearchStore as _, postgres::PostgresStore},
};

use tokio::sync::oneshot;

use crate::support::postgres::Database;

const TAGS: &str =
    "INSERT INTO genre_tag (id, name, name_key) SELECT n, 'g' || n, 'g' || n FROM generate_series(1, 2) n;
    INSERT INTO mir_synonym (id, tag_type, tag_id, synonyms, source, confidence, created_at, updated_at)
    SELECT n, 'genre', n, jsonb_build_object('related_tags', jsonb_build_array('r' || n)), 'lexicon', 1, now(), now()
    FROM generate_series(1, 2) n;
    INSERT INTO synonym_term (synonym_id, section, position, term, term_key, stems, source, confidence, status)
    SELECT n, 'search_terms', 0, 'drone', 'drone', 'drone', 'lexicon', 0.9, 'active' FROM generate_series(1, 2) n";

/// What a query for `drone` asks, with a vector of a space.
async fn recall_drone(
    store: &PostgresStore,
    vector: Option<(&str, &[f32])>,
    look_at: &mut (dyn FnMut(&Recalled) + Send),
) -> Recalled {
    let (keys, stems) = (["drone".to_owned()], [vec!["drone".to_owned()]]);
    let recall = Recall { keys: &keys, stems: &stems, vector, term_limit: 200, vector_limit: 100, ..Recall::default() };
    store.recall_looking(&recall, look_at).await.unwrap()
}

/// The sections of both tags, as a search comes by them.
async fn found(store: &PostgresStore) -> [Arc<Synonyms>; 2] {
    let recalled = recall_drone(store, None, &mut |_| ()).await;
    let rows: Vec<(i64, i64)> = recalled.tags.iter().map(|(id, tag)| (*id, tag.state)).collect();
    let sections = store.sections(&rows).await.unwrap();
    [1, 2].map(|id| Arc::clone(&sections[&id]))
}

#[tokio::test]
async fn sections_are_read_once_and_anew_when_any_client_has_written_their_row() {
    let Some(database) = Database::create().await else { return };
    drop(PostgresStore::open(database.options()).await.unwrap());
    database.execute(TAGS).await;
    let store = PostgresStore::open(database.options()).await.unwrap();

    let first = found(&store).await;
    assert_eq!(first.each_ref().map(|sections| sections.related_tags.concat()), ["r1", "r2"]);
    let again = found(&store).await;
    assert!(first.iter().zip(&again).all(|(first, again)| Arc::ptr_eq(first, again)), "held");

    // Neither the version nor the time of the change is touched, as by a client that knows nothing of them.
    database.execute(r#"UPDATE mir_synonym SET synonyms = '{"related_tags": ["new"]}' WHERE id = 2"#).await;
    let after = found(&store).await;
    assert!(Arc::ptr_eq(&first[0], &after[0]) && after[1].related_tags == ["new"], "{after:?}");
}

/// Vectors, and in place of pgvector's function behind `<=>` one that waits for a lock.
const WAITING_DISTANCE: &str =
    "UPDATE mir_synonym SET embedding = array_fill(0.1::real, ARRAY[768])::vector, embedding_space = 'test', embedding_dimensions = 768;
    INSERT INTO setting (key, value) VALUES ('embedding_space', 'test') ON CONFLICT (key) DO UPDATE SET value = excluded.value;
    CREATE OR REPLACE FUNCTION cosine_distance(vector, vector) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
        BEGIN
            PERFORM pg_advisory_lock_shared(42), pg_advisory_unlock_shared(42);
            RETURN 0.5;
        END $$";

#[tokio::test]
async fn terms_are_looked_at_while_vectors_are_still_compared() {
    let Some(database) = Database::create().await else { return };
    drop(PostgresStore::open(database.options()).await.unwrap());
    database.execute(TAGS).await;
    database.execute(WAITING_DISTANCE).await;
    let store = PostgresStore::open(database.options()).await.unwrap();
    let mut connection = database.connect().await;
    sqlx::query("SELECT pg_advisory_lock(42)").execute(&mut connection).await.unwrap();

    // No vector is compared before the terms were looked at.
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let mut look_at = |recalled: &Recalled| {
        let terms: Vec<String> = recalled.terms.iter().map(|term| term.term.to_string()).collect();
        tell.take().unwrap().send((terms, recalled.tags.len())).unwrap();
    };
    let vector = [0.1f32; 768];
    let recall = recall_drone(&store, Some(("test", &vector)), &mut look_at);
    let unlock = async {
        let looked_at = told.await.unwrap();
        sqlx::query("SELECT pg_advisory_unlock(42)").execute(&mut connection).await.unwrap();
        looked_at
    };
    let (recalled, looked_at) = tokio::join!(recall, unlock);
    assert_eq!(looked_at, (vec!["drone".to_owned(); 2], 0));
    assert_eq!((recalled.terms.len(), recalled.tags.len(), recalled.vectors.len()), (2, 2, 2));
}

#[tokio::test]
async fn searches_that_follow_each_other_are_answered_by_one_connection() {
    let Some(database) = Database::create().await else { return };
    drop(PostgresStore::open(database.options()).await.unwrap());
    database.execute(TAGS).await;
    let store = PostgresStore::open(database.options()).await.unwrap();
    // The pool has several.
    let mut none = |_: &Recalled| ();
    let mut other = |_: &Recalled| ();
    tokio::join!(recall_drone(&store, None, &mut none), recall_drone(&store, None, &mut other));
    let mut answered_by = Vec::new();
    for _ in 0..4 {
        recall_drone(&store, None, &mut none).await;
        answered_by.push(
            database
                .number(
                    "SELECT pid::bigint FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'WITH asked AS%'
                     ORDER BY query_start DESC LIMIT 1",
                )
                .await,
        );
    }
    answered_by.dedup();
    assert_eq!(answered_by.len(), 1, "{answered_by:?}");
    // A pool waits for all its connections.
    store.close().await;
}
