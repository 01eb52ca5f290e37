//! Terms that wait for a person, and the person's decisions.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use sqlx::Row;

use super::{
    SqlStore,
    dialect::{DbConnection, DbRow, list},
    rows, synonyms,
    terms::{self, StoredTerm},
};
use crate::{
    domain::{Confidence, ReviewStatus, Source, TagType, Term, TermStatus},
    store::{
        BulkVerdict, Decision, Listing, Page, Result, ReviewCounts, ReviewFilter, ReviewItem, ReviewOutcome,
        ReviewStore, Verdict,
    },
};

#[async_trait]
impl ReviewStore for SqlStore {
    async fn list_review(&self, filter: &ReviewFilter, page: &Page) -> Result<Listing<ReviewItem>> {
        let mut connection = self.readers.acquire().await?;
        let items = pending(&mut connection, filter, page.parse_cursor()?, page.fetch_limit()).await?;
        Ok(page.listing(items, |item| item.id))
    }

    async fn review(&self, decisions: &[Decision]) -> Result<Vec<ReviewOutcome>> {
        let mut transaction = self.begin().await?;
        let outcomes = carry_out(&mut transaction, decisions).await?;
        self.commit(transaction).await?;
        Ok(outcomes)
    }

    async fn review_all(&self, filter: &ReviewFilter, verdict: BulkVerdict) -> Result<ReviewCounts> {
        let mut transaction = self.begin().await?;
        let items = pending(&mut transaction, filter, 0, i64::MAX).await?;
        let decisions: Vec<Decision> =
            items.into_iter().map(|item| Decision { id: item.id, verdict: verdict.into() }).collect();
        let outcomes = carry_out(&mut transaction, &decisions).await?;
        self.commit(transaction).await?;
        Ok(outcomes.into_iter().collect())
    }
}

/// Up to `limit` pending terms with a number over `after`. One row a tag is looked at: the active one, else its tombstone.
async fn pending(
    connection: &mut DbConnection,
    filter: &ReviewFilter,
    after: i64,
    limit: i64,
) -> Result<Vec<ReviewItem>> {
    sqlx::query(concat!(
        "SELECT t.*, s.tag_type, s.tag_name FROM ",
        pending_terms!(),
        " mir_synonym_named s ON s.id = t.synonym_id
         WHERE t.status IN ('proposed', 'quarantined') AND t.id > $1 AND ($2 IS NULL OR t.status = $2)
           AND ($3 IS NULL OR s.tag_type = $3) AND ($4 IS NULL OR t.synonym_id = $4)
           AND (s.is_active OR NOT EXISTS (
               SELECT 1 FROM mir_synonym o
               WHERE o.tag_type = s.tag_type AND o.tag_id = s.tag_id AND (o.is_active OR o.id > s.id)))
         ORDER BY t.id LIMIT $5"
    ))
    .bind(after)
    .bind(filter.status.map(ReviewStatus::as_str))
    .bind(filter.tag_type.map(TagType::as_str))
    .bind(filter.synonym_id)
    .bind(limit)
    .fetch_all(connection)
    .await?
    .iter()
    .map(item)
    .collect()
}

fn item(row: &DbRow) -> Result<ReviewItem> {
    let Term { section, lang, term, source, confidence, .. } = rows::term(row)?;
    Ok(ReviewItem {
        id: row.try_get("id")?,
        synonym_id: row.try_get("synonym_id")?,
        tag_type: rows::tag_type(row)?,
        tag_name: row.try_get("tag_name")?,
        section,
        lang,
        term,
        source,
        confidence,
        status: rows::word(row, "status")?,
    })
}

/// Decides row by row, so that each gets one version and one revision.
async fn carry_out(connection: &mut DbConnection, decisions: &[Decision]) -> Result<Vec<ReviewOutcome>> {
    let ids: Vec<i64> = decisions.iter().map(|decision| decision.id).collect();
    let owners: Vec<(i64, i64)> =
        sqlx::query_as(concat!("SELECT id, synonym_id FROM synonym_term WHERE id ", in_list!("$1")))
            .bind(list(&ids))
            .fetch_all(&mut *connection)
            .await?;
    let owners: HashMap<i64, i64> = owners.into_iter().collect();
    let mut by_row: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (place, id) in ids.iter().enumerate() {
        if let Some(synonym_id) = owners.get(id) {
            by_row.entry(*synonym_id).or_default().push(place);
        }
    }
    let mut outcomes = vec![ReviewOutcome::Gone; decisions.len()];
    for (synonym_id, places) in by_row {
        let mut terms = terms::read_stored(&mut *connection, synonym_id).await?;
        let mut touched = false;
        for place in places {
            outcomes[place] = decide(&mut terms, &decisions[place]);
            touched |= !matches!(outcomes[place], ReviewOutcome::Full | ReviewOutcome::Gone);
        }
        if touched {
            let row = synonyms::by_id(&mut *connection, synonym_id).await?;
            terms::amend(&mut *connection, &row, &terms, "reviewed").await?;
        }
    }
    Ok(outcomes)
}

/// What one decision makes of a row's terms.
fn decide(terms: &mut Vec<StoredTerm>, decision: &Decision) -> ReviewOutcome {
    let decided = |stored: &StoredTerm| stored.id == Some(decision.id) && stored.term.status.is_pending();
    let Some(place) = terms.iter().position(decided) else { return ReviewOutcome::Gone };
    let former = &terms[place];
    let (wanted, outcome) = match &decision.verdict {
        Verdict::Reject => {
            terms[place].term.status = TermStatus::Rejected;
            return ReviewOutcome::Rejected;
        }
        Verdict::Accept => {
            // Whose words they were is kept; how sure they are is what the person said.
            let term = Term { confidence: Confidence::CERTAIN, ..former.term.clone() };
            (StoredTerm { term, ..former.clone() }, ReviewOutcome::Accepted)
        }
        Verdict::Edit(text) => {
            let (source, confidence) = (Source::Manual, Confidence::CERTAIN);
            let edited = StoredTerm::new(Term { term: text.clone(), source, confidence, ..former.term.clone() });
            (StoredTerm { id: former.id, ..edited }, ReviewOutcome::Edited)
        }
    };
    if take_in(terms, place, wanted) { outcome } else { ReviewOutcome::Full }
}

/// Puts `wanted` as active where a pending term stood; false, and nothing done, where its list is full.
///
/// A key stands once in a list, and what a person brings back is no longer rejected. Words that an edit took out are, as
/// they are where a person replaces a row.
fn take_in(terms: &mut Vec<StoredTerm>, place: usize, mut wanted: StoredTerm) -> bool {
    let list = wanted.term.list();
    let stands = terms.iter().any(|stored| stored.counts_as(&wanted.key, list));
    if !stands && terms::is_full(terms, list) {
        return false;
    }
    let former = terms.remove(place);
    let key = wanted.key.clone();
    if !stands {
        wanted.term.status = TermStatus::Active;
        terms.insert(place, wanted);
    }
    terms.retain(|stored| stored.key != key || stored.term.status != TermStatus::Rejected);
    let elsewhere = |stored: &StoredTerm| stored.key == former.key && stored.term.status == TermStatus::Active;
    if former.key != key && !terms.iter().any(elsewhere) {
        terms.push(StoredTerm::new(Term { status: TermStatus::Rejected, ..former.term }));
    }
    true
}
