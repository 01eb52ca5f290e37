//! `/api/events`: what happens in the background, as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse,
        sse::{Event as SseEvent, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, future::OptionFuture};
use serde::Serialize;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use crate::{
    http::{
        AppState, Stopping,
        openapi::{Failures, Unauthorized},
    },
    jobs::Event,
    store::StoreError,
};

/// How often a silent stream sends a comment, so that proxies (60 s is their usual patience) keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What happens in the background, as it happens
///
/// Server-sent events, named by their `type`. A stream that is read too slowly skips what it missed and says so in a
/// comment, `lagged`.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "jobs",
    responses(
        (status = 200, description = "Each `data` is an Event as JSON", body = String, content_type = "text/event-stream"),
        Unauthorized, Failures,
    ),
)]
pub(in crate::http) async fn event_stream(
    State(state): State<AppState>,
    stopping: Option<Extension<Stopping>>,
) -> impl IntoResponse {
    // Subscribed before the headers are sent: who has seen them misses nothing.
    event_stream_of(encoded(BroadcastStream::new(state.events.subscribe())), stopping)
}

/// An answer of these events, kept alive until they or the server come to their end.
pub(super) fn event_stream_of<S>(events: S, stopping: Option<Extension<Stopping>>) -> impl IntoResponse + use<S>
where
    S: Stream<Item = SseEvent> + Send + 'static,
{
    let stopped = OptionFuture::from(stopping.map(|Extension(Stopping(stop))| stop.cancelled_owned()));
    let stopped = async move {
        if stopped.await.is_none() {
            std::future::pending::<()>().await;
        }
    };
    // nginx would hold events back until its buffer is full.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    let events = events.map(Ok::<_, Infallible>).take_until(stopped);
    (unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// What is sent where the database could not be read: the log says why.
pub(super) fn comment_on_failure(error: &StoreError) -> SseEvent {
    tracing::warn!(%error, "what is watched could not be read; trying again");
    SseEvent::default().comment("the database could not be read; trying again")
}

/// An event of this name with `data` as JSON.
pub(super) fn encoded_event(name: &str, data: &impl Serialize) -> SseEvent {
    SseEvent::default().event(name).json_data(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be encoded");
        SseEvent::default().comment("unencodable")
    })
}

fn encoded(events: impl Stream<Item = Result<Event, BroadcastStreamRecvError>>) -> impl Stream<Item = SseEvent> {
    events.map(|event| match event {
        Ok(event) => encoded_event(event.name(), &event),
        Err(BroadcastStreamRecvError::Lagged(skipped)) => {
            SseEvent::default().comment(format!("lagged: {skipped} events were skipped"))
        }
    })
}
