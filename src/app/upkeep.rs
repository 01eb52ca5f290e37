//! What a running process does beside its work: retention, news of changes, gauges.

use std::{sync::Arc, time::Duration};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::JobKind,
    jobs::{Event, Events},
    ollama::{OllamaClient, PullProgress},
    store::{JobCounts, QueueDepth, Retention, Store},
};

/// How often finished things are looked through for what has outlived its retention.
const RETENTION_INTERVAL: Duration = Duration::from_secs(3600);

/// At most one event of change in this time: an import of thousands of tags is one piece of news.
const CHANGE_INTERVAL: Duration = Duration::from_millis(200);

/// How often the index of the vectors is looked after.
const INDEX_INTERVAL: Duration = Duration::from_secs(60);

/// How often gauges are set and histograms condensed.
const GAUGE_INTERVAL: Duration = Duration::from_secs(5);

/// Deletes, every hour and once at the start, what has outlived its retention.
pub(super) async fn retain(store: Arc<dyn Store>, retention: Retention, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(RETENTION_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match store.expire(&retention).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "deleted finished jobs, deliveries and revisions past their retention"),
            Err(error) => {
                tracing::warn!(%error, "what is past its retention could not be deleted; trying again in an hour");
            }
        }
    }
}

/// Looks every minute whether the index of the vectors is to be built, rebuilt or dropped, and does so.
pub(super) async fn maintain_vector_index(store: Arc<dyn Store>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(INDEX_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let done = tokio::select! {
            // What is half built is dropped by the next who builds.
            () = stop.cancelled() => return,
            done = store.maintain_vector_index() => done,
        };
        match done {
            Ok(None) => {}
            Ok(Some(done)) => tracing::info!("{done}"),
            Err(error) => tracing::warn!(%error, "the index of the vectors could not be kept"),
        }
    }
}

/// Tells listeners whenever anything in the database has changed.
pub(super) async fn tell_changes(store: Arc<dyn Store>, events: Events, stop: CancellationToken) {
    let mut changes = store.changes();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            seen = changes.changed() => if seen.is_err() { return },
        }
        events.publish(Event::VocabularyChanged { version: store.vocabulary_version() });
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CHANGE_INTERVAL) => {}
        }
    }
}

/// Keeps the gauges of the queue and of Ollama current.
pub(super) async fn gauge(
    store: Arc<dyn Store>,
    ollama: OllamaClient,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) {
    describe();
    let mut ticks = tokio::time::interval(GAUGE_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match tokio::try_join!(store.job_counts(), store.queue_depth()) {
            Ok((counts, depth)) => {
                set_job_gauges(&counts);
                set_queue_gauges(&depth);
            }
            Err(error) => tracing::debug!(%error, "the queue could not be counted"),
        }
        let now = ollama.breaker();
        for state in ["closed", "half_open", "open"] {
            metrics::gauge!("musonym_ollama_breaker", "state" => state).set(f64::from(u8::from(now.as_str() == state)));
        }
        metrics.run_upkeep();
    }
}

fn describe() {
    metrics::describe_gauge!("musonym_jobs", "Jobs by state.");
    metrics::describe_gauge!("musonym_queue_depth", "Jobs that wait, by kind and priority.");
    metrics::describe_gauge!("musonym_queue_oldest_seconds", "Age of the oldest job that waits, by kind.");
    metrics::describe_counter!("musonym_job_attempts_total", "Claims of jobs, by kind.");
    metrics::describe_gauge!("musonym_worker_phase", "1 for the phase that the worker of this process is in.");
    metrics::describe_gauge!("musonym_jobs_held", "1 while jobs of a kind wait for a pause, hours, load or heat.");
    metrics::describe_gauge!("musonym_ollama_breaker", "1 for the state of the breaker before Ollama.");
    metrics::describe_counter!("musonym_ollama_calls_total", "Calls of models, by call and outcome.");
    metrics::describe_counter!(
        "musonym_model_switches_total",
        "How often another model was asked than the time before."
    );
    metrics::describe_counter!("musonym_generated_tokens_total", "Tokens that models wrote.");
    metrics::describe_gauge!("musonym_generated_tokens_per_second", "How fast the last answer was written.");
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn set_queue_gauges(depth: &[QueueDepth]) {
    let now = chrono::Utc::now();
    for kind in JobKind::ALL {
        let of_kind = || depth.iter().filter(|depth| depth.kind == *kind);
        for priority in 0..=9_u8 {
            let waiting = of_kind().find(|depth| depth.priority.value() == priority).map_or(0, |depth| depth.waiting);
            let labels = [("kind", kind.as_str().to_owned()), ("priority", priority.to_string())];
            metrics::gauge!("musonym_queue_depth", &labels).set(waiting as f64);
        }
        let oldest = of_kind().map(|depth| depth.oldest).min();
        let age = oldest.map_or(0, |oldest| (now - oldest).num_milliseconds().max(0));
        metrics::gauge!("musonym_queue_oldest_seconds", "kind" => kind.as_str()).set(age as f64 / 1000.0);
    }
}

/// How long until a missing model is looked for again.
const PULL_INTERVAL: Duration = Duration::from_secs(60);

/// Downloads what Ollama lacks of these models, and tells listeners how far it is.
pub(super) async fn pull_missing(ollama: OllamaClient, models: Vec<String>, events: Events, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PULL_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let mut missing = Vec::new();
        for model in &models {
            // Where Ollama is not there, there is nothing to be pulled into.
            if matches!(ollama.find_model(model).await, Ok(None)) {
                missing.push(model);
            }
        }
        for model in missing {
            tracing::info!(model, "Ollama does not have the model; it is downloaded");
            let tell = |progress: PullProgress| {
                events.publish(Event::ModelPulled {
                    model: model.clone(),
                    status: progress.status,
                    completed: progress.completed,
                    total: progress.total,
                });
            };
            let pulled = tokio::select! {
                // The next start goes on where this one ends.
                () = stop.cancelled() => return,
                pulled = ollama.pull(model, tell) => pulled,
            };
            match pulled {
                Ok(()) => tracing::info!(model, "the model is there"),
                Err(error) => {
                    tracing::warn!(model, %error, "the model could not be downloaded; tried again in a minute");
                }
            }
        }
    }
}

fn set_job_gauges(counts: &JobCounts) {
    for (state, count) in [
        ("queued", counts.queued),
        ("running", counts.running),
        ("succeeded", counts.succeeded),
        ("failed", counts.failed),
        ("dead", counts.dead),
        ("cancelled", counts.cancelled),
    ] {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 jobs")]
        metrics::gauge!("musonym_jobs", "state" => state).set(count as f64);
    }
}
