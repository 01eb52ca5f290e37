//! Terms that mean something else than their tag, put aside for a person to look at.

use super::{
    dialect::DbConnection,
    jobs, synonyms,
    terms::{self, Amendment},
};
use crate::{
    domain::{Source, Term, TermStatus},
    store::{EmbeddingDone, EmbeddingOutcome, MeaningCheck, Result},
};

/// After the vector of a row was stored: records what the check of its terms said, and ends the job or lets it wait.
pub(super) async fn conclude(
    connection: &mut DbConnection,
    space: &str,
    item: &EmbeddingDone,
) -> Result<EmbeddingOutcome> {
    let mut result = serde_json::json!({ "outcome": "stored", "space": space });
    let mut outcome = EmbeddingOutcome::Stored;
    match &item.meaning {
        MeaningCheck::NotNeeded => {}
        MeaningCheck::Made { terms, doubtful } => {
            mark_checked(&mut *connection, item.synonym_id).await?;
            result["terms_checked"] = (*terms).into();
            if let Some((version, quarantined)) = quarantine(&mut *connection, item, doubtful).await? {
                result["terms_quarantined"] = quarantined.into();
                result["version"] = version.into();
                outcome = EmbeddingOutcome::Quarantined { version, terms: quarantined };
            }
        }
        MeaningCheck::Failed { reason, delay, is_outage } => {
            let waits = if *is_outage {
                jobs::release(&mut *connection, &item.lease, reason, *delay).await?;
                true
            } else {
                jobs::try_again(&mut *connection, &item.lease, reason, *delay).await?
            };
            if waits {
                return Ok(EmbeddingOutcome::Unchecked);
            }
            result["terms_unchecked"] = reason.as_str().into();
        }
    }
    jobs::succeed(connection, &item.lease, &result).await?;
    Ok(outcome)
}

/// Notes that the terms of this version were compared.
async fn mark_checked(connection: &mut DbConnection, synonym_id: i64) -> Result<()> {
    sqlx::query("UPDATE mir_synonym SET meaning_checked = version WHERE id = $1")
        .bind(synonym_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts terms aside: one new version and revision of the row, whose confidence is lessened by their share of what was
/// generated. Returns the version and how many; `None` where none of them counts any more.
async fn quarantine(
    connection: &mut DbConnection,
    item: &EmbeddingDone,
    doubtful: &[Term],
) -> Result<Option<(i64, usize)>> {
    if doubtful.is_empty() {
        return Ok(None);
    }
    let mut stored = terms::read_stored(&mut *connection, item.synonym_id).await?;
    let (mut generated, mut quarantined, mut source) = (0, 0, Source::Lexicon);
    for term in stored.iter_mut().map(|stored| &mut stored.term) {
        let counts = term.status == TermStatus::Active && term.source.is_generator() && !term.is_accepted();
        generated += usize::from(counts);
        if counts && doubtful.contains(term) {
            (term.status, source) = (TermStatus::Quarantined, term.source);
            quarantined += 1;
        }
    }
    if quarantined == 0 {
        return Ok(None);
    }
    let row = synonyms::by_id(&mut *connection, item.synonym_id).await?;
    let confidence = row.confidence.lessened(quarantined, generated);
    let priority = jobs::priority(&mut *connection, &item.lease).await?;
    let amendment = Amendment { terms: &stored, action: "quarantined", source, confidence, priority };
    let version = terms::amend_as(connection, &row, &amendment).await?;
    Ok(Some((version, quarantined)))
}
