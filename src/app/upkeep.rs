//! What a running process does beside its work: retention, news of changes, gauges.

use std::{sync::Arc, time::Duration};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    jobs::{Event, Events},
    store::{JobCounts, Retention, Store},
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

/// Keeps the gauges of the queue current.
pub(super) async fn gauge(store: Arc<dyn Store>, metrics: PrometheusHandle, stop: CancellationToken) {
    metrics::describe_gauge!("musonym_jobs", "Jobs in the queue by state.");
    let mut ticks = tokio::time::interval(GAUGE_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match store.job_counts().await {
            Ok(counts) => set_job_gauges(&counts),
            Err(error) => tracing::debug!(%error, "the queue could not be counted"),
        }
        metrics.run_upkeep();
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
