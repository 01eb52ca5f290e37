//! The worker loop: claim, run under a heartbeat, record. It subscribes to changes before it looks for jobs, so that
//! nothing that is written in between is missed, and sleeps until the next change or the next due moment.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, field::display};

use super::{Event, Events, crash, lane::Lane, restraint::Restraint};
use crate::{
    domain::{Job, JobKind, JobState, Lease, LeasedJob},
    embed::EmbedService,
    generate::Generator,
    store::{Finish, Store, StoreError},
    trace,
};

/// The longest sleep: a safety net, for changes and due moments wake the loop before.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How long work in flight may go on after a stop is asked for; then it is handed back.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Longest delay before another attempt.
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// How the runner works.
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// First delay after a failed attempt; doubles with each, with full jitter.
    pub retry_base: Duration,
    /// Most texts of one embedding batch.
    pub embed_batch: usize,
    /// Whether generated terms that mean something else than their tag are put aside.
    pub meaning_gate: bool,
    /// Generations in flight at once.
    pub parallel: usize,
    /// How long background work lets queries pass before each call.
    pub pass: Duration,
    /// How generation holds back.
    pub restraint: Restraint,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            retry_base: Duration::from_secs(2),
            embed_batch: 32,
            meaning_gate: true,
            parallel: 1,
            pass: Duration::from_secs(1),
            restraint: Restraint::default(),
        }
    }
}

/// One worker.
pub struct Runner {
    pub(super) store: Arc<dyn Store>,
    pub(super) generator: Arc<dyn Generator>,
    pub(super) embedder: Arc<EmbedService>,
    pub(super) events: Events,
    pub(super) settings: RunnerSettings,
    /// Names this worker in leases.
    worker: String,
    /// Held while jobs are claimed, so that the claims of one worker follow each other.
    pub(super) generate_lane: Mutex<Lane>,
    pub(super) embed_lane: Mutex<Lane>,
    /// Held by whoever keeps house.
    pub(super) house: Mutex<()>,
}

/// How a step of work ended for its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// No job could be claimed.
    Idle,
    /// Jobs were run.
    Worked,
    /// The server that the jobs need is not there.
    Outage,
}

impl Runner {
    /// A runner over these parts.
    pub fn new(
        store: Arc<dyn Store>,
        generator: Arc<dyn Generator>,
        embedder: Arc<EmbedService>,
        events: Events,
        settings: RunnerSettings,
    ) -> Self {
        let worker = format!("{}-{:08x}", std::process::id(), fastrand::u32(..));
        Self {
            store,
            generator,
            embedder,
            events,
            settings,
            worker,
            generate_lane: Mutex::default(),
            embed_lane: Mutex::default(),
            house: Mutex::default(),
        }
    }

    /// Works until `stop` is cancelled; what is in flight is then finished within seconds or handed back.
    pub async fn run(&self, stop: CancellationToken) {
        tracing::info!(worker = %self.worker, generator = %self.generator.describe(), "worker started");
        let mut changes = self.store.changes();
        while !stop.is_cancelled() {
            changes.mark_unchanged();
            if !self.round(&stop).await {
                self.sleep(&mut changes, &stop).await;
            }
        }
        tracing::info!(worker = %self.worker, "worker stopped");
    }

    /// Works until no job can be claimed any more; those that wait for a server that is absent are left waiting.
    pub async fn drain(&self, stop: CancellationToken) {
        while !stop.is_cancelled() && self.round(&stop).await {}
    }

    /// Sleeps until something changes, a job is due, a pause ends, or a stop is asked for.
    async fn sleep(&self, changes: &mut watch::Receiver<u64>, stop: &CancellationToken) {
        let now = Instant::now();
        let mut wake = now + LONGEST_SLEEP;
        let (generate, embed) = (self.generate_lane.lock().await, self.embed_lane.lock().await);
        let paused = [(JobKind::Generate, generate.waits_until(now)), (JobKind::Embed, embed.waits_until(now))];
        drop((generate, embed));
        for (kind, paused) in paused {
            let due = match paused {
                Some(until) => Some(until),
                None => self.store.next_run_at(kind).await.ok().flatten().map(|due| {
                    // Never in the past: a job that is due but cannot be claimed must not make the loop spin.
                    let wait = (due - chrono::Utc::now()).to_std().unwrap_or_default();
                    now + wait.max(Duration::from_millis(50))
                }),
            };
            wake = due.map_or(wake, |due| wake.min(due));
        }
        tokio::select! {
            () = stop.cancelled() => {}
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(wake.into()) => {}
        }
    }

    /// Claims jobs for this worker.
    pub(super) async fn claim(
        &self,
        kind: JobKind,
        order: crate::store::ClaimOrder,
        limit: usize,
    ) -> Result<Vec<LeasedJob>, StoreError> {
        let claimed = self.store.claim(kind, order, &self.worker, self.settings.lease, limit).await?;
        if !claimed.is_empty() {
            metrics::counter!("musonym_job_attempts_total", "kind" => kind.as_str())
                .increment(claimed.len().try_into().unwrap_or(u64::MAX));
            crash::point("after_claim");
        }
        for leased in &claimed {
            self.announce(leased, JobState::Running, None);
        }
        Ok(claimed)
    }

    /// Does `work` within the span and the trace of its job.
    pub(super) async fn on_behalf_of<T>(leased: &LeasedJob, work: impl Future<Output = T>) -> T {
        let Job { id, kind, trace_id, .. } = &leased.job;
        let span = tracing::info_span!("job", job.id = id, job.kind = %kind, trace_id = trace_id.map(display));
        trace::scope(*trace_id, work).instrument(span).await
    }

    /// Runs `work` while extending the leases of its jobs. `None` when all leases were lost (the jobs were cancelled or
    /// taken over), or when a stop was asked for and the work did not end in time: the jobs are then handed back.
    ///
    /// Work and heartbeat are polled together: work that waits for the database's one writer is given it in turn, and nobody
    /// behind it would get it while the work is not polled.
    pub(super) async fn under_heartbeat<T>(
        &self,
        jobs: &[LeasedJob],
        stop: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let grace = async {
            stop.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            done = work => return Some(done),
            () = self.extend_until_lost(jobs) => return None,
            () = grace => {}
        }
        for leased in jobs {
            let reason = "the worker was stopped".to_owned();
            self.finish(leased, Finish::Release { reason, delay: Duration::ZERO }).await;
        }
        None
    }

    /// Extends the leases of jobs, three times in their length, until all of them are lost.
    async fn extend_until_lost(&self, jobs: &[LeasedJob]) {
        let leases: Vec<Lease> = jobs.iter().map(|leased| leased.lease.clone()).collect();
        let period = (self.settings.lease / 3).max(Duration::from_millis(10));
        let mut beat = tokio::time::interval_at((Instant::now() + period).into(), period);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            match self.store.extend_leases(&leases, self.settings.lease).await {
                Ok(lost) if lost.len() == leases.len() => {
                    tracing::warn!(jobs = lost.len(), "all leases of this work are lost; it is given up");
                    return;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "leases could not be extended"),
            }
        }
    }

    /// Records how an attempt ended. What cannot be recorded is logged: the lease lapses, and the job is taken up again.
    pub(super) async fn finish(&self, leased: &LeasedJob, finish: Finish) {
        let (state, error) = match &finish {
            Finish::Succeeded { .. } => (JobState::Succeeded, None),
            Finish::Failed { error } => (JobState::Failed, Some(error.clone())),
            Finish::Release { reason, .. } => (JobState::Queued, Some(reason.clone())),
            Finish::Retry { error, .. } if leased.job.attempts >= leased.job.max_attempts => {
                (JobState::Dead, Some(error.clone()))
            }
            Finish::Retry { error, .. } => (JobState::Queued, Some(error.clone())),
        };
        match self.store.finish(&leased.lease, &finish).await {
            Ok(()) => self.announce(leased, state, error),
            Err(StoreError::LeaseLost(_)) => {
                tracing::warn!(job.id = leased.job.id, "the job was cancelled or taken over by another worker");
            }
            Err(error) => tracing::error!(job.id = leased.job.id, %error, "the end of the job could not be recorded"),
        }
    }

    /// Tells log, metrics and listeners where a job stands.
    pub(super) fn announce(&self, leased: &LeasedJob, state: JobState, error: Option<String>) {
        let job = &leased.job;
        let trace_id = job.trace_id.map(display);
        if state != JobState::Running {
            metrics::counter!("musonym_jobs_total", "kind" => job.kind.as_str(), "state" => state.as_str())
                .increment(1);
        }
        match (&error, state) {
            (Some(error), JobState::Failed | JobState::Dead) => {
                tracing::error!(job.id, job.kind = %job.kind, job.attempts, trace_id, %error, "job {state}");
            }
            (Some(error), _) => {
                tracing::warn!(job.id, job.kind = %job.kind, job.attempts, trace_id, %error, "job {state}");
            }
            (None, _) => tracing::debug!(job.id, job.kind = %job.kind, job.attempts, trace_id, "job {state}"),
        }
        self.events.publish(Event::JobChanged { job_id: job.id, kind: job.kind, state, error });
    }

    /// The delay before the next attempt: full jitter over an exponential, bounded
    /// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    pub(super) fn retry_delay(&self, attempts: u32) -> Duration {
        let longest = self.settings.retry_base.saturating_mul(1 << attempts.saturating_sub(1).min(16));
        longest.min(LONGEST_RETRY).mul_f64(fastrand::f64())
    }
}
