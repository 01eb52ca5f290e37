//! The way to Celery's Redis: one connection, made when it is needed and given up at its first failure.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, ScriptInvocation,
    aio::{MultiplexedConnection, PubSub},
};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Pauses while Redis is away: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What Redis did not do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct LinkError(String);

impl From<RedisError> for LinkError {
    fn from(error: RedisError) -> Self {
        Self(error.to_string())
    }
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts connections: the late failure of a former one does not end the present one.
    number: u64,
    /// Why there is none.
    outage: Option<String>,
}

/// A Redis that Celery uses.
pub struct Link {
    client: Client,
    state: Mutex<State>,
}

impl Link {
    /// The Redis at this URL. Nothing is sent.
    ///
    /// # Errors
    /// What is wrong with the URL, to be put behind the name of the setting; never repeats it.
    pub fn new(url: &str) -> Result<Self, String> {
        crate::cache::SharedSettings::check_url(url)?;
        // Checked above, so that this does not fail; its message might show the password.
        let client = Client::open(url).map_err(|_| "is no URL of a Redis".to_owned())?;
        Ok(Self { client, state: Mutex::default() })
    }

    /// Where it is, without its password.
    pub fn describe(&self) -> String {
        let info = self.client.get_connection_info();
        format!("Redis at {}, database {}", info.addr(), info.redis_settings().db())
    }

    /// `redis://HOST:PORT/DB`, without its password.
    pub fn public_url(&self) -> String {
        let info = self.client.get_connection_info();
        format!("redis://{}/{}", info.addr(), info.redis_settings().db())
    }

    /// The number of the database, which stands in the names of Celery's channels.
    pub fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// Why there is no connection, as far as the last commands have shown.
    pub fn problem(&self) -> Option<String> {
        self.state().outage.clone()
    }

    /// Looks whether it answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn check(&self) -> Result<(), LinkError> {
        self.command(&redis::cmd("PING")).await
    }

    /// Carries out a command.
    pub async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, LinkError> {
        let (mut connection, number) = self.connection().await?;
        self.checked(number, command.query_async(&mut connection).await)
    }

    /// Carries out several commands.
    pub async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, LinkError> {
        let (mut connection, number) = self.connection().await?;
        self.checked(number, pipeline.query_async(&mut connection).await)
    }

    /// Carries out a script.
    pub async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, LinkError> {
        let (mut connection, number) = self.connection().await?;
        self.checked(number, script.invoke_async(&mut connection).await)
    }

    /// A connection of its own that hears channels.
    pub async fn pubsub(&self) -> Result<PubSub, LinkError> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await {
            Ok(Ok(pubsub)) => Ok(pubsub),
            Ok(Err(error)) => Err(LinkError(error.to_string())),
            Err(_) => Err(LinkError(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), LinkError> {
        {
            let state = self.state();
            if let Some(connection) = &state.connection {
                return Ok((connection.clone(), state.number));
            }
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let mut state = self.state();
        match connected {
            Ok(connection) => {
                state.connection = Some(connection.clone());
                state.number += 1;
                metrics::gauge!("musonym_celery_broker_up").set(1.0);
                if state.outage.take().is_some() {
                    tracing::info!(broker = self.describe(), "Celery's Redis is back");
                }
                Ok((connection, state.number))
            }
            Err(error) => Err(self.lost(&mut state, &error)),
        }
    }

    fn checked<T>(&self, number: u64, result: RedisResult<T>) -> Result<T, LinkError> {
        result.map_err(|error| {
            // Redis has understood and says no: the connection is sound. Any other refusal (no rights, no memory, a replica, still
            // loading) is as good as none.
            let is_answer = error.code().is_some_and(|code| ["ERR", "WRONGTYPE", "NOSCRIPT"].contains(&code));
            let mut state = self.state();
            if is_answer || state.number != number {
                return LinkError(error.to_string());
            }
            self.lost(&mut state, &error)
        })
    }

    /// Gives the connection up; an outage is logged once.
    fn lost(&self, state: &mut State, error: &RedisError) -> LinkError {
        let problem = error.to_string();
        state.connection = None;
        metrics::gauge!("musonym_celery_broker_up").set(0.0);
        if state.outage.is_none() {
            tracing::warn!(
                broker = self.describe(),
                problem,
                "Celery's Redis does not answer; tasks that were taken are done, and trying again goes on"
            );
        }
        state.outage = Some(problem.clone());
        LinkError(problem)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Longer and longer pauses between tries.
#[derive(Debug, Default)]
pub struct Backoff(u32);

impl Backoff {
    /// The pause before the next try.
    pub fn pause(&mut self) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.0.min(16)).min(LONGEST_PAUSE);
        self.0 += 1;
        pause
    }

    /// A try succeeded.
    pub fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked_and_its_password_never_shown() {
        let link = Link::new("redis://:hunter2@broker.example:6380/3").unwrap();
        assert_eq!(link.describe(), "Redis at broker.example:6380, database 3");
        assert_eq!((link.public_url().as_str(), link.database()), ("redis://broker.example:6380/3", 3));
        let problem = Link::new("amqp://:hunter2@host").err().unwrap();
        assert!(problem.contains("redis://") && !problem.contains("hunter2"), "{problem}");
    }

    #[test]
    fn pauses_grow_to_five_seconds_and_begin_anew() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..8).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.pause(), FIRST_PAUSE);
    }
}
