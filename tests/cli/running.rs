//! Commands that go on: the server, the worker, the demo, and readers that leave early.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStderr, Stdio},
    time::{Duration, Instant},
};

use super::{Home, Ran};

/// A process that is stopped when the test ends, however it does.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(home: &Home, args: &[&str]) -> Self {
        let mut child = home.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// Reads the log up to a line with this word.
    fn wait_for(&mut self, word: &str) -> String {
        let mut log = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "no `{word}` in {log}");
            log.push_str(&line);
            if line.contains(word) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn address_in(line: &str) -> String {
    line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn the_server_serves_works_and_stops_gently() {
    let home = Home::new();
    home.run(&["tags", "add", "dub", "--type", "genre"]).succeeded();
    let mut server = Running::start(&home, &["serve", "--bind", "127.0.0.1:0"]);
    let address = address_in(&server.wait_for("listening on"));
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    let ready = get(&address, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("database"), "{ready}");
    let until = Instant::now() + Duration::from_secs(20);
    // The worker inside writes the synonyms of what was queued before it started.
    while !get(&address, "/api/synonyms/genre/dub").starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < until, "no synonyms");
    }
    assert!(get(&address, "/metrics").contains("musonym_jobs"));
    server.signal("TERM");
    let began = Instant::now();
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[cfg(unix)]
#[test]
fn a_worker_stops_gently() {
    let home = Home::new();
    let mut worker = Running::start(&home, &["worker"]);
    worker.wait_for("working");
    worker.signal("INT");
    assert_eq!(worker.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_demo_runs_the_whole_way_and_can_be_repeated() {
    let home = Home::new();
    for _ in 0..2 {
        let ran = home.run(&["demo", "--exit"]).succeeded();
        assert!(ran.stdout.contains("musique pour courir") && ran.stdout.contains("psychedelic rock"), "{ran:?}");
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{ran:?}");
        assert!(ran.stderr.contains("vectors are made by the built-in model"), "{ran:?}");
        assert!(!ran.stderr.contains('\r') && ran.stderr.lines().count() < 20, "{ran:?}");
    }
    assert!(home.path().join(".local/share/musonym/demo/demo.db").is_file());
    assert!(!home.path().join(".local/share/musonym/musonym.db").exists());
}

#[test]
fn a_reader_that_leaves_early_ends_it_quietly() {
    let home = Home::new();
    let many = (0..5000).map(|n| format!("invented genre {n}")).collect::<Vec<_>>().join("\n");
    home.run_with_input(&["tags", "import", "-", "--type", "genre"], many.as_bytes()).succeeded();
    for args in [&["tags", "list"][..], &["export"]] {
        let mut child = home.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}
