//! The connection that searched last, kept for the next search. The pool hands out the one that has rested longest, whose server
//! process finds other things in the caches of its processor (docs/adr/0007).

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{PgPool, Postgres, pool::PoolConnection};
use tokio_util::sync::CancellationToken;

use super::vector_index::SessionSettings;
use crate::store::Result;

/// After this the pool has it back, which sees to its age and to whether it lives.
const LONGEST: Duration = Duration::from_secs(5);

/// A pool of fewer connections needs them all: one listens, and one writes.
const FEWEST: u32 = 4;

/// A connection that may be kept once its search has gone well; dropped, it goes back to the pool.
pub(super) struct Kept {
    pub(super) connection: PoolConnection<Postgres>,
    /// When the pool gave it.
    since: Instant,
}

/// Where it is kept.
pub(super) struct LastConnection {
    kept: Mutex<Option<Kept>>,
    /// Whether this pool can do without one.
    is_used: bool,
    /// Says that the store is closed: a pool waits for all its connections then.
    closed: CancellationToken,
}

impl LastConnection {
    /// For a pool of so many.
    pub(super) fn new(connections: u32, closed: CancellationToken) -> Self {
        Self { kept: Mutex::default(), is_used: connections >= FEWEST, closed }
    }

    /// The one that is kept, or another of the pool.
    pub(super) async fn take(&self, pool: &PgPool, settings: &SessionSettings) -> Result<Kept> {
        let kept = self.slot().take();
        match kept.filter(|kept| settings.are_known_to(kept.since.elapsed()) && !kept.is_due()) {
            Some(kept) => Ok(kept),
            None => Ok(Kept { connection: pool.acquire().await?, since: Instant::now() }),
        }
    }

    /// Keeps it for the next search.
    pub(super) fn keep(&self, kept: Kept) {
        let mut slot = self.slot();
        if self.is_used && !self.closed.is_cancelled() {
            *slot = Some(kept);
        }
    }

    /// Gives it back to the pool, where no search has come for a while or the store is closed.
    pub(super) fn let_go(&self) {
        let mut slot = self.slot();
        if self.closed.is_cancelled() || slot.as_ref().is_some_and(Kept::is_due) {
            *slot = None;
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_due(&self) -> bool {
        self.since.elapsed() > LONGEST
    }
}
