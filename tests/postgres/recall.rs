//! What is held of the tags that were found.

use std::sync::Arc;

use musonym::{
    domain::Synonyms,
    store::{Recall, SearchStore as _, postgres::PostgresStore},
};

use crate::support::postgres::Database;

const TAGS: &str =
    "INSERT INTO genre_tag (id, name, name_key) SELECT n, 'g' || n, 'g' || n FROM generate_series(1, 2) n;
    INSERT INTO mir_synonym (id, tag_type, tag_id, synonyms, source, confidence, created_at, updated_at)
    SELECT n, 'genre', n, jsonb_build_object('related_tags', jsonb_build_array('r' || n)), 'lexicon', 1, now(), now()
    FROM generate_series(1, 2) n;
    INSERT INTO synonym_term (synonym_id, section, position, term, term_key, stems, source, confidence, status)
    SELECT n, 'search_terms', 0, 'drone', 'drone', 'drone', 'lexicon', 0.9, 'active' FROM generate_series(1, 2) n";

/// The sections of both tags, as a search comes by them.
async fn found(store: &PostgresStore) -> [Arc<Synonyms>; 2] {
    let (keys, stems) = (["drone".to_owned()], [vec!["drone".to_owned()]]);
    let recall = Recall { keys: &keys, stems: &stems, term_limit: 200, vector_limit: 100, ..Recall::default() };
    let recalled = store.recall(&recall).await.unwrap();
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
