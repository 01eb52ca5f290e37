//! The trace that the current work belongs to. It comes along through everything that is awaited within [`scope`], so that
//! the store writes it beside jobs and revisions, and no function has to hand it on. A spawned task has none.

use crate::domain::TraceId;

tokio::task_local! {
    static CURRENT: Option<TraceId>;
}

/// Does `work` on behalf of this trace, or of none.
pub async fn scope<F: Future>(trace_id: Option<TraceId>, work: F) -> F::Output {
    CURRENT.scope(trace_id, work).await
}

/// The trace on whose behalf this is done.
pub fn current() -> Option<TraceId> {
    CURRENT.try_with(|current| *current).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_trace_comes_along_within_its_scope_alone() {
        let (outer, inner) = (Some(TraceId::random()), Some(TraceId::random()));
        assert_eq!(current(), None);
        scope(outer, async {
            assert_eq!(current(), outer);
            scope(inner, async { assert_eq!(current(), inner) }).await;
            tokio::task::yield_now().await;
            assert_eq!(current(), outer);
            assert_eq!(tokio::spawn(async { current() }).await.unwrap(), None);
        })
        .await;
        assert_eq!(current(), None);
    }
}
