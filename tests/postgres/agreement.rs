//! Both backends answer alike: the same vocabulary, the same labelled queries, the same measures.

use std::{sync::Arc, time::Duration};

use musonym::{
    cache::{Cache, CacheSettings},
    domain::Priority,
    embed::{BuiltinEmbedder, EmbedService, Embedders},
    generate::{LexiconGenerator, lexicon_tags},
    jobs::{Events, Runner, RunnerSettings},
    search::{
        SearchRequest, SearchSettings, Searcher,
        evaluation::{DEPTH, LabelledQuery, Scores, Tally},
    },
    store::{
        Store,
        postgres::PostgresStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use tokio_util::sync::CancellationToken;

use crate::support::postgres::Database;

/// Every so many queries: a model embeds each, which takes its time.
const EVERY: usize = 4;

/// The starter vocabulary through the pipeline, the queries over it.
async fn measured(store: Arc<dyn Store>, queries: &[LabelledQuery]) -> (Scores, Vec<Vec<String>>) {
    let service =
        Arc::new(EmbedService::new(Arc::clone(&store), Embedders::only(Arc::new(BuiltinEmbedder::default()))));
    store.create_tags(&lexicon_tags(), Priority::LOW).await.unwrap();
    let settings = RunnerSettings {
        lease: Duration::from_secs(60),
        retry_base: Duration::from_millis(1),
        embed_batch: 32,
        meaning_gate: true,
        ..RunnerSettings::default()
    };
    Runner::new(
        Arc::clone(&store),
        Arc::new(LexiconGenerator::default()),
        Arc::clone(&service),
        Events::default(),
        settings,
    )
    .drain(CancellationToken::new())
    .await;
    let cache = Cache::in_memory(CacheSettings { ttl: Duration::from_secs(60), max_bytes: 1 << 20 });
    let settings = SearchSettings { embed_deadline: Duration::from_secs(60) };
    let searcher = Searcher::new(store, service, Arc::new(cache), settings);
    let (mut tally, mut answers) = (Tally::default(), Vec::new());
    for query in queries {
        let mut request = SearchRequest::new(&query.q);
        request.limit = DEPTH;
        let answer = searcher.search(&request).await.unwrap();
        assert!(answer.degraded.is_empty(), "{:?}", answer.degraded);
        tally.add(query, &answer.results);
        answers.push(answer.results.into_iter().map(|hit| hit.tag_name).collect());
    }
    (tally.scores(), answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_search_finds_as_well_on_postgresql_as_on_sqlite() {
    let Some(database) = Database::create().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = include_str!("../../data/eval/queries.jsonl");
    let queries: Vec<LabelledQuery> =
        file.lines().step_by(EVERY).map(|line| serde_json::from_str(line).unwrap()).collect();
    let sqlite = SqliteStore::open(SqliteOptions::new(folder.path().join("musonym.db"))).await.unwrap();
    let postgres = PostgresStore::open(database.options()).await.unwrap();
    let (sqlite, by_sqlite) = measured(Arc::new(sqlite), &queries).await;
    let (postgres, by_postgres) = measured(Arc::new(postgres), &queries).await;
    let same = by_sqlite.iter().zip(&by_postgres).filter(|(a, b)| a == b).count();
    let first = by_sqlite.iter().zip(&by_postgres).filter(|(a, b)| a.first() == b.first()).count();
    println!(
        "{} queries: nDCG@10 {:.4} on SQLite, {:.4} on PostgreSQL; the first result is the same for {first}, all ten for {same}",
        queries.len(),
        sqlite.all.ndcg_at_10,
        postgres.all.ndcg_at_10
    );
    assert!((sqlite.all.ndcg_at_10 - postgres.all.ndcg_at_10).abs() <= 0.01);
    assert!(sqlite.all.ndcg_at_10 > 0.7);
    assert_eq!((sqlite.false_finds, postgres.false_finds), (Vec::new(), Vec::new()));
    assert!(first * 100 >= queries.len() * 97, "{first} of {}", queries.len());
}
