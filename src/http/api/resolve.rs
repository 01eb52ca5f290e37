//! `/api/resolve`: raw strings of files become tags.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    enrich::{
        EnrichError,
        resolve::{MAX_STRINGS, OptionsError, ResolveOptions, ResolvedString},
    },
    http::{
        AppState,
        error::{ApiError, Code},
        extract::ApiJson,
        openapi::{BadBody, BadRequest, Failures, Unauthorized, Unwritable},
    },
};

/// What to resolve and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ResolveBody {
    /// Raw strings as they stand in files. Up to 5,000 a call; one of more than 20,000 characters is an error of its item.
    #[schema(max_items = 5000, example = json!(["Hip-Hop, Rap & R&B", "(17)Rock", "Ã©lectro"]))]
    strings: Vec<String>,
    /// How to choose among what they may mean.
    #[serde(default)]
    options: ResolveOptions,
    /// Whether to create the tags that only the lexicon knows; their synonyms are written in the background.
    #[serde(default)]
    #[schema(default = false)]
    register: bool,
}

/// What became of the strings.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ResolveAnswer {
    /// One result for each string, in order.
    results: Vec<ResolvedString>,
    /// How many tags were created.
    registered: usize,
}

/// Find the tags that raw strings mean
///
/// Several values in a string are parted, numbers of ID3v1 read, broken text mended, placeholders set aside. Each part says how it
/// was understood, how sure that is, what else it may mean and why. Nothing is written unless `register` is set.
#[utoipa::path(
    post,
    path = "/api/resolve",
    tag = "enrich",
    request_body = ResolveBody,
    responses(
        (status = 200, description = "One result for each string", body = ResolveAnswer),
        BadRequest, Unauthorized, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn resolve_strings(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<ResolveBody>,
) -> Result<Json<ResolveAnswer>, ApiError> {
    let count = body.strings.len();
    if count > MAX_STRINGS {
        let detail = format!("One call takes up to {MAX_STRINGS} strings, not {count}; send several calls.");
        return Err(ApiError::new(Code::TooManyStrings, detail));
    }
    let (results, registered) = state.enricher.resolve(body.strings, body.options, body.register).await?;
    Ok(Json(ResolveAnswer { results, registered }))
}

impl From<OptionsError> for ApiError {
    fn from(error: OptionsError) -> Self {
        Self::new(Code::InvalidOptions, format!("options.{error}."))
    }
}

impl From<EnrichError> for ApiError {
    fn from(error: EnrichError) -> Self {
        match error {
            EnrichError::Store(error) => error.into(),
            EnrichError::Options(error) => error.into(),
            EnrichError::Track(error) => error.into(),
            EnrichError::Stopped(_) => Self::internal(error.to_string()),
        }
    }
}
