//! When a webhook that was not taken is sent again.

use std::time::Duration;

/// Delays before the second attempt and those that follow, in units of the first: with the usual five seconds they are 5 s, 5 min,
/// 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, three days together (the example of Standard Webhooks, "Deliverability and reliability").
const STEPS: [u32; 9] = [1, 60, 360, 1_440, 3_600, 7_200, 10_080, 14_400, 17_280];

/// Attempts of the whole schedule.
pub const ALL_ATTEMPTS: u32 = 10;

/// How far a delay may be off, either way, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// Longest delay that an answer may ask for by `Retry-After`.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Longest time for which a subscriber that fails is left alone.
const LONGEST_BRAKE: Duration = Duration::from_secs(60);

/// The delay after so many attempts, at least what the answer asked for.
pub(super) fn delay(base: Duration, attempts: u32, asked_for: Option<Duration>) -> Duration {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(STEPS.len() - 1);
    let jitter = 1.0 - JITTER + 2.0 * JITTER * fastrand::f64();
    let delay = base.saturating_mul(STEPS[place]).mul_f64(jitter);
    delay.max(asked_for.unwrap_or_default().min(LONGEST))
}

/// How long a subscriber is left alone after so many rounds in a row in which nothing was taken.
pub(super) fn brake(base: Duration, rounds: u32) -> Duration {
    base.saturating_mul(1 << rounds.saturating_sub(1).min(16)).min(LONGEST_BRAKE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(5);

    #[test]
    fn delays_are_those_of_the_specification_give_or_take_a_fifth() {
        let expected = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400];
        for (attempts, seconds) in (1..).zip(expected) {
            for _ in 0..50 {
                let delay = delay(BASE, attempts, None).as_secs_f64() / f64::from(seconds);
                assert!((0.79..=1.21).contains(&delay), "{attempts}: {delay}");
            }
        }
        assert_eq!(u32::try_from(STEPS.len()).unwrap() + 1, ALL_ATTEMPTS);
    }

    #[test]
    fn an_answer_may_ask_for_more_time_but_not_for_ever() {
        assert_eq!(delay(BASE, 1, Some(Duration::from_secs(60))), Duration::from_secs(60));
        assert!(delay(BASE, 2, Some(Duration::from_secs(60))) >= Duration::from_secs(240));
        assert_eq!(delay(BASE, 1, Some(Duration::MAX)), LONGEST);
    }

    #[test]
    fn who_fails_again_and_again_is_left_alone_for_a_minute_at_most() {
        let seconds: Vec<u64> = (1..7).map(|rounds| brake(BASE, rounds).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
        assert_eq!(brake(BASE, u32::MAX), LONGEST_BRAKE);
    }
}
