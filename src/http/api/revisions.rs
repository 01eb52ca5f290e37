//! `/api/synonyms/{id}/revisions`: the history of a row, and the way back in it.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    synonyms::{changed, row},
    synonyms_wire::TagSynonyms,
};
use crate::{
    domain::{Difference, Source, Synonyms, TagType, Timestamp, TraceId},
    http::{
        AppState,
        error::{ApiError, Code},
        etag,
        extract::{ApiQuery, IdPath, VersionPath, page},
        openapi::{BadRequest, Conflicts, Failures, Missing, Stale, Unauthorized, Unwritable},
    },
    store::Revision,
};

/// Which changes to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RevisionsQuery {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A change of a row.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RevisionView {
    /// The version that the change made. A proposal makes none: it has that of the row.
    version: i64,
    /// What was done.
    #[schema(example = "generated")]
    action: String,
    /// Who did it.
    source: Source,
    /// Type of the tag at that time.
    tag_type: TagType,
    /// Name of the tag at that time.
    tag_name: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The sections before; `null` for the first version.
    before: Option<Synonyms>,
    /// The sections after; `null` where the row went out of use.
    after: Option<Synonyms>,
    /// The trace of the request that led to it.
    trace_id: Option<TraceId>,
    /// What was added and what was removed.
    difference: Difference,
}

impl From<Revision> for RevisionView {
    fn from(revision: Revision) -> Self {
        let Revision { id: _, version, action, source, tag_type, tag_name, before, after, created_at, trace_id } =
            revision;
        let difference = Difference::between(before.as_ref(), after.as_ref());
        Self { version, action, source, tag_type, tag_name, created_at, before, after, trace_id, difference }
    }
}

/// A page of the history of a row.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RevisionsPage {
    /// The changes, newest first.
    items: Vec<RevisionView>,
    /// The cursor of the next page; `null` at the end.
    next: Option<String>,
}

/// The history of a row
///
/// It outlives the row and its tag.
#[utoipa::path(
    get,
    path = "/api/synonyms/{id}/revisions",
    tag = "synonyms",
    params(("id" = i64, Path, description = "Number of the row", minimum = 1), RevisionsQuery),
    responses(
        (status = 200, description = "Its changes, newest first", body = RevisionsPage),
        BadRequest, Unauthorized, Missing, Failures,
    ),
)]
pub(in crate::http) async fn synonym_revisions(
    State(state): State<AppState>,
    IdPath(id): IdPath,
    ApiQuery(query): ApiQuery<RevisionsQuery>,
) -> Result<Json<RevisionsPage>, ApiError> {
    let listing = state.store.revisions(id, &page(query.cursor, query.limit)?).await?;
    if listing.items.is_empty() {
        // A row may have outlived its history; what never was has neither.
        row(&state, id).await?;
    }
    Ok(Json(RevisionsPage { items: listing.items.into_iter().map(Into::into).collect(), next: listing.next }))
}

/// One change of a row
#[utoipa::path(
    get,
    path = "/api/synonyms/{id}/revisions/{version}",
    tag = "synonyms",
    params(
        ("id" = i64, Path, description = "Number of the row", minimum = 1),
        ("version" = i64, Path, description = "The `version` in the history", minimum = 1),
    ),
    responses(
        (status = 200, description = "The last change that has this version", body = RevisionView),
        BadRequest, Unauthorized, Missing, Failures,
    ),
)]
pub(in crate::http) async fn revision_by_version(
    State(state): State<AppState>,
    VersionPath(id, version): VersionPath,
) -> Result<Json<RevisionView>, ApiError> {
    let revision = state.store.revision(id, version).await?.ok_or_else(|| {
        let detail = format!("There is no version {version} of row {id}; GET /api/synonyms/{id}/revisions lists them.");
        ApiError::new(Code::NotFound, detail)
    })?;
    Ok(Json(revision.into()))
}

/// Give a row the content of a former version back
///
/// Written as a person's edit: it is final for generators, and terms of the row that the version did not have are
/// rejected. Terms that wait for review go on waiting. A row that is out of use is taken into use again.
#[utoipa::path(
    post,
    path = "/api/synonyms/{id}/revisions/{version}/restore",
    tag = "synonyms",
    params(
        ("id" = i64, Path, description = "Number of the row", minimum = 1),
        ("version" = i64, Path, description = "The `version` in the history", minimum = 1),
        ("if-match" = Option<String>, Header, description = "The ETag of the row as you saw it, or `*`",
            pattern = r#"^(\*|(W/)?"[0-9]+\.[0-9]+e?")$"#),
    ),
    responses(
        (status = 200, description = "The row as it is now", body = TagSynonyms,
            headers(("etag" = String, description = "Its ETag"))),
        BadRequest, Unauthorized, Missing, Conflicts, Stale, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn restore_revision(
    State(state): State<AppState>,
    VersionPath(id, version): VersionPath,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let expected = etag::expected_version(&headers, id)?;
    Ok(changed(state.store.restore_synonyms(id, version, expected).await?))
}
