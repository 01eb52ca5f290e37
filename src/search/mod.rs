//! Search: the database recalls, this module ranks.
//!
//! An exact name scores 1.0, another name of the tag (alias or translation) 0.90 to 0.99, everything else at most 0.89:
//! 0.3 × lexical + 0.7 × vector on calibrated scores, where strong lexical evidence stands on its own. A query of several
//! parts (`calm but not sad`) is asked part by part.

mod answer;
mod ask;
mod combine;
mod compound;
pub mod evaluation;
mod fuse;
mod gloss;
mod lexical;
mod occasions;
mod reading;
mod searcher;
mod spelling;
mod spread;
pub(crate) mod typing;

pub use answer::{
    BranchExplanation, Branches, Corrected, Degraded, Explanation, Fusion, Glossed, MAX_LIMIT, MAX_QUERY_CHARS, Match,
    MatchKind, SearchAnswer, SearchHit, SearchRequest, SearchRequestError,
};
pub use gloss::may_be_french;
pub use searcher::{EncodedAnswer, SearchError, SearchSettings, Searcher};
