//! Search: lexical and vector branches side by side, fused and explained.

mod answer;
mod searcher;

pub use answer::{
    BranchExplanation, Degraded, Explanation, Fusion, MAX_LIMIT, MAX_QUERY_CHARS, Match, MatchKind, SearchAnswer,
    SearchHit, SearchRequest, SearchRequestError,
};
pub use searcher::{EncodedAnswer, SearchError, SearchSettings, Searcher};
