//! The HTTP server: a REST API, webhooks, server-sent events, OpenAPI, health and a page for people.
//!
//! [`router`] shows all routes on one screen; handlers extract, make one call and answer; [`error`] alone turns errors
//! into problems.

mod api;
mod auth;
mod error;
mod etag;
mod extract;
mod health;
mod middleware;
mod openapi;
mod router;
mod ui;
mod webhooks;

use std::{future::Future, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Extension, Router, serve::ListenerExt};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

pub use auth::Auth;
pub use error::{ApiError, Code, PROBLEM_JSON, Problem};
pub use router::{openapi, router};
pub use webhooks::{Delivery, WebhookVerifier};

use crate::{
    cache::Cache, embed::EmbedService, enrich::Enricher, jobs::Events, lint::Linter, search::Searcher, store::Store,
};

/// How long requests under way may still take once the server was told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Upper bounds of the histogram `http_request_duration_seconds`, in seconds: a cached search takes some 100 µs, one
/// that embeds its query up to a second.
const DURATION_BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// Tags, synonyms, jobs.
    pub store: Arc<dyn Store>,
    /// Answers searches.
    pub searcher: Arc<Searcher>,
    /// Tells what may want mending.
    pub linter: Arc<Linter>,
    /// Resolves raw strings and tells what tags mean.
    pub enricher: Arc<Enricher>,
    /// Answers that are kept.
    pub cache: Arc<Cache>,
    /// The embedder of this database.
    pub embedder: Arc<EmbedService>,
    /// What happens in the background of this process.
    pub events: Events,
    /// Who may ask.
    pub auth: Auth,
    /// How the parts of the server do.
    pub status: Arc<dyn StatusSource>,
    /// The metrics of this process.
    pub metrics: PrometheusHandle,
}

/// How the parts of the server do; asked by `/readyz`, so it should answer within a second or two.
#[async_trait]
pub trait StatusSource: Send + Sync {
    /// Every part: database, generator, embedder, queue, cache.
    async fn components(&self) -> Vec<Component>;

    /// How many tags there are; `None` when nobody knows.
    async fn tag_count(&self) -> Option<u64> {
        None
    }
}

/// A part of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Component {
    /// `database`, `generator`, `embedder`, `queue`, `cache`.
    #[schema(example = "database")]
    pub name: String,
    /// How it does.
    pub state: ComponentState,
    /// A sentence for people: what it is, or what is wrong and what helps. Never a secret.
    pub detail: String,
    /// Whether the server is useless without it.
    pub required: bool,
}

/// How a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ComponentState {
    /// It works.
    Ok,
    /// It works in part.
    Degraded,
    /// It does not work.
    Down,
    /// It waits for something that is not there yet.
    Waiting,
}

/// Bounds on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Most bytes of a body.
    pub body_bytes: usize,
    /// Longest time until an answer begins.
    pub timeout: Duration,
}

impl Default for HttpLimits {
    /// 2 MiB (500 tags to look up, or synonyms of 250 terms, are well below) and 30 s.
    fn default() -> Self {
        Self { body_bytes: 2 << 20, timeout: Duration::from_secs(30) }
    }
}

/// A metrics exporter with the buckets that the server's histograms want. The application installs it once a process
/// and calls [`PrometheusHandle::run_upkeep`] every few seconds, or unread histograms grow without bound.
///
/// # Errors
/// [`BuildError`], never with these constants.
pub fn prometheus_builder() -> Result<PrometheusBuilder, BuildError> {
    let durations = Matcher::Full("http_request_duration_seconds".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(durations, &DURATION_BUCKETS)
}

/// Serves `/metrics` alone, until `shutdown`: for a worker, which has no API.
///
/// # Errors
/// [`io::Error`] when the listener fails.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: PrometheusHandle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let render = move || std::future::ready(metrics.render());
    let router = Router::new().route("/metrics", axum::routing::get(render));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

/// Serves until `shutdown`; then takes no more requests, ends event streams, and gives requests under way 10 s.
///
/// # Errors
/// [`io::Error`] when the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stop = CancellationToken::new();
    let listener = listener.tap_io(|stream| {
        // Answers are small: waiting to fill a segment only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let running = axum::serve(listener, router.layer(Extension(Stopping(stop.clone()))))
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let overdue = async {
        shutdown.await;
        stop.cancel();
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        served = running.into_future() => served,
        () = overdue => {
            tracing::warn!(grace_s = SHUTDOWN_GRACE.as_secs(), "stopped with requests still under way");
            Ok(())
        }
    }
}

/// Tells handlers of endless answers that the server stops.
#[derive(Clone)]
struct Stopping(CancellationToken);
