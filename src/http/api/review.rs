//! `/api/review`: terms that wait for a person.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::{ReviewStatus, TagType, term_text},
    http::{
        AppState,
        error::{ApiError, Code},
        extract::{ApiJson, ApiQuery, page},
        openapi::{BadBody, BadRequest, Failures, Unauthorized, Unwritable},
    },
    store::{BulkVerdict, Decision, ReviewCounts, ReviewFilter, ReviewItem, ReviewOutcome, Verdict},
};

/// Most decisions of one request.
const MAX_DECISIONS: usize = 500;

/// Which terms to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ReviewQuery {
    /// In one status only.
    status: Option<ReviewStatus>,
    /// Of one tag type only.
    tag_type: Option<TagType>,
    /// Of one row only.
    synonym_id: Option<i64>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A page of terms.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ReviewPage {
    /// The terms, by number.
    items: Vec<ReviewItem>,
    /// The cursor of the next page; `null` at the end.
    next: Option<String>,
}

/// Decisions: either one by one, or one for all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ReviewBody {
    /// Decisions on single terms.
    #[schema(max_items = 500, nullable = false)]
    decisions: Option<Vec<DecisionBody>>,
    /// Which terms to decide on alike; `{}` for every one that waits.
    #[schema(nullable = false)]
    all: Option<AllBody>,
    /// What becomes of them; with `all` only.
    #[schema(nullable = false)]
    action: Option<BulkVerdict>,
}

/// A decision on one term.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DecisionBody {
    /// Number of the term.
    id: i64,
    /// What becomes of it.
    action: ReviewAction,
    /// The new words; with `edit` only.
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    term: Option<String>,
}

/// What becomes of a term.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum ReviewAction {
    /// It counts from now on.
    Accept,
    /// It counts in other words.
    Edit,
    /// It never comes back from a generator.
    Reject,
}

/// Terms to decide on alike.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::http) struct AllBody {
    /// In one status only.
    #[schema(nullable = false)]
    status: Option<ReviewStatus>,
    /// Of one tag type only.
    #[schema(nullable = false)]
    tag_type: Option<TagType>,
    /// Of one row only.
    #[schema(nullable = false)]
    synonym_id: Option<i64>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ReviewAnswer {
    /// One outcome for each of `decisions`, in order; empty for `all`.
    outcomes: Vec<ReviewOutcome>,
    /// How often each came about.
    counts: ReviewCounts,
}

/// What a body asks for, checked.
enum Request {
    Each(Vec<Decision>),
    All(ReviewFilter, BulkVerdict),
}

impl ReviewBody {
    fn into_request(self) -> Result<Request, ApiError> {
        match (self.decisions, self.all, self.action) {
            (Some(decisions), None, None) if decisions.len() > MAX_DECISIONS => {
                let count = decisions.len();
                let detail = format!("One request takes up to {MAX_DECISIONS} decisions, not {count}; send several.");
                Err(ApiError::new(Code::TooManyDecisions, detail))
            }
            (Some(decisions), None, None) => {
                decisions.into_iter().map(DecisionBody::into_decision).collect::<Result<_, _>>().map(Request::Each)
            }
            (None, Some(AllBody { status, tag_type, synonym_id }), Some(action)) => {
                Ok(Request::All(ReviewFilter { status, tag_type, synonym_id }, action))
            }
            _ => Err(ApiError::new(
                Code::InvalidBody,
                "Send either `decisions`, each with its action, or `all` with one `action` for every term it selects.",
            )),
        }
    }
}

impl DecisionBody {
    fn into_decision(self) -> Result<Decision, ApiError> {
        let verdict = match (self.action, self.term) {
            (ReviewAction::Accept, None) => Verdict::Accept,
            (ReviewAction::Reject, None) => Verdict::Reject,
            (ReviewAction::Edit, Some(text)) => Verdict::Edit(term_text(&text)?),
            (ReviewAction::Edit, None) => {
                let detail = format!("The decision on {} is an edit without `term`; send the new words.", self.id);
                return Err(ApiError::new(Code::InvalidBody, detail));
            }
            (_, Some(_)) => {
                let detail =
                    format!("The decision on {} has a `term` but is no edit; say `edit` or leave it.", self.id);
                return Err(ApiError::new(Code::InvalidBody, detail));
            }
        };
        Ok(Decision { id: self.id, verdict })
    }
}

/// Terms that wait for a person, page by page
///
/// Doubtful ones (`quarantined`), and what a forced generation found for a row that a person wrote (`proposed`).
#[utoipa::path(
    get,
    path = "/api/review",
    tag = "review",
    params(ReviewQuery),
    responses((status = 200, description = "Terms by number", body = ReviewPage), BadRequest, Unauthorized, Failures),
)]
pub(in crate::http) async fn list_review(
    State(state): State<AppState>,
    ApiQuery(query): ApiQuery<ReviewQuery>,
) -> Result<Json<ReviewPage>, ApiError> {
    let ReviewQuery { status, tag_type, synonym_id, cursor, limit } = query;
    let filter = ReviewFilter { status, tag_type, synonym_id };
    let listing = state.store.list_review(&filter, &page(cursor, limit)?).await?;
    Ok(Json(ReviewPage { items: listing.items, next: listing.next }))
}

/// Accept, edit or reject terms
///
/// All in one transaction. Each row that is touched gets one new version and stays whose it was. A term that is not there
/// any more, or was decided on meanwhile, is `gone`; one whose section is `full` goes on waiting.
#[utoipa::path(
    post,
    path = "/api/review",
    tag = "review",
    request_body = ReviewBody,
    responses(
        (status = 200, description = "What came of it", body = ReviewAnswer),
        BadRequest, Unauthorized, BadBody, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn decide_review(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<ReviewBody>,
) -> Result<Json<ReviewAnswer>, ApiError> {
    let (outcomes, counts) = match body.into_request()? {
        Request::Each(decisions) => {
            let outcomes = state.store.review(&decisions).await?;
            let counts = outcomes.iter().copied().collect();
            (outcomes, counts)
        }
        Request::All(filter, verdict) => (Vec::new(), state.store.review_all(&filter, verdict).await?),
    };
    Ok(Json(ReviewAnswer { outcomes, counts }))
}
