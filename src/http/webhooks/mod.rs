//! `POST /api/webhooks/synonyms`: a library tells us of its tags (Standard Webhooks).

mod verify;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    AppState,
    error::{ApiError, Code},
    extract::{ApiBytes, parse_json},
    openapi::{BadRequest, Failures, Forbidden, TooLarge, Unauthorized, Unwritable},
};
use crate::{
    domain::{TagName, TagRef, TagType, Timestamp},
    store::{WebhookEvent, WebhookOutcome},
};
pub use verify::{Delivery, WebhookVerifier};

/// A webhook as it arrives. Fields that we do not know are left alone: senders add things.
#[derive(Deserialize, ToSchema)]
struct Envelope {
    /// `tag.created`, `tag.updated` or `tag.deleted`.
    #[serde(rename = "type")]
    #[schema(example = "tag.created", pattern = "^tag\\.(created|updated|deleted)$")]
    kind: String,
    /// When it happened, for people; what is verified is the header of that name.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[expect(dead_code, reason = "read only to refuse what is no moment")]
    timestamp: Option<Timestamp>,
    /// The tag.
    #[schema(value_type = WebhookData)]
    data: serde_json::Value,
}

/// What a webhook says of a tag.
#[derive(Deserialize, ToSchema)]
struct WebhookData {
    /// Genre or mood.
    tag_type: TagType,
    /// The name of the tag now.
    #[schema(min_length = 1, max_length = 100, example = "hip hop")]
    tag_name: String,
    /// What it was called before, where its name has changed.
    #[schema(min_length = 1, max_length = 100)]
    previous_name: Option<String>,
}

/// Receive a webhook
///
/// Signed as Standard Webhooks 1.0.0 say. A tag that is new or renamed is stored with its `generate` job;
/// `tag.updated` generates anew. The same `webhook-id` again gives the same answer and no second job.
#[utoipa::path(
    post,
    path = "/api/webhooks/synonyms",
    tag = "webhooks",
    params(
        ("webhook-id" = String, Header, description = "The same on every retry of this delivery; no dot",
            min_length = 1, max_length = 200),
        ("webhook-timestamp" = String, Header, description = "Unix seconds of this attempt", pattern = "^[0-9]+$"),
        ("webhook-signature" = String, Header, description = "`v1,<base64>`, several separated by spaces"),
        ("traceparent" = Option<String>, Header,
            description = "The trace that it belongs to (W3C Trace Context); an invalid one is left aside"),
    ),
    request_body(content = Envelope, content_type = "application/json"),
    security(()),
    responses(
        (status = 202, description = "Stored; the job runs in the background", body = WebhookOutcome,
            headers(("trace-id" = String, description = "The trace that the job belongs to"))),
        BadRequest, Unauthorized, Forbidden, TooLarge, Unwritable, Failures,
    ),
)]
pub(super) async fn receive_webhook(
    State(state): State<AppState>,
    headers: HeaderMap,
    ApiBytes(body): ApiBytes,
) -> Result<(StatusCode, Json<WebhookOutcome>), ApiError> {
    let delivery = state.auth.webhooks().verify(&headers, &body, chrono::Utc::now().timestamp())?;
    let outcome = state.store.apply_webhook(delivery.id, &parse_event(&body)?).await?;
    tracing::info!(webhook.id = delivery.id, job.id = outcome.job_id, "webhook {}", outcome.status);
    Ok((StatusCode::ACCEPTED, Json(outcome)))
}

/// Reads a verified body.
fn parse_event(body: &[u8]) -> Result<WebhookEvent, ApiError> {
    let envelope: Envelope = parse_json(body)?;
    let regenerate = match envelope.kind.as_str() {
        "tag.created" | "tag.deleted" => false,
        "tag.updated" => true,
        other => {
            let detail = format!("type is tag.created, tag.updated or tag.deleted, not `{other}`.");
            return Err(ApiError::new(Code::UnknownEventType, detail));
        }
    };
    let data: WebhookData = serde_json::from_value(envelope.data)
        .map_err(|error| ApiError::new(Code::InvalidBody, format!("Mend the body: data: {error}.")))?;
    let tag = TagRef { tag_type: data.tag_type, tag_name: TagName::parse(&data.tag_name)? };
    if envelope.kind == "tag.deleted" {
        return Ok(WebhookEvent::Deleted { tag });
    }
    let previous_name = data.previous_name.as_deref().map(TagName::parse).transpose()?;
    Ok(WebhookEvent::Upserted { tag, previous_name, regenerate })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, data: &str) -> Result<WebhookEvent, Code> {
        let body = format!(r#"{{"type": "{kind}", "timestamp": "2026-11-22T10:00:00Z", "data": {data}, "extra": 1}}"#);
        parse_event(body.as_bytes()).map_err(|error| error.code())
    }

    fn tag(name: &str) -> TagRef {
        TagRef { tag_type: TagType::Genre, tag_name: TagName::parse(name).unwrap() }
    }

    #[test]
    fn each_type_becomes_its_event() {
        let data = r#"{"tag_type": "genre", "tag_name": " dub ", "sender_id": 7}"#;
        let upserted = |regenerate| WebhookEvent::Upserted { tag: tag("dub"), previous_name: None, regenerate };
        assert_eq!(parse("tag.created", data), Ok(upserted(false)));
        assert_eq!(parse("tag.updated", data), Ok(upserted(true)));
        assert_eq!(parse("tag.deleted", data), Ok(WebhookEvent::Deleted { tag: tag("dub") }));
        assert_eq!(parse("artist.created", data), Err(Code::UnknownEventType));
    }

    #[test]
    fn a_rename_says_the_former_name() {
        let data = r#"{"tag_type": "genre", "tag_name": "dub", "previous_name": "dubb"}"#;
        let previous_name = Some(TagName::parse("dubb").unwrap());
        let expected = WebhookEvent::Upserted { tag: tag("dub"), previous_name, regenerate: true };
        assert_eq!(parse("tag.updated", data), Ok(expected));
    }

    #[test]
    fn a_body_that_is_none_is_refused() {
        for (data, code) in [
            ("null", Code::InvalidBody),
            ("{}", Code::InvalidBody),
            (r#"{"tag_type": "artist", "tag_name": "dub"}"#, Code::InvalidBody),
            (r#"{"tag_type": "genre", "tag_name": "a\u0000b"}"#, Code::InvalidTagName),
            (r#"{"tag_type": "genre", "tag_name": "dub", "previous_name": ""}"#, Code::InvalidTagName),
        ] {
            assert_eq!(parse("tag.created", data), Err(code), "{data}");
        }
        assert_eq!(parse_event(b"not json").unwrap_err().code(), Code::InvalidBody);
    }
}
