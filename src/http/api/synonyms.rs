//! `/api/synonyms`: what tags are also called.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

pub(in crate::http) use super::synonyms_wire::Include;
use super::synonyms_wire::{
    CreateBody, ListQuery, LookupAnswer, LookupBody, MAX_LOOKUP, ReplaceBody, ShowQuery, SynonymsPage, TagSynonyms,
};
use crate::{
    cache::{Answer, Computed, Key, What},
    domain::{Confidence, SynonymRecord, TagName, TagRef},
    http::{
        AppState,
        error::{ApiError, Code},
        etag,
        extract::{ApiJson, ApiQuery, IdPath, TagPath, page},
        openapi::{BadBody, BadRequest, Conflicts, Failures, Missing, Stale, Unauthorized, Unwritable},
    },
    store::SynonymFilter,
};

/// The synonyms of a tag
///
/// The name is matched by its key: case, accents, hyphens and spaces do not matter. A `/` in it is sent as `%2F`.
#[utoipa::path(
    get,
    path = "/api/synonyms/{tag_type}/{tag_name}",
    tag = "synonyms",
    params(
        ("tag_type" = crate::domain::TagType, Path, description = "Genre or mood"),
        ("tag_name" = String, Path, description = "Any spelling of the name", min_length = 1, max_length = 100),
        ShowQuery,
        ("if-none-match" = Option<String>, Header, description = "An ETag: 304 while the row is still that one"),
    ),
    responses(
        (status = 200, description = "The active row", body = TagSynonyms,
            headers(
                ("etag" = String, description = "Names row, version and whether it is embedded"),
                ("x-cache" = Option<String>, description = "`hit` when the answer was kept from before, else `miss`"),
            )),
        (status = 304, description = "It is the one of If-None-Match"),
        BadRequest, Unauthorized, Missing, Failures,
    ),
)]
pub(in crate::http) async fn synonyms_of_tag(
    State(state): State<AppState>,
    TagPath(tag): TagPath,
    ApiQuery(query): ApiQuery<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if query.include.is_some() {
        return show(&state, of_tag(&state, &tag).await?, &query, &headers).await;
    }
    let key = Key {
        what: What::Synonyms,
        version: state.store.vocabulary_version(),
        asked: format!("{} {}", tag.tag_type, tag.tag_name),
    };
    let kept = state.cache.get_or_compute(key, || async {
        let record = of_tag(&state, &tag).await?;
        let etag = etag::of(&record);
        let body = serde_json::to_vec(&TagSynonyms::from(record));
        let body = body.map_err(|error| ApiError::internal(format!("synonyms could not be encoded: {error}")))?;
        Ok::<_, ApiError>(Computed::lasting([etag.as_bytes(), b"\n", &body].concat()))
    });
    let Answer { value, hit } = kept.await?;
    // The ETag, a line break, the body.
    let end = value.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let etag = String::from_utf8_lossy(&value[..end]).into_owned();
    let is_known = etag::is_known(&headers, &etag);
    let cache = [(HeaderName::from_static("x-cache"), if hit { "hit" } else { "miss" })];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, cache, validators(etag)).into_response());
    }
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    Ok((content_type, cache, validators(etag), value.slice(end + 1..)).into_response())
}

/// The active row of this tag, or 404.
async fn of_tag(state: &AppState, tag: &TagRef) -> Result<SynonymRecord, ApiError> {
    let found = state.store.lookup_synonyms(std::slice::from_ref(tag)).await?;
    found.into_iter().next().flatten().ok_or_else(|| {
        let TagRef { tag_type, tag_name } = tag;
        let detail = format!("No active synonyms for {tag_type} `{tag_name}`; POST /api/tags has them generated.");
        ApiError::new(Code::NotFound, detail)
    })
}

/// The headers that let callers keep an answer: they have to ask whether it is still the one.
fn validators(etag: String) -> [(HeaderName, String); 2] {
    [(header::ETAG, etag), (header::CACHE_CONTROL, "private, no-cache".to_owned())]
}

/// One row by its number, active or not
#[utoipa::path(
    get,
    path = "/api/synonyms/{id}",
    tag = "synonyms",
    params(
        ("id" = i64, Path, description = "Number of the row", minimum = 1),
        ShowQuery,
        ("if-none-match" = Option<String>, Header, description = "An ETag: 304 while the row is still that one"),
    ),
    responses(
        (status = 200, description = "The row", body = TagSynonyms,
            headers(("etag" = String, description = "Names row, version and whether it is embedded"))),
        (status = 304, description = "It is the one of If-None-Match"),
        BadRequest, Unauthorized, Missing, Failures,
    ),
)]
pub(in crate::http) async fn synonyms_by_id(
    State(state): State<AppState>,
    IdPath(id): IdPath,
    ApiQuery(query): ApiQuery<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    show(&state, row(&state, id).await?, &query, &headers).await
}

/// Rows, page by page
#[utoipa::path(
    get,
    path = "/api/synonyms",
    tag = "synonyms",
    params(ListQuery),
    responses(
        (status = 200, description = "Active rows by number", body = SynonymsPage),
        BadRequest, Unauthorized, Failures,
    ),
)]
pub(in crate::http) async fn list_synonyms(
    State(state): State<AppState>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<SynonymsPage>, ApiError> {
    let min_confidence = query.min_confidence.map(Confidence::new).transpose()?.map(Confidence::value);
    let filter = SynonymFilter { tag_type: query.tag_type, source: query.source, min_confidence };
    let listing = state.store.list_synonyms(&filter, &page(query.cursor, query.limit)?).await?;
    Ok(Json(SynonymsPage { items: listing.items.into_iter().map(Into::into).collect(), next: listing.next }))
}

/// The synonyms of many tags at once
///
/// For up to 500 tags, and for names that a path cannot carry.
#[utoipa::path(
    post,
    path = "/api/synonyms/lookup",
    tag = "synonyms",
    request_body = LookupBody,
    responses(
        (status = 200, description = "One item for each tag", body = LookupAnswer),
        BadRequest, Unauthorized, BadBody, Failures,
    ),
)]
pub(in crate::http) async fn lookup_synonyms(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<LookupBody>,
) -> Result<Json<LookupAnswer>, ApiError> {
    let count = body.tags.len();
    if count > MAX_LOOKUP {
        let detail = format!("One lookup takes up to {MAX_LOOKUP} tags, not {count}; send several.");
        return Err(ApiError::new(Code::TooManyTags, detail));
    }
    let found = state.store.lookup_synonyms(&body.tags).await?;
    Ok(Json(LookupAnswer { items: found.into_iter().map(|record| record.map(Into::into)).collect() }))
}

/// Write the synonyms of a tag by hand
///
/// Creates the tag when it is new. What a person wrote is final: no generator overwrites it.
#[utoipa::path(
    post,
    path = "/api/synonyms",
    tag = "synonyms",
    request_body = CreateBody,
    responses(
        (status = 201, description = "Stored, found by words at once and by meaning once embedded", body = TagSynonyms,
            headers(("location" = String, description = "The row"), ("etag" = String, description = "Its ETag"))),
        BadRequest, Unauthorized, Conflicts, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn create_synonyms(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<CreateBody>,
) -> Result<Response, ApiError> {
    let record = state.store.create_synonyms(&body.into_draft()?).await?;
    let location = [(header::LOCATION, format!("/api/synonyms/{}", record.id))];
    Ok((StatusCode::CREATED, location, changed(record)).into_response())
}

/// Replace the synonyms of a row
///
/// Generated terms that are left out are kept as rejected, so that no generator brings them back.
#[utoipa::path(
    put,
    path = "/api/synonyms/{id}",
    tag = "synonyms",
    params(
        ("id" = i64, Path, description = "Number of the row", minimum = 1),
        ("if-match" = Option<String>, Header, description = "The ETag of the row as you saw it, or `*`",
            pattern = r#"^(\*|(W/)?"[0-9]+\.[0-9]+e?")$"#),
    ),
    request_body = ReplaceBody,
    responses(
        (status = 200, description = "The row as it is now", body = TagSynonyms,
            headers(("etag" = String, description = "Its ETag"))),
        BadRequest, Unauthorized, Missing, Conflicts, Stale, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn replace_synonyms(
    State(state): State<AppState>,
    IdPath(id): IdPath,
    headers: HeaderMap,
    ApiJson(body): ApiJson<ReplaceBody>,
) -> Result<impl IntoResponse, ApiError> {
    let expected = etag::expected_version(&headers, id)?;
    let SynonymRecord { tag_type, tag_name, .. } = row(&state, id).await?;
    let tag = TagRef { tag_type, tag_name: TagName::parse(&tag_name)? };
    let record = state.store.replace_synonyms(id, &body.into_draft(tag)?, expected).await?;
    Ok(changed(record))
}

/// Take a row out of use
///
/// It leaves a tombstone: generators skip its tag unless forced.
#[utoipa::path(
    delete,
    path = "/api/synonyms/{id}",
    tag = "synonyms",
    params(
        ("id" = i64, Path, description = "Number of the row", minimum = 1),
        ("if-match" = Option<String>, Header, description = "The ETag of the row as you saw it, or `*`",
            pattern = r#"^(\*|(W/)?"[0-9]+\.[0-9]+e?")$"#),
    ),
    responses(
        (status = 204, description = "It is out of use"),
        BadRequest, Unauthorized, Missing, Conflicts, Stale, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn deactivate_synonyms(
    State(state): State<AppState>,
    IdPath(id): IdPath,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    state.store.deactivate_synonyms(id, etag::expected_version(&headers, id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a row into use again
#[utoipa::path(
    post,
    path = "/api/synonyms/{id}/activate",
    tag = "synonyms",
    params(("id" = i64, Path, description = "Number of the row", minimum = 1)),
    responses(
        (status = 200, description = "The row as it is now", body = TagSynonyms,
            headers(("etag" = String, description = "Its ETag"))),
        BadRequest, Unauthorized, Missing, Conflicts, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn activate_synonyms(
    State(state): State<AppState>,
    IdPath(id): IdPath,
) -> Result<impl IntoResponse, ApiError> {
    Ok(changed(state.store.activate_synonyms(id).await?))
}

/// The row with this number, or 404.
pub(super) async fn row(state: &AppState, id: i64) -> Result<SynonymRecord, ApiError> {
    state.store.synonyms_by_ids(&[id]).await?.into_iter().next().ok_or_else(|| no_row(id))
}

fn no_row(id: i64) -> ApiError {
    ApiError::new(Code::NotFound, format!("There is no row {id}; GET /api/synonyms lists the active ones."))
}

/// A row that was just written, with its ETag.
pub(super) fn changed(record: SynonymRecord) -> ([(HeaderName, String); 1], Json<TagSynonyms>) {
    ([(header::ETAG, etag::of(&record))], Json(record.into()))
}

/// A row that was read: 304 when the caller has it, else with what `query` adds.
async fn show(
    state: &AppState,
    record: SynonymRecord,
    query: &ShowQuery,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let etag = etag::of(&record);
    let known = etag::is_known(headers, &etag);
    let caching = validators(etag);
    if known {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let mut answer = TagSynonyms::from(record);
    if let (Some(Include::Embedding), Some(embedding)) = (query.include, &mut answer.embedding) {
        embedding.vector = state.store.embedding(answer.id).await?;
    }
    Ok((caching, Json(answer)).into_response())
}
