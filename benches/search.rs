//! How long a search takes over the starter vocabulary: `cargo bench --bench search`.
//!
//! Prints the median and the 99th percentile of searches that were never asked before (the embedder's own time left
//! out: its place is taken by a hash of the text) and of searches answered from the cache.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use musonym::{
    cache::{Cache, CacheSettings},
    domain::{Priority, key, stem_groups},
    embed::{EmbedError, EmbedService, Embedder, Embedders},
    generate::{LexiconGenerator, lexicon_tags},
    jobs::{Events, Runner, RunnerSettings},
    search::{SearchRequest, SearchSettings, Searcher},
    store::{
        Recall, Store,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use tokio_util::sync::CancellationToken;

/// Stands in for a model: each stem of a text adds to a few of 768 dimensions.
struct HashEmbedder;

fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0f32; 768];
    for stem in stem_groups(text).into_iter().flatten() {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in stem.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        for step in 0..8 {
            vector[usize::try_from((hash >> (step * 7)) % 768).unwrap_or(0)] += 1.0;
        }
    }
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-6);
    vector.iter().map(|value| value / norm).collect()
}

#[async_trait]
impl Embedder for HashEmbedder {
    async fn space(&self) -> Result<String, EmbedError> {
        Ok("bench:hash:768".to_owned())
    }
    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| embed(text)).collect())
    }
    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(embed(query))
    }
    fn query_text(&self, query: &str) -> String {
        query.to_owned()
    }
    fn family(&self) -> &'static str {
        "bench:"
    }
    fn describe(&self) -> String {
        "hash".to_owned()
    }
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("{what:<34} {:>6} searches   median {:>7.3} ms   p99 {:>7.3} ms", times.len(), at(50), at(99));
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let options = SqliteOptions::new(folder.path().join("bench.db"));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).await?);
    // `BENCH_TAGS=1121` measures a smaller library.
    let most = std::env::var("BENCH_TAGS").ok().and_then(|tags| tags.parse().ok()).unwrap_or(usize::MAX);
    let tags: Vec<_> = lexicon_tags().into_iter().take(most).collect();
    let started = Instant::now();
    store.create_tags(&tags, Priority::LOW).await?;
    println!("{:<34} {:>6} tags       {:>10.3} s", "import", tags.len(), started.elapsed().as_secs_f64());
    let embedder = Arc::new(EmbedService::new(Arc::clone(&store), Embedders::only(Arc::new(HashEmbedder))));
    let runner = Runner::new(
        Arc::clone(&store),
        Arc::new(LexiconGenerator::default()),
        Arc::clone(&embedder),
        Events::default(),
        RunnerSettings {
            lease: Duration::from_secs(60),
            retry_base: Duration::from_secs(1),
            embed_batch: 32,
            meaning_gate: true,
            ..RunnerSettings::default()
        },
    );
    let started = Instant::now();
    runner.drain(CancellationToken::new()).await;
    println!("{:<34} {:>6} tags       {:>10.3} s", "generate and embed", tags.len(), started.elapsed().as_secs_f64());

    let settings = SearchSettings { embed_deadline: Duration::from_secs(1) };
    let cache = Cache::in_memory(CacheSettings { ttl: Duration::from_secs(3600), max_bytes: 64 << 20 });
    let searcher = Searcher::new(Arc::clone(&store), embedder, Arc::new(cache), settings);
    // Queries of every kind: the names, half of them with one letter doubled, and pairs of words out of two names.
    let mut queries: Vec<String> = Vec::new();
    for (place, (_, name)) in tags.iter().enumerate() {
        let name = name.as_str();
        queries.push(match place % 3 {
            0 => name.to_owned(),
            1 => name.chars().take(2).chain(name.chars().skip(1)).collect(),
            _ => format!("{name} {}", tags[(place * 7 + 3) % tags.len()].1),
        });
    }
    for query in queries.iter().take(50) {
        searcher.search(&SearchRequest::new(query)).await?;
    }
    let (space, mut times) = ("bench:hash:768", Vec::with_capacity(queries.len()));
    for query in &queries {
        let (key, stems, vector) = (key(query), stem_groups(query), embed(query));
        let started = Instant::now();
        let recalled = store
            .recall(&Recall {
                keys: std::slice::from_ref(&key),
                phrases: &[],
                stems: &stems,
                fuzzy_key: Some(&key),
                vector: Some((space, &vector)),
                tag_type: None,
                term_limit: 200,
                vector_limit: 100,
            })
            .await?;
        times.push(started.elapsed());
        assert!(!recalled.vectors.is_empty());
    }
    for (kind, what) in
        ["recall alone, a name", "recall alone, a misspelt name", "recall alone, two names"].iter().enumerate()
    {
        report(what, times.iter().skip(kind).step_by(3).copied().collect());
    }
    let mut slowest: Vec<(Duration, &str)> = Vec::new();
    for (what, cached) in [("search", false), ("search, cached", true)] {
        let mut times = Vec::with_capacity(queries.len());
        for query in &queries {
            let request = SearchRequest::new(query);
            let started = Instant::now();
            let answer = searcher.search_encoded(&request).await?;
            times.push(started.elapsed());
            assert_eq!(answer.cached, cached, "{query}");
        }
        if !cached {
            slowest = times.iter().copied().zip(queries.iter().map(String::as_str)).collect();
        }
        report(what, times);
    }
    slowest.sort_unstable_by(|a, b| b.cmp(a));
    for (time, query) in slowest.iter().take(8) {
        println!("slow: {query:<60} {:>7.3} ms", time.as_secs_f64() * 1e3);
    }
    Ok(())
}
