//! `/api/tags`: the genres and moods themselves.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::{GeneratePayload, NewJob, Priority, Tag, TagName, TagRef, TagType},
    http::{
        AppState,
        error::{ApiError, Code},
        extract::{ApiJson, ApiQuery, TagPath, page},
        openapi::{BadBody, BadRequest, Conflicts, Failures, Missing, Unauthorized, Unwritable},
    },
    store::{TagFilter, TagOverview},
};

/// Which tags to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct TagsQuery {
    /// Of one type only.
    tag_type: Option<TagType>,
    /// Only tags with (`true`) or without (`false`) active synonyms.
    has_synonyms: Option<bool>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A page of tags.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TagsPage {
    /// The tags, by type and number.
    items: Vec<TagOverview>,
    /// The cursor of the next page; `null` at the end.
    next: Option<String>,
}

/// A tag to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CreateTagBody {
    /// Genre or mood.
    tag_type: TagType,
    /// Its name.
    #[schema(min_length = 1, max_length = 100, example = "hip hop")]
    name: String,
}

/// The new name of a tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RenameTagBody {
    /// The name.
    #[schema(min_length = 1, max_length = 100, example = "hip hop")]
    name: String,
}

/// A tag and what its change has set off.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TagChange {
    /// The tag as it is now.
    #[serde(flatten)]
    tag: Tag,
    /// The job that generates its synonyms; `null` when nothing has changed.
    job_id: Option<i64>,
}

/// How to generate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::http) struct GenerateBody {
    /// Generate even where a person has written or taken out the synonyms; such a row gets a proposal.
    force: bool,
}

/// A job that was enqueued.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct JobAccepted {
    /// The job; one that was queued already is joined.
    job_id: i64,
}

/// Tags, page by page
#[utoipa::path(
    get,
    path = "/api/tags",
    tag = "tags",
    params(TagsQuery),
    responses((status = 200, description = "Tags by type and number", body = TagsPage), BadRequest, Unauthorized, Failures),
)]
pub(in crate::http) async fn list_tags(
    State(state): State<AppState>,
    ApiQuery(query): ApiQuery<TagsQuery>,
) -> Result<Json<TagsPage>, ApiError> {
    let filter = TagFilter { tag_type: query.tag_type, has_synonyms: query.has_synonyms };
    let listing = state.store.list_tags(&filter, &page(query.cursor, query.limit)?).await?;
    Ok(Json(TagsPage { items: listing.items, next: listing.next }))
}

/// Create a tag
///
/// A tag that is there already, under this name or another spelling of it, comes back with 200.
#[utoipa::path(
    post,
    path = "/api/tags",
    tag = "tags",
    request_body = CreateTagBody,
    responses(
        (status = 201, description = "Created; its synonyms are being generated", body = TagChange,
            headers(("location" = String, description = "The tag"))),
        (status = 200, description = "It was there already", body = TagChange),
        BadRequest, Unauthorized, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn create_tag(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<CreateTagBody>,
) -> Result<Response, ApiError> {
    let tag = (body.tag_type, TagName::parse(&body.name)?);
    let answer = state.store.create_tags(&[tag], Priority::HIGH).await?.into_iter().next();
    let created = answer.ok_or_else(|| ApiError::internal("the store created a tag and gave none back"))?;
    let change = TagChange { job_id: created.job_id, tag: created.tag };
    if !created.created {
        return Ok(Json(change).into_response());
    }
    let location = [(header::LOCATION, address(&change.tag))];
    Ok((StatusCode::CREATED, location, Json(change)).into_response())
}

/// One tag
#[utoipa::path(
    get,
    path = "/api/tags/{tag_type}/{tag_name}",
    tag = "tags",
    params(
        ("tag_type" = TagType, Path, description = "Genre or mood"),
        ("tag_name" = String, Path, description = "Any spelling of the name", min_length = 1, max_length = 100),
    ),
    responses((status = 200, description = "The tag", body = Tag), BadRequest, Unauthorized, Missing, Failures),
)]
pub(in crate::http) async fn tag_by_name(
    State(state): State<AppState>,
    TagPath(tag): TagPath,
) -> Result<Json<Tag>, ApiError> {
    Ok(Json(existing(&state, &tag).await?))
}

/// Rename a tag
///
/// Its synonyms are generated anew, unless a person wrote them.
#[utoipa::path(
    patch,
    path = "/api/tags/{tag_type}/{tag_name}",
    tag = "tags",
    params(
        ("tag_type" = TagType, Path, description = "Genre or mood"),
        ("tag_name" = String, Path, description = "Any spelling of the name", min_length = 1, max_length = 100),
    ),
    request_body = RenameTagBody,
    responses(
        (status = 200, description = "The tag as it is now", body = TagChange),
        BadRequest, Unauthorized, Missing, Conflicts, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn rename_tag(
    State(state): State<AppState>,
    TagPath(tag): TagPath,
    ApiJson(body): ApiJson<RenameTagBody>,
) -> Result<Json<TagChange>, ApiError> {
    let update = state.store.rename_tag(&tag, &TagName::parse(&body.name)?, Priority::HIGH).await?;
    Ok(Json(TagChange { tag: update.tag, job_id: update.job_id }))
}

/// Delete a tag with its synonyms
///
/// Their history stays.
#[utoipa::path(
    delete,
    path = "/api/tags/{tag_type}/{tag_name}",
    tag = "tags",
    params(
        ("tag_type" = TagType, Path, description = "Genre or mood"),
        ("tag_name" = String, Path, description = "Any spelling of the name", min_length = 1, max_length = 100),
    ),
    responses(
        (status = 204, description = "It is gone"),
        BadRequest, Unauthorized, Missing, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn delete_tag(
    State(state): State<AppState>,
    TagPath(tag): TagPath,
) -> Result<StatusCode, ApiError> {
    state.store.delete_tag(&tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Generate the synonyms of a tag anew
#[utoipa::path(
    post,
    path = "/api/tags/{tag_type}/{tag_name}/generate",
    tag = "tags",
    params(
        ("tag_type" = TagType, Path, description = "Genre or mood"),
        ("tag_name" = String, Path, description = "Any spelling of the name", min_length = 1, max_length = 100),
    ),
    request_body(content = Option<GenerateBody>, content_type = "application/json"),
    responses(
        (status = 202, description = "The job runs in the background", body = JobAccepted),
        BadRequest, Unauthorized, Missing, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn generate_tag(
    State(state): State<AppState>,
    TagPath(tag): TagPath,
    body: Option<ApiJson<GenerateBody>>,
) -> Result<(StatusCode, Json<JobAccepted>), ApiError> {
    let GenerateBody { force } = body.map(|ApiJson(body)| body).unwrap_or_default();
    let tag = existing(&state, &tag).await?;
    let payload = GeneratePayload { tag_type: tag.tag_type, tag_id: tag.id, force, refresh: true };
    let enqueued = state.store.enqueue(&NewJob::generate(&payload, Priority::HIGH)).await?;
    Ok((StatusCode::ACCEPTED, Json(JobAccepted { job_id: enqueued.job.id })))
}

/// The tag of this name, or 404.
async fn existing(state: &AppState, tag: &TagRef) -> Result<Tag, ApiError> {
    let TagRef { tag_type, tag_name } = tag;
    state.store.tag_by_name(*tag_type, tag_name.as_str()).await?.ok_or_else(|| {
        ApiError::new(Code::NotFound, format!("There is no {tag_type} `{tag_name}`; POST /api/tags creates it."))
    })
}

/// Where a tag is found.
fn address(tag: &Tag) -> String {
    format!("/api/tags/{}/{}", tag.tag_type, utf8_percent_encode(&tag.name, NON_ALPHANUMERIC))
}
