//! What tests need of servers (PostgreSQL: `postgres.rs`, `cluster.rs`): a Redis that is there, and Redises of a test's own,
//! to be killed, held up and filled.
//!
//! `scripts/services` starts them and sets the variables. Where they are not set a test fails and says so, unless
//! `MUSONYM_TEST_WITHOUT_SERVERS=1` allows it to be skipped.

use std::{path::PathBuf, process::Stdio};

use tokio::process::{Child, Command};

use super::binary::eventually;

/// Set by a developer who runs the SQLite part alone. CI does not set it.
pub const WITHOUT: &str = "MUSONYM_TEST_WITHOUT_SERVERS";

/// The variable's value, or `None` where tests may do without servers.
pub fn required(name: &str) -> Option<String> {
    if let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) {
        return Some(value);
    }
    assert!(
        may_skip(),
        "{name} is not set: run `scripts/services run cargo test …`, which starts what tests need, or set \
         MUSONYM_TEST_WITHOUT_SERVERS=1 to skip the tests that need servers"
    );
    eprintln!("SKIPPED, for MUSONYM_TEST_WITHOUT_SERVERS=1: this test needs {name}");
    None
}

/// Whether tests may do without servers.
fn may_skip() -> bool {
    std::env::var(WITHOUT).is_ok_and(|value| value == "1")
}

/// The URL of a Redis that is there, for tests that leave it as it is; `None` to skip the test.
pub fn redis_url() -> Option<String> {
    required("MUSONYM_TEST_REDIS_URL")
}

/// A Redis of the test's own, with these arguments beside the usual ones; `None` to skip the test.
pub async fn redis_server(arguments: &[&str]) -> Option<RedisServer> {
    let binary = PathBuf::from(required("MUSONYM_TEST_REDIS_BIN")?);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let mut server =
        RedisServer { binary, port, arguments, folder: tempfile::tempdir().unwrap(), process: None, password: None };
    server.start().await;
    Some(server)
}

/// A Redis that ends with the test.
pub struct RedisServer {
    binary: PathBuf,
    port: u16,
    arguments: Vec<String>,
    folder: tempfile::TempDir,
    process: Option<Child>,
    password: Option<String>,
}

impl RedisServer {
    /// `redis://…`
    pub fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}/0", self.port),
            None => format!("redis://127.0.0.1:{}/0", self.port),
        }
    }

    /// Starts it, empty, and waits until it answers.
    pub async fn start(&mut self) {
        let process = Command::new(&self.binary)
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "no"])
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.process = Some(process.unwrap());
        eventually("Redis answers", async || self.try_command(&["PING"]).await.ok()).await;
    }

    /// Kills it as a pulled plug would.
    pub async fn kill(&mut self) {
        super::binary::kill_9(self.process.as_mut().unwrap()).await;
    }

    /// Lets nobody in without this password from now on.
    pub async fn require_password(&mut self, password: &str) {
        self.command(&["CONFIG", "SET", "requirepass", password]).await;
        self.password = Some(password.to_owned());
    }

    /// Carries out a command.
    pub async fn command(&self, words: &[&str]) -> redis::Value {
        self.try_command(words).await.unwrap()
    }

    async fn try_command(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let mut connection = redis::Client::open(self.url())?.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    /// The keys that are there, in order.
    pub async fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = redis::from_redis_value(self.command(&["KEYS", "*"]).await).unwrap();
        keys.sort();
        keys
    }
}

/// The Python with Celery and Flower in it: the one that the variable names, else the one that `scripts/test` makes; `None` to
/// skip the test.
pub fn celery_python() -> Option<PathBuf> {
    const VARIABLE: &str = "MUSONYM_TEST_CELERY_PYTHON";
    let made = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-venv/bin"));
    match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(python) => Some(python.into()),
        None if made.join("celery").exists() => Some(made.join("python")),
        None => {
            assert!(
                may_skip(),
                "{VARIABLE} is not set, and target/test-venv has no Celery: run `python3 -m venv target/test-venv && \
                 target/test-venv/bin/pip install 'celery[redis]>=5,<6' 'flower>=2,<3'` as scripts/test does, or set \
                 {WITHOUT}=1 to skip the tests that need servers"
            );
            eprintln!("SKIPPED, for {WITHOUT}=1: this test needs {VARIABLE}");
            None
        }
    }
}

/// ffmpeg, which makes the audio files of tests: the one that the variable names, else that of the machine; `None` to skip the
/// test.
pub fn ffmpeg() -> Option<PathBuf> {
    const VARIABLE: &str = "MUSONYM_TEST_FFMPEG";
    if let Some(named) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Some(named.into());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join("ffmpeg")).find(|path| path.is_file());
    if found.is_none() {
        assert!(
            may_skip(),
            "there is no ffmpeg: install it (`apt-get install ffmpeg`, as scripts/test does), name it in {VARIABLE}, or set \
             {WITHOUT}=1 to skip the tests that need other programs"
        );
        eprintln!("SKIPPED, for {WITHOUT}=1: this test needs ffmpeg");
    }
    found
}

/// The Python with the client's dependencies in it: the one that the variable names, else the one that `scripts/test` makes; `None`
/// to skip the test.
pub fn client_python() -> Option<PathBuf> {
    const VARIABLE: &str = "MUSONYM_TEST_CLIENT_PYTHON";
    let made = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/client-venv/bin"));
    match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(python) => Some(python.into()),
        None if made.join("pytest").exists() => Some(made.join("python")),
        None => {
            assert!(
                may_skip(),
                "{VARIABLE} is not set, and target/client-venv has no pytest: run `python3 -m venv target/client-venv && \
                 target/client-venv/bin/pip install './clients/python[test]'` as scripts/test does, or set {WITHOUT}=1 to skip \
                 the tests that need servers"
            );
            eprintln!("SKIPPED, for {WITHOUT}=1: this test needs {VARIABLE}");
            None
        }
    }
}
