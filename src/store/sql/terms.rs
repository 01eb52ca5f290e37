//! Terms and revisions: what stands behind a synonyms row, written together with it.

use std::collections::HashSet;

use sqlx::{Row, types::Json};

use super::{
    dialect::{self, DbConnection, Moment, NewTerm, now},
    jobs, rows,
};
use crate::{
    domain::{
        Confidence, Lang, NewJob, Priority, SECTION_MAX_TERMS, Section, Source, SynonymRecord, Synonyms, TagType, Term,
        TermStatus, key, stems,
    },
    store::Result,
};

/// All terms of a row but the name, in order.
pub(super) async fn read(connection: &mut DbConnection, synonym_id: i64) -> Result<Vec<Term>> {
    sqlx::query("SELECT * FROM synonym_term WHERE synonym_id = $1 AND section <> 'name' ORDER BY position, id")
        .bind(synonym_id)
        .fetch_all(connection)
        .await?
        .iter()
        .map(rows::term)
        .collect()
}

/// A term as it is stored, for changes that leave the others of its row as they are.
#[derive(Clone)]
pub(super) struct StoredTerm {
    /// Its number; `None` for one that is new.
    pub(super) id: Option<i64>,
    /// Its key.
    pub(super) key: String,
    /// The term.
    pub(super) term: Term,
}

impl StoredTerm {
    /// One that is new.
    pub(super) fn new(term: Term) -> Self {
        Self { id: None, key: term.key(), term }
    }

    /// Whether it is an active one of this key in this list.
    pub(super) fn counts_as(&self, key: &str, list: (Section, Option<Lang>)) -> bool {
        self.term.status == TermStatus::Active && self.key == key && self.term.list() == list
    }
}

/// Whether a list has as many active terms as it can hold.
pub(super) fn is_full(terms: &[StoredTerm], list: (Section, Option<Lang>)) -> bool {
    let active = |stored: &&StoredTerm| stored.term.status == TermStatus::Active && stored.term.list() == list;
    terms.iter().filter(active).count() >= SECTION_MAX_TERMS
}

/// All terms of a row with their numbers, the name's too, in order.
pub(super) async fn read_stored(connection: &mut DbConnection, synonym_id: i64) -> Result<Vec<StoredTerm>> {
    sqlx::query("SELECT * FROM synonym_term WHERE synonym_id = $1 ORDER BY position, id")
        .bind(synonym_id)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| Ok(StoredTerm { id: row.try_get("id")?, key: row.try_get("term_key")?, term: rows::term(row)? }))
        .collect()
}

/// Replaces all terms of a row, and its name's term.
pub(super) async fn write(
    connection: &mut DbConnection,
    synonym_id: i64,
    tag_name: &str,
    terms: &[Term],
) -> Result<()> {
    let name = Term {
        section: Section::Name,
        lang: None,
        term: tag_name.to_owned(),
        source: Source::Manual,
        confidence: Confidence::CERTAIN,
        status: TermStatus::Active,
    };
    let terms: Vec<StoredTerm> = std::iter::once(&name).chain(terms).cloned().map(StoredTerm::new).collect();
    write_stored(connection, synonym_id, &terms).await
}

/// Replaces all terms of a row, the name's included; those with a number keep it.
async fn write_stored(connection: &mut DbConnection, synonym_id: i64, terms: &[StoredTerm]) -> Result<()> {
    sqlx::query("DELETE FROM synonym_term WHERE synonym_id = $1").bind(synonym_id).execute(&mut *connection).await?;
    let rows: Vec<NewTerm<'_>> = terms
        .iter()
        .map(|StoredTerm { id, key, term }| NewTerm { id: *id, term, key, stems: stems(&term.term) })
        .collect();
    dialect::insert_terms(connection, synonym_id, &rows).await
}

/// Writes a tag's name into the terms of its rows unless it stands there, and has the active one embedded anew: the
/// name is part of the text.
pub(super) async fn rename(connection: &mut DbConnection, tag_type: TagType, tag_id: i64, name: &str) -> Result<()> {
    let renamed: Vec<i64> = sqlx::query_scalar(
        "UPDATE synonym_term SET term = $1, term_key = $2, stems = $3
         WHERE section = 'name' AND term <> $1
           AND synonym_id IN (SELECT id FROM mir_synonym WHERE tag_type = $4 AND tag_id = $5) RETURNING synonym_id",
    )
    .bind(name)
    .bind(key(name))
    .bind(stems(name))
    .bind(tag_type.as_str())
    .bind(tag_id)
    .fetch_all(&mut *connection)
    .await?;
    for synonym_id in renamed {
        let (is_active, version, sections): (bool, i64, Json<Synonyms>) = sqlx::query_as(
            "UPDATE mir_synonym SET embedding = NULL, embedding_space = NULL, version = version + 1, updated_at = $2
             WHERE id = $1 RETURNING is_active, version, synonyms",
        )
        .bind(synonym_id)
        .bind(now())
        .fetch_one(&mut *connection)
        .await?;
        let revision = NewRevision { synonym_id, version, before: Some(&sections), after: Some(&sections) };
        record(&mut *connection, revision, "renamed", Source::Manual, tag_type, name).await?;
        if is_active {
            jobs::enqueue(&mut *connection, &NewJob::embed(synonym_id, Priority::LOW)).await?;
        }
    }
    Ok(())
}

/// The keys of a tag's rejected terms, over all its rows.
pub(super) async fn rejected_keys(
    connection: &mut DbConnection,
    tag_type: TagType,
    tag_id: i64,
) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "SELECT DISTINCT t.term_key FROM synonym_term t JOIN mir_synonym s ON s.id = t.synonym_id
         WHERE s.tag_type = $1 AND s.tag_id = $2 AND t.status = 'rejected' ORDER BY t.term_key",
    )
    .bind(tag_type.as_str())
    .bind(tag_id)
    .fetch_all(connection)
    .await?)
}

/// What a person's terms make of a row's former ones: the person's, and as rejected whatever stood there and was left
/// out (unless the person brought its key back elsewhere).
pub(super) fn replaced_by_person(before: &[Term], terms: &[Term]) -> Vec<Term> {
    let kept: HashSet<String> = terms.iter().map(Term::key).collect();
    let mut seen = HashSet::new();
    let rejected = before
        .iter()
        .filter(|term| term.source != Source::Manual || term.status == TermStatus::Rejected)
        .filter(|term| !kept.contains(&term.key()) && seen.insert((term.section, term.lang, term.key())))
        .map(|term| Term { status: TermStatus::Rejected, ..term.clone() });
    terms.iter().cloned().chain(rejected).collect()
}

/// `terms`, and of `before` the rejected ones whose key `terms` does not bring back: what a person took out stays out.
pub(super) fn with_rejected(before: &[Term], terms: &[Term]) -> Vec<Term> {
    let brought: HashSet<String> = terms.iter().map(Term::key).collect();
    let rejected = before.iter().filter(|term| term.status == TermStatus::Rejected && !brought.contains(&term.key()));
    terms.iter().chain(rejected).cloned().collect()
}

/// A new row, or new content of a row.
pub(super) struct Content<'a> {
    pub(super) terms: &'a [Term],
    pub(super) source: Source,
    pub(super) confidence: Confidence,
    pub(super) action: &'static str,
}

/// Inserts an active row with its terms and its first revision; returns its number.
pub(super) async fn insert_row(
    connection: &mut DbConnection,
    tag_type: TagType,
    tag_id: i64,
    tag_name: &str,
    content: &Content<'_>,
) -> Result<i64> {
    let now = now();
    let synonyms = Synonyms::from_terms(content.terms);
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO mir_synonym (tag_type, tag_id, synonyms, source, confidence, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id",
    )
    .bind(tag_type.as_str())
    .bind(tag_id)
    .bind(Json(&synonyms))
    .bind(content.source.as_str())
    .bind(content.confidence.value())
    .bind(now)
    .fetch_one(&mut *connection)
    .await?;
    write(&mut *connection, id, tag_name, content.terms).await?;
    let revision = NewRevision { synonym_id: id, version: 1, before: None, after: Some(&synonyms) };
    record(connection, revision, content.action, content.source, tag_type, tag_name).await?;
    Ok(id)
}

/// Replaces the content of a row, raises its version, drops its vector, records the revision; returns the version.
pub(super) async fn update_row(
    connection: &mut DbConnection,
    row: &SynonymRecord,
    content: &Content<'_>,
) -> Result<i64> {
    let synonyms = Synonyms::from_terms(content.terms);
    let version = row.version + 1;
    sqlx::query(
        "UPDATE mir_synonym SET synonyms = $1, source = $2, confidence = $3, version = $4, updated_at = $5,
             embedding = NULL, embedding_space = NULL WHERE id = $6",
    )
    .bind(Json(&synonyms))
    .bind(content.source.as_str())
    .bind(content.confidence.value())
    .bind(version)
    .bind(now())
    .bind(row.id)
    .execute(&mut *connection)
    .await?;
    write(&mut *connection, row.id, &row.tag_name, content.terms).await?;
    let revision = NewRevision { synonym_id: row.id, version, before: Some(&row.synonyms), after: Some(&synonyms) };
    record(connection, revision, content.action, content.source, row.tag_type, &row.tag_name).await?;
    Ok(version)
}

/// Changes some terms of a row by a person's hand: see [`amend_as`].
pub(super) async fn amend(
    connection: &mut DbConnection,
    row: &SynonymRecord,
    terms: &[StoredTerm],
    action: &'static str,
) -> Result<()> {
    let (source, confidence, priority) = (Source::Manual, row.confidence, Priority::HIGH);
    amend_as(connection, row, &Amendment { terms, action, source, confidence, priority }).await?;
    Ok(())
}

/// A change of some terms of a row.
pub(super) struct Amendment<'a> {
    /// All terms as they are then.
    pub(super) terms: &'a [StoredTerm],
    /// What is done.
    pub(super) action: &'static str,
    /// Who does it.
    pub(super) source: Source,
    /// How far the row can be trusted then.
    pub(super) confidence: Confidence,
    /// How urgent its embedding is.
    pub(super) priority: Priority,
}

/// Changes some terms of a row: one new version and revision, while the row stays whose it was. The vector is dropped, and
/// its making enqueued, only where the active terms have changed. A row whose terms were checked for their meanings stays
/// so: nothing has come that was not. Returns the version.
pub(super) async fn amend_as(
    connection: &mut DbConnection,
    row: &SynonymRecord,
    amendment: &Amendment<'_>,
) -> Result<i64> {
    let Amendment { terms, action, source, confidence, priority } = *amendment;
    let synonyms = Synonyms::from_terms(terms.iter().map(|stored| &stored.term));
    let changed = synonyms != row.synonyms;
    let version = row.version + 1;
    sqlx::query(
        "UPDATE mir_synonym SET synonyms = $2, version = $3, updated_at = $4, confidence = $6,
             meaning_checked = CASE WHEN meaning_checked = version THEN $3 ELSE meaning_checked END,
             embedding = CASE WHEN $5 THEN NULL ELSE embedding END,
             embedding_space = CASE WHEN $5 THEN NULL ELSE embedding_space END WHERE id = $1",
    )
    .bind(row.id)
    .bind(Json(&synonyms))
    .bind(version)
    .bind(now())
    .bind(changed)
    .bind(confidence.value())
    .execute(&mut *connection)
    .await?;
    write_stored(&mut *connection, row.id, terms).await?;
    let revision = NewRevision { synonym_id: row.id, version, before: Some(&row.synonyms), after: Some(&synonyms) };
    record(&mut *connection, revision, action, source, row.tag_type, &row.tag_name).await?;
    // Without a vector, one may be in the making for the version that was: it will not be stored.
    if row.is_active && (changed || row.embedding.is_none()) {
        jobs::enqueue(connection, &NewJob::embed(row.id, priority)).await?;
    }
    Ok(version)
}

/// The numbers and contents of a revision.
pub(super) struct NewRevision<'a> {
    pub(super) synonym_id: i64,
    pub(super) version: i64,
    pub(super) before: Option<&'a Synonyms>,
    pub(super) after: Option<&'a Synonyms>,
}

pub(super) async fn record(
    connection: &mut DbConnection,
    revision: NewRevision<'_>,
    action: &str,
    source: Source,
    tag_type: TagType,
    tag_name: &str,
) -> Result<()> {
    record_at(connection, revision, action, source, (tag_type, tag_name), now()).await
}

/// As [`record`], for a change that was made at this moment.
pub(super) async fn record_at(
    connection: &mut DbConnection,
    revision: NewRevision<'_>,
    action: &str,
    source: Source,
    (tag_type, tag_name): (TagType, &str),
    created_at: Moment,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO synonym_revision
             (synonym_id, version, action, source, tag_type, tag_name, before, after, created_at, trace_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(revision.synonym_id)
    .bind(revision.version)
    .bind(action)
    .bind(source.as_str())
    .bind(tag_type.as_str())
    .bind(tag_name)
    .bind(revision.before.map(Json))
    .bind(revision.after.map(Json))
    .bind(created_at)
    .bind(rows::current_trace())
    .execute(connection)
    .await?;
    Ok(())
}
