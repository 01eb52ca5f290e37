//! What happens around every request: its id, its span and log line, its metrics, its time limit.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use super::error::{ApiError, Code};
use crate::{domain::TraceId, trace};

/// The header that carries a request's id, in and out.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that names the trace of a request (<https://www.w3.org/TR/trace-context/>).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header that answers with the id of that trace.
const TRACE_ID: HeaderName = HeaderName::from_static("trace-id");

/// Longest id that is taken over from a caller.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// The id under which the caller, the log and a problem speak of one request.
#[derive(Clone, Debug)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The caller's id where it is sane (1 to 64 of letters, digits, `.`, `_`, `-`), else a random one.
    fn of(request: &Request) -> Self {
        let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
        given.filter(|id| is_sane(id)).map_or_else(Self::default, |id| Self(id.into()))
    }
}

impl Default for RequestId {
    /// A random id. It names a request and guards nothing, so the generator need not be unpredictable.
    fn default() -> Self {
        Self(format!("{:032x}", fastrand::u128(..)).into())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The trace that the caller names, else one that begins here: where the header is missing, none of its kind, or there twice.
fn trace_of(request: &Request) -> TraceId {
    let mut headers = request.headers().get_all(TRACEPARENT).iter();
    let (first, second) = (headers.next(), headers.next());
    let given = first.filter(|_| second.is_none()).and_then(|value| value.to_str().ok());
    given.and_then(TraceId::of_traceparent).unwrap_or_else(TraceId::random)
}

fn is_sane(id: &str) -> bool {
    (1..=MAX_REQUEST_ID_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Names the request and its trace, opens its span, measures and logs it. The outermost layer.
pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = RequestId::of(&request);
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = method_label(request.method());
    request.extensions_mut().insert(request_id.clone());
    let trace_id = trace_of(&request);
    let span = tracing::info_span!(
        "request", %trace_id, http.request_id = %request_id, http.method = method, http.route = route
    );

    let mut response = trace::scope(Some(trace_id), next.run(request)).instrument(span.clone()).await;

    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    let labels = [("method", method.to_owned()), ("path", route.clone()), ("status", status.to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels[..2]).record(elapsed.as_secs_f64());
    span.in_scope(|| {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if matches!(route.as_str(), "/healthz" | "/readyz" | "/metrics") {
            tracing::debug!(http.status = status, elapsed_ms, "answered");
        } else {
            tracing::info!(http.status = status, elapsed_ms, "answered");
        }
    });

    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id.0) {
        headers.insert(REQUEST_ID, value);
    }
    if let Ok(value) = HeaderValue::from_str(&trace_id.to_string()) {
        headers.insert(TRACE_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The method as a metric label: a caller can invent methods, and each would be a series of its own.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Gives up after `limit`, the reading of the body included. A stream that has begun (SSE) is not cut: the limit is
/// on the head of the answer.
pub(super) async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("No answer within {} s; try again in a moment.", limit.as_secs_f64());
        ApiError::new(Code::Timeout, detail).into_response()
    })
}

/// A panic in a handler as an answer; its text goes to the log.
#[expect(clippy::needless_pass_by_value, reason = "the signature that CatchPanicLayer calls")]
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal(format!("panic: {}", text.unwrap_or("without a text"))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_id(id: &[u8]) -> RequestId {
        let mut request = Request::default();
        request.headers_mut().insert(REQUEST_ID, HeaderValue::from_bytes(id).unwrap());
        RequestId::of(&request)
    }

    fn traced(headers: &[&str]) -> TraceId {
        let mut request = Request::default();
        for value in headers {
            request.headers_mut().append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        trace_of(&request)
    }

    #[test]
    fn a_trace_is_taken_over_and_begun_where_none_or_more_than_one_is_named() {
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let taken = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(traced(&[given]).to_string(), taken);
        for headers in [vec![], vec!["00-0-0-0"], vec![given, given]] {
            assert_ne!(traced(&headers).to_string(), taken, "{headers:?}");
        }
    }

    #[test]
    fn a_sane_request_id_is_taken_over_and_any_other_replaced() {
        assert_eq!(with_id(b"job-7.retry_2").to_string(), "job-7.retry_2");
        for id in [b"".as_slice(), b"a b", b"{}", &[0xff], &[b'a'; 65]] {
            let taken = with_id(id).to_string();
            assert_eq!(taken.len(), 32, "{id:?}");
            assert!(is_sane(&taken));
        }
    }
}
