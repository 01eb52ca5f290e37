//! A circuit breaker before one Ollama (Nygard, "Release It!", 2007): after some failures in a row nothing is sent for a
//! while; then one call tries whether it is back.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::error::OllamaError;

/// Failures in a row after which nothing more is sent.
pub const DEFAULT_THRESHOLD: u32 = 5;

/// First pause; doubles with each try that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause: how late a server that came back may be noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the breaker lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// One call at a time, to try whether the server is back.
    HalfOpen,
    /// Nothing.
    Open {
        /// What went wrong last.
        reason: String,
        /// How long still.
        retry_in: Duration,
    },
}

impl BreakerState {
    /// Its name in metrics and health pages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open { .. } => "open",
        }
    }
}

/// Counts failures and decides what may be sent.
#[derive(Debug)]
pub(super) struct Breaker {
    threshold: u32,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Failures since the last answer.
    failures: u32,
    /// Pauses since the last answer.
    pauses: u32,
    open_until: Option<Instant>,
    /// Whether a call is trying now.
    trying: bool,
    reason: String,
}

/// Leave to send one call. Dropped without [`Permit::end`], as when the caller gives up, it says nothing of the server.
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    tries: bool,
}

impl Breaker {
    pub(super) fn new(threshold: u32) -> Self {
        Self { threshold, inner: Mutex::default() }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to send a call at `now`, or why not.
    pub(super) fn admit(&self, now: Instant) -> Result<Permit<'_>, OllamaError> {
        let mut inner = self.inner();
        let tries = match inner.open_until {
            None => false,
            Some(until) if now < until || inner.trying => {
                let retry_in = until.saturating_duration_since(now);
                return Err(OllamaError::Paused { reason: inner.reason.clone(), retry_in });
            }
            Some(_) => {
                inner.trying = true;
                true
            }
        };
        Ok(Permit { breaker: self, tries })
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        let inner = self.inner();
        match inner.open_until {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open { reason: inner.reason.clone(), retry_in: until - now },
            Some(_) => BreakerState::HalfOpen,
        }
    }
}

impl Permit<'_> {
    /// Tells how the call ended.
    pub(super) fn end<T>(self, result: &Result<T, OllamaError>, now: Instant) {
        let mut inner = self.breaker.inner();
        let failed = result.as_ref().err().filter(|error| error.is_of_the_server());
        let Some(error) = failed else {
            if inner.open_until.is_some() {
                tracing::info!("Ollama answers again");
            }
            *inner = Inner::default();
            return;
        };
        inner.failures = inner.failures.saturating_add(1);
        inner.reason = error.to_string();
        if self.tries || inner.failures >= self.breaker.threshold {
            let pause = FIRST_PAUSE.saturating_mul(1 << inner.pauses.min(16)).min(LONGEST_PAUSE);
            if inner.open_until.is_none() {
                tracing::warn!(%error, failures = inner.failures, "Ollama fails; nothing is sent to it for a while");
            }
            inner.pauses += 1;
            inner.open_until = Some(now + pause);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.tries {
            self.breaker.inner().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Result<(), OllamaError> {
        Err(OllamaError::Busy { message: "full".to_owned() })
    }

    fn call(breaker: &Breaker, now: Instant, result: &Result<(), OllamaError>) -> bool {
        breaker.admit(now).map(|permit| permit.end(result, now)).is_ok()
    }

    #[test]
    fn it_opens_after_failures_in_a_row_tries_once_and_closes_at_an_answer() {
        let breaker = Breaker::new(3);
        let now = Instant::now();
        assert!(call(&breaker, now, &busy()) && call(&breaker, now, &busy()));
        assert!(call(&breaker, now, &Ok(())), "an answer in between starts the count anew");
        for _ in 0..3 {
            assert_eq!(breaker.state(now), BreakerState::Closed);
            assert!(call(&breaker, now, &busy()));
        }
        assert!(matches!(breaker.state(now), BreakerState::Open { retry_in, .. } if retry_in == FIRST_PAUSE));
        let refused = breaker.admit(now).err().unwrap();
        assert!(refused.is_outage() && refused.to_string().contains("full"), "{refused}");

        let later = now + FIRST_PAUSE;
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        let probe = breaker.admit(later).unwrap();
        assert!(breaker.admit(later).is_err(), "one call at a time");
        probe.end(&busy(), later);
        assert!(matches!(breaker.state(later), BreakerState::Open { retry_in, .. } if retry_in == FIRST_PAUSE * 2));

        let much_later = later + FIRST_PAUSE * 2;
        drop(breaker.admit(much_later).unwrap());
        assert!(call(&breaker, much_later, &Ok(())), "a try that was given up does not block the next");
        assert_eq!(breaker.state(much_later), BreakerState::Closed);
    }

    #[test]
    fn what_only_one_request_brings_about_does_not_open_it() {
        let breaker = Breaker::new(1);
        let now = Instant::now();
        for error in [
            OllamaError::Refused { status: 400, message: "NaN".to_owned() },
            OllamaError::CutShort { text: String::new() },
            OllamaError::BadAnswer("prose".to_owned()),
            OllamaError::ModelMissing { model: "x".to_owned() },
        ] {
            assert!(call(&breaker, now, &Err(error)));
            assert_eq!(breaker.state(now), BreakerState::Closed);
        }
    }

    #[test]
    fn pauses_have_an_end() {
        let breaker = Breaker::new(1);
        let mut now = Instant::now();
        for _ in 0..20 {
            assert!(call(&breaker, now, &busy()));
            let BreakerState::Open { retry_in, .. } = breaker.state(now) else { panic!("it is open") };
            assert!(retry_in <= LONGEST_PAUSE);
            now += retry_in;
        }
    }
}
