//! Extractors whose every refusal is a problem with a code and a sentence.

use axum::{
    Json,
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, MatchedPath, OptionalFromRequest, Query, RawPathParams, Request,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::error::{ApiError, Code};
use crate::{
    domain::{TagName, TagRef, TagType},
    store::Page,
};

/// Most items of one page of a list.
pub(super) const MAX_PAGE: usize = 500;

/// Items of a page where the caller does not say.
pub(super) const DEFAULT_PAGE: usize = 50;

/// The raw body, within the limit of the server.
pub(super) struct ApiBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for ApiBytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Ok(Self(Bytes::from_request(request, state).await?))
    }
}

/// A JSON body. With `Option`, no body at all is `None`.
pub(super) struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        // The type before the size: somebody who uploads a picture should hear of the type.
        require_json(request.headers())?;
        let bytes = Bytes::from_request(request, state).await?;
        parse_json(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, ApiError> {
        let json = require_json(request.headers());
        let bytes = Bytes::from_request(request, state).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        json?;
        parse_json(&bytes).map(|body| Some(Self(body)))
    }
}

/// Refuses a body that does not say it is JSON.
fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = given.as_deref().and_then(|given| given.split(';').next()).map(|e| e.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/json") => Ok(()),
        Some(essence) if essence.starts_with("application/") && essence.ends_with("+json") => Ok(()),
        _ => Err(ApiError::new(Code::UnsupportedMediaType, "Send the body as `Content-Type: application/json`.")),
    }
}

/// Reads a body; the refusal names the place in it.
pub(super) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let Json(body) = Json::<T>::from_bytes(bytes).map_err(|rejection| {
        let text = rejection.body_text();
        let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
        let detail = match rejection {
            JsonRejection::JsonSyntaxError(_) => format!("The body is no valid JSON: {reason}."),
            _ => format!("Mend the body: {reason}."),
        };
        ApiError::new(Code::InvalidBody, detail)
    })?;
    Ok(body)
}

/// The query parameters.
pub(super) struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Query(query) = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection: QueryRejection| {
            let text = rejection.body_text();
            let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
            ApiError::new(Code::InvalidParameter, format!("Mend the query parameters: {reason}; see /docs."))
        })?;
        Ok(Self(query))
    }
}

/// The page that a list's `cursor` and `limit` ask for.
pub(super) fn page(cursor: Option<String>, limit: Option<usize>) -> Result<Page, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(ApiError::new(Code::InvalidLimit, format!("limit is 1 to {MAX_PAGE}, not {limit}.")));
    }
    Ok(Page { cursor, limit })
}

/// The `{id}` of a path: a whole number from 1.
pub(super) struct IdPath(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for IdPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        number(&path_params(parts, state).await?, "id").map(Self)
    }
}

/// The `{id}` and `{version}` of a path.
pub(super) struct VersionPath(pub i64, pub i64);

impl<S: Send + Sync> FromRequestParts<S> for VersionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = path_params(parts, state).await?;
        Ok(Self(number(&params, "id")?, number(&params, "version")?))
    }
}

/// A part of the path that is a whole number from 1.
fn number(params: &RawPathParams, name: &str) -> Result<i64, ApiError> {
    let text = param(params, name).unwrap_or_default();
    // Digits only: `i64::from_str` also takes a sign, and one row should have one address.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && number > 0 => Ok(number),
        _ => Err(ApiError::new(Code::InvalidId, format!("The {name} is a whole number from 1, not `{text}`."))),
    }
}

/// The `{tag_type}` and `{tag_name}` of a path. A name with `/` in it is sent as `%2F`.
pub(super) struct TagPath(pub TagRef);

impl<S: Send + Sync> FromRequestParts<S> for TagPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = path_params(parts, state).await?;
        let tag_type = match param(&params, "tag_type") {
            Some(text) => text.parse::<TagType>().map_err(|reason| invalid_tag_type(&reason))?,
            // `/api/synonyms/genre/{tag_name}`: the route itself says the type.
            None => tag_type_of_route(parts).ok_or_else(|| ApiError::internal("a route without a tag type"))?,
        };
        let tag_name = TagName::parse(param(&params, "tag_name").unwrap_or_default())?;
        Ok(Self(TagRef { tag_type, tag_name }))
    }
}

fn invalid_tag_type(reason: &str) -> ApiError {
    ApiError::new(Code::InvalidTagType, format!("{reason}."))
}

fn tag_type_of_route(parts: &Parts) -> Option<TagType> {
    let route = parts.extensions.get::<MatchedPath>()?.as_str();
    route.split('/').find_map(|segment| segment.parse().ok())
}

async fn path_params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, ApiError> {
    RawPathParams::from_request_parts(parts, state).await.map_err(|_| {
        ApiError::new(Code::InvalidPath, "The path is not UTF-8 once its percent signs are decoded; encode it anew.")
    })
}

fn param<'a>(params: &'a RawPathParams, name: &str) -> Option<&'a str> {
    params.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::domain::Synonyms;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is of interest")]
    struct Body {
        name: String,
        synonyms: Option<Synonyms>,
    }

    fn refusal(body: &[u8]) -> ApiError {
        parse_json::<Body>(body).unwrap_err()
    }

    #[test]
    fn hostile_bodies_are_refused_with_a_reason() {
        let deep = "[".repeat(10_000);
        for body in [
            b"".as_slice(),
            b"null",
            b"[]",
            b"{",
            b"\xff\xfe",
            b"{\"name\": \"\\ud800\"}",
            b"{\"name\": 1}",
            b"{\"name\": \"a\", \"name\": \"b\"}",
            b"{\"name\": \"a\"} trailing",
            deep.as_bytes(),
        ] {
            let error = refusal(body);
            assert_eq!(error.code(), Code::InvalidBody, "{body:?}");
            assert!(error.detail().len() > 20, "{}", error.detail());
        }
    }

    #[test]
    fn the_refusal_names_the_place() {
        let error = refusal(br#"{"name": "a", "synonyms": {"search_terms": ["x", 7]}}"#);
        assert!(error.detail().contains("synonyms.search_terms[1]"), "{}", error.detail());
        let error = refusal(br#"{"name": "a", "colour": "blue"}"#);
        assert!(error.detail().contains("unknown field `colour`"), "{}", error.detail());
    }

    #[test]
    fn only_json_is_taken_for_json() {
        let says = |value: &str| require_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]));
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(says(good).is_ok(), "{good}");
        }
        for bad in ["", "text/plain", "application/jsonx", "text/json+json", "application/x-www-form-urlencoded"] {
            assert!(says(bad).is_err(), "{bad}");
        }
        assert!(require_json(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(page(None, None).unwrap().limit, 50);
        for limit in [0, 501, usize::MAX] {
            assert_eq!(page(None, Some(limit)).unwrap_err().code(), Code::InvalidLimit);
        }
    }
}
