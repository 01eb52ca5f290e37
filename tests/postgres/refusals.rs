//! A database that cannot be used stops the start with a text that says what is wrong and which command mends it.

use musonym::store::{
    StoreError,
    postgres::{PostgresOptions, PostgresStore},
};

use crate::support::{binary::Home, cluster::Cluster, postgres::Database};

/// What opening says.
async fn refusal(url: &str) -> String {
    match PostgresStore::open(PostgresOptions::new(url.to_owned())).await {
        Ok(_) => panic!("{url} was opened"),
        Err(StoreError::Unusable(text)) => text,
        Err(other) => panic!("{other:?}"),
    }
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(text.lines().count() <= 5 && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn who_may_not_come_in_is_told_how() {
    let hba = "host all app,stranger 127.0.0.1/32 scram-sha-256\nhost closed all 127.0.0.1/32 reject";
    let Some(cluster) = Cluster::start(hba) else { return };
    cluster.sql("postgres", "CREATE ROLE app LOGIN PASSWORD 'right'");
    cluster.sql("postgres", "CREATE DATABASE closed");
    let with_password = |url: String| url.replace("app@", "app:hunter2@").replace("stranger@", "stranger:hunter2@");
    says(
        &refusal(&with_password(cluster.url("app", "postgres"))).await,
        &["refuses the password of `app`", "ALTER ROLE \"app\" PASSWORD"],
    );
    says(&refusal(&with_password(cluster.url("stranger", "postgres"))).await, &["`stranger`", "password"]);
    says(&refusal(&cluster.url("postgres", "closed")).await, &["pg_hba.conf"]);
    says(
        &refusal(&cluster.url("postgres", "nowhere")).await,
        &["`nowhere` is not there", "CREATE DATABASE \"nowhere\" OWNER \"postgres\";"],
    );

    // A role that owns nothing: extensions first, then the schema.
    let app = cluster.url("app", "postgres").replace("app@", "app:right@");
    says(&refusal(&app).await, &["CREATE EXTENSION IF NOT EXISTS vector;", "superuser"]);
    cluster.sql("postgres", "CREATE EXTENSION vector; CREATE EXTENSION pg_trgm");
    says(&refusal(&app).await, &["lacks a right"]);
    cluster.sql("postgres", "UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'");
    says(&refusal(&app).await, &["pgvector 0.7.4 is too old", "ALTER EXTENSION vector UPDATE;"]);
    cluster.sql("postgres", "UPDATE pg_extension SET extversion = '0.8.0' WHERE extname = 'vector'");
    cluster
        .sql("postgres", "CREATE SCHEMA musonym AUTHORIZATION app; ALTER ROLE app SET search_path = musonym, public");
    PostgresStore::open(PostgresOptions::new(app.clone())).await.unwrap();

    cluster.sql("postgres", "ALTER ROLE app SET default_transaction_read_only = on");
    says(&refusal(&app).await, &["read-only", "default_transaction_read_only = off"]);
}

#[tokio::test]
async fn a_server_without_pgvector_is_told_what_to_install() {
    let Some(cluster) = Cluster::without("vector") else { return };
    says(&refusal(&cluster.url("postgres", "postgres")).await, &["does not have pgvector", "apt-get install"]);
}

#[tokio::test]
async fn a_newer_schema_and_a_server_that_is_not_there_are_named() {
    let Some(database) = Database::create().await else { return };
    PostgresStore::open(database.options()).await.unwrap();
    database
        .execute("INSERT INTO musonym_migrations SELECT 9999, 'later', now(), true, checksum, 1 FROM musonym_migrations LIMIT 1")
        .await;
    says(&refusal(&database.url).await, &["newer musonym (schema 9999", "upgrade musonym"]);
    let nobody = PostgresStore::open(PostgresOptions::new("postgres://u:hunter2@127.0.0.1:9/d".to_owned())).await;
    let Err(StoreError::Busy(text)) = nobody else { panic!("opened") };
    says(&text, &["no PostgreSQL answers at postgres://u@127.0.0.1:9/d"]);

    // As a user sees it.
    let home = Home::without_ollama().with("MUSONYM_DATABASE_URL", &database.url);
    let output = home.command(&["tags", "list"]).output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    says(&text, &["newer musonym"]);
}
