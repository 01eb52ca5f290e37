//! What the built-in embedder costs: `cargo bench --bench embed`.
//!
//! Prints the median and the 99th percentile of one short query, of a batch of tags, and the time to load the model. The
//! query is measured on one thread (`RAYON_NUM_THREADS=1` is set here).

use std::time::{Duration, Instant};

use musonym::embed::{BuiltinEmbedder, Embedder};

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
    Ok(())
}
