//! Whose turn it is: generation in long phases, then embedding, so that two models that do not fit into memory together do
//! not evict each other at every job.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{
    generate::Written,
    lane::Lane,
    restraint::Held,
    runner::{Runner, Step},
};
use crate::{
    domain::{JobKind, LeasedJob},
    store::{ClaimOrder, StoreError},
};

/// Claims of each slot of generation after which waiting embeddings get their turn. At the end of a phase slots wait for the last of
/// them, and a phase is as long with many as with one.
const GENERATION_PHASE: usize = 64;

/// Batches after which waiting generations get their turn.
const EMBEDDING_PHASE: u32 = 64;

/// The same in time, whichever comes first: a small machine takes more than a minute for a generation.
const LONGEST_PHASE: Duration = Duration::from_secs(1800);

/// A phase of generation, as its slots see it.
struct Phase {
    began: Instant,
    claims: AtomicUsize,
    /// How many claims it may have.
    most: usize,
    /// Slots that wait for a generator.
    busy: watch::Sender<usize>,
    /// Held from storing to claiming. Slots whose answers come together would otherwise all store before the first of them
    /// claims, and go on coming together; so they part.
    turn: Mutex<()>,
    /// Told whenever synonyms may have been stored.
    stored: Notify,
    /// Cancelled when all slots have ended.
    closed: CancellationToken,
}

impl Phase {
    fn begin(slots: usize) -> Self {
        Self {
            began: Instant::now(),
            claims: AtomicUsize::new(0),
            most: GENERATION_PHASE.saturating_mul(slots),
            busy: watch::Sender::new(0),
            turn: Mutex::default(),
            stored: Notify::new(),
            closed: CancellationToken::new(),
        }
    }

    fn is_over(&self) -> bool {
        self.claims.load(Ordering::Relaxed) >= self.most || self.began.elapsed() >= LONGEST_PHASE
    }
}

impl Runner {
    /// One round: a phase of generation, then one of embedding. False when there was nothing to do.
    pub(super) async fn round(&self, stop: &CancellationToken) -> bool {
        let kept = self.keep_house().await;
        let generated = self.generation_phase(stop).await;
        let embedded = self.embedding_phase(stop).await;
        generated || embedded || kept || self.calibrate().await
    }

    /// Generations, as many at once as the settings allow, until nothing waits or the phase is over, and beside them what a
    /// model in this process does meanwhile. All of it is polled together and never waits for each other with a transaction
    /// open.
    async fn generation_phase(&self, stop: &CancellationToken) -> bool {
        let count = self.settings.parallel.max(1);
        let phase = Phase::begin(count);
        let slots = async {
            join_all((0..count).map(|_| self.generation_slot(&phase, stop))).await;
            phase.closed.cancel();
        };
        tokio::join!(slots, self.attend(&phase, stop));
        show_phase(None);
        phase.claims.load(Ordering::Relaxed) > 0
    }

    /// One generation after the other, until the phase is over or nothing waits while no other slot works. What one has brought
    /// is stored while it is found out what comes next, and before that is asked for, so that a killed worker costs one generation
    /// at most.
    async fn generation_slot(&self, phase: &Phase, stop: &CancellationToken) {
        let (mut changes, mut busy) = (self.store.changes(), phase.busy.subscribe());
        let mut written = Written::default();
        while !phase.is_over() && !stop.is_cancelled() {
            changes.mark_unchanged();
            busy.mark_unchanged();
            let turn = phase.turn.lock().await;
            let storing = self.store_in(phase, std::mem::take(&mut written), stop);
            let (claimed, ()) = tokio::join!(self.claim_generation(phase), storing);
            drop(turn);
            let Some(claimed) = claimed else {
                if *busy.borrow() == 0 {
                    return;
                }
                tokio::select! { _ = changes.changed() => {} _ = busy.changed() => {} }
                continue;
            };
            show_phase(Some(JobKind::Generate));
            let prepared = self.prepare(claimed).await;
            let began = Instant::now();
            let (ended, brought) = self.generate_prepared(prepared, stop).await;
            written = brought;
            let mut lane = self.generate_lane.lock().await;
            note_end(JobKind::Generate, &mut lane, Ok(ended));
            if self.generator.needs_a_server() {
                lane.rest_until(Instant::now() + self.settings.restraint.rest_after(began.elapsed()));
            }
            drop(lane);
            phase.busy.send_modify(|busy| *busy -= 1);
        }
        self.store_in(phase, written, stop).await;
    }

    /// Stores what a slot has brought.
    async fn store_in(&self, phase: &Phase, written: Written, stop: &CancellationToken) {
        self.store_written(written, stop).await;
        phase.stored.notify_one();
    }

    /// Beside the slots of a phase: keeps house, and embeds with a model in this process. It keeps none of a server from its
    /// work, and so need not wait for the phase's end.
    async fn attend(&self, phase: &Phase, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = phase.closed.cancelled() => return,
                () = phase.stored.notified() => {}
            }
            self.keep_house().await;
            if self.embedder.is_builtin() {
                self.embed_once(stop).await;
            }
        }
    }

    /// Batches of embeddings until none waits, the phase is over, or a person waits for a generation.
    async fn embedding_phase(&self, stop: &CancellationToken) -> bool {
        let began = Instant::now();
        let mut batches = 0;
        while batches < EMBEDDING_PHASE && began.elapsed() < LONGEST_PHASE && self.embed_once(stop).await {
            batches += 1;
            if self.store.is_urgent_due(JobKind::Generate).await.unwrap_or_default() {
                break;
            }
        }
        show_phase(None);
        batches > 0
    }

    /// A batch of embeddings, unless one is under way. False when nothing was done.
    async fn embed_once(&self, stop: &CancellationToken) -> bool {
        let Ok(mut lane) = self.embed_lane.try_lock() else { return false };
        let now = Instant::now();
        if stop.is_cancelled() || lane.paused(now).is_some() {
            return false;
        }
        match self.store.jobs_paused().await {
            Ok(paused) => {
                let held = paused.map(|paused| Held::by_hand(&paused));
                note_hold(JobKind::Embed, &mut lane, held.as_ref(), now);
                if held.is_some() {
                    return false;
                }
            }
            Err(error) => return note_end(JobKind::Embed, &mut lane, Err(error)),
        }
        self.embedder.let_queries_pass(self.settings.pass).await;
        show_phase(Some(JobKind::Embed));
        let order = lane.next_order();
        note_end(JobKind::Embed, &mut lane, self.embed_step(order, stop).await)
    }

    /// Claims what is to be generated next; `None` when nothing waits that may be done now.
    async fn claim_generation(&self, phase: &Phase) -> Option<Vec<LeasedJob>> {
        let now = Instant::now();
        let mut lane = self.generate_lane.lock().await;
        if lane.paused(now).is_some() || phase.is_over() {
            return None;
        }
        match self.claim_what_may_be_done(&mut lane, now).await {
            Ok(jobs) if jobs.is_empty() => None,
            Ok(jobs) => {
                phase.claims.fetch_add(1, Ordering::Relaxed);
                phase.busy.send_modify(|busy| *busy += 1);
                Some(jobs)
            }
            Err(error) => {
                note_end(JobKind::Generate, &mut lane, Err(error));
                None
            }
        }
    }

    async fn claim_what_may_be_done(&self, lane: &mut Lane, now: Instant) -> Result<Vec<LeasedJob>, StoreError> {
        let urgent = self.store.is_urgent_due(JobKind::Generate).await?;
        let held = match self.store.jobs_paused().await? {
            Some(paused) => Some(Held::by_hand(&paused)),
            None if self.generator.needs_a_server() => self.settings.restraint.held(),
            None => None,
        };
        note_hold(JobKind::Generate, lane, held.as_ref(), now);
        if held.is_some_and(|held| held.urgent_too || !urgent) {
            return Ok(Vec::new());
        }
        if lane.resting(now).is_some() && !urgent {
            return Ok(Vec::new());
        }
        let order = if urgent { ClaimOrder::Urgent } else { lane.next_order() };
        self.embedder.let_queries_pass(self.settings.pass).await;
        self.claim(JobKind::Generate, order, self.generator.batch_size()).await
    }

    /// What costs milliseconds and waits for no phase: keys of tags that plain SQL wrote, vectors of the standby. True when
    /// tags got their vectors.
    async fn keep_house(&self) -> bool {
        let Ok(_one_at_a_time) = self.house.try_lock() else { return false };
        if let Err(error) = self.store.fill_missing_keys().await {
            tracing::warn!(%error, "keys of tags written by plain SQL could not be computed");
        }
        match self.embedder.fill_standby().await {
            Ok(filled) => filled > 0,
            Err(error) => {
                tracing::warn!(%error, "vectors of the built-in space could not be made");
                false
            }
        }
    }

    /// Whether a space was measured anew, now that nothing else is to do.
    async fn calibrate(&self) -> bool {
        match self.embedder.calibrate().await {
            Ok(measured) => measured > 0,
            Err(error) if error.is_outage() => false,
            Err(error) => {
                tracing::warn!(%error, "cosines could not be calibrated");
                false
            }
        }
    }
}

/// Notes for the lane how a step ended. True when work was done.
fn note_end(kind: JobKind, lane: &mut Lane, ended: Result<Step, StoreError>) -> bool {
    match ended {
        Ok(Step::Idle) => false,
        Ok(Step::Worked) => {
            lane.recovered();
            true
        }
        Ok(Step::Outage) => {
            let pause = lane.outage(Instant::now());
            tracing::warn!(job.kind = %kind, pause_ms = pause.as_millis(), "jobs wait for a server that is not there");
            false
        }
        Err(error) => {
            let pause = lane.outage(Instant::now());
            tracing::error!(job.kind = %kind, %error, pause_ms = pause.as_millis(), "the queue cannot be worked on");
            false
        }
    }
}

/// Notes for the lane whether work is held back, and tells what is new.
fn note_hold(kind: JobKind, lane: &mut Lane, held: Option<&Held>, now: Instant) {
    if lane.hold(held.map(|held| (held.reason.as_str(), now + held.look_again))) {
        if let Some(held) = held {
            tracing::info!(job.kind = %kind, "jobs wait: {}", held.reason);
        } else {
            tracing::info!(job.kind = %kind, "jobs are worked on again");
        }
    }
    metrics::gauge!("musonym_jobs_held", "kind" => kind.as_str()).set(f64::from(u8::from(held.is_some())));
}

/// Shows which phase this worker is in.
fn show_phase(phase: Option<JobKind>) {
    for kind in [JobKind::Generate, JobKind::Embed] {
        let is_now = f64::from(u8::from(phase == Some(kind)));
        metrics::gauge!("musonym_worker_phase", "phase" => kind.as_str()).set(is_now);
    }
}
