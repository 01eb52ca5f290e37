//! The real binary, as a user meets it: an empty home folder, no Ollama, nothing configured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod configuration;
mod data;
mod eval;
mod formats;
mod help;
mod import;
mod jobs;
mod lexicon;
mod library;
mod lint;
mod mcp;
mod ollama;
mod python;
mod resolve;
mod review;
mod running;
mod scan;
mod scan_apply;
mod scan_faults;
#[path = "../support/mod.rs"]
mod support;
mod transfer;
mod webhooks;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A home folder of its own, in which the program runs.
struct Home(TempDir);

/// How a run ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With these rows in its database.
    fn importing(rows: &str) -> Self {
        let home = Self::new();
        home.file("rows.jsonl", rows);
        home.run(&["import", "rows.jsonl"]).succeeded();
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program with nothing of the machine's environment but what it needs to run.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_musonym"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.path())
            // A port that nothing listens on: whether this machine runs an Ollama must not matter.
            .env("OLLAMA_HOST", "127.0.0.1:9")
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        Ran::of(self.command(args).envs(variables.iter().copied()).output().unwrap())
    }

    fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child =
            self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // A program that refuses its arguments does not read.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran::of(output)
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("ended by itself, not by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Failed with this code, in at most five lines that a person can read, and with these words in them.
    #[track_caller]
    fn refused(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!((1..=5).contains(&self.stderr.lines().count()), "{self:?}");
        for trace in ["panicked", "RUST_BACKTRACE", "Error {", "Err("] {
            assert!(!self.stderr.contains(trace), "{self:?}");
        }
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in {}", self.stderr);
        }
        self
    }

    /// The lines of stdout as JSON.
    #[track_caller]
    fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}
