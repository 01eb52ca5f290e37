//! Planned crashes for the tests of a worker that is killed: in a build with debug assertions, `MUSONYM_TEST_CRASH=point:n`
//! ends the process without any goodbye when it passes that point for the nth time.

/// A point at which a test may let the process end.
#[cfg(debug_assertions)]
pub(super) fn point(name: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    };
    static PLANNED: LazyLock<Option<(String, AtomicU32)>> = LazyLock::new(|| {
        let planned = std::env::var("MUSONYM_TEST_CRASH").ok()?;
        let (point, times) = planned.split_once(':')?;
        Some((point.to_owned(), AtomicU32::new(times.parse().ok()?)))
    });
    if let Some((point, left)) = &*PLANNED
        && point == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}

/// Nothing, in a build without debug assertions.
#[cfg(not(debug_assertions))]
pub(super) fn point(_name: &str) {}
