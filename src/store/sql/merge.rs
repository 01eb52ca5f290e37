//! Two tags that mean one thing become one.

use std::collections::HashSet;

use super::{
    SqlStore,
    dialect::DbConnection,
    jobs, rows, synonyms, tags,
    terms::{self, Content, NewRevision, StoredTerm},
};
use crate::{
    domain::{
        Confidence, GeneratePayload, NewJob, Priority, Section, Source, SynonymRecord, Tag, TagName, TagRef, TagType,
        Term, TermStatus, key,
    },
    store::{Result, StoreError},
};

impl SqlStore {
    /// See [`crate::store::TagStore::merge_tags`].
    pub(super) async fn merge(
        &self,
        tag_type: TagType,
        from: &TagName,
        into: &TagName,
        dry_run: bool,
    ) -> Result<SynonymRecord> {
        let mut transaction = self.begin().await?;
        let from = tags::require(&mut transaction, &TagRef { tag_type, tag_name: from.clone() }).await?;
        let into = tags::require(&mut transaction, &TagRef { tag_type, tag_name: into.clone() }).await?;
        if from.id == into.id {
            let text = format!("the {tag_type} tag `{}` cannot be merged into itself", into.name);
            return Err(StoreError::Conflict(text));
        }
        let brought = Brought::read(&mut transaction, &from).await?;
        let row_id = take_over(&mut transaction, &from, &into, &brought).await?;
        if let Some(row) = &brought.row {
            record_end(&mut transaction, row).await?;
        }
        tags::delete(&mut transaction, &from).await?;
        let row = synonyms::by_id(&mut transaction, row_id).await?;
        // A dry run has done it all, and takes it back.
        if dry_run {
            transaction.rollback().await?;
        } else {
            self.commit(transaction).await?;
        }
        Ok(row)
    }
}

/// What a tag brings along.
struct Brought {
    /// Its active row, else its tombstone.
    row: Option<SynonymRecord>,
    /// The terms of its active row that count.
    active: Vec<Term>,
    /// The terms that a person rejected, of all its rows.
    rejected: Vec<Term>,
}

impl Brought {
    async fn read(connection: &mut DbConnection, tag: &Tag) -> Result<Self> {
        let row = match synonyms::active(&mut *connection, tag.tag_type, tag.id).await? {
            Some(row) => Some(row),
            None => synonyms::tombstone(&mut *connection, tag.tag_type, tag.id).await?,
        };
        let mut active = match &row {
            Some(row) if row.is_active => terms::read(&mut *connection, row.id).await?,
            _ => Vec::new(),
        };
        active.retain(|term| term.status == TermStatus::Active);
        let rejected = rejected_terms(connection, tag).await?;
        Ok(Self { row, active, rejected })
    }

    /// The active row.
    fn active_row(&self) -> Option<&SynonymRecord> {
        self.row.as_ref().filter(|row| row.is_active)
    }
}

/// Writes what `from` brings into the row of `into`, which gets one where it has none; returns its number.
async fn take_over(connection: &mut DbConnection, from: &Tag, into: &Tag, brought: &Brought) -> Result<i64> {
    let stays_out = terms::rejected_keys(&mut *connection, into.tag_type, into.id).await?;
    let stays_out: HashSet<String> = stays_out.into_iter().collect();
    if let Some(row) = synonyms::active(&mut *connection, into.tag_type, into.id).await? {
        let before = terms::read_stored(&mut *connection, row.id).await?;
        let terms = merged(before, from, into, brought, &stays_out)?;
        terms::amend(&mut *connection, &row, &terms, "merged").await?;
        return Ok(row.id);
    }
    // As where a person writes beside a tombstone: what was rejected there is rejected here.
    let before = rejected_terms(&mut *connection, into).await?.into_iter().map(StoredTerm::new).collect();
    let terms = merged(before, from, into, brought, &stays_out)?;
    let terms: Vec<Term> = terms.into_iter().map(|stored| stored.term).collect();
    let (source, confidence) = match brought.active_row() {
        Some(row) => (row.source, row.confidence),
        // A name alone is no content that a person wrote: a generator shall add to it.
        None => (Source::Lexicon, Confidence::CERTAIN),
    };
    let content = Content { terms: &terms, source, confidence, action: "merged" };
    let id = terms::insert_row(&mut *connection, into.tag_type, into.id, &into.name, &content).await?;
    jobs::enqueue(&mut *connection, &NewJob::embed(id, Priority::HIGH)).await?;
    if brought.active_row().is_none() {
        let payload = GeneratePayload { tag_type: into.tag_type, tag_id: into.id, force: false, refresh: true };
        jobs::enqueue(connection, &NewJob::generate(&payload, Priority::HIGH)).await?;
    }
    Ok(id)
}

/// The terms of `into`, then the name of `from`, then its terms, then what was rejected of it.
fn merged(
    mut terms: Vec<StoredTerm>,
    from: &Tag,
    into: &Tag,
    brought: &Brought,
    stays_out: &HashSet<String>,
) -> Result<Vec<StoredTerm>> {
    let alias = StoredTerm::new(Term {
        section: Section::SearchTerms,
        lang: None,
        term: from.name.clone(),
        source: Source::Manual,
        confidence: Confidence::CERTAIN,
        status: TermStatus::Active,
    });
    let own_key = key(&into.name);
    // Another spelling of the name finds the tag by its key anyway.
    if alias.key != own_key {
        let list = alias.term.list();
        // The person says so now: it takes the place of what stood there, and is no longer rejected.
        terms.retain(|stored| {
            stored.key != alias.key || !(stored.term.list() == list || stored.term.status == TermStatus::Rejected)
        });
        if terms::is_full(&terms, list) {
            return Err(StoreError::Conflict(format!(
                "the search terms of the {} tag `{}` leave no room for the name `{}`; take one out first",
                into.tag_type, into.name, from.name
            )));
        }
        terms.push(alias);
    }
    for mut stored in brought.active.iter().cloned().map(StoredTerm::new) {
        let list = stored.term.list();
        // In its translations a tag may be called as it is; elsewhere its own name says nothing.
        let own_name = stored.key == own_key && stored.term.section != Section::Translations;
        let stands = terms.iter().any(|other| other.counts_as(&stored.key, list));
        if own_name || stands || stays_out.contains(&stored.key) {
            continue;
        }
        // What counted there does not wait here, unless there is no room.
        terms.retain(|other| !(other.term.status.is_pending() && other.key == stored.key && other.term.list() == list));
        if terms::is_full(&terms, list) {
            stored.term.status = TermStatus::Quarantined;
        }
        terms.push(stored);
    }
    keep_rejected(&mut terms, &brought.rejected, &own_key);
    Ok(terms)
}

/// Adds what was rejected of the tag that goes; what counts in one of the two is not rejected in the other.
fn keep_rejected(terms: &mut Vec<StoredTerm>, rejected: &[Term], own_key: &str) {
    for stored in rejected.iter().cloned().map(StoredTerm::new) {
        let counts = |other: &StoredTerm| other.key == stored.key && other.term.status == TermStatus::Active;
        if stored.key != own_key && !terms.iter().any(counts) {
            terms.retain(|other| other.key != stored.key);
            terms.push(stored);
        }
    }
}

/// The terms of a tag that a person rejected, over all its rows.
async fn rejected_terms(connection: &mut DbConnection, tag: &Tag) -> Result<Vec<Term>> {
    sqlx::query(
        "SELECT t.* FROM synonym_term t JOIN mir_synonym s ON s.id = t.synonym_id
         WHERE s.tag_type = $1 AND s.tag_id = $2 AND t.status = 'rejected' ORDER BY t.id",
    )
    .bind(tag.tag_type.as_str())
    .bind(tag.id)
    .fetch_all(connection)
    .await?
    .iter()
    .map(rows::term)
    .collect()
}

/// The last entry in the history of a row whose tag was merged away.
async fn record_end(connection: &mut DbConnection, row: &SynonymRecord) -> Result<()> {
    let before = row.is_active.then_some(&row.synonyms);
    let revision = NewRevision { synonym_id: row.id, version: row.version + 1, before, after: None };
    terms::record(connection, revision, "merged", Source::Manual, row.tag_type, &row.tag_name).await
}
