//! The way to Redis: one connection, two scripts, and what happens when Redis is gone, slow or full.
//!
//! A request never waits for a connection. The first command that fails or outlives the budget gives the connection up;
//! from then on nobody asks Redis, until a look in the background, once a second, has found it well again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use axum::body::Bytes;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, Script, ScriptInvocation, Value, aio::MultiplexedConnection,
};

/// How long connecting may take. Nobody waits for it but the start and `doctor`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a Redis that is away is looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The value, or else the turn to compute it (1), which another may have (0). In one script, for one round trip and one
/// budget. A full Redis gives no turns (2), but what it has.
const BEGIN: &str = "
local value = redis.call('GET', KEYS[1])
if value then return value end
local set = redis.pcall('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
if not set then return 0 end
if set['err'] then return 2 end
return 1";

/// Keeps a value, if there is one (its TTL is not 0), and ends the turn, if it is still this one's. Gives back why the
/// value was refused.
const END: &str = "
local refusal = ''
if ARGV[3] ~= '0' then
    local set = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    if set['err'] then refusal = set['err'] end
end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return refusal";

/// What looking for a value brought.
#[derive(Debug, PartialEq)]
pub(super) enum Began {
    /// The value, packed.
    Value(Bytes),
    /// It is not there, and the asker's to compute.
    Turn,
    /// It is not there, and another computes it.
    Taken,
    /// Redis is of no help.
    Nothing,
}

/// The connection, and what is wrong.
#[derive(Default)]
struct Link {
    connection: Option<MultiplexedConnection>,
    /// Counts connections: the late failure of a former one does not end the present one.
    number: u64,
    /// Why there is no connection.
    outage: Option<String>,
    /// Why values are not taken: no memory, for example.
    refusal: Option<String>,
}

/// A Redis.
pub(super) struct Redis {
    client: Client,
    /// Stands in front of every key.
    prefix: String,
    /// Longest wait for one answer.
    budget: Duration,
    begin: Script,
    end: Script,
    link: Mutex<Link>,
}

impl Redis {
    /// The Redis at this URL. Nothing is sent.
    pub(super) fn new(url: &str, prefix: String, budget: Duration) -> Result<Self, String> {
        if !(url.starts_with("redis://") || url.starts_with("rediss://")) {
            return Err("begins with redis:// or, encrypted, rediss://".to_owned());
        }
        // The one of the process; a second call finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::open(url).map_err(|error| {
            let reason = error.detail().map_or_else(|| error.category().to_owned(), str::to_owned);
            format!("is no URL of a Redis ({reason}): write redis://:PASSWORD@HOST:6379/0")
        })?;
        let (begin, end) = (Script::new(BEGIN), Script::new(END));
        Ok(Self { client, prefix, budget, begin, end, link: Mutex::default() })
    }

    /// Where it is, without its password.
    pub(super) fn describe(&self) -> String {
        let info = self.client.get_connection_info();
        format!("Redis at {}, database {}", info.addr(), info.redis_settings().db())
    }

    /// What is wrong, as far as the last commands have shown.
    pub(super) fn problem(&self) -> Option<String> {
        let link = self.link();
        let refusal = || link.refusal.as_ref().map(|refusal| format!("it takes no new values: {refusal}"));
        link.outage.clone().or_else(refusal)
    }

    /// Whether there is a connection.
    pub(super) fn is_up(&self) -> bool {
        self.link().connection.is_some()
    }

    /// Connects, or leaves that to the background.
    pub(super) async fn connect(self: &Arc<Self>) {
        match self.open().await {
            Ok(connection) => self.found(connection),
            Err(problem) => self.lost(0, problem),
        }
    }

    /// Connects, without keeping the connection.
    pub(super) async fn check(&self) -> Result<(), String> {
        let mut connection = self.open().await?;
        let refusal: String =
            self.answer(&self.end_of("probe", "", Some((b"", CONNECT_TIMEOUT))), &mut connection).await?;
        if refusal.is_empty() { Ok(()) } else { Err(format!("it takes no new values: {refusal}")) }
    }

    /// Looks for a value, and for the turn to compute it, held for `lease` under `token`.
    pub(super) async fn begin(self: &Arc<Self>, name: &str, token: &str, lease: Duration) -> Began {
        match self.ask(&self.begin_of(name, token, lease)).await {
            Some(Value::BulkString(packed)) => Began::Value(packed.into()),
            Some(Value::Int(1)) => Began::Turn,
            Some(Value::Int(0)) => Began::Taken,
            _ => Began::Nothing,
        }
    }

    /// Keeps a value for its TTL, if there is one, and ends the turn of `token`.
    pub(super) async fn end(self: &Arc<Self>, name: &str, token: Option<&str>, value: Option<(&[u8], Duration)>) {
        if let Some(refusal) = self.ask(&self.end_of(name, token.unwrap_or_default(), value)).await
            && value.is_some()
        {
            self.took(refusal);
        }
    }

    fn begin_of(&self, name: &str, token: &str, lease: Duration) -> ScriptInvocation<'_> {
        let mut script = self.begin.prepare_invoke();
        script.key(self.key(name)).key(self.turn_key(name)).arg(token).arg(millis(lease));
        script
    }

    fn end_of(&self, name: &str, token: &str, value: Option<(&[u8], Duration)>) -> ScriptInvocation<'_> {
        let (value, ttl) = value.map_or((&b""[..], 0), |(value, ttl)| (value, millis(ttl)));
        let mut script = self.end.prepare_invoke();
        script.key(self.key(name)).key(self.turn_key(name)).arg(token).arg(value).arg(ttl);
        script
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn turn_key(&self, name: &str) -> String {
        format!("{}{name}:turn", self.prefix)
    }

    /// The answer to a script; `None` where there is no connection, or no longer one.
    async fn ask<T: FromRedisValue>(self: &Arc<Self>, script: &ScriptInvocation<'_>) -> Option<T> {
        let (mut connection, number) = {
            let link = self.link();
            (link.connection.clone()?, link.number)
        };
        match self.answer(script, &mut connection).await {
            Ok(answer) => Some(answer),
            Err(problem) => {
                metrics::counter!("musonym_cache_errors_total").increment(1);
                self.lost(number, problem);
                None
            }
        }
    }

    /// The answer to a script, within the budget.
    async fn answer<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        connection: &mut MultiplexedConnection,
    ) -> Result<T, String> {
        match tokio::time::timeout(self.budget, script.invoke_async(connection)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} ms", self.budget.as_millis())),
        }
    }

    /// A new connection that carries what is needed: a Redis that is connected to and then refuses is none.
    async fn open(&self) -> Result<MultiplexedConnection, String> {
        // Every command has its budget, so the connection needs no timeout of its own.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()))?
            .map_err(|error| error.to_string())?;
        let _: Value = self.answer(&self.begin_of("probe", "probe", Duration::from_millis(1)), &mut connection).await?;
        Ok(connection)
    }

    fn found(&self, connection: MultiplexedConnection) {
        let mut link = self.link();
        link.connection = Some(connection);
        link.number += 1;
        link.refusal = None;
        metrics::gauge!("musonym_cache_shared_up").set(1.0);
        let message = link.outage.take().map_or("answers are shared", |_| "the shared cache is back");
        tracing::info!(cache = self.describe(), "{message}");
    }

    /// Gives connection `number` up, if it is still the one in use, and looks for another in the background.
    fn lost(self: &Arc<Self>, number: u64, problem: String) {
        let mut link = self.link();
        if link.number != number || link.outage.is_some() {
            return;
        }
        tracing::warn!(
            cache = self.describe(),
            problem,
            "the shared cache is not used: answers are kept in memory alone until it is back"
        );
        metrics::gauge!("musonym_cache_shared_up").set(0.0);
        link.connection = None;
        link.outage = Some(problem);
        tokio::spawn(look_again(Arc::downgrade(self)));
    }

    /// Notes whether the last value was taken.
    fn took(&self, refusal: String) {
        let mut link = self.link();
        match (refusal.is_empty(), &link.refusal) {
            (true, None) => {}
            (true, Some(_)) => {
                tracing::info!(cache = self.describe(), "the shared cache takes new values again");
                link.refusal = None;
            }
            (false, known) => {
                metrics::counter!("musonym_cache_errors_total").increment(1);
                if known.is_none() {
                    tracing::warn!(cache = self.describe(), refusal, "the shared cache takes no new values");
                }
                link.refusal = Some(refusal);
            }
        }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks for a lost Redis until it is there, or nobody needs it any more.
async fn look_again(redis: Weak<Redis>) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        let Some(redis) = redis.upgrade() else { return };
        match redis.open().await {
            Ok(connection) => return redis.found(connection),
            Err(problem) => redis.link().outage = Some(problem),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        Redis::new(url, String::new(), Duration::ZERO).err().unwrap()
    }

    #[test]
    fn a_url_is_understood_or_explained_and_its_password_never_shown() {
        let redis = Redis::new("redis://u:hunter2@cache.example:6380/3", String::new(), Duration::ZERO).unwrap();
        assert_eq!(redis.describe(), "Redis at cache.example:6380, database 3");
        assert!(Redis::new("rediss://127.0.0.1", String::new(), Duration::ZERO).is_ok());
        for wrong in ["redis://:hunter2@", "redis://:hunter2@host:port", "redis://:hunter2@host/x", "http://:hunter2@h"]
        {
            let problem = problem(wrong);
            assert!(problem.contains("redis://") && !problem.contains("hunter2"), "{problem}");
        }
    }

    #[tokio::test]
    async fn before_it_is_connected_to_redis_is_of_no_help() {
        let redis = Arc::new(Redis::new("redis://127.0.0.1:1", String::new(), Duration::from_millis(50)).unwrap());
        assert!(!redis.is_up() && redis.problem().is_none());
        assert_eq!(redis.begin("x", "token", Duration::from_secs(1)).await, Began::Nothing);
        redis.connect().await;
        assert!(redis.problem().unwrap().contains("refused"), "{:?}", redis.problem());
    }
}
