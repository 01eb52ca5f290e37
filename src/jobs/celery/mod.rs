//! The Celery bridge: tasks that a Python application sends over Redis become jobs, and the ends of jobs their results.
//!
//! The database is the queue: a message is acknowledged when its task stands there with its job, and its answer is owed until it
//! lies in the result backend (docs/adr/0011). What is spoken, and what is refused, is in docs/CELERY.md.

mod announce;
mod answer;
mod consumer;
mod control;
mod deliver;
mod hand_over;
mod inspect;
mod leader;
mod link;
mod restore;
mod task;
mod wire;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::store::Store;
pub use hand_over::HandOver;
pub use link::Link;

/// How many revoked tasks that have not come yet are remembered, as Celery's own workers do.
const REVOKED_KEPT: usize = 50_000;

/// How to take part in Celery.
#[derive(Clone, Debug)]
pub struct CelerySettings {
    /// The Redis that tasks come through; it may hold a password.
    pub broker_url: SecretString,
    /// The Redis that results go to.
    pub result_url: SecretString,
    /// The queue.
    pub queue: String,
    /// After so long without acknowledgement a message is given back to its queue. All who share a Redis should agree.
    pub visibility_timeout: Duration,
    /// Most tasks whose answer is owed before no more are taken: the rest is left to other workers.
    pub prefetch: usize,
    /// What this worker is called, in Celery's form `NAME@HOST`.
    pub hostname: String,
}

/// The name of this machine, for the default of [`CelerySettings::hostname`].
pub fn machine_name() -> String {
    let from_system = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = from_system.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// The bridge of one process.
pub struct Bridge {
    store: Arc<dyn Store>,
    settings: CelerySettings,
    broker: Arc<Link>,
    results: Arc<Link>,
    /// Names this database among those that share a Redis.
    installation: String,
    started: Instant,
    /// Celery's logical clock.
    clock: AtomicU64,
    /// Tasks that this process has answered or seen answered.
    processed: AtomicU64,
    revoked: Mutex<VecDeque<String>>,
}

impl Bridge {
    /// A bridge between this database and the queue. Nothing is sent before it runs.
    ///
    /// # Errors
    /// What is wrong with a URL.
    pub fn new(store: Arc<dyn Store>, settings: CelerySettings, installation: String) -> Result<Self, String> {
        let broker = Arc::new(Link::new(settings.broker_url.expose_secret())?);
        let same = settings.result_url.expose_secret() == settings.broker_url.expose_secret();
        let results =
            if same { Arc::clone(&broker) } else { Arc::new(Link::new(settings.result_url.expose_secret())?) };
        Ok(Self {
            store,
            settings,
            broker,
            results,
            installation,
            started: Instant::now(),
            clock: AtomicU64::new(1),
            processed: AtomicU64::new(0),
            revoked: Mutex::default(),
        })
    }

    /// The way to the broker, to tell how it does.
    pub fn broker(&self) -> Arc<Link> {
        Arc::clone(&self.broker)
    }

    /// Takes tasks, answers them, and speaks as a worker of Celery does, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tracing::info!(
            broker = self.broker.describe(),
            queue = self.settings.queue,
            worker = self.settings.hostname,
            "taking tasks of Celery"
        );
        describe_metrics();
        let mut parts = JoinSet::new();
        let (bridge, token) = (Arc::clone(&self), stop.clone());
        parts.spawn(async move { bridge.consume(token).await });
        let (bridge, token) = (Arc::clone(&self), stop.clone());
        parts.spawn(async move { bridge.deliver(token).await });
        let (bridge, token) = (Arc::clone(&self), stop.clone());
        parts.spawn(async move { bridge.listen(token).await });
        let (bridge, token) = (Arc::clone(&self), stop.clone());
        parts.spawn(async move { bridge.heartbeat(token).await });
        let (bridge, token) = (self, stop);
        parts.spawn(async move { bridge.restore(token).await });
        while let Some(ended) = parts.join_next().await {
            if let Err(error) = ended {
                // Half a bridge is none: the process ends with it, and is started anew.
                tracing::error!(%error, "a part of the Celery bridge ended badly");
                return;
            }
        }
    }

    /// The next tick of the logical clock.
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Remembers tasks that are not to be begun when they come.
    fn remember_revoked(&self, ids: &[String]) {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.extend(ids.iter().cloned());
        while revoked.len() > REVOKED_KEPT {
            revoked.pop_front();
        }
    }

    /// The tasks that are not to be begun when they come.
    fn revoked(&self) -> Vec<String> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn is_revoked(&self, id: &str) -> bool {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == id)
    }
}

fn describe_metrics() {
    metrics::describe_counter!(
        "musonym_celery_tasks_total",
        "Messages of Celery that were taken, by what became of them."
    );
    metrics::describe_counter!("musonym_celery_answers_total", "Answers handed over to Celery's result backend.");
    metrics::describe_counter!(
        "musonym_celery_restored_total",
        "Messages given back to their queue, for nobody acknowledged them."
    );
    metrics::describe_gauge!("musonym_celery_broker_up", "Whether Celery's Redis answers.");
}

/// Seconds since 1970 with fractions, as Celery counts.
fn unix_seconds() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact to a microsecond until the year 2242")]
    let seconds = chrono::Utc::now().timestamp_micros() as f64 / 1e6;
    seconds
}

/// Waits; false when a stop came first.
async fn pause(length: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(length) => true,
    }
}
