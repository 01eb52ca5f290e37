//! `/api/synonyms/search`: tags by their meaning.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use axum::{
    extract::State,
    http::{HeaderName, header},
    response::IntoResponse,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    domain::{Lang, TagType},
    http::{
        AppState,
        error::{ApiError, Code},
        extract::ApiQuery,
        openapi::{BadRequest, Failures, Unauthorized},
    },
    search::{Fusion, SearchAnswer, SearchRequest},
};

/// What to search and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SearchQuery {
    /// Words in English or French, misspelt or not.
    #[param(min_length = 1, max_length = 200, example = "musique pour courir")]
    q: String,
    /// Of one type only.
    tag_type: Option<TagType>,
    /// Most results.
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<usize>,
    /// The language of the query, where you know it.
    lang: Option<Lang>,
    /// Whether to say how each score came about.
    explain: Option<bool>,
    /// Leaves out results below this score.
    #[param(minimum = 0.0, maximum = 1.0)]
    min_score: Option<f64>,
    /// How the lexical and the vector score become one.
    fusion: Option<Fusion>,
}

impl SearchQuery {
    fn into_request(self) -> Result<SearchRequest, ApiError> {
        // Tabs and line ends come with pasted text and are spaces; anything else of their kind is no text.
        if self.q.chars().any(|c| c.is_control() && !c.is_whitespace()) {
            let detail = "q has a control character (NUL, for example); send text only.";
            return Err(ApiError::new(Code::InvalidQuery, detail));
        }
        let defaults = SearchRequest::new(&self.q);
        Ok(SearchRequest {
            tag_type: self.tag_type,
            limit: self.limit.unwrap_or(defaults.limit),
            lang: self.lang,
            explain: self.explain.unwrap_or(defaults.explain),
            min_score: self.min_score.unwrap_or(defaults.min_score),
            fusion: self.fusion.unwrap_or(defaults.fusion),
            ..defaults
        })
    }
}

/// Search tags by words and by meaning
///
/// An exact name scores 1.0, another name or a translation 0.90 to 0.99, the rest at most 0.89. When a branch could
/// not run, `degraded` says so; that is still a 200.
#[utoipa::path(
    get,
    path = "/api/synonyms/search",
    tag = "search",
    params(SearchQuery),
    responses(
        (status = 200, description = "Tags, best first", body = SearchAnswer,
            headers(("x-cache" = String, description = "`hit` when the answer was kept from before, else `miss`"))),
        BadRequest, Unauthorized, Failures,
    ),
)]
pub(in crate::http) async fn search_tags(
    State(state): State<AppState>,
    ApiQuery(query): ApiQuery<SearchQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let answer = state.searcher.search_encoded(&query.into_request()?).await?;
    let cache = if answer.cached { "hit" } else { "miss" };
    let headers = [(header::CONTENT_TYPE, "application/json"), (HeaderName::from_static("x-cache"), cache)];
    Ok((headers, answer.body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(q: &str) -> Result<SearchRequest, Code> {
        let query = SearchQuery {
            q: q.into(),
            tag_type: None,
            limit: None,
            lang: None,
            explain: None,
            min_score: None,
            fusion: None,
        };
        query.into_request().map_err(|error| error.code())
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for fine in
            ["rock", "a\tb\r\n", "\"rock", "AND OR NOT NEAR(a b)", "title:rock*", "'; DROP TABLE job;--", "日本"]
        {
            assert!(request(fine).is_ok(), "{fine}");
        }
        assert_eq!(request("a\0b"), Err(Code::InvalidQuery));
        assert_eq!(request("\u{1b}[31m"), Err(Code::InvalidQuery));
    }
}
