//! The commands that `musonym backup` and `musonym restore` name for PostgreSQL do what they are named for.

use std::process::Command;

use musonym::store::{
    SETTING_INSTALLATION,
    postgres::{backup_commands, restore_commands},
};

use crate::{
    backend::postgres_in,
    support::postgres::Database,
    transfer::{fill_completely, lines},
};

/// Runs commands as a shell does, with PostgreSQL's own tools.
fn run(commands: &str) {
    let mut command = Command::new("sh");
    command.args(["-ec", commands]);
    if let Ok(folder) = std::env::var("MUSONYM_TEST_POSTGRES_BIN") {
        command.env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap()));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_restored_from_a_dump_exports_byte_by_byte_what_was_dumped() {
    let Some(database) = Database::create().await else { return };
    let (options, restored) = (database.options(), database.beside("_restored"));
    let db = postgres_in(database).await;
    fill_completely(&db).await;
    db.store.setting_or_insert(SETTING_INSTALLATION, "before").await.unwrap();
    let exported = lines(&db).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it's a dump");
    run(&backup_commands(&options, &file).unwrap());
    run(&restore_commands(&options, &file).unwrap());
    let fresh = postgres_in(restored).await;
    assert_eq!(lines(&fresh).await, exported);
    assert_eq!(fresh.store.job_counts().await.unwrap(), db.store.job_counts().await.unwrap());
    assert_eq!(fresh.store.setting_or_insert(SETTING_INSTALLATION, "after").await.unwrap(), "after");
    // It works on: triggers, sequences, changes.
    let tag = fresh.genre("written after it").await;
    fresh.generate(&tag, false, &["x"]).await;
    assert_eq!(lines(&fresh).await.len(), exported.len() + 1);
    fresh.store.close().await;
}
