//! What comes along with the candidates.

use std::collections::BTreeSet;

use musonym::{
    domain::Calibration,
    store::{Recall, SearchStore as _, postgres::PostgresStore},
};

use crate::support::postgres::Database;

const SPACE: &str = "space";
const TAGS: u32 = 60;

/// Tags with a word in common: the first is the nearest to the query, the last the furthest, which has the word alone as a name.
fn tags(calibration: Calibration) -> String {
    let (floor, width) = (calibration.floor, calibration.ceiling - calibration.floor);
    format!(
        "INSERT INTO genre_tag (id, name, name_key) SELECT n, 'g' || n, 'g' || n FROM generate_series(1, {TAGS}) n;
         INSERT INTO mir_synonym (id, tag_type, tag_id, synonyms, source, confidence, created_at, updated_at, embedding,
             embedding_space, embedding_dimensions)
         SELECT n, 'genre', n, jsonb_build_object('row', n), 'lexicon', 1, now(), now(),
             ('[' || cosine || ',' || sqrt(1 - cosine * cosine) || repeat(',0', 766) || ']')::vector, '{SPACE}', 768
         FROM generate_series(1, {TAGS}) n, LATERAL (SELECT {floor} + {width} * (1 - n::float8 / {TAGS}) AS cosine) AS near;
         INSERT INTO synonym_term (synonym_id, section, position, term, term_key, stems, source, confidence, status)
         SELECT n, 'search_terms', 0, 'drone bells', 'dronebells', 'drone bell', 'lexicon', 0.9, 'active'
         FROM generate_series(1, {TAGS} - 1) n
         UNION ALL
         SELECT {TAGS}, 'search_terms', 0, 'drone', 'drone', 'drone', 'lexicon', 0.9, 'active';
         INSERT INTO setting (key, value) VALUES ('embedding_space', '{SPACE}')"
    )
}

/// The rows whose sections come along, and all that were found.
async fn come_along(store: &PostgresStore, vector: Option<&[f32]>) -> (BTreeSet<i64>, usize) {
    let (keys, stems) = (["drone".to_owned()], [vec!["drone".to_owned()]]);
    let recall = Recall {
        keys: &keys,
        stems: &stems,
        vector: vector.map(|vector| (SPACE, vector)),
        term_limit: 200,
        vector_limit: 100,
        ..Recall::default()
    };
    let recalled = store.recall(&recall).await.unwrap();
    for (id, sections) in &recalled.sections {
        let sections: serde_json::Value = serde_json::from_str(sections).unwrap();
        assert_eq!(sections["row"], *id, "each row has its own");
    }
    (recalled.sections.into_keys().collect(), recalled.tags.len())
}

#[tokio::test]
async fn the_sections_of_the_tags_that_will_score_best_come_along() {
    let Some(database) = Database::create().await else { return };
    drop(PostgresStore::open(database.options()).await.unwrap());
    database.execute(&tags(Calibration::shipped(SPACE))).await;
    let store = PostgresStore::open(database.options()).await.unwrap();

    let mut query = vec![0.0f32; 768];
    query[0] = 1.0;
    let (mut rows, found) = come_along(&store, Some(&query)).await;
    assert_eq!(found, TAGS as usize);
    assert!(rows.remove(&i64::from(TAGS)), "met by its name, though it is the furthest");
    let nearest: BTreeSet<i64> = (1..).take(rows.len()).collect();
    assert!(rows.len() >= 10 && rows == nearest, "of those that the word says as much of, the nearest: {rows:?}");

    let (rows, found) = come_along(&store, None).await;
    assert!(found > rows.len() && rows.contains(&i64::from(TAGS)), "by words alone, too: {rows:?}");
}
