//! One kind of job as a worker sees it: whether its server is there, and whose turn it is.

use std::time::{Duration, Instant};

use crate::store::ClaimOrder;

/// First pause after an outage; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause: how late a server that came back may be noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// After so many claims by priority one goes to the oldest job, so that low priority never starves.
const CLAIMS_BY_PRIORITY: u32 = 8;

/// The state of one kind of job in one worker.
#[derive(Debug, Default)]
pub(super) struct Lane {
    paused_until: Option<Instant>,
    outages: u32,
    claims: u32,
}

impl Lane {
    /// When the lane may be tried again, if it is paused at `now`.
    pub(super) fn paused(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now)
    }

    /// The server that the lane needs is not there: pauses, longer each time.
    pub(super) fn outage(&mut self, now: Instant) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.outages.min(16)).min(LONGEST_PAUSE);
        self.outages += 1;
        self.paused_until = Some(now + pause);
        pause
    }

    /// The server answered.
    pub(super) fn recovered(&mut self) {
        self.outages = 0;
        self.paused_until = None;
    }

    /// Which job the next claim takes.
    pub(super) fn next_order(&mut self) -> ClaimOrder {
        self.claims += 1;
        if self.claims.is_multiple_of(CLAIMS_BY_PRIORITY + 1) { ClaimOrder::Age } else { ClaimOrder::Priority }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_pause_longer_each_time_until_the_server_answers() {
        let mut lane = Lane::default();
        let now = Instant::now();
        let pauses: Vec<u64> = (0..7).map(|_| lane.outage(now).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert!(lane.paused(now).is_some());
        lane.recovered();
        assert!(lane.paused(now).is_none());
        assert_eq!(lane.outage(now).as_secs(), 1);
    }

    #[test]
    fn one_claim_in_nine_goes_to_the_oldest() {
        let mut lane = Lane::default();
        let orders: Vec<ClaimOrder> = (0..18).map(|_| lane.next_order()).collect();
        let by_age: Vec<usize> = (0..18).filter(|place| orders[*place] == ClaimOrder::Age).collect();
        assert_eq!(by_age, [8, 17]);
    }
}
