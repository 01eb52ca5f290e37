//! `/api/tags/merge`: two tags that mean one thing.

use axum::{extract::State, response::IntoResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{synonyms::changed, synonyms_wire::TagSynonyms};
use crate::{
    domain::TagRef,
    http::{
        AppState,
        error::{ApiError, Code},
        extract::ApiJson,
        openapi::{BadBody, BadRequest, Conflicts, Failures, Missing, Unauthorized, Unwritable},
    },
};

/// Two tags of one type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct MergeBody {
    /// The tag that goes; its name stays as an alias of the other.
    from: TagRef,
    /// The tag that stays.
    into: TagRef,
    /// Only show what would come of it.
    #[serde(default)]
    dry_run: bool,
}

/// Merge a tag into another
///
/// The tag that stays takes over the active terms of the one that goes, and its name as an alias. What was rejected in one
/// of them stays rejected, unless it counts in the other. Terms that find no room in their section wait for review.
#[utoipa::path(
    post,
    path = "/api/tags/merge",
    tag = "tags",
    request_body = MergeBody,
    responses(
        (status = 200, description = "The row of the tag that stays", body = TagSynonyms,
            headers(("etag" = String, description = "Its ETag"))),
        BadRequest, Unauthorized, Missing, Conflicts, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn merge_tags(
    State(state): State<AppState>,
    ApiJson(MergeBody { from, into, dry_run }): ApiJson<MergeBody>,
) -> Result<impl IntoResponse, ApiError> {
    if from.tag_type != into.tag_type {
        let detail = format!("A {} cannot become a {}; merge tags of one type.", from.tag_type, into.tag_type);
        return Err(ApiError::new(Code::DifferentTagTypes, detail));
    }
    Ok(changed(state.store.merge_tags(from.tag_type, &from.tag_name, &into.tag_name, dry_run).await?))
}
