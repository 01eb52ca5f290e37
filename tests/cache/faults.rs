//! A Redis that is killed, held up, emptied or full: every search is still answered right, and none waits longer than the
//! budget for it.

use std::time::Instant;

use super::*;
use crate::support::{
    binary::eventually,
    services::{RedisServer, redis_server},
};

/// What the machine may add to a search: other tests run beside this one.
const NOISE: Duration = Duration::from_millis(500);

/// A node with one tag over this Redis.
async fn node(folder: &Path, redis: &RedisServer) -> Node {
    let node = Node::new(&folder.join("musonym.db"), &redis.url(), &Arc::default()).await;
    node.import(&[("gqom", "durban house")]).await;
    node
}

/// Searches, each asked for the first time, all answered right. Prints how long they took, and gives the longest.
async fn searches(node: &Node, what: &str, count: usize) -> Duration {
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let query = format!("durban house {what} {number}");
        let started = Instant::now();
        let answer = node.search(&query).await;
        times.push(started.elapsed());
        assert_eq!(names(&answer).first().map(String::as_str), Some("gqom"), "{query}");
    }
    times.sort();
    let [median, p99, longest] = [count / 2, count * 99 / 100, count - 1].map(|place| times[place]);
    println!("{what}: median {median:?}, p99 {p99:?}, longest {longest:?}, budget {BUDGET:?}");
    longest
}

async fn is_back(node: &Node) {
    eventually("the shared cache is back", async || node.shared.problem().is_none().then_some(())).await;
}

#[tokio::test]
async fn redis_killed() {
    let Some(mut redis) = redis_server(&[]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &redis).await;
    searches(&node, "before", 200).await;
    redis.kill().await;
    let longest = searches(&node, "killed", 500).await;
    assert!(longest < BUDGET + NOISE, "{longest:?}");
    let problem = node.shared.problem().expect("the outage is known");
    assert!(!problem.is_empty() && node.search("durban house before 1").await.cached, "memory goes on: {problem}");
    redis.start().await;
    is_back(&node).await;
    searches(&node, "back", 50).await;
    eventually("values arrive again", async || (!redis.keys().await.is_empty()).then_some(())).await;
}

#[tokio::test]
async fn redis_held_up() {
    let Some(redis) = redis_server(&[]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &redis).await;
    searches(&node, "before", 50).await;
    redis.command(&["CLIENT", "PAUSE", "3000"]).await;
    let started = Instant::now();
    // One budget for the one search that finds out.
    let mut longest = searches(&node, "paused", 20).await;
    assert!(node.shared.problem().is_some_and(|problem| problem.contains("within")), "{:?}", node.shared.problem());
    let mut round = 0;
    while started.elapsed() < Duration::from_millis(2500) {
        longest = longest.max(searches(&node, &format!("paused {round}"), 100).await);
        round += 1;
    }
    assert!(longest < BUDGET + NOISE, "{longest:?}");
    is_back(&node).await;
    searches(&node, "back", 50).await;
}

#[tokio::test]
async fn redis_emptied() {
    let Some(redis) = redis_server(&[]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &redis).await;
    for round in 0..20 {
        redis.command(&["FLUSHALL"]).await;
        redis.command(&["SCRIPT", "FLUSH"]).await;
        searches(&node, &format!("emptied {round}"), 20).await;
    }
    assert_eq!(node.shared.problem(), None);
}

#[tokio::test]
async fn redis_full() {
    let Some(redis) = redis_server(&["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("musonym.db");
    let node = node(folder.path(), &redis).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "100mb"]).await;
    is_back(&node).await;
    searches(&node, "room", 20).await;
    eventually("values are in Redis", async || (redis.keys().await.len() >= 40).then_some(())).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    let longest = searches(&node, "full", 300).await;
    assert!(longest < BUDGET + NOISE, "{longest:?}");
    eventually("the refusal is known", async || {
        node.shared.problem().filter(|problem| problem.contains("takes no new values")).map(drop)
    })
    .await;
    // What it has it still gives.
    let other = Node::new(&file, &redis.url(), &Arc::default()).await;
    assert!(other.search("durban house room 3").await.cached);
    redis.command(&["CONFIG", "SET", "maxmemory", "100mb"]).await;
    searches(&node, "room again", 20).await;
    is_back(&node).await;
}

#[tokio::test]
async fn a_redis_that_comes_after_the_start_is_found() {
    let Some(mut redis) = redis_server(&[]).await else { return };
    redis.kill().await;
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &redis).await;
    assert!(node.shared.problem().is_some());
    searches(&node, "before its start", 20).await;
    redis.start().await;
    is_back(&node).await;
}
