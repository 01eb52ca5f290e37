//! What is acknowledged is on the disk: every write syncs the write-ahead log before it answers. Claims do not: what a power cut
//! takes of one was never claimed.
//!
//! `kill -9` cannot show this (the kernel keeps what was written), so a preloaded library counts the syncs of a child
//! process, which is this very test binary. The planted fault: in `src/store/sqlite/mod.rs`, let `begin` ask for
//! `synchronous = NORMAL`; the first write of the child then fails the test.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use musonym::{
    domain::{JobKind, Priority, TagType},
    store::{
        ClaimOrder, JobStore, SynonymStore, TagStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
};

use crate::backend::{LEASE, draft, generation, genre, name};

const DATABASE: &str = "MUSONYM_TEST_DATABASE";
const LOG: &str = "COUNT_SYNCS_LOG";
const ROUNDS: usize = 10;

/// How often a write-ahead log was synced.
fn syncs(log: &Path) -> usize {
    std::fs::read_to_string(log).unwrap_or_default().lines().filter(|path| path.ends_with("-wal")).count()
}

fn build_library(folder: &Path) -> PathBuf {
    let library = folder.join("count_syncs.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/count_syncs.c");
    let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    assert!(status.expect("cc is there: building SQLite needs it, too").success());
    library
}

#[test]
#[cfg(target_os = "linux")]
fn every_acknowledged_write_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("syncs");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "sqlite_durability::child_that_writes", "--nocapture"])
        .env("LD_PRELOAD", build_library(folder.path()))
        .env(DATABASE, folder.path().join("musonym.db"))
        .env(LOG, &log)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(syncs(&log) >= ROUNDS * 3, "{} syncs", syncs(&log));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child of every_acknowledged_write_is_synced"]
async fn child_that_writes() {
    let log = PathBuf::from(std::env::var_os(LOG).unwrap());
    let store = SqliteStore::open(SqliteOptions::new(std::env::var_os(DATABASE).unwrap())).await.unwrap();
    let mut before = syncs(&log);
    let synced = |what: &str, before: &mut usize| {
        let now = syncs(&log);
        assert!(now > *before, "{what} was acknowledged without a sync");
        *before = now;
    };
    for round in 0..ROUNDS {
        let tag = format!("tag {round}");
        store.create_tags(&[(TagType::Genre, name(&tag))], Priority::LOW).await.unwrap();
        synced("a tag", &mut before);
        let jobs = store.claim(JobKind::Generate, ClaimOrder::Priority, "worker", LEASE, 1).await.unwrap();
        assert_eq!(syncs(&log), before, "a claim waited for the disk");
        store.complete_generations(&[generation(&jobs[0], &["one", "two"])]).await.unwrap();
        synced("a generation", &mut before);
        let row = store.lookup_synonyms(&[genre(&tag)]).await.unwrap().remove(0).unwrap();
        store.replace_synonyms(row.id, &draft(genre(&tag), &["three"]), None).await.unwrap();
        synced("an edit", &mut before);
    }
}
