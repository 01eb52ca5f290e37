//! `/api/jobs`: the queue.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::{Job, JobKind, JobState},
    http::{
        AppState,
        error::{ApiError, Code},
        extract::{ApiQuery, IdPath, page},
        openapi::{BadRequest, Conflicts, Failures, Missing, Unauthorized, Unwritable},
    },
    store::{JobCounts, JobFilter},
};

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct JobsQuery {
    /// In one state only.
    state: Option<JobState>,
    /// Of one kind only.
    kind: Option<JobKind>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct JobsPage {
    /// The jobs, newest first.
    items: Vec<Job>,
    /// How many jobs of all kinds stand in each state.
    counts: JobCounts,
    /// The cursor of the next page; `null` at the end.
    next: Option<String>,
}

/// Jobs, page by page, and how many there are
#[utoipa::path(
    get,
    path = "/api/jobs",
    tag = "jobs",
    params(JobsQuery),
    responses((status = 200, description = "Jobs, newest first", body = JobsPage), BadRequest, Unauthorized, Failures),
)]
pub(in crate::http) async fn list_jobs(
    State(state): State<AppState>,
    ApiQuery(query): ApiQuery<JobsQuery>,
) -> Result<Json<JobsPage>, ApiError> {
    let filter = JobFilter { state: query.state, kind: query.kind };
    let page = page(query.cursor, query.limit)?;
    let (listing, counts) = tokio::try_join!(state.store.list_jobs(&filter, &page), state.store.job_counts())?;
    // What is told to be done is found by a search from here on.
    state.store.catch_up().await?;
    Ok(Json(JobsPage { items: listing.items, counts, next: listing.next }))
}

/// One job
#[utoipa::path(
    get,
    path = "/api/jobs/{id}",
    tag = "jobs",
    params(("id" = i64, Path, description = "Number of the job", minimum = 1)),
    responses((status = 200, description = "The job", body = Job), BadRequest, Unauthorized, Missing, Failures),
)]
pub(in crate::http) async fn job_by_id(
    State(state): State<AppState>,
    IdPath(id): IdPath,
) -> Result<Json<Job>, ApiError> {
    let job = state.store.job(id).await?;
    state.store.catch_up().await?;
    job.map(Json).ok_or_else(|| {
        let detail = format!("There is no job {id}; jobs that have ended are forgotten after a while.");
        ApiError::new(Code::NotFound, detail)
    })
}

/// Run a job again that has failed, died or was cancelled
#[utoipa::path(
    post,
    path = "/api/jobs/{id}/retry",
    tag = "jobs",
    params(("id" = i64, Path, description = "Number of the job", minimum = 1)),
    responses(
        (status = 200, description = "The job, queued with fresh attempts", body = Job),
        BadRequest, Unauthorized, Missing, Conflicts, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn retry_job(
    State(state): State<AppState>,
    IdPath(id): IdPath,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(state.store.retry_job(id).await?))
}

/// Take back a job that is queued or running
#[utoipa::path(
    post,
    path = "/api/jobs/{id}/cancel",
    tag = "jobs",
    params(("id" = i64, Path, description = "Number of the job", minimum = 1)),
    responses(
        (status = 200, description = "The job, cancelled", body = Job),
        BadRequest, Unauthorized, Missing, Conflicts, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn cancel_job(
    State(state): State<AppState>,
    IdPath(id): IdPath,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(state.store.cancel_job(id).await?))
}
