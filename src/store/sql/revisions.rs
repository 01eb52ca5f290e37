//! The history of a row, and the way back in it.

use super::{
    SqlStore,
    dialect::DbConnection,
    jobs, rows, synonyms,
    terms::{self, Content},
};
use crate::{
    domain::{Confidence, NewJob, Priority, Source, SynonymRecord, Synonyms, Term},
    store::{Listing, Page, Result, Revision, StoreError},
};

impl SqlStore {
    /// See [`crate::store::SynonymStore::revisions`].
    pub(super) async fn list_revisions(&self, synonym_id: i64, page: &Page) -> Result<Listing<Revision>> {
        let before: i64 = page.parse_cursor()?;
        let rows = sqlx::query(
            "SELECT * FROM synonym_revision WHERE synonym_id = $1 AND ($2 = 0 OR id < $2)
             ORDER BY version DESC, id DESC LIMIT $3",
        )
        .bind(synonym_id)
        .bind(before)
        .bind(page.fetch_limit())
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(rows::revision).collect::<Result<Vec<_>>>()?;
        Ok(page.listing(items, |revision| revision.id))
    }

    /// See [`crate::store::SynonymStore::restore_synonyms`].
    pub(super) async fn restore(
        &self,
        synonym_id: i64,
        version: i64,
        expected_version: Option<i64>,
    ) -> Result<SynonymRecord> {
        let mut transaction = self.begin().await?;
        let row = synonyms::by_id(&mut transaction, synonym_id).await?;
        synonyms::check_version(&row, expected_version)?;
        let missing = || StoreError::NotFound(format!("version {version} of the synonyms row {synonym_id}"));
        let revision = of_version(&mut transaction, synonym_id, version).await?.ok_or_else(missing)?;
        synonyms::require_no_other_active(&mut transaction, &row).await?;
        let before = terms::read(&mut transaction, synonym_id).await?;
        let content = Content {
            terms: &restored(&before, content_of(revision)?),
            source: Source::Manual,
            confidence: Confidence::CERTAIN,
            action: "restored",
        };
        terms::update_row(&mut transaction, &row, &content).await?;
        synonyms::mark_active(&mut transaction, synonym_id, true).await?;
        jobs::enqueue(&mut transaction, &NewJob::embed(synonym_id, Priority::HIGH)).await?;
        let row = synonyms::by_id(&mut transaction, synonym_id).await?;
        self.commit(transaction).await?;
        Ok(row)
    }
}

/// The newest revision of a row with this version.
pub(super) async fn of_version(
    connection: &mut DbConnection,
    synonym_id: i64,
    version: i64,
) -> Result<Option<Revision>> {
    let row =
        sqlx::query("SELECT * FROM synonym_revision WHERE synonym_id = $1 AND version = $2 ORDER BY id DESC LIMIT 1")
            .bind(synonym_id)
            .bind(version)
            .fetch_optional(connection)
            .await?;
    row.as_ref().map(rows::revision).transpose()
}

/// The terms that a revision left, as a person would write them.
fn content_of(revision: Revision) -> Result<Vec<Term>> {
    let Revision { version, action, after, .. } = revision;
    let after = after.filter(|after| *after != Synonyms::default()).ok_or_else(|| {
        let text = format!("version {version} ({action}) left no terms that could be restored; choose another one");
        StoreError::Conflict(text)
    })?;
    after
        .into_terms(Source::Manual, Confidence::CERTAIN)
        .map_err(|error| StoreError::Conflict(format!("version {version} cannot be restored: {error}")))
}

/// What restoring makes of a row's terms: as a replacement by a person does, but nobody has decided on pending terms.
fn restored(before: &[Term], mut content: Vec<Term>) -> Vec<Term> {
    // Sections do not tell languages; the terms that are still there do.
    for term in content.iter_mut().filter(|term| term.lang.is_none()) {
        let same = |other: &&Term| other.section == term.section && other.term == term.term;
        term.lang = before.iter().find(same).and_then(|same| same.lang);
    }
    let (pending, decided): (Vec<Term>, Vec<Term>) = before.iter().cloned().partition(|term| term.status.is_pending());
    let brought: Vec<_> = content.iter().map(|term| (term.list(), term.key())).collect();
    let mut terms = terms::replaced_by_person(&decided, &content);
    terms.extend(pending.into_iter().filter(|term| !brought.contains(&(term.list(), term.key()))));
    terms
}
