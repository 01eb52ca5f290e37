//! Of the processes over one database, one answers: so that nothing is told twice. The place is a key in Redis that expires; where
//! two answer for a moment, both say the same.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use redis::Script;

use super::link::{Link, LinkError};

/// How long the place is held without a word: how late another process takes over from one that died.
const HELD_FOR: Duration = Duration::from_secs(5);

/// How often the word is given, or the place asked for.
const RENEWED_EVERY: Duration = Duration::from_millis(1500);

/// Takes the place if it is free or one's own already.
static HOLD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1",
    )
});

/// Leaves the place if it is one's own.
static GIVE_UP: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0")
});

/// This process's claim to the place.
pub(super) struct Leadership {
    key: String,
    token: String,
    /// Whether it was held at the last word, and when that was.
    last: Option<(bool, Instant)>,
}

impl Leadership {
    /// A claim to the place of this database and queue.
    pub(super) fn new(installation: &str, queue: &str) -> Self {
        let key = format!("musonym.answers.{installation}.{queue}");
        Self { key, token: format!("{:016x}", fastrand::u64(..)), last: None }
    }

    /// Whether this process answers now.
    pub(super) async fn hold(&mut self, redis: &Link) -> Result<bool, LinkError> {
        if let Some((held, since)) = self.last
            && since.elapsed() < RENEWED_EVERY
        {
            return Ok(held);
        }
        self.last = None;
        let mut script = HOLD.prepare_invoke();
        script.key(&self.key).arg(&self.token).arg(u64::try_from(HELD_FOR.as_millis()).unwrap_or(u64::MAX));
        let held: i64 = redis.script(&script).await?;
        self.last = Some((held == 1, Instant::now()));
        Ok(held == 1)
    }

    /// Leaves the place to others.
    pub(super) async fn give_up(&self, redis: &Link) {
        if matches!(self.last, Some((true, _))) {
            let mut script = GIVE_UP.prepare_invoke();
            script.key(&self.key).arg(&self.token);
            // Where Redis is gone the place expires.
            let _: Result<i64, LinkError> = redis.script(&script).await;
        }
    }
}
