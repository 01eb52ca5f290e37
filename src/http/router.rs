//! All routes on one screen, and what wraps them.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    AppState, HttpLimits,
    api::{
        batches, deliveries, enrich, events, jobs, lint, merge, resolve, review, revisions, search, steering, synonyms,
        tags,
    },
    auth, error, health, middleware,
    openapi::ApiDoc,
    ui, webhooks,
};

/// What the API key guards.
fn guarded() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .routes(routes!(search::search_tags))
        .routes(routes!(synonyms::list_synonyms, synonyms::create_synonyms))
        .routes(routes!(synonyms::lookup_synonyms))
        .routes(routes!(synonyms::synonyms_of_tag))
        // A tag may be called `revisions` or `activate`: its type in the path comes before `{id}`.
        .route("/api/synonyms/genre/{tag_name}", get(synonyms::synonyms_of_tag))
        .route("/api/synonyms/mood/{tag_name}", get(synonyms::synonyms_of_tag))
        .routes(routes!(synonyms::synonyms_by_id, synonyms::replace_synonyms, synonyms::deactivate_synonyms))
        .routes(routes!(synonyms::activate_synonyms))
        .routes(routes!(revisions::synonym_revisions))
        .routes(routes!(revisions::revision_by_version))
        .routes(routes!(revisions::restore_revision))
        .routes(routes!(review::list_review, review::decide_review))
        .routes(routes!(tags::list_tags, tags::create_tag))
        .routes(routes!(tags::tag_by_name, tags::rename_tag, tags::delete_tag))
        .routes(routes!(tags::generate_tag))
        .routes(routes!(merge::merge_tags))
        .routes(routes!(lint::list_findings))
        .routes(routes!(resolve::resolve_strings))
        .routes(routes!(enrich::summarise_track))
        .routes(routes!(enrich::summarise_tracks))
        .routes(routes!(enrich::llm_context))
        .routes(routes!(enrich::llm_contexts))
        .routes(routes!(enrich::list_tools))
        .routes(routes!(jobs::list_jobs))
        .routes(routes!(jobs::job_by_id))
        .routes(routes!(jobs::retry_job))
        .routes(routes!(jobs::cancel_job))
        .routes(routes!(steering::work_state))
        .routes(routes!(steering::pause_work))
        .routes(routes!(steering::resume_work))
        .routes(routes!(steering::retry_jobs))
        .routes(routes!(batches::list_batches, batches::start_batch))
        .routes(routes!(batches::batch_by_id))
        .routes(routes!(batches::cancel_batch))
        .routes(routes!(batches::batch_events))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(deliveries::retry_delivery))
        .routes(routes!(events::event_stream))
        .routes(routes!(openapi_document))
        .routes(routes!(health::metrics))
        .routes(routes!(ui::page))
}

/// What is open to everybody; a webhook brings its own signature.
fn open() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::receive_webhook))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
}

/// The whole service over `state`.
pub fn router(state: AppState, limits: HttpLimits) -> Router {
    let (guarded, _) = guarded().split_for_parts();
    let (open, _) = open().split_for_parts();
    let docs = SwaggerUi::new("/docs").config(Config::from("/api/openapi.json"));
    let docs = Router::from(docs).layer(from_fn(ui::docs_headers));
    guarded
        .merge(docs)
        .layer(from_fn_with_state(state.clone(), auth::require_key))
        .merge(open)
        // From here on, the later a layer stands, the further outside it is.
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn_with_state(limits.timeout, middleware::limit_time))
        .layer(from_fn(error::render))
        .layer(CompressionLayer::new())
        .layer(from_fn(middleware::observe))
        .with_state(state)
}

/// The OpenAPI document of every route.
pub fn openapi() -> utoipa::openapi::OpenApi {
    guarded().merge(open()).into_openapi()
}

/// The OpenAPI document
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "service",
    responses((status = 200, description = "This document", body = Object), super::openapi::Unauthorized, super::openapi::Failures),
)]
async fn openapi_document() -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(openapi())
}
