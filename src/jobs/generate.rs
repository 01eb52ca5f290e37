//! `generate` jobs: asks the generator, stores what it wrote.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    Event, crash,
    runner::{Runner, Step},
};
use crate::{
    domain::{GeneratePayload, JobState, LeasedJob, Tag, TagName, TagRef},
    generate::{GenerateError, Generation, GenerationRequest},
    ollama::RetryClass,
    store::{Finish, Generated, GenerationDone, GenerationNeed, GenerationOutcome, StoreError},
};

/// Most names of related tags that a generator is told.
const RELATED_TAGS: usize = 10;

/// How often a result is offered to a store that is busy before the attempt counts as failed: a model's minute of work
/// is worth some patience.
const SAVE_TRIES: u32 = 5;
const SAVE_PAUSE: Duration = Duration::from_secs(1);

/// What generators wrote, to be stored.
#[derive(Default)]
pub(super) struct Written(Vec<(LeasedJob, Tag, GenerationDone)>);

/// A claimed job whose generator has not been asked yet.
pub(super) struct Prepared {
    leased: LeasedJob,
    /// What to ask, unless the job has ended.
    ask: Result<Ask, Ended>,
}

/// What a generator is asked for a job.
struct Ask {
    payload: GeneratePayload,
    tag: Tag,
    request: GenerationRequest,
}

/// Why one job of a batch ended without a result to store.
enum Ended {
    /// With nothing to do, or by an error: how to record it.
    With(Finish),
    /// Because the generator is out of service.
    Outage(String),
}

impl Runner {
    /// Finds out what is to be asked for these jobs.
    pub(super) async fn prepare(&self, jobs: Vec<LeasedJob>) -> Vec<Prepared> {
        let mut prepared = Vec::with_capacity(jobs.len());
        for leased in jobs {
            let ask = Self::on_behalf_of(&leased, self.ask_of(&leased)).await;
            prepared.push(Prepared { leased, ask });
        }
        prepared
    }

    /// Runs claimed `generate` jobs up to what is to be stored of them.
    pub(super) async fn generate_prepared(&self, jobs: Vec<Prepared>, stop: &CancellationToken) -> (Step, Written) {
        let claimed: Vec<LeasedJob> = jobs.iter().map(|prepared| prepared.leased.clone()).collect();
        let (outage, written) = self.under_heartbeat(&claimed, stop, self.generate_all(jobs)).await.unwrap_or_default();
        (if outage { Step::Outage } else { Step::Worked }, written)
    }

    /// Runs the jobs one after the other. Whether the generator was found to be out of service; the jobs that were not
    /// reached are then handed back.
    async fn generate_all(&self, jobs: Vec<Prepared>) -> (bool, Written) {
        let mut written = Written::default();
        let mut outage: Option<String> = None;
        for Prepared { leased, ask } in jobs {
            if let Some(reason) = &outage {
                self.release(&leased, reason.clone()).await;
                continue;
            }
            let generated = match ask {
                Ok(ask) => Self::on_behalf_of(&leased, self.generate_one(&leased, ask)).await,
                Err(ended) => Err(ended),
            };
            match generated {
                Ok((tag, result)) => written.0.push((leased, tag, result)),
                Err(Ended::With(finish)) => self.finish(&leased, finish).await,
                Err(Ended::Outage(reason)) => {
                    self.release(&leased, reason.clone()).await;
                    outage = Some(reason);
                }
            }
        }
        (outage.is_some(), written)
    }

    async fn ask_of(&self, leased: &LeasedJob) -> Result<Ask, Ended> {
        let payload: GeneratePayload = serde_json::from_value(leased.job.payload.clone())
            .map_err(|error| Ended::With(Finish::Failed { error: format!("the payload does not read: {error}") }))?;
        let nothing = |outcome: &str| {
            let result = serde_json::json!({ "outcome": outcome });
            Err(Ended::With(Finish::Succeeded { result }))
        };
        let (tag, rejected_keys) = match self.store.generation_need(&payload).await {
            Ok(GenerationNeed::Needed { tag, rejected_keys }) => (tag, rejected_keys),
            Ok(GenerationNeed::UpToDate) => return nothing("up_to_date"),
            Ok(GenerationNeed::KeptManual) => return nothing("kept_manual"),
            Ok(GenerationNeed::TagGone) => return nothing("tag_gone"),
            Err(error) => return Err(self.store_failed(leased, &error)),
        };
        // Plain SQL can write names that the API would refuse.
        let tag_name =
            TagName::parse(&tag.name).map_err(|error| Ended::With(Finish::Failed { error: error.to_string() }))?;
        let mut related_tags = leased.job.told_related_tags();
        match self.store.similar_tag_names(&tag, RELATED_TAGS).await {
            Ok(names) => related_tags.extend(names),
            Err(error) => return Err(self.store_failed(leased, &error)),
        }
        related_tags.truncate(RELATED_TAGS);
        let request =
            GenerationRequest { tag: TagRef { tag_type: tag.tag_type, tag_name }, related_tags, rejected_keys };
        Ok(Ask { payload, tag, request })
    }

    async fn generate_one(&self, leased: &LeasedJob, ask: Ask) -> Result<(Tag, GenerationDone), Ended> {
        let Ask { payload, tag, request } = ask;
        let started = std::time::Instant::now();
        let generation =
            self.generator.generate(&request).await.map_err(|error| self.generation_failed(leased, &error))?;
        metrics::histogram!("musonym_generation_seconds").record(started.elapsed().as_secs_f64());
        crash::point("after_generation");
        Ok((tag, self.done(leased, &payload, generation)))
    }

    fn done(&self, leased: &LeasedJob, payload: &GeneratePayload, generation: Generation) -> GenerationDone {
        GenerationDone {
            lease: leased.lease.clone(),
            tag_type: payload.tag_type,
            tag_id: payload.tag_id,
            force: payload.force,
            priority: leased.job.priority,
            generated: Generated {
                terms: generation.terms,
                source: self.generator.source(),
                confidence: generation.confidence,
            },
        }
    }

    fn generation_failed(&self, leased: &LeasedJob, error: &GenerateError) -> Ended {
        let reason = error.to_string();
        if error.is_outage() {
            return Ended::Outage(reason);
        }
        Ended::With(match error.class() {
            RetryClass::Never => Finish::Failed { error: reason },
            RetryClass::RetryNow => Finish::Retry { error: reason, delay: Duration::ZERO },
            RetryClass::RetryLater => Finish::Retry { error: reason, delay: self.retry_delay(leased.job.attempts) },
        })
    }

    fn store_failed(&self, leased: &LeasedJob, error: &StoreError) -> Ended {
        let delay = self.retry_delay(leased.job.attempts);
        Ended::With(Finish::Retry { error: error.to_string(), delay })
    }

    async fn release(&self, leased: &LeasedJob, reason: String) {
        self.finish(leased, Finish::Release { reason, delay: Duration::ZERO }).await;
    }

    /// Stores what was written, with the ends of its jobs.
    pub(super) async fn store_written(&self, Written(done): Written, stop: &CancellationToken) {
        if done.is_empty() {
            return;
        }
        let jobs: Vec<LeasedJob> = done.iter().map(|(leased, ..)| leased.clone()).collect();
        self.under_heartbeat(&jobs, stop, self.store_generated(&done)).await;
    }

    /// Stores results and the ends of their jobs in one transaction.
    async fn store_generated(&self, done: &[(LeasedJob, Tag, GenerationDone)]) {
        let results: Vec<GenerationDone> = done.iter().map(|(_, _, result)| result.clone()).collect();
        let mut tries = 1;
        let outcomes = loop {
            match self.store.complete_generations(&results).await {
                Err(error) if error.is_transient() && tries < SAVE_TRIES => {
                    tracing::warn!(%error, tries, "synonyms could not be stored yet");
                    tries += 1;
                    tokio::time::sleep(SAVE_PAUSE).await;
                }
                other => break other,
            }
        };
        crash::point("after_save");
        match outcomes {
            Ok(outcomes) => {
                for ((leased, tag, _), outcome) in done.iter().zip(outcomes) {
                    self.announce_outcome(leased, tag, &outcome);
                }
            }
            Err(error) => {
                for (leased, _, _) in done {
                    let delay = self.retry_delay(leased.job.attempts);
                    self.finish(leased, Finish::Retry { error: error.to_string(), delay }).await;
                }
            }
        }
    }

    fn announce_outcome(&self, leased: &LeasedJob, tag: &Tag, outcome: &GenerationOutcome) {
        if *outcome == GenerationOutcome::LeaseLost {
            tracing::warn!(job.id = leased.job.id, "the job was taken over meanwhile; nothing was stored");
            return;
        }
        if let GenerationOutcome::Saved { synonym_id, version } = *outcome {
            tracing::info!(
                job.id = leased.job.id,
                trace_id = leased.job.trace_id.map(tracing::field::display),
                tag.name = tag.name,
                synonym.id = synonym_id,
                version,
                "synonyms saved"
            );
            self.events.publish(Event::SynonymsUpdated {
                synonym_id,
                tag_type: tag.tag_type,
                tag_name: tag.name.clone(),
                version,
            });
        }
        self.announce(leased, JobState::Succeeded, None);
    }
}
