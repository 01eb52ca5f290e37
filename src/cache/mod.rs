//! Answers that are kept: in the memory of this process, and behind it in a Redis that all nodes share ([`Shared`]).
//!
//! Keys hold the vocabulary version, which every node reads from the database, so that a write makes all older answers
//! unreachable and nothing is ever deleted by name. Values are encoded bytes: a hit costs no encoding. The cache is a
//! convenience: nothing that happens to Redis fails a request.

mod encoding;
mod redis;
mod shared;

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;

pub use shared::{Place, Shared, SharedSettings};

/// How answers are kept.
#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// How long an answer is kept.
    pub ttl: Duration,
    /// Most bytes of all answers in memory.
    pub max_bytes: u64,
}

/// What kind of answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The answer to a search.
    Search,
    /// The synonyms of a tag.
    Synonyms,
}

impl What {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Synonyms => "synonyms",
        }
    }
}

/// An answer's place: what was asked, and the vocabulary version it was answered from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The kind of answer.
    pub what: What,
    /// The vocabulary version at the time of asking.
    pub version: i64,
    /// The question, with everything that the answer depends on.
    pub asked: String,
}

/// What a computation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed {
    /// Encoded.
    pub value: Bytes,
    /// Whether it may be kept: a degraded answer is for those who ask at this moment.
    pub lasting: bool,
}

impl Computed {
    /// A value to keep.
    pub fn lasting(value: impl Into<Bytes>) -> Self {
        Self { value: value.into(), lasting: true }
    }

    /// A value for those who ask at this moment.
    pub fn passing(value: impl Into<Bytes>) -> Self {
        Self { value: value.into(), lasting: false }
    }
}

/// An answer, and whether it was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Encoded.
    pub value: Bytes,
    /// Whether it was kept from before, here or in Redis.
    pub hit: bool,
}

/// What memory does not keep, but gives to those who asked at the same time.
enum Unkept<E> {
    Passing(Bytes),
    Failed(E),
}

/// Two levels: memory, and what all nodes share.
pub struct Cache {
    memory: moka::future::Cache<Key, Bytes>,
    ttl: Duration,
    shared: Shared,
}

impl Cache {
    /// A cache with this second level.
    pub fn new(settings: CacheSettings, shared: Shared) -> Self {
        let memory = moka::future::Cache::builder()
            .max_capacity(settings.max_bytes)
            .weigher(|key: &Key, value: &Bytes| u32::try_from(key.asked.len() + value.len()).unwrap_or(u32::MAX))
            .time_to_live(settings.ttl)
            .build();
        Self { memory, ttl: settings.ttl, shared }
    }

    /// A cache in memory alone.
    pub fn in_memory(settings: CacheSettings) -> Self {
        Self::new(settings, Shared::none())
    }

    /// The answer of this key: from memory, else from Redis, else computed, once for those who ask at the same time.
    /// `compute` is called only when it is not in memory: a future of its own would cost a hit the space it takes.
    ///
    /// # Errors
    /// What `compute` failed with.
    pub async fn get_or_compute<E, F>(&self, key: Key, compute: impl FnOnce() -> F) -> Result<Answer, E>
    where
        F: Future<Output = Result<Computed, E>>,
        E: Clone + Send + Sync + 'static,
    {
        if let Some(value) = self.memory.get(&key).await {
            return Ok(Answer { value, hit: true });
        }
        Box::pin(self.miss(&key, compute())).await
    }

    async fn miss<E>(&self, key: &Key, compute: impl Future<Output = Result<Computed, E>>) -> Result<Answer, E>
    where
        E: Clone + Send + Sync + 'static,
    {
        let mut hit = false;
        let answered = self.memory.try_get_with_by_ref(key, async {
            // Another version of the program may answer otherwise.
            let scope = format!("{}-{}", env!("CARGO_PKG_VERSION"), key.version);
            let place = Place { what: key.what.as_str(), scope: &scope, text: &key.asked };
            let form =
                (|value| Some(Computed::lasting(value)), |new: &Computed| new.lasting.then(|| new.value.clone()));
            let found = self.shared.get_or_compute(place, self.ttl, form, compute).await;
            let (computed, found) = found.map_err(Unkept::Failed)?;
            hit = found;
            if computed.lasting { Ok(computed.value) } else { Err(Unkept::Passing(computed.value)) }
        });
        match answered.await.as_ref().map_err(|unkept: &Arc<Unkept<E>>| &**unkept) {
            Ok(value) | Err(Unkept::Passing(value)) => Ok(Answer { value: value.clone(), hit }),
            Err(Unkept::Failed(error)) => Err(error.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn cache() -> Cache {
        Cache::in_memory(CacheSettings { ttl: Duration::from_secs(60), max_bytes: 1 << 20 })
    }

    fn key(version: i64) -> Key {
        Key { what: What::Search, version, asked: "dub".to_owned() }
    }

    #[tokio::test]
    async fn an_answer_is_computed_once_for_each_version() {
        let (cache, computed) = (cache(), AtomicUsize::new(0));
        let ask = |version| {
            cache.get_or_compute(key(version), || async {
                computed.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok::<_, String>(Computed::lasting("answer"))
            })
        };
        let (first, second) = tokio::join!(ask(1), ask(1));
        assert!(!first.unwrap().hit && second.unwrap().value == "answer");
        assert!(ask(1).await.unwrap().hit);
        assert_eq!(computed.load(Ordering::Relaxed), 1);
        assert!(!ask(2).await.unwrap().hit);
        assert_eq!(computed.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_passes_or_fails_is_not_kept() {
        let cache = cache();
        let failed = cache.get_or_compute(key(1), || async { Err::<Computed, _>("no".to_owned()) }).await;
        assert_eq!(failed, Err("no".to_owned()));
        for _ in 0..2 {
            let passing = cache.get_or_compute(key(1), || async { Ok::<_, String>(Computed::passing("half")) }).await;
            assert_eq!(passing, Ok(Answer { value: "half".into(), hit: false }));
        }
    }
}
