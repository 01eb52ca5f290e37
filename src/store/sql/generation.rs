//! Results of background work: synonyms and vectors, stored together with the end of their jobs.

use std::collections::HashSet;

use sqlx::Row;

use super::{
    SqlStore,
    dialect::{self, DbConnection, list},
    jobs, meaning, rows, synonyms, tags,
    terms::{self, Content},
};
use crate::{
    domain::{GeneratePayload, NewJob, Source, SynonymRecord, Term, TermStatus},
    store::{
        EmbedInput, EmbeddingDone, EmbeddingOutcome, GenerationDone, GenerationNeed, GenerationOutcome, Result,
        SETTING_EMBEDDING_SPACE,
    },
    trace,
};

impl SqlStore {
    /// See [`crate::store::JobStore::generation_need`].
    pub(super) async fn read_generation_need(&self, payload: &GeneratePayload) -> Result<GenerationNeed> {
        let GeneratePayload { tag_type, tag_id, force, refresh } = *payload;
        let mut snapshot = self.snapshot().await?;
        let Some(tag) = tags::by_id(&mut snapshot, tag_type, tag_id).await? else {
            return Ok(GenerationNeed::TagGone);
        };
        let row = match synonyms::active(&mut snapshot, tag_type, tag_id).await? {
            Some(row) => Some(row),
            None => synonyms::tombstone(&mut snapshot, tag_type, tag_id).await?,
        };
        match row {
            Some(row) if !force && (row.source == Source::Manual || !row.is_active) => Ok(GenerationNeed::KeptManual),
            Some(_) if !force && !refresh => Ok(GenerationNeed::UpToDate),
            _ => {
                let rejected_keys = terms::rejected_keys(&mut snapshot, tag_type, tag_id).await?;
                Ok(GenerationNeed::Needed { tag, rejected_keys })
            }
        }
    }

    /// See [`crate::store::JobStore::complete_generations`].
    pub(super) async fn complete_generation_jobs(&self, done: &[GenerationDone]) -> Result<Vec<GenerationOutcome>> {
        let mut transaction = self.begin().await?;
        let mut outcomes = Vec::with_capacity(done.len());
        for item in done {
            // First the lease: whoever lost it must not write.
            let Some(job) = jobs::held(&mut transaction, &item.lease).await? else {
                outcomes.push(GenerationOutcome::LeaseLost);
                continue;
            };
            let outcome = trace::scope(job.trace_id, save(&mut transaction, item)).await?;
            jobs::succeed(&mut transaction, &item.lease, &result_of(&outcome)).await?;
            outcomes.push(outcome);
        }
        self.commit(transaction).await?;
        Ok(outcomes)
    }

    /// See [`crate::store::JobStore::embed_inputs`].
    pub(super) async fn read_embed_inputs(&self, synonym_ids: &[i64]) -> Result<Vec<EmbedInput>> {
        let mut snapshot = self.snapshot().await?;
        let found = sqlx::query(concat!(
            "SELECT n.id, n.version, n.tag_type, n.tag_name, n.source, n.confidence, s.meaning_checked
             FROM mir_synonym_named n JOIN mir_synonym s ON s.id = n.id WHERE n.is_active AND n.id ",
            in_list!("$1"),
            " ORDER BY n.id"
        ))
        .bind(list(synonym_ids))
        .fetch_all(&mut *snapshot)
        .await?;
        let mut inputs = Vec::with_capacity(found.len());
        for row in found {
            let (synonym_id, version) = (row.try_get("id")?, row.try_get("version")?);
            let mut terms = terms::read(&mut snapshot, synonym_id).await?;
            terms.retain(|term| term.status == TermStatus::Active);
            inputs.push(EmbedInput {
                synonym_id,
                version,
                tag_type: rows::tag_type(&row)?,
                tag_name: row.try_get("tag_name")?,
                terms,
                source: rows::word(&row, "source")?,
                confidence: rows::confidence(&row)?,
                is_checked: row.try_get::<Option<i64>, _>("meaning_checked")? == Some(version),
            });
        }
        Ok(inputs)
    }

    /// See [`crate::store::JobStore::complete_embeddings`].
    pub(super) async fn complete_embedding_jobs(
        &self,
        space: &str,
        done: &[EmbeddingDone],
    ) -> Result<Vec<EmbeddingOutcome>> {
        let mut transaction = self.begin().await?;
        let active: Option<String> = sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
            .bind(SETTING_EMBEDDING_SPACE)
            .fetch_optional(&mut *transaction)
            .await?;
        let same_space = active.as_deref() == Some(space);
        let mut outcomes = Vec::with_capacity(done.len());
        for item in done {
            let Some(job) = jobs::held(&mut transaction, &item.lease).await? else {
                outcomes.push(EmbeddingOutcome::LeaseLost);
                continue;
            };
            let stored = same_space
                && dialect::store_vector(&mut transaction, space, item.synonym_id, item.version, &item.vector).await?;
            outcomes.push(if stored {
                trace::scope(job.trace_id, meaning::conclude(&mut transaction, space, item)).await?
            } else {
                let result = serde_json::json!({ "outcome": "outdated", "space": space });
                jobs::succeed(&mut transaction, &item.lease, &result).await?;
                EmbeddingOutcome::Outdated
            });
        }
        self.commit(transaction).await?;
        Ok(outcomes)
    }
}

/// Stores what was generated for one tag, as far as a person's decisions allow.
async fn save(connection: &mut DbConnection, item: &GenerationDone) -> Result<GenerationOutcome> {
    let Some(tag) = tags::by_id(&mut *connection, item.tag_type, item.tag_id).await? else {
        return Ok(GenerationOutcome::TagGone);
    };
    let rejected = terms::rejected_keys(&mut *connection, tag.tag_type, tag.id).await?;
    let mut generated: Vec<Term> =
        item.generated.terms.iter().filter(|term| !rejected.contains(&term.key())).cloned().collect();
    let row = match synonyms::active(&mut *connection, tag.tag_type, tag.id).await? {
        Some(row) => Some(row),
        None => synonyms::tombstone(&mut *connection, tag.tag_type, tag.id).await?,
    };
    let (source, confidence) = (item.generated.source, item.generated.confidence);
    let (synonym_id, version) = match row {
        None => {
            let content = Content { terms: &generated, source, confidence, action: "generated" };
            let id = terms::insert_row(&mut *connection, tag.tag_type, tag.id, &tag.name, &content).await?;
            (id, 1)
        }
        Some(row) if row.source == Source::Manual || !row.is_active => {
            return if item.force {
                propose(connection, &row, &generated).await
            } else {
                Ok(GenerationOutcome::KeptManual)
            };
        }
        Some(row) => {
            let before = terms::read(&mut *connection, row.id).await?;
            generated.retain(|term| !stands_by_a_person(term, &before));
            let confidence = confidence.lessened(keep_aside(&mut generated, &before), generated.len());
            let terms = with_persons_terms(generated, &before);
            let same_name = synonyms::name_term(&mut *connection, row.id).await?.as_deref() == Some(tag.name.as_str());
            if same_name && before == terms && row.source == source && row.confidence == confidence {
                return Ok(GenerationOutcome::Unchanged { synonym_id: row.id });
            }
            let content = Content { terms: &terms, source, confidence, action: "generated" };
            (row.id, terms::update_row(&mut *connection, &row, &content).await?)
        }
    };
    jobs::enqueue(connection, &NewJob::embed(synonym_id, item.priority)).await?;
    Ok(GenerationOutcome::Saved { synonym_id, version })
}

/// Whether a person wrote, accepted or rejected a term: it outlives a generation.
fn is_decided(term: &Term) -> bool {
    term.source == Source::Manual || term.status == TermStatus::Rejected || term.is_accepted()
}

/// Whether the terms before have this one's key in its list by a person's decision.
fn stands_by_a_person(term: &Term, before: &[Term]) -> bool {
    let stands = |other: &&Term| is_decided(other) && other.status == TermStatus::Active;
    before.iter().filter(stands).any(|other| other.list() == term.list() && other.key() == term.key())
}

/// What was generated, and of the terms before what a person decided: the person's own words (an edit under review, an
/// alias left by a merge), what was accepted, and what was rejected.
fn with_persons_terms(generated: Vec<Term>, before: &[Term]) -> Vec<Term> {
    generated.into_iter().chain(before.iter().filter(|term| is_decided(term)).cloned()).collect()
}

/// Leaves doubtful what was doubtful before and is generated again: it goes on waiting for a person. Returns how many.
fn keep_aside(generated: &mut [Term], before: &[Term]) -> usize {
    let doubtful: HashSet<_> = before
        .iter()
        .filter(|term| term.status == TermStatus::Quarantined)
        .map(|term| (term.list(), term.key()))
        .collect();
    let mut kept_aside = 0;
    for term in generated.iter_mut().filter(|term| doubtful.contains(&(term.list(), term.key()))) {
        term.status = TermStatus::Quarantined;
        kept_aside += 1;
    }
    kept_aside
}

/// Keeps what a forced generation found for a person's row as proposals beside its terms.
async fn propose(connection: &mut DbConnection, row: &SynonymRecord, generated: &[Term]) -> Result<GenerationOutcome> {
    let before = terms::read(&mut *connection, row.id).await?;
    let mut terms = before.clone();
    terms.retain(|term| term.status != TermStatus::Proposed);
    let known: Vec<_> = terms.iter().map(|term| (term.section, term.key())).collect();
    let proposed: Vec<Term> = generated
        .iter()
        .filter(|term| !known.contains(&(term.section, term.key())))
        .map(|term| Term { status: TermStatus::Proposed, ..term.clone() })
        .collect();
    let count = proposed.len();
    terms.extend(proposed);
    if terms == before {
        return Ok(GenerationOutcome::Proposed { synonym_id: row.id, terms: count });
    }
    terms::write(&mut *connection, row.id, &row.tag_name, &terms).await?;
    let revision = terms::NewRevision {
        synonym_id: row.id,
        version: row.version,
        before: Some(&row.synonyms),
        after: Some(&row.synonyms),
    };
    let source = generated.first().map_or(Source::Lexicon, |term| term.source);
    terms::record(connection, revision, "proposed", source, row.tag_type, &row.tag_name).await?;
    Ok(GenerationOutcome::Proposed { synonym_id: row.id, terms: count })
}

/// What a job's result says of an outcome.
fn result_of(outcome: &GenerationOutcome) -> serde_json::Value {
    match outcome {
        GenerationOutcome::Saved { synonym_id, version } => {
            serde_json::json!({ "outcome": "saved", "synonym_id": synonym_id, "version": version })
        }
        GenerationOutcome::Unchanged { synonym_id } => {
            serde_json::json!({ "outcome": "unchanged", "synonym_id": synonym_id })
        }
        GenerationOutcome::Proposed { synonym_id, terms } => {
            serde_json::json!({ "outcome": "proposed", "synonym_id": synonym_id, "terms": terms })
        }
        GenerationOutcome::KeptManual => serde_json::json!({ "outcome": "kept_manual" }),
        GenerationOutcome::TagGone => serde_json::json!({ "outcome": "tag_gone" }),
        GenerationOutcome::LeaseLost => serde_json::json!({ "outcome": "lease_lost" }),
    }
}
