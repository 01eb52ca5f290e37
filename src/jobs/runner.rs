//! The runner.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::Events;
use crate::{embed::EmbedService, generate::Generator, store::Store};

/// How the runner works.
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// First delay after a failed attempt; doubles with each, with jitter.
    pub retry_base: Duration,
    /// Most texts of one embedding batch.
    pub embed_batch: usize,
}

/// One worker loop.
pub struct Runner {}

impl Runner {
    /// A runner over these parts.
    pub fn new(
        store: Arc<dyn Store>,
        generator: Arc<dyn Generator>,
        embedder: Arc<EmbedService>,
        events: Events,
        settings: RunnerSettings,
    ) -> Self {
        todo!()
    }

    /// Works until `stop` is cancelled; what is in flight is then handed back.
    pub async fn run(&self, stop: CancellationToken) {
        todo!()
    }

    /// Works until no job can be claimed any more (those that wait for a server that is absent are left waiting).
    pub async fn drain(&self, stop: CancellationToken) {
        todo!()
    }
}
