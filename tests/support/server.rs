//! A real server over a real database of its own, and what a test says to it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use musonym::{
    cache::{Cache, CacheSettings},
    embed::{EmbedService, Embedders},
    enrich::Enricher,
    http::{AppState, Auth, Component, ComponentState, HttpLimits, PROBLEM_JSON, StatusSource, prometheus_builder},
    jobs::Events,
    lint::Linter,
    search::{SearchSettings, Searcher},
    store::{
        Store,
        postgres::PostgresStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use tokio_util::sync::CancellationToken;

use super::postgres::Database;

/// How to start a server; the default is open, without webhooks, with the limits that users have.
#[derive(Default)]
pub struct ServerOptions {
    /// The API key.
    pub api_key: Option<&'static str>,
    /// The webhook secrets.
    pub webhook_secrets: Vec<&'static str>,
    /// Bounds on requests.
    pub limits: HttpLimits,
    /// What `/readyz` shows; one database that works when empty.
    pub components: Vec<Component>,
}

/// A server that runs until it is dropped.
pub struct TestServer {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// A client that follows no redirects.
    pub client: reqwest::Client,
    /// The store behind it.
    pub store: Arc<dyn Store>,
    /// The database behind the store.
    pub database: TestDatabase,
    /// Its channel of events.
    pub events: Events,
    stop: CancellationToken,
    served: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
}

/// The backend of this run: `sqlite`, which is the default, or `postgres`.
const BACKEND: &str = "MUSONYM_TEST_BACKEND";

/// A database of its own, of the backend that this run is for.
pub enum TestDatabase {
    /// A file, gone with its folder.
    Sqlite(tempfile::TempDir),
    /// A database on the test server.
    Postgres(Database),
}

impl TestDatabase {
    async fn create() -> Self {
        match std::env::var(BACKEND).as_deref() {
            Ok("postgres") => {
                Self::Postgres(Database::create().await.expect("MUSONYM_TEST_BACKEND asks for PostgreSQL"))
            }
            Ok("sqlite") | Err(_) => Self::Sqlite(tempfile::tempdir().unwrap()),
            Ok(other) => panic!("{BACKEND} is sqlite or postgres, not {other}"),
        }
    }

    async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(folder) => {
                let options = SqliteOptions { max_attempts: 3, ..SqliteOptions::new(folder.path().join("musonym.db")) };
                Arc::new(SqliteStore::open(options).await.unwrap())
            }
            Self::Postgres(database) => Arc::new(PostgresStore::open(database.options()).await.unwrap()),
        }
    }

    /// Keeps everybody from writing, as a long transaction of another program does, while the returned value lives.
    pub async fn hold_write_lock(&self) -> Box<dyn std::any::Any> {
        match self {
            Self::Sqlite(folder) => {
                let file = SqliteConnectOptions::new().filename(folder.path().join("musonym.db"));
                let mut connection = file.connect().await.unwrap();
                sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                Box::new(connection)
            }
            Self::Postgres(database) => {
                let mut connection = database.connect().await;
                sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
                sqlx::query("SELECT lock_vocabulary()").execute(&mut connection).await.unwrap();
                Box::new(connection)
            }
        }
    }
}

struct FixedStatus(Vec<Component>);

#[async_trait::async_trait]
impl StatusSource for FixedStatus {
    async fn components(&self) -> Vec<Component> {
        self.0.clone()
    }

    async fn tag_count(&self) -> Option<u64> {
        Some(0)
    }
}

/// A component for `/readyz`.
pub fn component(name: &str, state: ComponentState, required: bool) -> Component {
    Component { name: name.to_owned(), state, detail: format!("{name} of the test"), required }
}

/// The recorder of this process: there can be one only.
fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| prometheus_builder().unwrap().install_recorder().unwrap()).clone()
}

impl TestServer {
    /// An open server.
    pub async fn start() -> Self {
        Self::start_with(ServerOptions::default()).await
    }

    /// A server with these options.
    pub async fn start_with(options: ServerOptions) -> Self {
        // The one of the process; a second call finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Shows why a test got a 500.
        let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::WARN).try_init();
        let database = TestDatabase::create().await;
        let store = database.open().await;
        let embedder = Arc::new(EmbedService::new(store.clone(), Embedders::default()));
        let cache = CacheSettings { ttl: Duration::from_secs(3600), max_bytes: 1 << 20 };
        let cache = Arc::new(Cache::in_memory(cache));
        let settings = SearchSettings { embed_deadline: Duration::from_secs(1) };
        let searcher = Arc::new(Searcher::new(store.clone(), embedder.clone(), cache.clone(), settings));
        let secrets: Vec<SecretString> = options.webhook_secrets.iter().map(|&secret| secret.into()).collect();
        let components = if options.components.is_empty() {
            vec![component("database", ComponentState::Ok, true)]
        } else {
            options.components
        };
        let events = Events::default();
        let state = AppState {
            store: store.clone(),
            searcher,
            linter: Arc::new(Linter::new(store.clone())),
            enricher: Arc::new(Enricher::new(store.clone())),
            cache,
            embedder,
            events: events.clone(),
            auth: Auth::new(options.api_key.map(SecretString::from).as_ref(), &secrets).unwrap(),
            status: Arc::new(FixedStatus(components)),
            metrics: metrics(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let router = musonym::http::router(state, options.limits);
        let served = tokio::spawn(musonym::http::serve(listener, router, stop.clone().cancelled_owned()));
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { url, client, store, database, events, stop, served: Some(served) }
    }

    /// Begins a request.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request(self.client.request(method, format!("{}{path}", self.url)))
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).send().await
    }

    /// Sends a POST with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.request(Method::POST, path).json(&body).send().await
    }

    /// Sends a PUT with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PUT, path).json(&body).send().await
    }

    /// Sends a DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path).send().await
    }

    /// Asks the server to stop and waits until it has.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.served.take().unwrap().await.unwrap().unwrap();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A request that is being put together.
pub struct Request(reqwest::RequestBuilder);

impl Request {
    /// Adds a header.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().unwrap();
        Self(self.0.header(name, HeaderValue::from_bytes(value.as_ref()).unwrap()))
    }

    /// Sets a JSON body and its content type.
    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// Sets a body as it is.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    /// Sends it and reads the answer to its end.
    pub async fn send(self) -> Answer {
        let response = self.0.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    /// Sends it and leaves the answer open.
    pub async fn open(self) -> reqwest::Response {
        self.0.send().await.unwrap()
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert!(self.header("content-type").starts_with("application/json"), "{:?}", self.headers);
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks that the answer is a whole problem of this status and code; gives its detail back.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.headers[header::CONTENT_TYPE], PROBLEM_JSON, "{}", self.text());
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], "about:blank", "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        let detail = problem["detail"].as_str().unwrap().to_owned();
        assert!(detail.len() > 15 && detail.len() < 2_000, "{detail}");
        assert!(!detail.chars().any(char::is_control), "{detail:?}");
        detail
    }

    /// Checks that the answer has this status and no body.
    #[track_caller]
    pub fn empty(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert!(self.body.is_empty(), "{}", self.text());
    }
}
