//! The databases that the suite runs on, and the few steps that many tests share.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use musonym::{
    domain::{
        Confidence, GeneratePayload, JobKind, Lang, LeasedJob, NewJob, Priority, Section, Source, SynonymRecord, Tag,
        TagName, TagRef, TagType, Term, TermStatus,
    },
    store::{
        ClaimOrder, EmbeddingDone, EmbeddingOutcome, Generated, GenerationDone, GenerationOutcome, MeaningCheck, Page,
        ReviewFilter, ReviewItem, Revision, SpaceSwitch, Store, Switched, SynonymsDraft,
        postgres::PostgresStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::support::postgres::Database;

/// A lease that no test outlives.
pub const LEASE: Duration = Duration::from_secs(60);

/// The embedding space of the tests.
pub const SPACE: &str = "test-space/4";

/// One database of one backend, gone with its value.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Another handle on the same database, as another process would have.
    async fn reopen(&self) -> Arc<dyn Store>;

    /// Runs plain SQL, as an application that knows nothing of musonym would.
    async fn execute(&self, sql: &str);

    /// One number by plain SQL.
    async fn number(&self, sql: &str) -> i64;

    /// Moves everything whose age matters a day into the past.
    async fn age(&self);

    /// Makes storing synonyms for a tag fail, as damage would.
    async fn damage(&self, tag_name: &str);

    /// Whether the database's own checks pass: foreign keys, text indices against their rows.
    async fn check(&self);
}

/// A fresh database with a handle on it.
pub struct Db {
    pub store: Arc<dyn Store>,
    pub backend: Box<dyn Backend>,
}

/// A fresh SQLite file.
pub async fn sqlite() -> Db {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("musonym.db");
    open(Sqlite { path, _folder: Some(folder) }).await
}

/// The SQLite file at this path, which stays.
pub async fn sqlite_at(path: PathBuf) -> Db {
    open(Sqlite { path, _folder: None }).await
}

async fn open(backend: Sqlite) -> Db {
    crate::sqlite_statements::write_down_statements();
    Db { store: backend.reopen().await, backend: Box::new(backend) }
}

struct Sqlite {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Sqlite {
    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(&self.path).connect().await.unwrap()
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn reopen(&self) -> Arc<dyn Store> {
        let options = SqliteOptions { max_attempts: 3, ..SqliteOptions::new(&self.path) };
        Arc::new(SqliteStore::open(options).await.unwrap())
    }

    async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut self.connect().await).await.unwrap()
    }

    async fn age(&self) {
        self.execute(
            "UPDATE job SET updated_at = updated_at - 86400000;
             UPDATE job_batch SET ended_at = ended_at - 86400000;
             UPDATE mir_synonym SET updated_at = updated_at - 86400000;
             UPDATE webhook_delivery SET received_at = received_at - 86400000;
             UPDATE outbound_event SET created_at = created_at - 86400000;
             UPDATE synonym_revision SET created_at = created_at - 86400000;",
        )
        .await;
    }

    async fn damage(&self, tag_name: &str) {
        self.execute(&format!("UPDATE genre_tag SET created_at = 9223372036854775807 WHERE name = '{tag_name}'")).await;
    }

    async fn check(&self) {
        assert_eq!(self.number("SELECT COUNT(*) FROM pragma_foreign_key_check").await, 0);
        assert_eq!(self.number("SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'").await, 0);
    }
}

/// A fresh PostgreSQL database; `None` where a developer goes without.
pub async fn postgres() -> Option<Db> {
    Some(postgres_in(Database::create().await?).await)
}

/// This PostgreSQL database.
pub async fn postgres_in(database: Database) -> Db {
    let backend = Postgres { database };
    Db { store: backend.reopen().await, backend: Box::new(backend) }
}

struct Postgres {
    database: Database,
}

#[async_trait]
impl Backend for Postgres {
    async fn reopen(&self) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(self.database.options()).await.unwrap())
    }

    async fn execute(&self, sql: &str) {
        self.database.execute(sql).await;
    }

    async fn number(&self, sql: &str) -> i64 {
        self.database.number(sql).await
    }

    async fn age(&self) {
        self.execute(
            "UPDATE job SET updated_at = updated_at - interval '1 day';
             UPDATE job_batch SET ended_at = ended_at - interval '1 day';
             UPDATE mir_synonym SET updated_at = updated_at - interval '1 day';
             UPDATE webhook_delivery SET received_at = received_at - interval '1 day';
             UPDATE outbound_event SET created_at = created_at - interval '1 day';
             UPDATE synonym_revision SET created_at = created_at - interval '1 day';",
        )
        .await;
    }

    async fn damage(&self, tag_name: &str) {
        self.execute(&format!(
            "CREATE FUNCTION damage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF (SELECT name FROM genre_tag WHERE id = NEW.tag_id) = '{tag_name}' THEN RAISE 'damaged'; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER damage BEFORE INSERT ON mir_synonym FOR EACH ROW EXECUTE FUNCTION damage();"
        ))
        .await;
    }

    /// PostgreSQL keeps its own constraints.
    async fn check(&self) {}
}

pub fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

pub fn genre(text: &str) -> TagRef {
    TagRef { tag_type: TagType::Genre, tag_name: name(text) }
}

pub fn mood(text: &str) -> TagRef {
    TagRef { tag_type: TagType::Mood, tag_name: name(text) }
}

pub fn confidence(value: f64) -> Confidence {
    Confidence::new(value).unwrap()
}

/// An active English term.
pub fn term(section: Section, text: &str, source: Source) -> Term {
    Term {
        section,
        lang: Some(Lang::En),
        term: text.to_owned(),
        source,
        confidence: confidence(0.7),
        status: TermStatus::Active,
    }
}

/// Search terms.
pub fn terms(texts: &[&str], source: Source) -> Vec<Term> {
    texts.iter().map(|text| term(Section::SearchTerms, text, source)).collect()
}

/// What a person writes: search terms.
pub fn draft(tag: TagRef, texts: &[&str]) -> SynonymsDraft {
    SynonymsDraft { tag, terms: terms(texts, Source::Manual), confidence: Confidence::CERTAIN }
}

/// What a generator writes.
pub fn generated(texts: &[&str]) -> Generated {
    Generated { terms: terms(texts, Source::Ollama), source: Source::Ollama, confidence: confidence(0.7) }
}

/// The end of a `generate` job, as a worker reports it.
pub fn generation(job: &LeasedJob, texts: &[&str]) -> GenerationDone {
    let payload: GeneratePayload = serde_json::from_value(job.job.payload.clone()).unwrap();
    GenerationDone {
        lease: job.lease.clone(),
        tag_type: payload.tag_type,
        tag_id: payload.tag_id,
        force: payload.force,
        priority: job.job.priority,
        generated: generated(texts),
    }
}

/// The job that generates a tag's synonyms anew.
pub fn generate_job(tag: &Tag, force: bool, priority: Priority) -> NewJob {
    let payload = GeneratePayload { tag_type: tag.tag_type, tag_id: tag.id, force, refresh: true };
    NewJob::generate(&payload, priority)
}

/// The texts of a row's search terms.
pub fn search_terms(row: &SynonymRecord) -> Vec<&str> {
    row.synonyms.search_terms.iter().map(String::as_str).collect()
}

impl Db {
    /// Creates tags of one type.
    pub async fn tags(&self, tag_type: TagType, names: &[&str]) -> Vec<Tag> {
        let tags: Vec<_> = names.iter().map(|text| (tag_type, name(text))).collect();
        self.store.create_tags(&tags, Priority::LOW).await.unwrap().into_iter().map(|created| created.tag).collect()
    }

    /// Creates a genre.
    pub async fn genre(&self, text: &str) -> Tag {
        self.tags(TagType::Genre, &[text]).await.remove(0)
    }

    /// Claims every job of a kind that can be claimed.
    pub async fn claim_all(&self, kind: JobKind) -> Vec<LeasedJob> {
        self.store.claim(kind, ClaimOrder::Priority, "worker", LEASE, 1000).await.unwrap()
    }

    /// Claims the job that must be the only one.
    pub async fn claim_one(&self, kind: JobKind) -> LeasedJob {
        let mut claimed = self.claim_all(kind).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.remove(0)
    }

    /// Generates these search terms for a tag, as a person asked for it.
    pub async fn generate(&self, tag: &Tag, force: bool, texts: &[&str]) -> GenerationOutcome {
        let job = generate_job(tag, force, Priority::clamped(9));
        let id = self.store.enqueue(&job).await.unwrap().job.id;
        let claimed = self.store.claim(JobKind::Generate, ClaimOrder::Priority, "worker", LEASE, 1).await.unwrap();
        assert_eq!(claimed[0].job.id, id);
        self.store.complete_generations(&[generation(&claimed[0], texts)]).await.unwrap().remove(0)
    }

    /// Creates a genre with generated search terms; returns its row.
    pub async fn genre_with(&self, text: &str, texts: &[&str]) -> SynonymRecord {
        let tag = self.genre(text).await;
        self.generate(&tag, false, texts).await;
        self.row(&genre(text)).await.unwrap()
    }

    /// The active row of a tag.
    pub async fn row(&self, tag: &TagRef) -> Option<SynonymRecord> {
        self.store.lookup_synonyms(std::slice::from_ref(tag)).await.unwrap().remove(0)
    }

    /// The whole history of a row, newest first.
    pub async fn revisions(&self, synonym_id: i64) -> Vec<Revision> {
        self.store.revisions(synonym_id, &Page::first(1000)).await.unwrap().items
    }

    /// Makes a term of a row doubtful, as gates do.
    pub async fn quarantine(&self, synonym_id: i64, text: &str) {
        let mut sections = self.store.synonyms_by_ids(&[synonym_id]).await.unwrap().remove(0).synonyms;
        sections.search_terms.retain(|term| term != text);
        let sections = serde_json::to_string(&sections).unwrap();
        let sql = format!(
            "UPDATE synonym_term SET status = 'quarantined' WHERE synonym_id = {synonym_id} AND term = '{text}';
             UPDATE mir_synonym SET synonyms = '{sections}' WHERE id = {synonym_id}"
        );
        self.backend.execute(&sql).await;
    }

    /// Everything that waits for review.
    pub async fn waiting(&self) -> Vec<ReviewItem> {
        self.store.list_review(&ReviewFilter::default(), &Page::first(1000)).await.unwrap().items
    }

    /// The number of the term that waits with this text.
    pub async fn pending(&self, text: &str) -> i64 {
        self.waiting().await.iter().find(|item| item.term == text).unwrap().id
    }

    /// Makes a space the active one, whatever lacks a vector; returns how many jobs are new.
    pub async fn switch(&self, space: &str) -> u64 {
        match self.store.switch_embedding_space(&SpaceSwitch::at_once(space)).await.unwrap() {
            Switched::Done { queued } => queued,
            Switched::Missing(missing) => panic!("{missing:?} may be missing"),
        }
    }

    /// Runs every `embed` job, with a vector by the tag's name.
    pub async fn embed_all(&self, vector: impl Fn(&str) -> [f32; 4]) {
        self.store.setting_or_insert(musonym::store::SETTING_EMBEDDING_SPACE, SPACE).await.unwrap();
        let jobs = self.claim_all(JobKind::Embed).await;
        let ids: Vec<i64> = jobs.iter().map(|job| job.job.payload["synonym_id"].as_i64().unwrap()).collect();
        let inputs = self.store.embed_inputs(&ids).await.unwrap();
        let done: Vec<EmbeddingDone> = jobs
            .into_iter()
            .zip(ids)
            .filter_map(|(job, id)| inputs.iter().find(|input| input.synonym_id == id).map(|input| (job, input)))
            .map(|(job, input)| EmbeddingDone {
                lease: job.lease,
                synonym_id: input.synonym_id,
                version: input.version,
                vector: vector(&input.tag_name).to_vec(),
                meaning: MeaningCheck::NotNeeded,
            })
            .collect();
        let outcomes = self.store.complete_embeddings(SPACE, &done).await.unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == EmbeddingOutcome::Stored), "{outcomes:?}");
    }
}
