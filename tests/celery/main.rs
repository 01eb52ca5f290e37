//! The Celery bridge against the real client, real workers and the real Flower, each test over a Redis of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod application;
mod faults;
mod fleet;
mod monitors;
mod refusals;

use std::{path::PathBuf, process::Stdio};

use serde_json::Value;
use tokio::process::{Child, Command};

use support::{
    binary::{Home, Server},
    fake_ollama::FakeOllama,
    services::{RedisServer, celery_python, redis_server},
};

/// A library's application and what it needs: a Redis, a Python with Celery, and a musonym behind a fake Ollama.
struct Stage {
    redis: RedisServer,
    python: PathBuf,
    ollama: FakeOllama,
    home: Home,
}

impl Stage {
    /// All of it; `None` to skip the test.
    async fn set() -> Option<Self> {
        let (redis, python) = (redis_server(&[]).await?, celery_python()?);
        let ollama = FakeOllama::start().await;
        let home = Home::new(ollama.url()).with("MUSONYM_CELERY_BROKER_URL", &redis.url());
        Some(Self { redis, python, ollama, home })
    }

    /// Adds a setting.
    fn with(mut self, key: &str, value: &str) -> Self {
        self.home = self.home.with(key, value);
        self
    }

    /// A server whose worker speaks Celery.
    async fn serve(&self) -> Server {
        self.home.serve(&[]).await
    }

    /// A Python program of this folder.
    fn python(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command
            .args(arguments)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/celery"))
            .env("BROKER", self.redis.url())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// What a scenario of the application says.
    async fn client(&self, arguments: &[&str]) -> Value {
        let words: Vec<&str> = ["client.py"].into_iter().chain(arguments.iter().copied()).collect();
        let output = self.python(&words).output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "client.py {arguments:?}: {errors}\n{}", self.log());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {errors}"))
    }

    /// A Python worker of the same queue.
    fn python_worker(&self) -> Child {
        let words =
            ["-m", "celery", "-A", "worker", "worker", "-c", "1", "-n", "python@test", "-Q", "synonym", "-P", "solo"];
        self.python(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What the processes of musonym said.
    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("processes.log")).unwrap_or_default()
    }

    /// A number that Redis answers with.
    async fn number(&self, words: &[&str]) -> i64 {
        redis::from_redis_value(self.redis.command(words).await).unwrap()
    }
}

/// The text of an error that the application got.
#[track_caller]
fn error<'a>(outcome: &'a Value, kind: &str) -> &'a str {
    assert_eq!(outcome["error"], kind, "{outcome}");
    outcome["text"].as_str().unwrap()
}
