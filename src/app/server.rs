//! `serve` and `worker`: binds, starts, stops gracefully.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{App, AppError, ChosenGenerator, priority::Background, status::Status, upkeep};
use crate::{
    config::{ConfigError, EmbedProvider, GenerateProvider, Settings},
    enrich::Enricher,
    http::{self, AppState, Auth, HttpLimits},
    lint::Linter,
    telemetry,
};

/// From the first signal until what is still open is cut; with the closing of the database it makes 20 s, under the
/// grace period of systemd (90 s) and Kubernetes (30 s).
const GRACE: Duration = Duration::from_secs(15);

/// What a shell reports for a process that SIGINT ended: 128 + 2.
const EXIT_AT_ONCE: i32 = 130;

/// A stop that signals ask for: the first one gently, the second at once.
#[derive(Clone, Debug)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Listens to SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// [`AppError`] when the system does not let this process handle signals.
    pub fn on_signals() -> Result<Self, AppError> {
        let token = CancellationToken::new();
        let mut signals = Signals::new().map_err(|error| AppError::Start(format!("cannot handle signals: {error}")))?;
        let stop = token.clone();
        tokio::spawn(async move {
            signals.next().await;
            tracing::info!("stopping; a second signal stops at once");
            stop.cancel();
            signals.next().await;
            tracing::warn!("stopped at once");
            #[expect(
                clippy::disallowed_methods,
                reason = "whoever signals twice wants no more waiting; SQLite recovers"
            )]
            std::process::exit(EXIT_AT_ONCE);
        });
        Ok(Self(token))
    }

    /// Cancelled at the first signal.
    pub fn token(&self) -> &CancellationToken {
        &self.0
    }
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) {
        tokio::select! { _ = self.0.recv() => {} _ = self.1.recv() => {} }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// A server that holds its address but does not answer yet: whatever else fails, a taken port fails first.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    auth: Auth,
}

impl Server {
    /// Checks what guards the server and binds its address.
    ///
    /// # Errors
    /// [`AppError`] for an address beyond this machine without an API key, a bad webhook secret, or a taken port.
    pub async fn bind(settings: &Settings) -> Result<Self, AppError> {
        let address = settings.server.bind;
        if !address.ip().is_loopback() && settings.server.api_key.is_none() {
            return Err(AppError::Config(ConfigError::new(format!(
                "server.bind is {address}, which other machines can reach, and there is no API key\n\
                 Set MUSONYM_API_KEY (for example to the output of `openssl rand -hex 24`), or bind 127.0.0.1:{}.",
                address.port()
            ))));
        }
        let auth = Auth::new(settings.server.api_key.as_ref(), &settings.webhook_secrets).map_err(ConfigError::new)?;
        let refused = |error: std::io::Error| AppError::Start(bind_problem(address, &error));
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, auth })
    }

    /// The address as bound, with the port that port 0 became.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn bind_problem(address: SocketAddr, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let mend = match error.kind() {
        ErrorKind::AddrInUse => {
            "Another program listens there, perhaps another musonym: stop it, or choose another port with --bind."
        }
        ErrorKind::AddrNotAvailable => "This machine does not have that address: choose another with --bind.",
        ErrorKind::PermissionDenied => "Ports below 1024 need more rights: choose another with --bind.",
        _ => "Choose another address with --bind.",
    };
    let reason = match error.kind() {
        ErrorKind::AddrInUse => "the address is in use".to_owned(),
        _ => error.to_string(),
    };
    format!("cannot listen on {address}: {reason}\n{mend}")
}

/// How [`serve`] serves.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// Whether a worker runs inside.
    pub worker: bool,
}

/// Serves until `shutdown`, then stops within 20 s.
///
/// # Errors
/// [`AppError`] when it cannot start, or the listener fails.
pub async fn serve(
    app: &App,
    chosen: ChosenGenerator,
    server: Server,
    options: ServeOptions,
    shutdown: &Shutdown,
) -> Result<(), AppError> {
    let exporter = http::prometheus_builder().map_err(|error| AppError::Start(format!("no metrics: {error}")))?;
    let metrics = telemetry::init_metrics(exporter)?;
    let settings = &app.settings;
    app.shared.connect().await;
    let generator_model = chosen.uses_ollama.then(|| (app.ollama.clone(), settings.generate.model.clone()));
    let status = Status::new(
        Arc::clone(&app.store),
        Arc::clone(&app.embedder),
        app.shared.clone(),
        Arc::clone(&chosen.generator),
        generator_model,
        options.worker,
    );
    let bridge = if options.worker { app.celery_bridge().await? } else { None };
    let status = status.with_celery(bridge.as_ref().map(|bridge| bridge.broker()).or(chosen.celery));
    let state = AppState {
        store: Arc::clone(&app.store),
        searcher: app.searcher(),
        linter: Arc::new(Linter::new(Arc::clone(&app.store))),
        enricher: Arc::new(Enricher::new(Arc::clone(&app.store))),
        cache: Arc::clone(&app.cache),
        embedder: Arc::clone(&app.embedder),
        events: app.events.clone(),
        auth: server.auth,
        status: Arc::new(status),
        metrics: metrics.clone(),
    };
    let limits = HttpLimits { body_bytes: settings.server.max_body_bytes, timeout: settings.server.request_timeout };
    let router = http::router(state, limits);

    let stop = shutdown.token().clone();
    // Dropped after the database is closed: connections may be driven from its threads.
    let background = Background::start()?;
    let threads = background.handle();
    let mut tasks = JoinSet::new();
    tasks.spawn_on(upkeep::retain(Arc::clone(&app.store), settings.retention, stop.clone()), threads);
    tasks.spawn(upkeep::tell_changes(Arc::clone(&app.store), app.events.clone(), stop.clone()));
    tasks.spawn(upkeep::gauge(Arc::clone(&app.store), app.ollama.clone(), metrics, stop.clone()));
    let embedder = Arc::clone(&app.embedder);
    tokio::spawn(async move { embedder.warm_up().await });
    if options.worker {
        tasks.spawn_on(upkeep::maintain_vector_index(Arc::clone(&app.store), stop.clone()), threads);
        let models = models_to_pull(settings);
        let pull = upkeep::pull_missing(app.ollama.clone(), models, app.events.clone(), stop.clone());
        tasks.spawn_on(pull, threads);
        if let Some(bridge) = bridge {
            tasks.spawn_on(bridge.run(stop.clone()), threads);
        }
        tasks.spawn_on(app.outbound()?.run(stop.clone()), threads);
        let runner = app.runner(chosen.generator);
        let stop = stop.clone();
        tasks.spawn_on(async move { runner.run(stop).await }, threads);
    }
    let address = server.address;
    tracing::info!(database = %app.store.describe(), "listening on http://{address}");
    let cut = cut_after_grace(&stop);
    let mut serving = pin!(http::serve(server.listener, router, stop.clone().cancelled_owned()));
    let outcome = loop {
        tokio::select! {
            ended = &mut serving => {
                break ended.map_err(|error| AppError::Start(format!("the server stopped: {error}")));
            }
            // They end when told to; before that, a server without its worker is worth a restart.
            Some(ended) = tasks.join_next() => if !stop.is_cancelled() {
                if let Err(error) = ended {
                    tracing::error!(%error, "a background task ended badly");
                }
                break Err(AppError::Start("a background task ended badly: see the log, then start again".to_owned()));
            },
            // A connection that never ends must not hold the process: streams of events are such.
            () = cut.cancelled() => {
                tracing::warn!("some connections were still open and are cut");
                break Ok(());
            }
        }
    };
    stop.cancel();
    finish(tasks, &cut).await;
    app.close().await;
    drop(background);
    tracing::info!("stopped");
    outcome
}

/// Works until `shutdown`, then hands back what is in flight.
///
/// # Errors
/// [`AppError`] when the worker itself fails; the failures of its jobs are recorded with them.
pub async fn work(
    app: &App,
    chosen: ChosenGenerator,
    metrics: Option<SocketAddr>,
    shutdown: &Shutdown,
) -> Result<(), AppError> {
    let runner = app.runner(chosen.generator);
    tracing::info!(database = %app.store.describe(), "working");
    let stop = shutdown.token();
    let cut = cut_after_grace(stop);
    let mut tasks = JoinSet::new();
    tasks.spawn({
        let stop = stop.clone();
        async move { runner.run(stop).await }
    });
    tasks.spawn(upkeep::maintain_vector_index(Arc::clone(&app.store), stop.clone()));
    let models = models_to_pull(&app.settings);
    tasks.spawn(upkeep::pull_missing(app.ollama.clone(), models, app.events.clone(), stop.clone()));
    if let Some(address) = metrics {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| AppError::Start(bind_problem(address, &error).replace("--bind", "--metrics")))?;
        let exporter = http::prometheus_builder().map_err(|error| AppError::Start(format!("no metrics: {error}")))?;
        let handle = telemetry::init_metrics(exporter)?;
        tracing::info!("metrics on http://{address}/metrics");
        tasks.spawn(upkeep::gauge(Arc::clone(&app.store), app.ollama.clone(), handle.clone(), stop.clone()));
        let stop = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = http::serve_metrics(listener, handle, stop.cancelled_owned()).await {
                tracing::error!(%error, "metrics are no longer served");
            }
        });
    }
    if let Some(bridge) = app.celery_bridge().await? {
        tasks.spawn(bridge.run(stop.clone()));
    }
    tasks.spawn(app.outbound()?.run(stop.clone()));
    let worked = tokio::select! {
        // First, for a worker that was stopped may have ended by now.
        biased;
        () = stop.cancelled() => Ok(()),
        _ = tasks.join_next() => {
            Err(AppError::Start("the worker ended badly: see the log, then start again".to_owned()))
        }
    };
    finish(tasks, &cut).await;
    app.close().await;
    tracing::info!("stopped");
    worked
}

/// The models that the settings demand of Ollama, where it may download them.
fn models_to_pull(settings: &Settings) -> Vec<String> {
    let generates = settings.generate.provider == GenerateProvider::Ollama;
    let embeds = settings.embed.provider == EmbedProvider::Ollama;
    let wanted = [(generates, &settings.generate.model), (embeds, &settings.embed.model)];
    let wanted = wanted.into_iter().filter(|(wanted, _)| *wanted && settings.ollama.pull);
    wanted.map(|(_, model)| model.clone()).collect()
}

/// Cancelled [`GRACE`] after `stop`.
fn cut_after_grace(stop: &CancellationToken) -> CancellationToken {
    let (stop, cut) = (stop.clone(), CancellationToken::new());
    let done = cut.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
        done.cancel();
    });
    cut
}

/// Waits for tasks that were told to stop, until `cut`. The jobs of those that are then left go to another worker when
/// their leases lapse.
async fn finish(mut tasks: JoinSet<()>, cut: &CancellationToken) {
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::error!(%error, "a background task ended badly"),
            },
            () = cut.cancelled() => {
                tracing::warn!("background work did not stop in time and is left; its jobs run again later");
                tasks.abort_all();
                return;
            }
        }
    }
}
