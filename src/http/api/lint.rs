//! `/api/lint`: what a person may want to mend in the vocabulary.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::TagType,
    http::{
        AppState,
        error::ApiError,
        extract::{ApiQuery, page},
        openapi::{BadRequest, Failures, Unauthorized},
    },
    lint::{Finding, FindingFilter, FindingKind, LookedAt, Meaning},
};

/// Which findings to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct LintQuery {
    /// Of one kind only.
    kind: Option<FindingKind>,
    /// About tags of one type only.
    tag_type: Option<TagType>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A page of findings, and what the whole report looked at.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LintPage {
    /// The findings: by kind, then by the type and number of their first tag.
    items: Vec<Finding>,
    /// How many findings of each kind there are, about tags of that type; kinds without any are left out.
    counts: BTreeMap<FindingKind, usize>,
    /// How much was looked at.
    looked_at: LookedAt,
    /// From which cosine on two tags mean one thing; `null` where nothing was embedded yet.
    meaning: Option<Meaning>,
    /// What was not looked at, and why, a sentence each.
    not_looked_at: Vec<String>,
    /// The cursor of the next page; `null` at the end.
    next: Option<String>,
}

/// What may want mending in the vocabulary, page by page
///
/// Tags that are one, aliases that mean several, tags without synonyms or vectors, terms that help nobody. Each with why, and
/// with what would mend it; nothing is changed. A report is made when the database has changed since the last, which takes
/// seconds for many thousands of tags; where that is over the time limit of requests, ask again after a while.
#[utoipa::path(
    get,
    path = "/api/lint",
    tag = "lint",
    params(LintQuery),
    responses((status = 200, description = "Findings by kind and tag", body = LintPage), BadRequest, Unauthorized, Failures),
)]
pub(in crate::http) async fn list_findings(
    State(state): State<AppState>,
    ApiQuery(query): ApiQuery<LintQuery>,
) -> Result<Json<LintPage>, ApiError> {
    let LintQuery { kind, tag_type, cursor, limit } = query;
    let page = page(cursor, limit)?;
    let (listing, report) = state.linter.findings(FindingFilter { kind, tag_type }, &page).await?;
    Ok(Json(LintPage {
        items: listing.items,
        counts: report.counts(tag_type),
        looked_at: report.looked_at,
        meaning: report.meaning.clone(),
        not_looked_at: report.not_looked_at.clone(),
        next: listing.next,
    }))
}
