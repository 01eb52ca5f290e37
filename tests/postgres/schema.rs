//! The schema beside what the contract suite sees: who migrates, and what plain SQL brings about.

use musonym::{
    domain::{Priority, TagType},
    store::{
        JobFilter, JobStore as _, Page, SpaceStore as _, SynonymStore as _, TagStore as _, postgres::PostgresStore,
    },
};

use crate::support::postgres::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_on_a_new_database_all_come_up() {
    let Some(database) = Database::create().await else { return };
    let starts: Vec<_> = (0..5)
        .map(|_| {
            let options = database.options();
            tokio::spawn(PostgresStore::open(options))
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    let migrations = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres")).unwrap().count();
    let applied = database.number("SELECT count(*) FROM musonym_migrations WHERE success").await;
    assert_eq!(usize::try_from(applied).unwrap(), migrations);
}

#[tokio::test]
async fn a_role_that_may_only_write_tags_has_them_served() {
    let Some(database) = Database::create().await else { return };
    let store = PostgresStore::open(database.options()).await.unwrap();
    let row = serde_json::json!({ "tag_type": "genre", "name": "biguine", "synonyms":
        { "source": "import", "confidence": 0.9, "is_active": true, "terms": [] } });
    let role = database.url.rsplit_once('/').unwrap().1.to_owned() + "_writer";
    database
        .execute(&format!(
            "CREATE ROLE {role}; GRANT INSERT, UPDATE, DELETE, SELECT ON genre_tag TO {role};
             CREATE SCHEMA other AUTHORIZATION {role};
             SET ROLE {role}; SET search_path = other;
             BEGIN; INSERT INTO public.genre_tag (name) VALUES ('zouk'), ('Zouk'); COMMIT;
             UPDATE public.genre_tag SET name = 'zouk love' WHERE name = 'Zouk';
             INSERT INTO public.genre_tag (name) VALUES ('kompa'); DELETE FROM public.genre_tag WHERE name = 'kompa'"
        ))
        .await;
    // With all that hangs on it.
    store.import_rows(&[serde_json::from_value(row).unwrap()], false).await.unwrap();
    let id = database.number("SELECT max(id) FROM mir_synonym").await;
    store.store_other_vectors("beside", &[(id, 1, vec![1.0, 0.0])]).await.unwrap();
    database.execute(&format!("SET ROLE {role}; DELETE FROM genre_tag WHERE name = 'biguine'")).await;
    assert_eq!(database.number("SELECT count(*) FROM synonym_embedding").await, 0);
    let of_plain_sql =
        JobFilter { state: Some(musonym::domain::JobState::Queued), kind: Some(musonym::domain::JobKind::Generate) };
    let jobs = store.list_jobs(&of_plain_sql, &Page::first(10)).await.unwrap().items;
    assert_eq!(jobs.len(), 3, "two spellings of one key, and one that is gone");
    assert_eq!(jobs[1].payload["refresh"], true);
    assert!(jobs.iter().all(|job| job.priority == Priority::LOW));
    assert_eq!(store.tag_count().await.unwrap(), 2);
    store.fill_missing_keys().await.unwrap();
    assert_eq!(store.tag_by_name(TagType::Genre, "ZOUK-LOVE").await.unwrap().unwrap().name, "zouk love");
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_rolled_back_insert_leaves_no_job() {
    let Some(database) = Database::create().await else { return };
    let store = PostgresStore::open(database.options()).await.unwrap();
    database.execute("BEGIN; INSERT INTO genre_tag (name) VALUES ('zouk'); ROLLBACK").await;
    assert!(store.list_jobs(&JobFilter::default(), &Page::first(10)).await.unwrap().items.is_empty());
}
