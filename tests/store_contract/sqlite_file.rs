//! The file itself: full, locked, damaged, from the future, or written by a client that knows nothing of musonym.

use std::time::Duration;

use musonym::{
    domain::{JobKind, JobState, Priority, TagType},
    store::{
        AdminStore, ClaimOrder, Finish, JobStore, Page, ReviewFilter, ReviewStore, StoreError, SynonymFilter,
        SynonymStore, TagFilter, TagStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::backend::{LEASE, draft, generation, genre, mood, name};

struct File {
    _folder: TempDir,
    options: SqliteOptions,
}

fn file() -> File {
    crate::sqlite_statements::write_down_statements();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("musonym.db");
    let options = SqliteOptions { busy_timeout: Duration::from_millis(50), ..SqliteOptions::new(path) };
    File { _folder: folder, options }
}

impl File {
    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.options.clone()).await.unwrap()
    }

    /// Why it does not open.
    async fn refusal(&self) -> String {
        match SqliteStore::open(self.options.clone()).await {
            Err(StoreError::Unusable(text)) => text,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it opened"),
        }
    }

    async fn plain(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(&self.options.path).foreign_keys(false).connect().await.unwrap()
    }
}

#[tokio::test]
async fn a_full_database_says_so_loses_nothing_and_goes_on_when_there_is_room() {
    let mut file = file();
    let store = file.open().await;
    store.create_tags(&[(TagType::Mood, name("sad"))], Priority::HIGH).await.unwrap();
    store.close().await;
    let pages: u32 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut file.plain().await).await.unwrap();
    file.options.max_pages = Some(pages + 8);
    let store = file.open().await;
    let job = store.claim(JobKind::Generate, ClaimOrder::Priority, "worker", LEASE, 1).await.unwrap().remove(0);
    let mut acknowledged = 0;
    let error = loop {
        let tag = format!("{acknowledged:090}");
        match store.create_tags(&[(TagType::Genre, name(&tag))], Priority::LOW).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full(_)) && error.is_transient(), "{error:?}");
    let long: Vec<String> = (0..200).map(|n| format!("{n:060}")).collect();
    let done = generation(&job, &long.iter().map(String::as_str).collect::<Vec<_>>());
    let error = store.complete_generations(std::slice::from_ref(&done)).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    let error = store.create_synonyms(&draft(mood("sad"), &[&"x".repeat(90_000)])).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "the handle lives on: {error:?}");
    assert_eq!(store.job(job.job.id).await.unwrap().unwrap().state, JobState::Running, "its work is not lost");
    assert_eq!(
        store.list_tags(&TagFilter::default(), &Page::first(10_000)).await.unwrap().items.len(),
        acknowledged + 1
    );
    store.close().await;

    file.options.max_pages = None;
    let store = file.open().await;
    store.finish(&job.lease, &Finish::Retry { error: "full".to_owned(), delay: Duration::ZERO }).await.unwrap();
    let again = store.claim(JobKind::Generate, ClaimOrder::Priority, "worker", LEASE, 1).await.unwrap().remove(0);
    assert_eq!(again.job.id, job.job.id);
    let outcome = store.complete_generations(&[musonym::store::GenerationDone { lease: again.lease, ..done }]).await;
    assert!(matches!(outcome.unwrap()[0], musonym::store::GenerationOutcome::Saved { .. }));
}

#[tokio::test]
async fn the_handle_that_met_a_full_database_writes_again_once_there_is_room() {
    let mut file = file();
    file.open().await.close().await;
    let pages: u32 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut file.plain().await).await.unwrap();
    file.options.max_pages = Some(pages + 20);
    let store = file.open().await;
    let mut tags = 0;
    while store.create_tags(&[(TagType::Genre, name(&format!("{tags:090}")))], Priority::LOW).await.is_ok() {
        tags += 1;
    }
    let mut plain = file.plain().await;
    sqlx::query("DELETE FROM job").execute(&mut plain).await.unwrap();
    sqlx::query("DELETE FROM genre_tag").execute(&mut plain).await.unwrap();
    store.create_tags(&[(TagType::Genre, name("there is room"))], Priority::LOW).await.unwrap();
}

#[tokio::test]
async fn a_locked_database_is_busy_for_writers_and_open_to_readers() {
    let file = file();
    let store = file.open().await;
    store.create_tags(&[(TagType::Genre, name("ska"))], Priority::LOW).await.unwrap();
    let mut other = file.plain().await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = store.create_tags(&[(TagType::Genre, name("rap"))], Priority::LOW).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)) && error.is_transient(), "{error:?}");
    let error = store.claim(JobKind::Generate, ClaimOrder::Age, "worker", LEASE, 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error:?}");
    assert!(store.tag_by_name(TagType::Genre, "ska").await.unwrap().is_some());
    lock.rollback().await.unwrap();
    store.create_tags(&[(TagType::Genre, name("rap"))], Priority::LOW).await.unwrap();
    assert_eq!(store.claim(JobKind::Generate, ClaimOrder::Age, "worker", LEASE, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_untouched() {
    let file = file();
    file.open().await.close().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'the future', 1, x'00', 0)",
    )
    .execute(&mut file.plain().await)
    .await
    .unwrap();
    let refusal = file.refusal().await;
    assert!(refusal.contains("newer musonym (schema 9999") && refusal.contains("upgrade musonym"), "{refusal}");
}

#[tokio::test]
async fn terms_keep_their_numbers_through_the_migration_that_never_gives_one_twice() {
    let file = file();
    let create = SqliteConnectOptions::new().filename(&file.options.path).create_if_missing(true);
    let mut plain = create.connect().await.unwrap();
    sqlx::migrate!("migrations/sqlite").run_to(3, &mut plain).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO genre_tag (name, name_key) VALUES ('ska', 'ska');
         INSERT INTO mir_synonym (tag_type, tag_id, source, confidence, created_at, updated_at, synonyms)
         VALUES ('genre', 1, 'ollama', 0.7, 0, 0, '{}');
         INSERT INTO synonym_term (id, synonym_id, section, position, term, term_key, stems, source, confidence, status)
         VALUES (4, 1, 'name', 0, 'ska', 'ska', 'ska', 'manual', 1, 'active'),
                (7, 1, 'search_terms', 1, 'brass', 'brass', 'brass', 'ollama', 0.7, 'quarantined');",
    )
    .execute(&mut plain)
    .await
    .unwrap();
    plain.close().await.unwrap();
    let store = file.open().await;
    let waiting = store.list_review(&ReviewFilter::default(), &Page::first(9)).await.unwrap().items;
    assert_eq!(waiting.iter().map(|item| (item.id, item.term.as_str())).collect::<Vec<_>>(), [(7, "brass")]);
    store.delete_tag(&genre("ska")).await.unwrap();
    store.create_synonyms(&draft(genre("dub"), &["echo"])).await.unwrap();
    let lowest: i64 =
        sqlx::query_scalar("SELECT MIN(id) FROM synonym_term").fetch_one(&mut file.plain().await).await.unwrap();
    assert!(lowest > 7, "{lowest}");
}

#[tokio::test]
async fn what_is_no_database_or_cannot_be_one_is_named() {
    let mut file = file();
    std::fs::write(&file.options.path, "not a database, but long enough to have a header. ".repeat(40)).unwrap();
    let refusal = file.refusal().await;
    assert!(refusal.contains("is not a SQLite database"), "{refusal}");
    file.options.path = file.options.path.join("below/a.db");
    let refusal = file.refusal().await;
    assert!(refusal.contains("cannot open") && refusal.contains("a.db"), "{refusal}");
}

#[tokio::test]
async fn processes_that_create_one_file_together_all_open_it() {
    let file = file();
    let options = SqliteOptions { busy_timeout: Duration::from_secs(5), ..file.options.clone() };
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..4 {
        opening.spawn(SqliteStore::open(options.clone()));
    }
    for store in opening.join_all().await {
        store.unwrap().ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_stock_client_may_delete_tags_without_foreign_keys() {
    let file = file();
    let store = file.open().await;
    store.create_synonyms(&draft(genre("ska"), &["x"])).await.unwrap();
    store.create_synonyms(&draft(mood("sad"), &["x"])).await.unwrap();
    let mut plain = file.plain().await;
    sqlx::raw_sql("DELETE FROM genre_tag; DELETE FROM mood_tag").execute(&mut plain).await.unwrap();
    assert!(store.list_synonyms(&SynonymFilter::default(), &Page::first(9)).await.unwrap().items.is_empty());
    let terms: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM synonym_term").fetch_one(&mut plain).await.unwrap();
    assert_eq!(terms, 0);
}

#[tokio::test]
async fn keys_of_an_older_normaliser_are_computed_anew() {
    let file = file();
    let store = file.open().await;
    store.create_synonyms(&draft(genre("Trip Hop"), &["Down Tempo"])).await.unwrap();
    store.fill_missing_keys().await.unwrap();
    let mut plain = file.plain().await;
    sqlx::raw_sql(
        "UPDATE setting SET value = '0' WHERE key = 'normaliser_version';
         UPDATE genre_tag SET name_key = 'old'; UPDATE synonym_term SET term_key = 'old', stems = 'old'",
    )
    .execute(&mut plain)
    .await
    .unwrap();
    assert_eq!(store.fill_missing_keys().await.unwrap(), 1);
    assert!(store.tag_by_name(TagType::Genre, "triphop").await.unwrap().is_some());
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT term_key FROM synonym_term ORDER BY id").fetch_all(&mut plain).await.unwrap();
    assert_eq!(keys, ["triphop", "downtempo"]);
    assert_eq!(store.fill_missing_keys().await.unwrap(), 0);
}
