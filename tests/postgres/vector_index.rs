//! The index of the vectors comes, grows and goes with the number of rows.

use musonym::store::{
    AdminStore as _, NextSpace, SpaceStore as _, SpaceSwitch, Switched,
    postgres::{PostgresOptions, PostgresStore, VectorIndexKind, VectorIndexOptions},
};

use crate::support::postgres::Database;

/// Adds rows with vectors as plain SQL, around a few centres.
fn rows(from: u32, to: u32) -> String {
    format!(
        "INSERT INTO genre_tag (id, name, name_key) SELECT n, 'g' || n, 'g' || n FROM generate_series({from}, {to}) n;
         INSERT INTO mir_synonym (tag_type, tag_id, synonyms, source, confidence, created_at, updated_at, embedding, embedding_space,
             embedding_dimensions)
         SELECT 'genre', n, '{{}}', 'lexicon', 1, now(), now(),
             (SELECT l2_normalize(array_agg(sin(n % 37 * d) + random() / 2)::vector) FROM generate_series(1, 768) d WHERE n = n),
             'space', 768
         FROM generate_series({from}, {to}) n"
    )
}

#[tokio::test]
async fn an_index_is_built_when_it_pays_rebuilt_when_outgrown_and_its_recall_told() {
    let Some(database) = Database::create().await else { return };
    let options =
        |kind, min_rows| PostgresOptions { vector_index: VectorIndexOptions { kind, min_rows }, ..database.options() };
    let store = PostgresStore::open(options(VectorIndexKind::IvfFlat, 200)).await.unwrap();
    database.execute(&rows(1, 150)).await;
    assert_eq!(store.maintain_vector_index().await.unwrap(), None);
    let report = store.vector_index_report().await.unwrap().unwrap();
    assert_eq!((report.kind.as_str(), report.rows, report.recall_at_10), ("exact", 150, None));

    database.execute(&rows(151, 400)).await;
    assert!(store.vector_index_report().await.unwrap().unwrap().advice.contains("migrate --vector-index"));
    assert!(store.maintain_vector_index().await.unwrap().unwrap().contains("over 400 vectors"));
    let report = store.vector_index_report().await.unwrap().unwrap();
    assert_eq!((report.kind.as_str(), report.built_over), ("ivfflat", Some(400)));
    assert!(report.recall_at_10.unwrap() > 0.9, "{report:?}");
    assert_eq!(store.maintain_vector_index().await.unwrap(), None, "once is enough");

    database.execute(&rows(401, 700)).await;
    assert!(store.vector_index_report().await.unwrap().unwrap().advice.contains("built over 400 rows"));
    // Two processes at once: one builds.
    let other = PostgresStore::open(options(VectorIndexKind::IvfFlat, 200)).await.unwrap();
    let (one, two) = tokio::join!(store.maintain_vector_index(), other.maintain_vector_index());
    let built = [one.unwrap(), two.unwrap()].into_iter().flatten().count();
    assert!((1..=2).contains(&built), "at least one of them");
    assert_eq!(database.number("SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
    let hnsw = PostgresStore::open(options(VectorIndexKind::Hnsw, 200)).await.unwrap();
    assert!(hnsw.maintain_vector_index().await.unwrap().unwrap().contains("hnsw"));
    assert!(hnsw.vector_index_report().await.unwrap().unwrap().recall_at_10.unwrap() > 0.9);
    let none = PostgresStore::open(options(VectorIndexKind::None, 200)).await.unwrap();
    assert!(none.maintain_vector_index().await.unwrap().unwrap().contains("dropped"));
    assert_eq!(none.vector_index_report().await.unwrap().unwrap().kind, "exact");
}

#[tokio::test]
async fn a_switch_of_the_space_drops_the_index_and_the_next_one_is_built_over_the_new_vectors() {
    let Some(database) = Database::create().await else { return };
    let vector_index = VectorIndexOptions { kind: VectorIndexKind::IvfFlat, min_rows: 200 };
    let options = PostgresOptions { vector_index, ..database.options() };
    let store = PostgresStore::open(options).await.unwrap();
    database.execute(&rows(1, 400)).await;
    assert!(store.maintain_vector_index().await.unwrap().is_some());
    let next = NextSpace { space: "next".to_owned(), model: "ollama:next".to_owned() };
    store.begin_space_change(&next).await.unwrap();
    database
        .execute(
            "INSERT INTO synonym_embedding (synonym_id, space, embedding, dimensions)
             SELECT id, 'next', (SELECT l2_normalize(array_agg(cos(id % 23 * d) + random() / 2)::vector)
                 FROM generate_series(1, 768) d WHERE id = id), 768 FROM mir_synonym",
        )
        .await;
    let switch = SpaceSwitch { space: "next", keeps_former: false, may_lack: Some(&[]) };
    assert_eq!(store.switch_embedding_space(&switch).await.unwrap(), Switched::Done { queued: 0 });
    let indexes = "SELECT count(*) FROM pg_class WHERE relname LIKE 'mir_synonym_embedding%'";
    assert_eq!(database.number(indexes).await, 0, "its centres were those of the former vectors");
    let report = store.vector_index_report().await.unwrap().unwrap();
    assert_eq!((report.kind.as_str(), report.rows), ("exact", 400), "every vector is compared meanwhile");
    // Nobody holds the right to build any more.
    assert!(store.maintain_vector_index().await.unwrap().unwrap().contains("over 400 vectors"));
    assert!(store.vector_index_report().await.unwrap().unwrap().recall_at_10.unwrap() > 0.9);
}
