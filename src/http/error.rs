//! The one mapping from errors to answers: RFC 9457 `application/problem+json` with a stable `code`.
//!
//! An [`ApiError`] travels in the extensions of its response until [`render`] writes it, because only there is the
//! request id known. What axum and its layers refuse by themselves (405, 413, …) is rendered there too.

use axum::{
    extract::{Request, rejection::BytesRejection},
    http::{HeaderValue, Response as HttpResponse, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::middleware::RequestId;
use crate::{
    domain::{ConfidenceError, SynonymsError, TagNameError, TermError},
    lint::LintError,
    search::{SearchError, SearchRequestError},
    store::StoreError,
};

/// Content type of a problem (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which a caller may try again when the database is busy or a request took too long.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Longest `detail` in characters: it may quote what the caller sent.
const MAX_DETAIL_CHARS: usize = 400;

/// Declares the codes: one line each with its word, status and title.
macro_rules! codes {
    ($($variant:ident, $code:literal, $status:ident, $title:literal;)+) => {
        /// What went wrong, for programs: stable across versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $variant),+
        }

        impl Code {
            /// Every code, for the documentation and its test.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The status it is sent with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// The short text that is the same for every problem of this code.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    InvalidBody, "invalid_body", BAD_REQUEST, "The body is not what this endpoint takes";
    InvalidParameter, "invalid_parameter", BAD_REQUEST, "A query parameter is wrong";
    InvalidPath, "invalid_path", BAD_REQUEST, "The path cannot be read";
    InvalidId, "invalid_id", BAD_REQUEST, "The number in the path is no id";
    InvalidTagType, "invalid_tag_type", BAD_REQUEST, "There is no such tag type";
    InvalidTagName, "invalid_tag_name", BAD_REQUEST, "The text cannot be the name of a tag";
    InvalidSynonyms, "invalid_synonyms", BAD_REQUEST, "The synonyms break a rule";
    InvalidConfidence, "invalid_confidence", BAD_REQUEST, "The confidence is out of range";
    InvalidLimit, "invalid_limit", BAD_REQUEST, "The limit is out of range";
    InvalidMinScore, "invalid_min_score", BAD_REQUEST, "The minimal score is out of range";
    InvalidCursor, "invalid_cursor", BAD_REQUEST, "The cursor is unknown";
    InvalidIfMatch, "invalid_if_match", BAD_REQUEST, "The If-Match header cannot be read";
    InvalidQuery, "invalid_query", BAD_REQUEST, "The query text cannot be searched";
    EmptyQuery, "empty_query", BAD_REQUEST, "The query text is empty";
    QueryTooLong, "query_too_long", BAD_REQUEST, "The query text is too long";
    InvalidTerm, "invalid_term", BAD_REQUEST, "The text cannot be a term";
    DifferentTagTypes, "different_tag_types", BAD_REQUEST, "The tags are of different types";
    TooManyDecisions, "too_many_decisions", BAD_REQUEST, "Too many decisions in one request";
    InvalidOptions, "invalid_options", BAD_REQUEST, "An option is out of range";
    TooManyStrings, "too_many_strings", BAD_REQUEST, "Too many strings in one request";
    InvalidTrack, "invalid_track", BAD_REQUEST, "A value of a track is out of range";
    TooManyTracks, "too_many_tracks", BAD_REQUEST, "Too many tracks in one request";
    TooManyTags, "too_many_tags", BAD_REQUEST, "Too many tags in one request";
    UnknownEventType, "unknown_event_type", BAD_REQUEST, "The webhook is of an unknown type";
    InvalidWebhookHeaders, "invalid_webhook_headers", BAD_REQUEST, "The webhook headers are missing or malformed";
    Unauthorized, "unauthorized", UNAUTHORIZED, "An API key is needed";
    InvalidSignature, "invalid_signature", UNAUTHORIZED, "The webhook signature does not verify";
    StaleWebhook, "stale_webhook", UNAUTHORIZED, "The webhook is too old or from the future";
    WebhooksNotConfigured, "webhooks_not_configured", FORBIDDEN, "Webhooks are not configured";
    UnknownRoute, "unknown_route", NOT_FOUND, "There is nothing at this path";
    NotFound, "not_found", NOT_FOUND, "Not found";
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED, "This path does not take this method";
    Conflict, "conflict", CONFLICT, "The state of the data forbids it";
    VersionMismatch, "version_mismatch", PRECONDITION_FAILED, "The row has changed since you saw it";
    BodyTooLarge, "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    UnsupportedMediaType, "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    Internal, "internal_error", INTERNAL_SERVER_ERROR, "Something failed inside";
    StorageBusy, "storage_busy", SERVICE_UNAVAILABLE, "The database is busy";
    Timeout, "timeout", SERVICE_UNAVAILABLE, "The request took too long";
    StorageFull, "storage_full", INSUFFICIENT_STORAGE, "The database is full";
}

/// Why a request was not done: a code, a sentence for the caller, and what only the log may see.
#[derive(Clone, Debug)]
pub struct ApiError {
    code: Code,
    detail: String,
    internal: Option<String>,
}

impl ApiError {
    /// A problem of this code; `detail` is a sentence that says what to do. Control characters in it (it may quote
    /// the caller) are escaped, and it is cut at 400 characters.
    pub fn new(code: Code, detail: impl AsRef<str>) -> Self {
        Self { code, detail: printable(detail.as_ref()), internal: None }
    }

    /// A failure inside: the caller learns the request id only, the log `internal`.
    pub fn internal(internal: impl Into<String>) -> Self {
        let detail = "The server failed; its log says why under this request_id.";
        Self { internal: Some(internal.into()), ..Self::new(Code::Internal, detail) }
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The sentence for the caller.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The same, with something for the log.
    fn logged(self, internal: String) -> Self {
        Self { internal: Some(internal), ..self }
    }

    /// What a bare status means, for answers that axum and its layers gave.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(Code::UnknownRoute, "Nothing is served at this path; see /docs."),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(Code::MethodNotAllowed, "The header Allow has the methods of this path; see /docs.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::body_too_large(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(Code::UnsupportedMediaType, "Send application/json."),
            status if status.is_client_error() => {
                Self::new(Code::InvalidParameter, format!("The request was refused with status {status}; see /docs."))
            }
            status => Self::internal(format!("a bare answer of status {status}")),
        }
    }

    fn body_too_large() -> Self {
        Self::new(Code::BodyTooLarge, "The body is over the limit of this server; send fewer or smaller items.")
    }
}

/// `text` cut to a sensible length, control characters escaped.
fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len().min(2 * MAX_DETAIL_CHARS));
    for (index, c) in text.chars().enumerate() {
        if index == MAX_DETAIL_CHARS {
            printed.push('…');
            break;
        }
        if c.is_control() {
            printed.extend(c.escape_debug());
        } else {
            printed.push(c);
        }
    }
    printed
}

/// An error as it is sent (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where problems of this kind are explained; `about:blank` when title and code say all.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: String,
    /// The same for every problem of this code.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong with this request and what to do.
    pub detail: String,
    /// What went wrong, for programs; stable.
    #[schema(example = "invalid_tag_name")]
    pub code: String,
    /// Also in the header `x-request-id` and in the server's log.
    pub request_id: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        let headers = response.headers_mut();
        match self.code {
            Code::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"musonym\""));
            }
            Code::InvalidSignature | Code::StaleWebhook => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("StandardWebhooks"));
            }
            Code::StorageBusy | Code::Timeout => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Middleware: writes the problem of an answer that is an error, and logs its internal detail, once.
pub(super) async fn render(request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let (mut parts, body) = next.run(request).await.into_parts();
    let error = match parts.extensions.remove::<ApiError>() {
        Some(error) => error,
        None if is_bare_error(parts.status, parts.headers.get(header::CONTENT_TYPE)) => {
            ApiError::of_status(parts.status)
        }
        None => return HttpResponse::from_parts(parts, body),
    };
    if let Some(internal) = &error.internal {
        tracing::error!(error.code = error.code.as_str(), error.internal = internal, "the request failed inside");
    }
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: error.code.title().to_owned(),
        status: error.code.status().as_u16(),
        detail: error.detail,
        code: error.code.as_str().to_owned(),
        request_id: request_id.to_string(),
    };
    parts.status = error.code.status();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A struct of strings and a number always serialises; an empty body is the honest rest.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    HttpResponse::from_parts(parts, body.into())
}

/// Whether an answer is an error without a body of ours (`/readyz` answers 503 with its own JSON).
fn is_bare_error(status: StatusCode, content_type: Option<&HeaderValue>) -> bool {
    let json = content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    (status.is_client_error() || status.is_server_error()) && !json
}

impl From<&StoreError> for ApiError {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::new(Code::NotFound, sentence(error)),
            StoreError::Conflict(_) | StoreError::LeaseLost(_) => Self::new(Code::Conflict, sentence(error)),
            StoreError::VersionMismatch { .. } => {
                Self::new(Code::VersionMismatch, format!("{} Read it again and repeat the change.", sentence(error)))
            }
            StoreError::BadCursor => Self::new(Code::InvalidCursor, sentence(error)),
            StoreError::Busy(_) => Self::new(
                Code::StorageBusy,
                "The database is busy or cannot be reached just now; try again in a moment.",
            )
            .logged(error.to_string()),
            StoreError::Full(_) => {
                Self::new(Code::StorageFull, "Nothing was written; the operator must make room, then try again.")
                    .logged(error.to_string())
            }
            StoreError::Unusable(_) | StoreError::Corrupt(_) | StoreError::Database(_) => {
                Self::internal(error.to_string())
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<LintError> for ApiError {
    fn from(error: LintError) -> Self {
        match error {
            LintError::Store(error) => error.into(),
            LintError::Stopped(_) => Self::internal(error.to_string()),
        }
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Request(error) => error.into(),
            SearchError::Store(error) => Self::from(&*error),
            SearchError::Encode(_) => Self::internal(error.to_string()),
        }
    }
}

impl From<SearchRequestError> for ApiError {
    fn from(error: SearchRequestError) -> Self {
        let code = match error {
            SearchRequestError::EmptyQuery => Code::EmptyQuery,
            SearchRequestError::LongQuery(_) => Code::QueryTooLong,
            SearchRequestError::Limit(_) => Code::InvalidLimit,
            SearchRequestError::MinScore(_) => Code::InvalidMinScore,
        };
        Self::new(code, sentence(error))
    }
}

impl From<TagNameError> for ApiError {
    fn from(error: TagNameError) -> Self {
        Self::new(Code::InvalidTagName, sentence(error))
    }
}

impl From<SynonymsError> for ApiError {
    fn from(error: SynonymsError) -> Self {
        Self::new(Code::InvalidSynonyms, sentence(error))
    }
}

impl From<TermError> for ApiError {
    fn from(error: TermError) -> Self {
        Self::new(Code::InvalidTerm, sentence(error))
    }
}

impl From<ConfidenceError> for ApiError {
    fn from(error: ConfidenceError) -> Self {
        Self::new(Code::InvalidConfidence, sentence(error))
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::body_too_large()
        } else {
            Self::new(Code::InvalidBody, "The body ended before it was complete; send it again.")
        }
    }
}

/// An error's text as a sentence: capital letter, full stop.
fn sentence(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_snake_case_words_of_error_statuses() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            assert!(Code::ALL[..index].iter().all(|other| other.as_str() != code.as_str()), "{code:?}");
        }
    }

    #[test]
    fn a_detail_quotes_the_caller_safely() {
        let error = ApiError::new(Code::InvalidBody, format!("a\u{0}\u{1b}[31mb{}", "x".repeat(10_000)));
        assert!(!error.detail().chars().any(char::is_control));
        assert!(error.detail().chars().count() < MAX_DETAIL_CHARS + 20);
    }

    #[test]
    fn database_text_is_kept_from_the_caller() {
        let error = ApiError::from(StoreError::Busy("table secret_table is locked".into()));
        assert_eq!(error.code(), Code::StorageBusy);
        assert!(!error.detail().contains("secret_table"));
        let error = ApiError::from(StoreError::Corrupt("row 7 of secret_table".into()));
        assert_eq!(error.code(), Code::Internal);
        assert!(!error.detail().contains("secret_table"));
    }

    #[test]
    fn a_store_error_reads_as_a_sentence() {
        let error = ApiError::from(StoreError::NotFound("genre `x`".into()));
        assert_eq!(error.detail(), "Genre `x` was not found.");
    }
}
