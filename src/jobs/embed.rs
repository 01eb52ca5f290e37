//! `embed` jobs: embeds the texts of many tags at once, stores their vectors.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    Event, crash,
    runner::{Runner, Step},
};
use crate::{
    domain::{EmbedPayload, JobKind, JobState, LeasedJob},
    embed::{EmbedError, Halves, MOST_CHARS, document_text},
    store::{ClaimOrder, EmbedInput, EmbeddingDone, EmbeddingOutcome, Finish, MeaningCheck, StoreError},
};

/// A job with what it embeds.
pub(super) type Item<'a> = (&'a LeasedJob, EmbedInput);

impl Runner {
    /// Claims and runs a batch of `embed` jobs, if the embedder is there: it is asked first, so that thousands of jobs
    /// are not claimed and handed back while it is absent.
    pub(super) async fn embed_step(&self, order: ClaimOrder, stop: &CancellationToken) -> Result<Step, StoreError> {
        if self.store.next_run_at(JobKind::Embed).await?.is_none_or(|due| due > chrono::Utc::now()) {
            return Ok(Step::Idle);
        }
        match self.embedder.active_space().await {
            Ok(_) => self.embedder.resume(),
            Err(error @ EmbedError::SpaceChanged { .. }) => {
                tracing::warn!(%error, "embeddings wait");
                return Ok(Step::Outage);
            }
            Err(error) => {
                tracing::debug!(%error, "embeddings wait");
                return Ok(Step::Outage);
            }
        }
        let jobs = self.claim(JobKind::Embed, order, self.settings.embed_batch.max(1)).await?;
        if jobs.is_empty() {
            return Ok(Step::Idle);
        }
        let outage = self.under_heartbeat(&jobs, stop, self.embed_all(&jobs)).await;
        Ok(if outage == Some(true) { Step::Outage } else { Step::Worked })
    }

    /// Embeds the rows of these jobs. True when the embedder was found to be out of service.
    async fn embed_all(&self, jobs: &[LeasedJob]) -> bool {
        let mut wanted = Vec::with_capacity(jobs.len());
        for leased in jobs {
            match serde_json::from_value::<EmbedPayload>(leased.job.payload.clone()) {
                Ok(payload) => wanted.push((leased, payload.synonym_id)),
                Err(error) => {
                    let error = format!("the payload does not read: {error}");
                    self.finish(leased, Finish::Failed { error }).await;
                }
            }
        }
        let ids: Vec<i64> = wanted.iter().map(|(_, id)| *id).collect();
        let inputs = match self.store.embed_inputs(&ids).await {
            Ok(inputs) => inputs,
            Err(error) => {
                for (leased, _) in wanted {
                    self.retry_embedding(leased, &error.to_string()).await;
                }
                return false;
            }
        };
        let mut items: Vec<Item<'_>> = Vec::with_capacity(wanted.len());
        for (leased, id) in wanted {
            if let Some(input) = inputs.iter().find(|input| input.synonym_id == id) {
                items.push((leased, input.clone()));
            } else {
                let result = serde_json::json!({ "outcome": "gone" });
                self.finish(leased, Finish::Succeeded { result }).await;
            }
        }
        self.embed_batches(items).await
    }

    /// Embeds and stores; a batch that is refused is halved until the bad text stands alone. True on an outage.
    async fn embed_batches(&self, items: Vec<Item<'_>>) -> bool {
        let chars = |(_, input): &Item<'_>| document_text(&input.tag_name, &input.terms).chars().count();
        let mut halves = Halves::by_chars(items, MOST_CHARS, chars);
        let mut outage = None;
        while outage.is_none()
            && let Some(batch) = halves.next_batch()
        {
            let texts: Vec<String> =
                batch.iter().map(|(_, input)| document_text(&input.tag_name, &input.terms)).collect();
            match self.embedder.embed_documents(&texts).await {
                Ok((space, vectors)) => {
                    crash::point("in_batch");
                    let (made, unchecked) = self.check_meanings(&space, &batch).await;
                    outage = unchecked;
                    self.store_vectors(&space, batch, vectors, made).await;
                }
                Err(error) if error.is_outage() => {
                    self.release_all(&batch, &error.to_string()).await;
                    outage = Some(error.to_string());
                }
                Err(error) => {
                    tracing::warn!(%error, texts = batch.len(), "texts were refused; halves of a batch are tried");
                    if let Some((leased, _)) = halves.refused(batch) {
                        self.retry_embedding(leased, &error.to_string()).await;
                    }
                }
            }
        }
        if let Some(reason) = &outage {
            self.release_all(&halves.rest(), reason).await;
        }
        outage.is_some()
    }

    async fn store_vectors(
        &self,
        space: &str,
        batch: Vec<Item<'_>>,
        vectors: Vec<Vec<f32>>,
        meanings: Vec<MeaningCheck>,
    ) {
        let done: Vec<EmbeddingDone> = batch
            .iter()
            .zip(vectors.into_iter().zip(meanings))
            .map(|((leased, input), (vector, meaning))| EmbeddingDone {
                lease: leased.lease.clone(),
                synonym_id: input.synonym_id,
                version: input.version,
                vector,
                meaning,
            })
            .collect();
        crash::point("before_acknowledgement");
        match self.store.complete_embeddings(space, &done).await {
            Ok(outcomes) => {
                for (((leased, input), outcome), done) in batch.iter().zip(outcomes).zip(&done) {
                    self.announce_embedded(leased, input, outcome, &done.meaning);
                }
            }
            Err(error) => {
                for (leased, _) in &batch {
                    self.retry_embedding(leased, &error.to_string()).await;
                }
            }
        }
    }

    fn announce_embedded(
        &self,
        leased: &LeasedJob,
        input: &EmbedInput,
        outcome: EmbeddingOutcome,
        meaning: &MeaningCheck,
    ) {
        let synonym_id = input.synonym_id;
        match outcome {
            EmbeddingOutcome::LeaseLost => {
                tracing::warn!(job.id = leased.job.id, "the job was taken over meanwhile; nothing was stored");
                return;
            }
            EmbeddingOutcome::Stored => self.events.publish(Event::SynonymsEmbedded { synonym_id }),
            EmbeddingOutcome::Unchecked => {
                self.events.publish(Event::SynonymsEmbedded { synonym_id });
                let reason = match meaning {
                    MeaningCheck::Failed { reason, .. } => Some(reason.clone()),
                    MeaningCheck::NotNeeded | MeaningCheck::Made { .. } => None,
                };
                self.announce(leased, JobState::Queued, reason);
                return;
            }
            EmbeddingOutcome::Quarantined { version, terms } => {
                let (tag_type, tag_name) = (input.tag_type, input.tag_name.clone());
                tracing::info!(
                    tag.name = tag_name,
                    terms,
                    "terms seem to mean something else; `musonym review` shows them"
                );
                metrics::counter!("musonym_terms_quarantined_total").increment(terms.try_into().unwrap_or(u64::MAX));
                self.events.publish(Event::SynonymsUpdated { synonym_id, tag_type, tag_name, version });
            }
            EmbeddingOutcome::Outdated => {}
        }
        if let (MeaningCheck::Made { terms, .. }, false) = (meaning, outcome == EmbeddingOutcome::Outdated) {
            metrics::counter!("musonym_terms_checked_total").increment((*terms).try_into().unwrap_or(u64::MAX));
        }
        self.announce(leased, JobState::Succeeded, None);
    }

    async fn release_all(&self, batch: &[Item<'_>], reason: &str) {
        for (leased, _) in batch {
            let finish = Finish::Release { reason: reason.to_owned(), delay: Duration::ZERO };
            self.finish(leased, finish).await;
        }
    }

    async fn retry_embedding(&self, leased: &LeasedJob, error: &str) {
        let delay = self.retry_delay(leased.job.attempts);
        self.finish(leased, Finish::Retry { error: error.to_owned(), delay }).await;
    }
}
