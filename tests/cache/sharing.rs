//! Nodes that share one file and one Redis.

use std::time::Instant;

use futures_util::future::join_all;
use musonym::cache::{Computed, Key, What};

use super::*;
use crate::support::{
    binary::eventually,
    services::{redis_server, redis_url},
};

/// Two nodes over one new file and this Redis.
async fn two(folder: &Path, redis: &str, embedder: &Arc<CountingEmbedder>) -> (Node, Node) {
    let file = folder.join("musonym.db");
    let a = Node::new(&file, redis, embedder).await;
    a.import(&[("gqom", "durban house"), ("dubstep", "wobble bass")]).await;
    let b = Node::new(&file, redis, embedder).await;
    (a, b)
}

/// Waits until both nodes stand at one vocabulary version.
async fn level(a: &Node, b: &Node) {
    eventually("both nodes see the same vocabulary", async || {
        (a.store.vocabulary_version() == b.store.vocabulary_version()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_one_node_has_computed_the_other_finds() {
    let Some(redis) = redis_server(&[]).await else { return };
    let (folder, embedder) = (tempfile::tempdir().unwrap(), Arc::default());
    let (a, b) = two(folder.path(), &redis.url(), &embedder).await;
    level(&a, &b).await;
    let first = a.search("durban house").await;
    assert!(!first.cached);
    assert_eq!(names(&first)[0], "gqom");
    // What a node has computed goes to Redis in the background.
    eventually("answer and vector are in Redis", async || (redis.keys().await.len() == 2).then_some(())).await;
    let second = b.search("durban house").await;
    assert!(second.cached);
    assert_eq!(second.body, first.body);
    assert_eq!(embedder.queries.load(Ordering::Relaxed), 1);
    let keys = redis.keys().await;
    assert!(keys[0].starts_with("musonym:{") && keys[0].contains(":search:"), "{keys:?}");
    assert!(keys[1].contains(":vector:test:counting:4:"), "{keys:?}");
}

#[tokio::test]
async fn two_installations_share_a_redis_and_nothing_else() {
    let Some(url) = redis_url() else { return };
    let embedder = Arc::default();
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let a = Node::new(&folder.path().join("musonym.db"), &url, &embedder).await;
    let b = Node::new(&other.path().join("musonym.db"), &url, &embedder).await;
    a.import(&[("gqom", "zz one")]).await;
    b.import(&[("dubstep", "zz one")]).await;
    assert_eq!(a.store.vocabulary_version(), b.store.vocabulary_version());
    assert_eq!(names(&a.search("zz one").await)[0], "gqom");
    assert_eq!(names(&b.search("zz one").await)[0], "dubstep");
}

#[tokio::test]
async fn a_write_is_seen_at_once_by_its_node_and_within_a_second_by_the_other() {
    let Some(url) = redis_url() else { return };
    let (folder, embedder) = (tempfile::tempdir().unwrap(), Arc::default());
    let (a, b) = two(folder.path(), &url, &embedder).await;
    for round in 0..5 {
        let (name, alias) = (format!("invented {round}"), format!("zzalias{round}"));
        for node in [&a, &b] {
            assert!(!names(&node.search(&alias).await).contains(&name), "{alias}");
        }
        a.store.import_rows(&[row(&name, &alias)], false).await.unwrap();
        let started = Instant::now();
        assert_eq!(names(&a.search(&alias).await)[0], name, "on the node that wrote");
        eventually("the other node sees the write", async || {
            (names(&b.search(&alias).await).first() == Some(&name)).then_some(())
        })
        .await;
        println!("a write through A is seen on B after {:?}", started.elapsed());
        // The documents promise one; three, for test machines are shared.
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        level(&a, &b).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stampede_over_two_nodes_is_one_computation() {
    let Some(url) = redis_url() else { return };
    let folder = tempfile::tempdir().unwrap();
    let embedder = Arc::new(CountingEmbedder { takes: Duration::from_millis(100), ..CountingEmbedder::default() });
    let (a, b) = two(folder.path(), &url, &embedder).await;
    level(&a, &b).await;
    let answers = join_all((0..50).map(|number| [&a, &b][number % 2].search("durban house"))).await;
    assert!(answers.iter().all(|answer| names(answer)[0] == "gqom"));
    assert_eq!(embedder.queries.load(Ordering::Relaxed), 1);

    // The answers themselves, too.
    let computed = AtomicUsize::new(0);
    let key = || Key { what: What::Search, version: 1, asked: "stampede".to_owned() };
    let values = join_all((0..50).map(|number| {
        [&a, &b][number % 2].cache.get_or_compute(key(), || async {
            computed.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, String>(Computed::lasting("answer"))
        })
    }))
    .await;
    assert!(values.into_iter().all(|value| value.unwrap().value == "answer"));
    assert_eq!(computed.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn who_gives_up_or_fails_leaves_its_turn_to_the_next() {
    let Some(url) = redis_url() else { return };
    let (folder, embedder) = (tempfile::tempdir().unwrap(), Arc::default());
    let (a, b) = two(folder.path(), &url, &embedder).await;
    let key = || Key { what: What::Search, version: 1, asked: "turns".to_owned() };
    let started = Instant::now();
    // The caller goes away half-way, as one whose connection breaks does.
    let half = a.cache.get_or_compute(key(), std::future::pending::<Result<Computed, String>>);
    assert!(tokio::time::timeout(Duration::from_millis(50), half).await.is_err());
    let passing =
        b.cache.get_or_compute(key(), || async { Ok::<_, String>(Computed::passing("half an answer")) }).await;
    assert_eq!(passing.unwrap().value, "half an answer");
    let failed = a.cache.get_or_compute(key(), || async { Err::<Computed, _>("no".to_owned()) }).await;
    assert_eq!(failed.unwrap_err(), "no");
    // Neither the degraded answer nor the failure was kept.
    let whole = b.cache.get_or_compute(key(), || async { Ok::<_, String>(Computed::lasting("whole")) }).await.unwrap();
    assert_eq!((&whole.value[..], whole.hit), (&b"whole"[..], false));
    println!("four turns took {:?}", started.elapsed());
}

#[tokio::test]
async fn what_a_damaged_or_strange_value_hides_is_computed_anew() {
    let Some(redis) = redis_server(&[]).await else { return };
    let (folder, embedder) = (tempfile::tempdir().unwrap(), Arc::default());
    let (a, b) = two(folder.path(), &redis.url(), &embedder).await;
    level(&a, &b).await;
    a.search("durban house").await;
    eventually("answer and vector are in Redis", async || (redis.keys().await.len() == 2).then_some(())).await;
    for key in redis.keys().await {
        redis.command(&["SET", &key, "\u{7f}of another version"]).await;
    }
    let answer = b.search("durban house").await;
    assert!(!answer.cached);
    assert_eq!(names(&answer)[0], "gqom");
    assert!(b.shared.problem().is_none());
    assert_eq!(embedder.queries.load(Ordering::Relaxed), 2);
}
