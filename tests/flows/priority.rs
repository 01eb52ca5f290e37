//! A server keeps its usual priority while the worker inside it steps back.
#![cfg(target_os = "linux")]

use serde_json::json;

use crate::support::{
    binary::{Home, eventually},
    fake_ollama::FakeOllama,
};

/// The name and the niceness of each thread of a process.
fn threads(process: u32) -> Vec<(String, i32)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| {
            // A thread may have ended meanwhile.
            let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            let (before, after) = stat.rsplit_once(')')?;
            let name = before.split_once('(')?.1.to_owned();
            // The state is the third field, niceness the nineteenth.
            Some((name, after.split_whitespace().nth(16)?.parse().ok()?))
        })
        .collect()
}

#[tokio::test]
async fn threads_of_the_worker_are_nice_and_those_of_the_server_are_not() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let server = home.serve(&[]).await;
    // Work of every kind, so that whatever starts threads has done so: connections, blocking calls, the built-in model.
    for name in ["dub", "ska", "gqom"] {
        server.post("/api/tags", json!({ "tag_type": "genre", "name": name }), 201).await;
    }
    server.settled().await;
    server.search("jamaican sound system").await;

    let threads = threads(server.child.id().unwrap());
    let (_, usual) = threads.iter().find(|(name, _)| name == "musonym").expect("the first thread");
    let (worker, others): (Vec<_>, Vec<_>) = threads.iter().partition(|(name, _)| name == "musonym-worker");
    assert!(worker.len() >= 2, "{threads:?}");
    for (name, niceness) in worker {
        assert_eq!(*niceness, 10.max(*usual), "{name}: {threads:?}");
    }
    for (name, niceness) in &others {
        assert_eq!(niceness, usual, "{name}: {threads:?}");
    }
    assert!(others.iter().any(|(name, _)| name.starts_with("tokio")), "{threads:?}");
    assert!(others.iter().any(|(name, _)| name.starts_with("sqlx-sqlite")), "{threads:?}");
}

#[tokio::test]
async fn a_worker_of_its_own_is_nice_in_all_its_threads() {
    let home = Home::without_ollama();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let worker = home.command(&["worker", "--metrics", &address]).spawn().unwrap();
    eventually("the worker is under way", async || tokio::net::TcpStream::connect(&address).await.ok()).await;
    let threads = threads(worker.id().unwrap());
    assert!(threads.len() > 2 && threads.iter().all(|(_, niceness)| *niceness >= 10), "{threads:?}");
}
