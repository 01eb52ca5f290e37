//! One kind of job as a worker sees it: whether its server is there, and whose turn it is.

use std::time::{Duration, Instant};

use crate::store::ClaimOrder;

/// First pause after an outage; doubles with each further one. Short, for one call that fails is no outage yet: after some in
/// a row the breaker of the client says so.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

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
    /// Until when only what a person waits for is claimed.
    resting_until: Option<Instant>,
    /// Why work is held back, as it was last told, and when to look again.
    held: Option<(String, Instant)>,
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

    /// Only what a person waits for is claimed until then.
    pub(super) fn rest_until(&mut self, until: Instant) {
        self.resting_until = self.resting_until.max(Some(until));
    }

    /// When the lane takes any work again, if it rests at `now`.
    pub(super) fn resting(&self, now: Instant) -> Option<Instant> {
        self.resting_until.filter(|until| *until > now)
    }

    /// Notes why work is held back, and when to look again, or that it is not; true when that is news.
    pub(super) fn hold(&mut self, held: Option<(&str, Instant)>) -> bool {
        let news = self.held.as_ref().map(|(reason, _)| reason.as_str()) != held.map(|(reason, _)| reason);
        self.held = held.map(|(reason, until)| (reason.to_owned(), until));
        news
    }

    /// When there may be something to do, where that is later than `now` for any reason.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let held = self.held.as_ref().map(|(_, until)| *until);
        self.paused(now).max(self.resting(now)).max(held.filter(|until| *until > now))
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
        let pauses: Vec<u128> = (0..12).map(|_| lane.outage(now).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
        assert!(lane.paused(now).is_some());
        lane.recovered();
        assert!(lane.paused(now).is_none());
        assert_eq!(lane.outage(now).as_millis(), 50);
    }

    #[test]
    fn a_rest_is_never_cut_short_and_a_reason_is_news_once() {
        let mut lane = Lane::default();
        let now = Instant::now();
        lane.rest_until(now + Duration::from_secs(9));
        lane.rest_until(now + Duration::from_secs(3));
        assert_eq!(lane.resting(now), Some(now + Duration::from_secs(9)));
        assert_eq!(lane.resting(now + Duration::from_secs(9)), None);
        let hot = Some(("hot", now + Duration::from_secs(20)));
        assert!(!lane.hold(None) && lane.hold(hot) && !lane.hold(hot));
        assert_eq!(lane.waits_until(now), Some(now + Duration::from_secs(20)));
        assert!(lane.hold(None));
        assert_eq!(lane.waits_until(now), Some(now + Duration::from_secs(9)));
    }

    #[test]
    fn one_claim_in_nine_goes_to_the_oldest() {
        let mut lane = Lane::default();
        let orders: Vec<ClaimOrder> = (0..18).map(|_| lane.next_order()).collect();
        let by_age: Vec<usize> = (0..18).filter(|place| orders[*place] == ClaimOrder::Age).collect();
        assert_eq!(by_age, [8, 17]);
    }
}
