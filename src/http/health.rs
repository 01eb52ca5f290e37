//! Health, readiness and metrics.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    AppState, Component, ComponentState,
    openapi::{Failures, Unauthorized},
};

/// The version that runs.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Content type of the Prometheus text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The process answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The version that runs.
    version: &'static str,
}

/// Whether the server can do its work.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// The state as one word.
    status: ReadyState,
    /// The version that runs.
    version: &'static str,
    /// How many tags there are, where that is known.
    tags: Option<u64>,
    /// The parts.
    components: Vec<Component>,
}

/// Readiness as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ReadyState {
    /// Every part works.
    Ready,
    /// A part that is not required does not work, or a required one works in part.
    Degraded,
    /// A required part does not work.
    Unavailable,
}

impl ReadyState {
    fn of(components: &[Component]) -> Self {
        if components.iter().any(|part| part.required && part.state == ComponentState::Down) {
            Self::Unavailable
        } else if components.iter().any(|part| part.state != ComponentState::Ok) {
            Self::Degraded
        } else {
            Self::Ready
        }
    }

    const fn status_code(self) -> StatusCode {
        match self {
            Self::Ready | Self::Degraded => StatusCode::OK,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Whether the process lives
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "service",
    security(()),
    responses((status = 200, description = "It does", body = Health), Failures),
)]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", version: VERSION })
}

/// Whether the server can do its work
///
/// 503 when a required part is down; the body is the same either way.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "service",
    security(()),
    responses(
        Failures,
        (status = 200, description = "Every required part works", body = Readiness),
        (status = 503, description = "A required part is down, or (as a problem) no answer in time", content(
            (Readiness = "application/json"), (super::Problem = "application/problem+json"),
        )),
    ),
)]
pub(super) async fn readyz(State(state): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let (components, tags) = tokio::join!(state.status.components(), state.status.tag_count());
    let status = ReadyState::of(&components);
    (status.status_code(), Json(Readiness { status, version: VERSION, tags, components }))
}

/// The metrics of this process, for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    responses(
        (status = 200, description = "Prometheus text format", body = String, content_type = "text/plain"),
        Unauthorized, Failures,
    ),
)]
pub(super) async fn metrics(State(state): State<AppState>) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], state.metrics.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(state: ComponentState, required: bool) -> Component {
        Component { name: "x".into(), state, detail: String::new(), required }
    }

    #[test]
    fn only_a_required_part_that_is_down_makes_the_server_unavailable() {
        use ComponentState::{Degraded, Down, Ok, Waiting};
        assert_eq!(ReadyState::of(&[part(Ok, true), part(Ok, false)]), ReadyState::Ready);
        assert_eq!(ReadyState::of(&[part(Ok, true), part(Down, false)]), ReadyState::Degraded);
        assert_eq!(ReadyState::of(&[part(Ok, true), part(Waiting, false)]), ReadyState::Degraded);
        assert_eq!(ReadyState::of(&[part(Degraded, true)]), ReadyState::Degraded);
        assert_eq!(ReadyState::of(&[part(Down, true)]), ReadyState::Unavailable);
    }
}
