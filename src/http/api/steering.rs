//! `/api/jobs/pause`, `/api/jobs/resume`, `/api/jobs/state`, `/api/jobs/retry`: steering all work at once.

use std::time::Duration;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::{JobKind, JobState, Timestamp},
    http::{
        AppState,
        error::{ApiError, Code},
        extract::ApiJson,
        openapi::{BadBody, BadRequest, Failures, Unauthorized, Unwritable},
    },
    store::{JobCounts, Paused, RetryFilter, Store},
};

/// Longest pause with an end in seconds: a year. A longer one is one without an end.
const LONGEST_PAUSE: u64 = 366 * 86_400;

/// How long to pause.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PauseRequest {
    /// For so many seconds; without it, until somebody resumes.
    #[schema(minimum = 1, maximum = 31_622_400)]
    for_seconds: Option<u64>,
}

/// How the work as a whole stands.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct WorkState {
    /// Whether nothing new is begun.
    paused: bool,
    /// Since when; `null` when not paused.
    #[schema(value_type = Option<String>, format = DateTime)]
    paused_since: Option<Timestamp>,
    /// Until when; `null` when not paused or paused until somebody resumes.
    #[schema(value_type = Option<String>, format = DateTime)]
    paused_until: Option<Timestamp>,
    /// How many jobs of all kinds stand in each state.
    counts: JobCounts,
}

impl WorkState {
    async fn of(store: &dyn Store, paused: Option<Paused>) -> Result<Json<Self>, ApiError> {
        Ok(Json(Self {
            paused: paused.is_some(),
            paused_since: paused.map(|paused| paused.since),
            paused_until: paused.and_then(|paused| paused.until),
            counts: store.job_counts().await?,
        }))
    }
}

/// Whether work is paused, and how much there is
#[utoipa::path(
    get,
    path = "/api/jobs/state",
    tag = "jobs",
    responses((status = 200, description = "How the work stands", body = WorkState), Unauthorized, Failures),
)]
pub(in crate::http) async fn work_state(State(state): State<AppState>) -> Result<Json<WorkState>, ApiError> {
    WorkState::of(&*state.store, state.store.jobs_paused().await?).await
}

/// Pause all work
///
/// No worker on this database claims a job until the pause ends; jobs that run go on to their end. Asked again, a pause gets
/// another end.
#[utoipa::path(
    post,
    path = "/api/jobs/pause",
    tag = "jobs",
    request_body = Option<PauseRequest>,
    responses(
        (status = 200, description = "How the work stands now", body = WorkState),
        BadRequest, Unauthorized, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn pause_work(
    State(state): State<AppState>,
    request: Option<ApiJson<PauseRequest>>,
) -> Result<Json<WorkState>, ApiError> {
    let until = match request.and_then(|ApiJson(request)| request.for_seconds) {
        None => None,
        Some(seconds) if (1..=LONGEST_PAUSE).contains(&seconds) => {
            Some(chrono::Utc::now() + Duration::from_secs(seconds))
        }
        Some(seconds) => {
            let detail =
                format!("for_seconds is 1 to {LONGEST_PAUSE}, not {seconds}; leave it out to pause without an end.");
            return Err(ApiError::new(Code::InvalidBody, detail));
        }
    };
    let paused = state.store.pause_jobs(until).await?;
    WorkState::of(&*state.store, Some(paused)).await
}

/// Go on with all work
#[utoipa::path(
    post,
    path = "/api/jobs/resume",
    tag = "jobs",
    responses(
        (status = 200, description = "How the work stands now", body = WorkState),
        Unauthorized, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn resume_work(State(state): State<AppState>) -> Result<Json<WorkState>, ApiError> {
    state.store.resume_jobs().await?;
    WorkState::of(&*state.store, None).await
}

/// Which jobs to try again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RetryRequest {
    /// In this state only: `dead`, `failed` or `cancelled`; without it, dead and failed ones.
    state: Option<JobState>,
    /// Of one kind only.
    kind: Option<JobKind>,
    /// Only those whose `last_error` has this text in it, in these very letters.
    #[schema(min_length = 1)]
    error_contains: Option<String>,
}

/// What came of trying again.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Retried {
    /// How many jobs were queued anew.
    retried: u64,
}

/// Run all jobs again that have failed or died
///
/// They get fresh attempts. Of each piece of work only the newest job counts: what was done since is not done again.
#[utoipa::path(
    post,
    path = "/api/jobs/retry",
    tag = "jobs",
    request_body = Option<RetryRequest>,
    responses(
        (status = 200, description = "How many were queued anew", body = Retried),
        BadRequest, Unauthorized, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn retry_jobs(
    State(state): State<AppState>,
    request: Option<ApiJson<RetryRequest>>,
) -> Result<Json<Retried>, ApiError> {
    let RetryRequest { state: of, kind, error_contains } = request.map(|ApiJson(it)| it).unwrap_or_default();
    if let Some(of) = of.filter(|of| !matches!(of, JobState::Dead | JobState::Failed | JobState::Cancelled)) {
        return Err(ApiError::new(Code::InvalidBody, format!("state is dead, failed or cancelled, not {of}.")));
    }
    if error_contains.as_deref() == Some("") {
        return Err(ApiError::new(Code::InvalidBody, "error_contains is a text of its own, or is left out."));
    }
    let filter = RetryFilter { state: of, kind, error_contains };
    Ok(Json(Retried { retried: state.store.retry_jobs(&filter).await? }))
}
