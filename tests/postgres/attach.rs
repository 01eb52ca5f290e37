//! An application's own tables.

use std::sync::Arc;

use musonym::{
    domain::{JobKind, Priority, TagName, TagRef, TagType},
    embed::{BuiltinEmbedder, EmbedService, Embedders},
    generate::LexiconGenerator,
    jobs::{Events, Runner, RunnerSettings},
    store::{
        JobFilter, Page, Store, StoreError, TagFilter, TagStore as _,
        postgres::{AttachedTable, PostgresOptions, PostgresStore},
    },
};

use crate::support::postgres::Database;

/// As an application might have made it, with rows in it, two spellings of one key among them.
const APPLICATION: &str = "
    CREATE SCHEMA catalogue;
    CREATE TABLE catalogue.genre_tags (
        genre_no INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label VARCHAR(80) UNIQUE NOT NULL,
        colour TEXT NOT NULL DEFAULT 'grey', updated_at TIMESTAMPTZ NOT NULL DEFAULT now());
    CREATE TABLE catalogue.mood_tags (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL CHECK (name <> ''), energy INT);
    CREATE TABLE catalogue.track (id INT PRIMARY KEY, genre_no INTEGER REFERENCES catalogue.genre_tags (genre_no));
    INSERT INTO catalogue.genre_tags (label, colour) VALUES ('Hip-Hop/Rap', 'red'), ('dnb', 'blue'), ('D&B', 'blue'), ('Zouk', 'green');
    INSERT INTO catalogue.mood_tags (name, energy) VALUES ('melancholic', 2);
    INSERT INTO catalogue.track VALUES (1, 1);
    CREATE SCHEMA musonym;";

fn tables() -> Vec<AttachedTable> {
    let table = |tag_type, table: &str, id_column: &str, name_column: &str| AttachedTable {
        tag_type,
        schema: "catalogue".to_owned(),
        table: table.to_owned(),
        id_column: id_column.to_owned(),
        name_column: name_column.to_owned(),
    };
    vec![table(TagType::Genre, "genre_tags", "genre_no", "label"), table(TagType::Mood, "mood_tags", "id", "name")]
}

/// The store of an installation whose own tables lie in a schema of their own.
fn options(database: &Database) -> PostgresOptions {
    let url = format!("{}?options=-c%20search_path%3Dmusonym,public", database.url);
    PostgresOptions { attached: tables(), url: url.into(), ..database.options() }
}

fn genre(name: &str) -> TagRef {
    TagRef { tag_type: TagType::Genre, tag_name: TagName::parse(name).unwrap() }
}

async fn work(store: &Arc<dyn Store>) {
    let embedders = Embedders::only(Arc::new(BuiltinEmbedder::default()));
    let service = Arc::new(EmbedService::new(Arc::clone(store), embedders));
    let settings = RunnerSettings {
        lease: std::time::Duration::from_secs(60),
        retry_base: std::time::Duration::from_millis(10),
        embed_batch: 32,
        meaning_gate: true,
        ..RunnerSettings::default()
    };
    Runner::new(Arc::clone(store), Arc::new(LexiconGenerator::default()), service, Events::default(), settings)
        .drain(tokio_util::sync::CancellationToken::new())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_applications_tags_are_served_where_they_are_and_it_keeps_everything_else() {
    let Some(database) = Database::create().await else { return };
    database.execute(APPLICATION).await;
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(options(&database)).await.unwrap());
    // What was there has its jobs, and its synonyms once a worker has run.
    let queued = JobFilter { kind: Some(JobKind::Generate), ..JobFilter::default() };
    assert_eq!(store.list_jobs(&queued, &Page::first(10)).await.unwrap().items.len(), 5);
    work(&store).await;
    let rows = store.lookup_synonyms(&[genre("Hip-Hop/Rap"), genre("dnb"), genre("D&B")]).await.unwrap();
    assert!(rows.iter().all(|row| row.as_ref().is_some_and(|row| row.embedding.is_some())), "{rows:?}");
    assert_ne!(rows[1].as_ref().unwrap().tag_id, rows[2].as_ref().unwrap().tag_id, "two spellings stay two tags");

    // The application goes on as before; what it does to names is noticed.
    database.execute("INSERT INTO catalogue.genre_tags (label, colour) VALUES ('kizomba', 'pink')").await;
    database.execute("UPDATE catalogue.genre_tags SET label = 'zouk love' WHERE label = 'Zouk'").await;
    database.execute("UPDATE catalogue.genre_tags SET colour = 'black' WHERE label = 'dnb'").await;
    work(&store).await;
    assert!(store.lookup_synonyms(&[genre("Kizomba")]).await.unwrap()[0].is_some());
    assert_eq!(store.tag_by_name(TagType::Genre, "Zouk-Love").await.unwrap().unwrap().name, "zouk love");
    assert_eq!(store.tag_by_name(TagType::Genre, "Zouk").await.unwrap(), None);
    database.execute("DELETE FROM catalogue.genre_tags WHERE label = 'kizomba'").await;
    assert!(store.lookup_synonyms(&[genre("kizomba")]).await.unwrap()[0].is_none());

    // Writing through musonym writes the application's table, as far as the application lets it.
    store.create_tags(&[(TagType::Genre, TagName::parse("Gqom").unwrap())], Priority::LOW).await.unwrap();
    store.rename_tag(&genre("gqom"), &TagName::parse("gqom!").unwrap(), Priority::LOW).await.unwrap();
    assert_eq!(
        database.number("SELECT count(*) FROM catalogue.genre_tags WHERE label = 'gqom!' AND colour = 'grey'").await,
        1
    );
    store.delete_tag(&genre("gqom!")).await.unwrap();
    let refused = store.delete_tag(&genre("Hip-Hop/Rap")).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Conflict(text) if text.contains("track")), "{refused:?}");
    assert_eq!(database.number("SELECT count(*) FROM catalogue.genre_tags").await, 4);
    assert_eq!(database.number("SELECT count(*) FROM catalogue.genre_tags WHERE colour = 'black'").await, 1);
    assert_eq!(store.list_tags(&TagFilter::default(), &Page::first(50)).await.unwrap().items.len(), 5);

    // A second process finds it attached; another configuration is refused with both names.
    PostgresStore::open(options(&database)).await.unwrap();
    let mut other = options(&database);
    other.attached[0].table = "mood_tags".to_owned();
    let Err(StoreError::Unusable(text)) = PostgresStore::open(other).await else { panic!("attached elsewhere") };
    assert!(text.contains("catalogue.genre_tags (genre_no, label)") && text.contains("mood_tags"), "{text}");
    let Err(StoreError::Unusable(text)) =
        PostgresStore::open(PostgresOptions { attached: Vec::new(), ..options(&database) }).await
    else {
        panic!("opened without its tables")
    };
    assert!(text.contains("set [tags.genre] as it was"), "{text}");
    store.close().await;
}

#[tokio::test]
async fn a_table_that_does_not_fit_is_named_with_what_is_wrong() {
    let Some(database) = Database::create().await else { return };
    database.execute(APPLICATION).await;
    database.execute("CREATE TABLE catalogue.loose (id INT, name TEXT); CREATE TABLE catalogue.uuids (id UUID PRIMARY KEY, name TEXT)").await;
    for (table, id_column, name_column, expected) in [
        ("nothing", "id", "name", "catalogue.nothing is not there"),
        ("mood_tags", "no", "name", "has no column no"),
        ("mood_tags", "id", "title", "has no column title"),
        ("mood_tags", "id", "energy", "of type int4; a name is a text"),
        ("loose", "id", "name", "is not unique"),
        ("uuids", "id", "name", "of type uuid"),
    ] {
        let wrong = AttachedTable {
            tag_type: TagType::Genre,
            schema: "catalogue".to_owned(),
            table: table.to_owned(),
            id_column: id_column.to_owned(),
            name_column: name_column.to_owned(),
        };
        let opened = PostgresStore::open(PostgresOptions { attached: vec![wrong], ..options(&database) }).await;
        let Err(StoreError::Unusable(text)) = opened else { panic!("{table} was attached") };
        assert!(text.starts_with("[tags.genre]: ") && text.contains(expected), "{text}");
    }
    // Tags of musonym's own are not left behind a view.
    let own = PostgresStore::open(PostgresOptions { attached: Vec::new(), ..options(&database) }).await.unwrap();
    own.create_tags(&[(TagType::Genre, TagName::parse("dub").unwrap())], Priority::LOW).await.unwrap();
    let Err(StoreError::Unusable(text)) = PostgresStore::open(options(&database)).await else { panic!("attached") };
    assert!(text.contains("1 genre tags of musonym's own"), "{text}");
}
