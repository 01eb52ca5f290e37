//! `/api/jobs/batch`: generation of many tags, with its progress.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response, sse::Event as SseEvent},
};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use super::events::{comment_on_failure, encoded_event, event_stream_of};
use crate::{
    domain::{Priority, Source},
    http::{
        AppState, Stopping,
        error::{ApiError, Code},
        extract::{ApiJson, ApiQuery, IdPath, page},
        openapi::{BadBody, BadRequest, Conflicts, Failures, Missing, Unauthorized, Unwritable},
    },
    store::{Batch, BatchAsk, BatchAskError, BatchOf, BatchState, Store, StoreError},
};

/// Between two looks at a batch that is watched: not more news than a person reads.
const LOOK_INTERVAL: Duration = Duration::from_millis(300);

/// Which tags to generate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct BatchRequest {
    /// Which tags.
    of: BatchOf,
    /// The source, for `of: source`; `manual` needs `force`.
    source: Option<Source>,
    /// For `of: older_than`: a whole number with `h`, `d` or `w` behind it, as in `30d`.
    older_than: Option<String>,
    /// Also where a person has written or taken out the synonyms: new terms wait there as proposals.
    #[serde(default)]
    force: bool,
    /// How urgent its jobs are, 0 (least) to 9 (most).
    #[schema(minimum = 0, maximum = 9, default = 1)]
    priority: Option<i64>,
}

/// Which batches to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct BatchesQuery {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A page of batches.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BatchesPage {
    /// The batches, newest first.
    items: Vec<Batch>,
    /// The cursor of the next page; `null` at the end.
    next: Option<String>,
}

/// Generate many tags
///
/// What was asked for in the same words and is not done yet goes on: that batch is the answer then, and nothing is queued twice.
#[utoipa::path(
    post,
    path = "/api/jobs/batch",
    tag = "jobs",
    request_body = BatchRequest,
    responses(
        (status = 201, description = "The new batch; `Location` has its address", body = Batch),
        (status = 200, description = "The batch that is under way", body = Batch),
        BadRequest, Unauthorized, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn start_batch(
    State(state): State<AppState>,
    ApiJson(request): ApiJson<BatchRequest>,
) -> Result<Response, ApiError> {
    let BatchRequest { of, source, older_than, force, priority } = request;
    let priority = match priority {
        None => Priority::LOW,
        Some(priority) if (0..=9).contains(&priority) => Priority::clamped(priority),
        Some(priority) => {
            return Err(ApiError::new(Code::InvalidBody, format!("priority is 0 to 9, not {priority}.")));
        }
    };
    let of = BatchAsk { of, source, older_than, force }.generation_of()?;
    let started = state.store.start_batch(of, force, priority).await?;
    let location = [(header::LOCATION, format!("/api/jobs/batch/{}", started.batch.id))];
    let status = if started.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, location, Json(started.batch)).into_response())
}

impl From<BatchAskError> for ApiError {
    fn from(error: BatchAskError) -> Self {
        Self::new(Code::InvalidBody, format!("Mend the body: {error}."))
    }
}

/// Batches, page by page
#[utoipa::path(
    get,
    path = "/api/jobs/batch",
    tag = "jobs",
    params(BatchesQuery),
    responses((status = 200, description = "Batches, newest first", body = BatchesPage), BadRequest, Unauthorized, Failures),
)]
pub(in crate::http) async fn list_batches(
    State(state): State<AppState>,
    ApiQuery(query): ApiQuery<BatchesQuery>,
) -> Result<Json<BatchesPage>, ApiError> {
    let listing = state.store.list_batches(&page(query.cursor, query.limit)?).await?;
    Ok(Json(BatchesPage { items: listing.items, next: listing.next }))
}

/// One batch and how far it is
#[utoipa::path(
    get,
    path = "/api/jobs/batch/{id}",
    tag = "jobs",
    params(("id" = i64, Path, description = "Number of the batch", minimum = 1)),
    responses((status = 200, description = "The batch", body = Batch), BadRequest, Unauthorized, Missing, Failures),
)]
pub(in crate::http) async fn batch_by_id(
    State(state): State<AppState>,
    IdPath(id): IdPath,
) -> Result<Json<Batch>, ApiError> {
    find(&*state.store, id).await.map(Json)
}

async fn find(store: &dyn Store, id: i64) -> Result<Batch, ApiError> {
    read(store, id).await?.ok_or_else(|| {
        let detail = format!("There is no batch {id}; batches that are over are forgotten after a while.");
        ApiError::new(Code::NotFound, detail)
    })
}

/// The batch; what it is told to have done is found by a search from here on.
async fn read(store: &dyn Store, id: i64) -> Result<Option<Batch>, StoreError> {
    let batch = store.batch(id).await?;
    store.catch_up().await?;
    Ok(batch)
}

/// Take back what waits of a batch
///
/// A job of it that runs goes on to its end, and is not tried again.
#[utoipa::path(
    post,
    path = "/api/jobs/batch/{id}/cancel",
    tag = "jobs",
    params(("id" = i64, Path, description = "Number of the batch", minimum = 1)),
    responses(
        (status = 200, description = "The batch, cancelled", body = Batch),
        BadRequest, Unauthorized, Missing, Conflicts, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn cancel_batch(
    State(state): State<AppState>,
    IdPath(id): IdPath,
) -> Result<Json<Batch>, ApiError> {
    Ok(Json(state.store.cancel_batch(id).await?))
}

/// The progress of a batch, as it happens
///
/// Server-sent events: `progress` at once and whenever it changes, at most a few in a second, then `done` or `cancelled`, after
/// which the stream ends. The `data` of each is the batch.
#[utoipa::path(
    get,
    path = "/api/jobs/batch/{id}/events",
    tag = "jobs",
    params(("id" = i64, Path, description = "Number of the batch", minimum = 1)),
    responses(
        (status = 200, description = "Each `data` is a Batch as JSON", body = String, content_type = "text/event-stream"),
        BadRequest, Unauthorized, Missing, Failures,
    ),
)]
pub(in crate::http) async fn batch_events(
    State(state): State<AppState>,
    stopping: Option<Extension<Stopping>>,
    IdPath(id): IdPath,
) -> Result<impl IntoResponse, ApiError> {
    let mut changes = state.store.changes();
    // What changes from here on is news.
    changes.mark_unchanged();
    let first = find(&*state.store, id).await?;
    Ok(event_stream_of(news(state.store, changes, first), stopping))
}

/// Where the telling of a batch stands.
enum Telling {
    /// This is to be told.
    Tell(Box<Batch>),
    /// This was told, and what changes is waited for.
    Told(Box<Batch>),
    /// Nothing follows.
    Over,
}

/// The events of a batch from its state as it was read when `changes` was last looked at.
fn news(store: Arc<dyn Store>, changes: watch::Receiver<u64>, first: Batch) -> impl Stream<Item = SseEvent> {
    let start = (store, changes, Telling::Tell(Box::new(first)));
    stream::unfold(start, async |(store, mut changes, telling)| {
        let told = match telling {
            Telling::Over => return None,
            Telling::Tell(batch) => {
                return Some((encoded_event("progress", &batch), (store, changes, Telling::Told(batch))));
            }
            Telling::Told(batch) => batch,
        };
        if told.has_ended() {
            let name = if told.state == BatchState::Cancelled { "cancelled" } else { "done" };
            return Some((encoded_event(name, &told), (store, changes, Telling::Over)));
        }
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            // Whoever closed the store ends the stream.
            changes.changed().await.ok()?;
            match read(&*store, told.id).await {
                Ok(Some(batch)) if stands_alike(&batch, &told) => {}
                Ok(Some(batch)) => {
                    return Some((encoded_event("progress", &batch), (store, changes, Telling::Told(Box::new(batch)))));
                }
                Ok(None) => return None,
                // The next change is another chance.
                Err(error) => return Some((comment_on_failure(&error), (store, changes, Telling::Told(told)))),
            }
        }
    })
}

/// Whether nothing has become of the batch in between; the estimate alone is no news.
fn stands_alike(batch: &Batch, before: &Batch) -> bool {
    let standing = |batch: &Batch| {
        let Batch { state, done, failed, cancelled, moved, left, priority, .. } = *batch;
        (state, done, failed, cancelled, moved, left, priority)
    };
    standing(batch) == standing(before)
}
