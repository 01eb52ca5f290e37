//! Every statement is executed by this suite, and none reads a whole table where an index would do.
//!
//! Both are shown on what really ran: a child process (this very test binary) runs the rest of the suite and writes
//! down each statement that sqlx reports. Nothing is copied here that could drift from the source.

use std::{collections::BTreeSet, io::Write as _, process::Command, sync::Mutex};

use musonym::store::sqlite::{SqliteOptions, SqliteStore};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, sqlite::SqliteConnectOptions};
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

const LOG: &str = "MUSONYM_TEST_SQL_LOG";

/// Statements that may read a whole table, by their beginning, and why.
const WHOLE_TABLES: [(&str, &str); 15] = [
    ("SELECT * FROM tag WHERE name_key IS NULL OR", "a new normaliser needs every tag"),
    ("SELECT id, term FROM synonym_term", "a new normaliser needs every term"),
    (
        "UPDATE job SET state = 'queued', attempts = 0, last_error = NULL, run_at = $1, updated_at = $1, trace_id = COALESCE($5, trace_id), batch_id = (SELECT b.id FROM job_batch b WHERE b.id = job.batch_id AND b.ended_at IS NULL AND b.cancelled_at IS NULL) WHERE id IN",
        "`jobs retry --all` asks of every job whether it is the newest of its work",
    ),
    ("SELECT t.id FROM tag t WHERE t.tag_type = $1 AND ($2 OR", "for every tag of a type"),
    ("SELECT state, COUNT(*) FROM job", "counts all, from an index alone"),
    ("SELECT kind, priority, COUNT(*) AS waiting", "counts all that wait, by their index"),
    ("SELECT s.id, s.tag_type, COALESCE(g.name, m.name) AS tag_name", "loads every term and vector at the start"),
    ("SELECT e.synonym_id, s.tag_type, e.space, e.embedding FROM synonym_embedding", "loads every vector at the start"),
    ("INSERT INTO vocabulary_change (synonym_id) SELECT", "a new normaliser changes every row"),
    ("UPDATE mir_synonym SET embedding = NULL, embedding_space = NULL WHERE embedding_space <>", "drops every vector"),
    ("UPDATE mir_synonym SET embedding = e.embedding, embedding_space = e.space FROM", "a switch takes every vector"),
    ("DELETE FROM synonym_embedding WHERE space = $1", "a switch takes every vector"),
    ("SELECT id FROM mir_synonym WHERE is_active AND embedding IS NULL", "after a switch, which takes every row"),
    ("SELECT COUNT(CASE WHEN s.embedding_space = $1", "counts all, for the progress of a change"),
    (
        "UPDATE job SET state = 'succeeded', result = $1, last_error = NULL, updated_at = $2 WHERE kind = 'embed'",
        "a switch takes every row",
    ),
];

/// Writes down what sqlx runs, where the parent asked for it.
pub fn write_down_statements() {
    static STARTED: std::sync::Once = std::sync::Once::new();
    STARTED.call_once(|| {
        if let Some(path) = std::env::var_os(LOG) {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            tracing_subscriber::registry().with(Statements(Mutex::new(file))).init();
        }
    });
}

/// One statement a line, white space folded.
struct Statements(Mutex<std::fs::File>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let statement = if fields.statement.is_empty() { fields.summary } else { fields.statement };
            writeln!(self.0.lock().unwrap(), "{}", folded(&statement)).unwrap();
        }
    }
}

/// sqlx repeats the statement only where its summary is shorter.
#[derive(Default)]
struct Fields {
    summary: String,
    statement: String,
}

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.trim().clone_into(&mut self.statement),
            _ => {}
        }
    }
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the rest of the suite executes.
fn executed() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("statements");
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--skip",
            "sqlite_statements",
            "--skip",
            "sqlite_durability",
            "--skip",
            "invariants",
            "--skip",
            "postgres",
        ])
        .env(LOG, &log)
        // Without a server, tests of both databases leave PostgreSQL's statements out.
        .env_remove(crate::support::postgres::SERVER)
        .env(crate::support::services::WITHOUT, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    std::fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
}

/// The string literals of a Rust file, up to its unit tests.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let (mut found, mut current) = (Vec::new(), None::<String>);
    let mut characters = code.replace("'\"'", "").chars().collect::<Vec<_>>().into_iter();
    while let Some(character) = characters.next() {
        match (character, &mut current) {
            ('\\', Some(text)) => text.extend(characters.next().filter(|next| !next.is_whitespace())),
            ('"', Some(_)) => found.extend(current.take()),
            ('"', None) => current = Some(String::new()),
            (other, Some(text)) => text.push(other),
            (_, None) => {}
        }
    }
    found
}

/// The SQL in the source, pieces of statements included.
fn written() -> Vec<(String, String)> {
    const BEGINNINGS: [&str; 8] =
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "WHERE ", "PRAGMA ", "priority DESC"];
    let store = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut written = Vec::new();
    let files = ["sqlite", "sql"].into_iter().flat_map(|folder| std::fs::read_dir(store.join(folder)).unwrap());
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for literal in literals(&std::fs::read_to_string(&path).unwrap()) {
            let sql = folded(&literal);
            // sqlx tells of no beginning of a transaction. What every write begins with is executed.
            let is_told = !sql.ends_with("BEGIN IMMEDIATE");
            if is_told && BEGINNINGS.iter().any(|beginning| format!("{sql} ").starts_with(beginning)) {
                written.push((name.clone(), sql));
            }
        }
    }
    written
}

#[tokio::test]
async fn every_statement_is_executed_and_reads_by_index() {
    let executed = tokio::task::spawn_blocking(executed).await.unwrap();
    let written = written();
    assert!(written.len() > 70, "{} statements found in the source", written.len());
    let missing: Vec<_> =
        written.iter().filter(|(_, sql)| !executed.iter().any(|statement| statement.contains(sql))).collect();
    assert!(missing.is_empty(), "never executed: {missing:#?}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("musonym.db");
    let _store = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let ours = |statement: &&String| written.iter().any(|(_, sql)| statement.starts_with(sql.as_str()));
    let mut scans = Vec::new();
    for statement in executed.iter().filter(ours) {
        let whole = WHOLE_TABLES.iter().any(|(beginning, _)| statement.starts_with(beginning));
        if whole || statement.starts_with("PRAGMA") || statement.starts_with("INSERT") {
            continue;
        }
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
        for row in plan.fetch_all(&mut connection).await.unwrap() {
            let step: String = row.get("detail");
            let small = [
                "VIRTUAL TABLE",
                "SCAN candidate",
                "SCAN page",
                "SCAN genres",
                "SCAN moods",
                "SCAN c",
                "SCAN h",
                "SCAN (",
                "SCAN queued",
                "SCAN leased",
                "SCAN recent",
                "CONSTANT ROW",
                "SCAN setting",
                "SCAN outbound_subscriber",
                "SCAN sqlite_schema",
                "COVERING INDEX genre_tag_name_key",
                "COVERING INDEX mood_tag_name_key",
            ];
            if step.starts_with("SCAN") && !small.iter().any(|known| step.contains(known)) {
                scans.push((step, statement.clone()));
            }
        }
    }
    assert!(scans.is_empty(), "{scans:#?}");
}
