//! The real binary: started as a user starts it, in a folder of its own, killed when the test ends.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    path::Path,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::process::{Child, Command};

/// How long a condition may take: generous, for machines are shared; a test ends when the condition holds.
const PATIENCE: Duration = Duration::from_secs(600);

/// Signs webhooks in the tests.
pub const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A home folder with a database, and the settings of every process in it.
pub struct Home {
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
}

impl Home {
    /// An empty home; Ollama is wherever `ollama` says (a port that nobody listens on for "not there").
    pub fn new(ollama: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("musonym.db").display());
        let settings = [
            ("MUSONYM_DATABASE_URL", database.as_str()),
            ("OLLAMA_HOST", ollama),
            ("MUSONYM_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("MUSONYM_JOBS__RETRY_BASE_MS", "10"),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        Self { folder, settings }
    }

    /// Without Ollama.
    pub fn without_ollama() -> Self {
        Self::new("http://127.0.0.1:9")
    }

    /// Adds a setting.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A command of musonym in this home.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_musonym"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.settings.iter().map(|(key, value)| (key, value)))
            .current_dir(self.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end and expects success.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> impl Future<Output = Output> {
        let mut command = self.command(arguments);
        let words = arguments.join(" ");
        async move {
            let output = command.output().await.unwrap();
            assert!(output.status.success(), "musonym {words}: {}", String::from_utf8_lossy(&output.stderr));
            output
        }
    }

    /// Starts a server and waits until it answers.
    pub async fn serve(&self, arguments: &[&str]) -> Server {
        // The one of the process; a second call finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let bind = format!("127.0.0.1:{port}");
        let words: Vec<&str> = ["serve", "--bind", &bind].into_iter().chain(arguments.iter().copied()).collect();
        let child = self.command(&words).stdout(Stdio::null()).stderr(self.log()).spawn().unwrap();
        let server = Server { url: format!("http://{bind}"), client: reqwest::Client::new(), child };
        eventually("the server answers", async || server.client.get(server.at("/healthz")).send().await.ok()).await;
        server
    }

    /// Starts a worker.
    pub fn worker(&self) -> Child {
        self.command(&["worker"]).stdout(Stdio::null()).stderr(self.log()).spawn().unwrap()
    }

    /// What the processes of this home said.
    fn log(&self) -> Stdio {
        let path = self.path().join("processes.log");
        std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap().into()
    }
}

/// A server in a process of its own.
pub struct Server {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// A client.
    pub client: reqwest::Client,
    /// The process.
    pub child: Child,
}

impl Server {
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The JSON at a path, whatever its status.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.client.get(self.at(path)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The answer to a search.
    pub async fn search(&self, query: &str) -> Value {
        let response = self.client.get(self.at("/api/synonyms/search")).query(&[("q", query)]).send().await.unwrap();
        assert_eq!(response.status(), 200, "{query}");
        response.json().await.unwrap()
    }

    /// The name of the best result; empty when nothing is found.
    pub async fn best(&self, query: &str) -> String {
        self.search(query).await["results"][0]["tag_name"].as_str().unwrap_or_default().to_owned()
    }

    /// Posts JSON and expects a status.
    pub async fn post(&self, path: &str, body: Value, status: u16) -> Value {
        let response = self.client.post(self.at(path)).json(&body).send().await.unwrap();
        let got = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(got, status, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Sends a signed webhook.
    pub async fn webhook(&self, id: &str, body: &Value) -> (u16, Value) {
        let response = self.signed(id, body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// A signed webhook that is not sent yet.
    pub fn signed(&self, id: &str, body: &Value) -> reqwest::RequestBuilder {
        let body = body.to_string();
        let now = chrono::Utc::now().timestamp();
        let signer = standardwebhooks::Webhook::new(WEBHOOK_SECRET).unwrap();
        let signature = signer.sign(id, now, body.as_bytes()).unwrap();
        self.client
            .post(self.at("/api/webhooks/synonyms"))
            .header("webhook-id", id)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", signature)
            .header("content-type", "application/json")
            .body(body)
    }

    /// Waits until no job is queued or running.
    pub async fn settled(&self) {
        eventually("all jobs have ended", async || {
            let (_, jobs) = self.get("/api/jobs?limit=1").await;
            (jobs["counts"]["queued"] == 0 && jobs["counts"]["running"] == 0).then_some(())
        })
        .await;
    }
}

/// Asks again and again until there is an answer.
pub async fn eventually<T, F: AsyncFnMut() -> Option<T>>(what: &str, mut ask: F) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Kills a process as a pulled plug would, without a word of warning, and waits for its end.
pub async fn kill_9(child: &mut Child) {
    child.kill().await.unwrap();
}
