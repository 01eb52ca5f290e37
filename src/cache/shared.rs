//! What all nodes share: values in Redis, and the turns by which one of them computes what the others wait for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{
    encoding::{pack, unpack, vector_from_bytes, vector_to_bytes},
    redis::{Began, Redis},
};

/// How long others wait for one computation, and how long its turn holds: a search takes 10 to 200 ms with its embedding.
/// Whoever has waited so long computes for itself.
const TURN: Duration = Duration::from_millis(500);

/// How often those who wait look.
const POLL: Duration = Duration::from_millis(15);

/// How long query vectors are kept: a vector stays right as long as its space, and costs its model a tenth of a second.
const VECTOR_TTL: Duration = Duration::from_secs(30 * 86_400);

/// Bytes of a text's SHA-256 that name it: two texts of 2⁶⁴ share them.
const HASH_BYTES: usize = 16;

/// How to reach the Redis that nodes share.
#[derive(Clone, Debug)]
pub struct SharedSettings {
    /// `redis://…` or `rediss://…`; it may hold a password.
    pub url: SecretString,
    /// Longest wait for one answer of Redis.
    pub budget: Duration,
}

impl SharedSettings {
    /// What is wrong with a URL. Never repeats it.
    ///
    /// # Errors
    /// The problem, to be put behind the name of the setting.
    pub fn check_url(url: &str) -> Result<(), String> {
        Redis::new(url, String::new(), Duration::ZERO).map(drop)
    }
}

/// Where a value lies in Redis.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The kind of value.
    pub what: &'static str,
    /// What makes values of one question differ: the vocabulary version, the embedding space.
    pub scope: &'a str,
    /// The question.
    pub text: &'a str,
}

impl Place<'_> {
    /// Kind, scope and the text's hash.
    fn name(&self) -> String {
        let hash = Sha256::digest(self.text);
        let hash: String = hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{}:{hash}", self.what, self.scope)
    }
}

/// The second level of the cache: Redis, or nothing. Cheap to clone.
#[derive(Clone, Default)]
pub struct Shared(Option<Arc<Redis>>);

impl Shared {
    /// No second level.
    pub fn none() -> Self {
        Self(None)
    }

    /// The Redis of `settings`, in which `installation` sets the keys of one database apart. Nothing is sent before
    /// [`Shared::connect`]; until then there is nothing to find.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn redis(settings: &SharedSettings, installation: &str) -> Result<Self, String> {
        let prefix = format!("musonym:{{{installation}}}:");
        Ok(Self(Some(Arc::new(Redis::new(settings.url.expose_secret(), prefix, settings.budget)?))))
    }

    /// Connects, within a second. Where that fails it is logged, and tried again in the background until it succeeds.
    pub async fn connect(&self) {
        if let Some(redis) = &self.0 {
            redis.connect().await;
        }
    }

    /// Connects once, to tell what is wrong.
    ///
    /// # Errors
    /// What is.
    pub async fn check(&self) -> Result<(), String> {
        match &self.0 {
            Some(redis) => redis.check().await,
            None => Ok(()),
        }
    }

    /// Where it is, without its password; `None` without a second level.
    pub fn describe(&self) -> Option<String> {
        self.0.as_ref().map(|redis| redis.describe())
    }

    /// What is wrong now, as far as the last requests have shown.
    pub fn problem(&self) -> Option<String> {
        self.0.as_ref().and_then(|redis| redis.problem())
    }

    /// The value of this place, and whether it was found: in Redis, else computed, by one node at a time. A Redis that
    /// fails is as good as none. `read` gives `None` for bytes that hold no value, `write` for a value not to be kept.
    ///
    /// # Errors
    /// What `compute` failed with.
    pub async fn get_or_compute<T, E>(
        &self,
        place: Place<'_>,
        ttl: Duration,
        (read, write): (impl Fn(Bytes) -> Option<T>, impl Fn(&T) -> Option<Bytes>),
        compute: impl Future<Output = Result<T, E>>,
    ) -> Result<(T, bool), E> {
        let Some(redis) = self.0.as_ref().filter(|redis| redis.is_up()) else {
            return Ok((compute.await?, false));
        };
        let turn = match look(redis, place.name(), read).await {
            Look::Found(value) => {
                count(place.what, "hit");
                return Ok((value, true));
            }
            Look::Turn(turn) => turn,
        };
        count(place.what, "miss");
        let computed = compute.await?;
        if let Some(value) = write(&computed) {
            turn.keep(value, ttl);
        }
        Ok((computed, false))
    }

    /// The vector of a query in a space, kept for 30 days.
    ///
    /// # Errors
    /// What `embed` failed with.
    pub async fn query_vector<E>(
        &self,
        space: &str,
        text: &str,
        embed: impl Future<Output = Result<Vec<f32>, E>>,
    ) -> Result<Vec<f32>, E> {
        let place = Place { what: "vector", scope: space, text };
        let form = (|bytes: Bytes| vector_from_bytes(&bytes), |vector: &Vec<f32>| Some(vector_to_bytes(vector).into()));
        Ok(self.get_or_compute(place, VECTOR_TTL, form, embed).await?.0)
    }
}

fn count(what: &'static str, result: &'static str) {
    metrics::counter!("musonym_cache_shared_total", "what" => what, "result" => result).increment(1);
}

enum Look<T> {
    Found(T),
    Turn(Turn),
}

/// Looks for the value; where it is not there, waits for whoever computes it, or takes the turn.
async fn look<T>(redis: &Arc<Redis>, name: String, read: impl Fn(Bytes) -> Option<T>) -> Look<T> {
    let (token, patience) = (format!("{:016x}", fastrand::u64(..)), Instant::now() + TURN);
    let turn = |token| Look::Turn(Turn { redis: Arc::clone(redis), name: name.clone(), token });
    loop {
        match redis.begin(&name, &token, TURN).await {
            // What does not read is computed anew and written over.
            Began::Value(packed) => return unpack(&packed).and_then(read).map_or_else(|| turn(None), Look::Found),
            Began::Turn => return turn(Some(token)),
            Began::Taken if Instant::now() < patience => tokio::time::sleep(POLL).await,
            Began::Taken | Began::Nothing => return turn(None),
        }
    }
}

/// The task of computing a value. Given back when dropped, so that whoever waits computes in its place.
struct Turn {
    redis: Arc<Redis>,
    name: String,
    /// What this turn is known by in Redis; `None` for one who computes without having been given it.
    token: Option<String>,
}

impl Turn {
    /// Keeps the value, in the background, and ends the turn.
    fn keep(mut self, value: Bytes, ttl: Duration) {
        let token = self.token.take();
        let (redis, name) = (Arc::clone(&self.redis), std::mem::take(&mut self.name));
        tokio::spawn(async move {
            let packed = pack(&value);
            redis.end(&name, token.as_deref(), Some((&packed, ttl))).await;
        });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let (Some(token), Ok(runtime)) = (self.token.take(), tokio::runtime::Handle::try_current()) {
            let (redis, name) = (Arc::clone(&self.redis), std::mem::take(&mut self.name));
            runtime.spawn(async move { redis.end(&name, Some(&token), None).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_kind_scope_and_hash() {
        let name = |scope, text| Place { what: "search", scope, text }.name();
        assert_eq!(name("1-7", "abc"), "search:1-7:ba7816bf8f01cfea414140de5dae2223");
        assert_ne!(name("1-7", "abc"), name("1-8", "abc"));
        assert_ne!(name("1-7", "abc"), name("1-7", "abd"));
    }

    #[tokio::test]
    async fn without_redis_everything_is_computed() {
        let vector = Shared::none().query_vector("s", "dub", async { Ok::<_, ()>(vec![1.0]) }).await;
        assert_eq!(vector, Ok(vec![1.0]));
        assert_eq!((Shared::none().describe(), Shared::none().problem()), (None, None));
    }
}
