//! What works and what does not, for health pages and `musonym doctor`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::Mutex, time::Instant};

use super::providers::{LOOK_TIMEOUT, model_problem};
use crate::{
    cache::Shared,
    embed::EmbedService,
    generate::Generator,
    http::{Component, ComponentState, StatusSource},
    jobs::celery::Link,
    ollama::OllamaClient,
    store::Store,
};

/// How long a look is good for: health pages are asked every few seconds, by several at once.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// How long the database may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// The state of this process's parts.
pub struct Status {
    store: Arc<dyn Store>,
    embedder: Arc<EmbedService>,
    shared: Shared,
    /// The Redis of Celery, where it is spoken.
    celery: Option<Arc<Link>>,
    generator: Arc<dyn Generator>,
    /// The client and model to look at, where the generator needs them.
    generator_model: Option<(OllamaClient, String)>,
    /// Without a worker inside, the generator runs elsewhere.
    has_worker: bool,
    last: Mutex<Option<(Instant, Vec<Component>)>>,
}

impl Status {
    /// The state of these parts; `generator_model` where the generator needs Ollama.
    pub fn new(
        store: Arc<dyn Store>,
        embedder: Arc<EmbedService>,
        shared: Shared,
        generator: Arc<dyn Generator>,
        generator_model: Option<(OllamaClient, String)>,
        has_worker: bool,
    ) -> Self {
        let (celery, last) = (None, Mutex::new(None));
        Self { store, embedder, shared, celery, generator, generator_model, has_worker, last }
    }

    /// The same with the Redis of Celery among the parts.
    #[must_use]
    pub fn with_celery(self, celery: Option<Arc<Link>>) -> Self {
        Self { celery, ..self }
    }

    async fn look(&self) -> Vec<Component> {
        let (database, generator, embedder, queue) =
            tokio::join!(self.database(), self.generator(), self.embedder(), self.queue());
        let mut parts = vec![database, generator, embedder, queue, self.cache()];
        parts
            .extend(self.celery.as_ref().map(|celery| component("celery", false, celery.describe(), celery.problem())));
        parts
    }

    async fn database(&self) -> Component {
        let name = self.store.describe();
        let problem = match tokio::time::timeout(PING_TIMEOUT, self.store.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", PING_TIMEOUT.as_secs())),
        };
        component("database", true, name, problem)
    }

    async fn generator(&self) -> Component {
        let problem = match &self.generator_model {
            Some((ollama, model)) => model_problem(ollama, model).await,
            None => None,
        };
        let mut describe = self.generator.describe();
        if !self.has_worker {
            describe.push_str(" (no worker in this process)");
        }
        component("generator", false, describe, problem)
    }

    async fn embedder(&self) -> Component {
        let (describe, problem) = match tokio::time::timeout(LOOK_TIMEOUT, self.embedder.status()).await {
            Ok(status) => (status.describe, status.problem),
            Err(_) => ("embedder".to_owned(), Some(format!("no answer within {} s", LOOK_TIMEOUT.as_secs()))),
        };
        component("embedder", false, describe, problem)
    }

    async fn queue(&self) -> Component {
        match self.store.job_counts().await {
            Ok(counts) => {
                let detail = format!(
                    "{} queued, {} running, {} dead, {} failed",
                    counts.queued, counts.running, counts.dead, counts.failed
                );
                component("queue", false, detail, None)
            }
            Err(error) => component("queue", false, "job counts".to_owned(), Some(error.to_string())),
        }
    }

    /// Memory keeps answers in any case, so a Redis that fails leaves the cache working in part.
    fn cache(&self) -> Component {
        let describe =
            self.shared.describe().map_or_else(|| "memory".to_owned(), |redis| format!("memory and {redis}"));
        let cache = component("cache", false, describe, self.shared.problem());
        match cache.state {
            ComponentState::Waiting => Component { state: ComponentState::Degraded, ..cache },
            _ => cache,
        }
    }
}

/// A component that works, or does not because of `problem`: down where it is required, else waiting for what is not
/// there.
fn component(name: &str, required: bool, describe: String, problem: Option<String>) -> Component {
    let state = match (&problem, required) {
        (None, _) => ComponentState::Ok,
        (Some(_), true) => ComponentState::Down,
        (Some(_), false) => ComponentState::Waiting,
    };
    let detail = match problem {
        Some(problem) => format!("{describe}: {problem}"),
        None => describe,
    };
    Component { name: name.to_owned(), state, detail, required }
}

#[async_trait]
impl StatusSource for Status {
    async fn components(&self) -> Vec<Component> {
        // Whoever comes while somebody looks waits for that look.
        let mut last = self.last.lock().await;
        if let Some((when, components)) = last.as_ref()
            && when.elapsed() < FRESH_FOR
        {
            return components.clone();
        }
        let components = self.look().await;
        *last = Some((Instant::now(), components.clone()));
        components
    }

    async fn tag_count(&self) -> Option<u64> {
        self.store.tag_count().await.ok()
    }
}
