//! Copies of the file while somebody writes, and the way back from them.

use std::{path::PathBuf, sync::Arc};

use musonym::{
    domain::{Priority, TagType},
    store::{
        AdminStore, Page, SETTING_INSTALLATION, StoreError, TagFilter, TagStore,
        sqlite::{Restored, SqliteOptions, SqliteStore, backup, restore},
    },
};
use sqlx::{
    ConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tempfile::TempDir;

use crate::{
    backend::{Db, name, sqlite_at},
    transfer::{fill_completely, lines},
};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn options(&self, name: &str) -> SqliteOptions {
        SqliteOptions { max_attempts: 3, ..SqliteOptions::new(self.file(name)) }
    }

    async fn open(&self, name: &str) -> Db {
        sqlite_at(self.file(name)).await
    }

    /// Restores a backup; what comes of it, or why not.
    async fn restore(&self, backup: &str, to: &str, force: bool) -> Result<Restored, String> {
        restore(&self.options(to), &self.file(backup), force).await.map_err(|error| error.to_string())
    }

    async fn backup(&self, from: &str, to: &str, force: bool) -> Result<u64, String> {
        backup(&self.file(from), &self.file(to), force).await.map(|made| made.bytes).map_err(|error| error.to_string())
    }

    /// Closes a database and waits until its last connection has gone; the log goes with it.
    async fn close(&self, db: &Db, name: &str) {
        db.store.close().await;
        let started = std::time::Instant::now();
        let plain = SqliteConnectOptions::new().filename(self.file(name));
        // Refused as long as anybody else is connected.
        while let Err(error) = plain.clone().journal_mode(SqliteJournalMode::Delete).connect().await {
            assert!(started.elapsed().as_secs() < 10, "{name} is not closed: {error}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// The names in the folder, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_exports_byte_by_byte_what_was_backed_up() {
    let folder = Folder::new();
    let db = folder.open("musonym.db").await;
    fill_completely(&db).await;
    db.store.setting_or_insert(SETTING_INSTALLATION, "before").await.unwrap();
    let (exported, jobs) = (lines(&db).await, db.store.job_counts().await.unwrap());
    assert!(folder.backup("musonym.db", "copy.db", false).await.unwrap() > 10_000, "while it is open");

    let restored = folder.restore("copy.db", "fresh.db", false).await.unwrap();
    assert_eq!((restored.former, restored.tags), (None, 9));
    let fresh = folder.open("fresh.db").await;
    assert_eq!(lines(&fresh).await, exported);
    assert_eq!(fresh.store.job_counts().await.unwrap(), jobs, "a backup holds the jobs, too");
    fresh.backend.check().await;
    // A shared cache may hold answers from after the backup, under versions that come again.
    assert_eq!(fresh.store.setting_or_insert(SETTING_INSTALLATION, "after").await.unwrap(), "after");
    // Numbers are given once, before a backup and after it.
    let term = "SELECT seq FROM sqlite_sequence WHERE name = 'synonym_term'";
    assert_eq!(fresh.backend.number(term).await, db.backend.number(term).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_while_somebody_writes_has_whole_transactions() {
    const TAGS: usize = 50;
    let folder = Folder::new();
    let store = Arc::new(SqliteStore::open(folder.options("musonym.db")).await.unwrap());
    let (stop, mut written) = (tokio_util::sync::CancellationToken::new(), store.changes());
    let writer = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), stop.clone());
        async move {
            let mut transactions = 0;
            while !stop.is_cancelled() {
                let tags: Vec<_> =
                    (0..TAGS).map(|tag| (TagType::Genre, name(&format!("{tag} of {transactions}")))).collect();
                store.create_tags(&tags, Priority::LOW).await.unwrap();
                transactions += 1;
            }
            transactions
        }
    });
    let mut sizes = Vec::new();
    for copy in 0..4 {
        // The writer is at work before each copy.
        for _ in 0..3 {
            written.changed().await.unwrap();
        }
        let file = format!("copy {copy}.db");
        folder.backup("musonym.db", &file, false).await.unwrap();
        folder.restore(&file, &format!("restored {copy}.db"), false).await.unwrap();
        let restored = folder.open(&format!("restored {copy}.db")).await;
        let tags = restored.store.list_tags(&TagFilter::default(), &Page::first(1_000_000)).await.unwrap().items;
        assert_eq!(tags.len() % TAGS, 0, "a transaction is there whole or not at all");
        let expected = (0..tags.len()).map(|tag| format!("{} of {}", tag % TAGS, tag / TAGS));
        assert!(tags.iter().map(|tag| tag.tag.name.clone()).eq(expected), "as it was at one moment");
        restored.backend.check().await;
        sizes.push(tags.len());
    }
    stop.cancel();
    let transactions = writer.await.unwrap();
    assert!(sizes.is_sorted_by(|a, b| a < b) && sizes[3] <= transactions * TAGS, "{sizes:?} of {transactions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_replaced_or_taken_over_unless_forced_and_the_former_database_stays() {
    let folder = Folder::new();
    let db = folder.open("musonym.db").await;
    db.genre("before").await;
    folder.backup("musonym.db", "copy.db", false).await.unwrap();
    let refused = folder.backup("musonym.db", "copy.db", false).await.unwrap_err();
    assert!(refused.contains("copy.db is there already") && refused.contains("--force"), "{refused}");
    for (file, problem) in [("musonym.db", "the database itself"), (".", "is a folder"), ("none/x.db", "cannot write")]
    {
        let refused = folder.backup("musonym.db", file, true).await.unwrap_err();
        assert!(refused.contains(problem), "{file}: {refused}");
    }
    folder.backup("musonym.db", "copy.db", true).await.unwrap();
    db.genre("after").await;

    let refused = folder.restore("copy.db", "musonym.db", true).await.unwrap_err();
    assert!(refused.contains("another process has") && refused.contains("stop `musonym serve`"), "{refused}");
    assert_eq!(db.store.tag_count().await.unwrap(), 2);
    let refused = folder.restore("musonym.db", "other.db", true).await.unwrap_err();
    assert!(refused.contains("a database in use and no backup"), "{refused}");
    folder.close(&db, "musonym.db").await;
    let refused = folder.restore("copy.db", "musonym.db", false).await.unwrap_err();
    assert!(refused.contains("is not empty") && refused.contains("--force"), "{refused}");
    for former in ["musonym.db.before-restore", "musonym.db.before-restore-2"] {
        let restored = folder.restore("copy.db", "musonym.db", true).await.unwrap();
        assert_eq!(restored.former, Some(folder.0.path().canonicalize().unwrap().join(former)));
    }
    let expected = ["copy.db", "musonym.db", "musonym.db.before-restore", "musonym.db.before-restore-2"];
    assert_eq!(folder.names(), expected, "nothing half made is left");
    let (former, now) = (folder.open("musonym.db.before-restore").await, folder.open("musonym.db").await);
    assert_eq!((former.store.tag_count().await.unwrap(), now.store.tag_count().await.unwrap()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_damaged_or_gone_is_replaced_with_what_lies_beside_it() {
    let folder = Folder::new();
    let db = folder.open("musonym.db").await;
    db.genre("ska").await;
    folder.backup("musonym.db", "copy.db", false).await.unwrap();
    folder.close(&db, "musonym.db").await;
    for file in ["musonym.db", "musonym.db-wal"] {
        std::fs::write(folder.file(file), "no database any more, and long enough for a header. ".repeat(40)).unwrap();
    }
    let refused = folder.restore("copy.db", "musonym.db", false).await.unwrap_err();
    assert!(refused.contains("cannot be read") && refused.contains("--force"), "{refused}");
    assert!(folder.restore("copy.db", "musonym.db", true).await.unwrap().former.is_some());
    assert!(!folder.file("musonym.db-wal").exists());

    std::fs::remove_file(folder.file("musonym.db")).unwrap();
    std::fs::write(folder.file("musonym.db-wal"), "of another file").unwrap();
    assert_eq!(folder.restore("copy.db", "musonym.db", false).await.unwrap().former, None);
    assert!(!folder.file("musonym.db-wal").exists(), "it would be taken for a part of the new file");
    assert!(folder.open("musonym.db").await.store.tag_by_name(TagType::Genre, "ska").await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_no_whole_backup_of_musonym_is_refused() {
    let folder = Folder::new();
    let db = folder.open("musonym.db").await;
    for tag in 0..500 {
        db.genre(&format!("tag number {tag}")).await;
    }
    folder.backup("musonym.db", "copy.db", false).await.unwrap();
    let whole = std::fs::read(folder.file("copy.db")).unwrap();
    let mut damaged = whole.clone();
    for page in (4096 * 2..damaged.len()).step_by(4096) {
        damaged[page..page + 64].fill(0xff);
    }
    std::fs::write(folder.file("damaged.db"), damaged).unwrap();
    std::fs::write(folder.file("cut.db"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.file("text.db"), "not a database, but long enough to have a header. ".repeat(40)).unwrap();
    std::fs::write(folder.file("empty.db"), "").unwrap();
    std::fs::write(folder.file("newer.db"), &whole).unwrap();
    let mut plain = SqliteConnectOptions::new().filename(folder.file("newer.db")).connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'the future', 1, x'00', 0)",
    )
    .execute(&mut plain)
    .await
    .unwrap();
    let before = folder.names();
    for (file, problem) in [
        ("nowhere.db", "cannot read"),
        (".", "is not a file"),
        ("damaged.db", "damaged"),
        ("cut.db", "damaged"),
        ("text.db", "is not a SQLite database"),
        ("empty.db", "no database of musonym"),
        ("newer.db", "made by a newer musonym"),
    ] {
        let refused = folder.restore(file, "target.db", true).await.unwrap_err();
        assert!(refused.contains(problem), "{file}: {refused}");
        assert!(file == "nowhere.db" || refused.contains(file.trim_start_matches('.')), "{file}: {refused}");
    }
    let refused = folder.backup("nowhere.db", "copy of nothing.db", false).await.unwrap_err();
    assert!(refused.contains("cannot read"), "{refused}");
    let refused = folder.backup("empty.db", "copy of nothing.db", false).await.unwrap_err();
    assert!(refused.contains("no database of musonym"), "{refused}");
    assert_eq!(folder.names(), before, "nothing was made");
}

#[tokio::test]
#[cfg(unix)]
async fn a_backup_is_its_owners_alone_and_a_restored_database_keeps_its_rights() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.close(&folder.open("musonym.db").await, "musonym.db").await;
    let rights = |file: &str| std::fs::metadata(folder.file(file)).unwrap().permissions().mode() & 0o777;
    folder.backup("musonym.db", "copy.db", false).await.unwrap();
    assert_eq!(rights("copy.db"), 0o600);
    std::fs::set_permissions(folder.file("musonym.db"), std::fs::Permissions::from_mode(0o640)).unwrap();
    folder.restore("copy.db", "musonym.db", false).await.unwrap();
    assert_eq!(rights("musonym.db"), 0o640);
    folder.restore("copy.db", "new.db", false).await.unwrap();
    assert_eq!(rights("new.db"), 0o600);
}

#[tokio::test]
async fn a_backup_of_an_older_version_comes_up_to_date() {
    let folder = Folder::new();
    let create = SqliteConnectOptions::new().filename(folder.file("old.db")).create_if_missing(true);
    let mut plain = create.connect().await.unwrap();
    sqlx::migrate!("migrations/sqlite").run_to(3, &mut plain).await.unwrap();
    sqlx::query("INSERT INTO genre_tag (name) VALUES ('ska')").execute(&mut plain).await.unwrap();
    drop(plain);
    assert_eq!(folder.restore("old.db", "new.db", false).await.unwrap().tags, 1);
    let made = backup(&folder.file("old.db"), &folder.file("copy.db"), false).await.unwrap();
    assert_eq!(made.schema_version, 3, "a copy is a copy");
    let error = restore(&folder.options("new.db"), &folder.file("copy.db"), false).await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
}
