//! What the built-in embedder costs: `cargo bench --bench embed`.
//!
//! Prints the time to load the model, the median and the 99th percentile of one short query and of a batch of tags, and the
//! memory of a server at rest with the starter vocabulary. `taskset -c 0 cargo bench --bench embed` measures on one core.

use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use musonym::{
    domain::Priority,
    embed::{BuiltinEmbedder, EmbedService, Embedder, Embedders},
    generate::{LexiconGenerator, lexicon_tags},
    jobs::{Events, Runner, RunnerSettings},
    store::{
        Store,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use tokio_util::sync::CancellationToken;

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("{what:<34} {:>6} times   median {:>8.2} ms   p99 {:>8.2} ms", times.len(), at(50), at(99));
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let embedder = BuiltinEmbedder::default();
    let started = Instant::now();
    embedder.embed_query("first").await?;
    println!("{:<34} {:>30.2} ms", "loading and the first query", started.elapsed().as_secs_f64() * 1e3);
    let queries = ["sad songs", "fast electronic music for running", "dnb", "music for a rainy sunday morning"];
    let mut times = Vec::new();
    for turn in 0..200 {
        let started = Instant::now();
        embedder.embed_query(queries[turn % queries.len()]).await?;
        times.push(started.elapsed());
    }
    report("one query", times);
    let text = "acid house. squelchy 303 bassline, second summer of love, smiley face rave, 1988 British rave, resonant \
                filter house. chicago house, acid techno, rave, house, hypnotic. warehouse rave, strobe-lit dancefloor";
    let texts = vec![text.to_owned(); 32];
    let mut times = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        embedder.embed_documents(&texts).await?;
        times.push(started.elapsed());
    }
    report("32 tags", times);
    server_at_rest().await
}

/// Resident memory of the real server over the starter vocabulary, after a search has loaded the model.
async fn server_at_rest() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.db");
    let tags = lexicon_tags();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(SqliteOptions::new(&path)).await?);
    store.create_tags(&tags, Priority::LOW).await?;
    let embedders = Embedders::only(Arc::new(BuiltinEmbedder::default()));
    let service = Arc::new(EmbedService::new(Arc::clone(&store), embedders));
    let settings = RunnerSettings {
        lease: Duration::from_secs(60),
        retry_base: Duration::from_secs(1),
        embed_batch: 32,
        meaning_gate: true,
        ..RunnerSettings::default()
    };
    let started = Instant::now();
    Runner::new(Arc::clone(&store), Arc::new(LexiconGenerator::default()), service, Events::default(), settings)
        .drain(CancellationToken::new())
        .await;
    println!(
        "{:<34} {:>6} tags  {:>24.2} s",
        "generate, embed, calibrate",
        tags.len(),
        started.elapsed().as_secs_f64()
    );
    store.close().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut server = Command::new(env!("CARGO_BIN_EXE_musonym"))
        .args(["serve", "--bind", &format!("127.0.0.1:{port}")])
        .env("MUSONYM_DATABASE_URL", format!("sqlite:{}", path.display()))
        .env("OLLAMA_HOST", "127.0.0.1:9")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let url = format!("http://127.0.0.1:{port}/api/synonyms/search?q=sad+songs");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while client.get(&url).send().await.is_err() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answered = client.get(&url).send().await?.status();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
    server.kill()?;
    server.wait()?;
    for line in status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("Rss")) {
        println!(
            "{:<34} {:>30}",
            "server at rest (search: ".to_owned() + answered.as_str() + ")",
            line.replace('\t', " ")
        );
    }
    Ok(())
}
