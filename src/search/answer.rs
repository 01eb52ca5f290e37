//! What a search is asked and what it answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Lang, Synonyms, TagType};

/// Most results of one search.
pub const MAX_LIMIT: usize = 100;

/// Longest query in Unicode scalar values.
pub const MAX_QUERY_CHARS: usize = 200;

/// How the two branches become one score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fusion {
    /// 0.3 × lexical + 0.7 × vector, on calibrated scores.
    #[default]
    Weighted,
    /// Reciprocal ranks: what both branches rank high comes first, whatever their scores. Names keep their bands.
    Rrf,
}

/// Which branches of the search run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Branches {
    /// Words and meaning.
    #[default]
    Both,
    /// Words alone.
    Lexical,
    /// Meaning alone.
    Vector,
}

/// A search, checked.
#[expect(clippy::struct_excessive_bools, reason = "each part of the search can be left out, to measure its worth")]
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// The query as given, trimmed.
    pub q: String,
    /// Of one type only.
    pub tag_type: Option<TagType>,
    /// Most results, 1..=[`MAX_LIMIT`].
    pub limit: usize,
    /// The language of the query, where the caller knows it: a tie between terms goes to this language.
    pub lang: Option<Lang>,
    /// Whether to say how each score came about.
    pub explain: bool,
    /// Results below this score are left out, 0..=1.
    pub min_score: f64,
    /// How the branches become one score.
    pub fusion: Fusion,
    /// Which of them run; all, unless their worth is measured.
    pub branches: Branches,
    /// Whether the standby's vectors are asked rather than the active ones.
    pub by_standby: bool,
    /// Whether French words are put into English; always, unless its worth is measured.
    pub gloss: bool,
    /// Whether typing errors are forgiven; always, unless its worth is measured.
    pub typos: bool,
    /// Whether what the best results are related to rises; always, unless its worth is measured.
    pub related: bool,
    /// Whether negations and joined parts are understood; always, unless its worth is measured.
    pub composite: bool,
}

/// Why a search cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SearchRequestError {
    /// Nothing visible in the query.
    #[error("q needs at least one visible character")]
    EmptyQuery,
    /// Too long a query.
    #[error("q has at most {MAX_QUERY_CHARS} characters, this one has {0}")]
    LongQuery(usize),
    /// A limit out of range.
    #[error("limit is 1 to {MAX_LIMIT}, not {0}")]
    Limit(usize),
    /// A score out of range.
    #[error("min_score is 0 to 1, not {0}")]
    MinScore(f64),
}

impl SearchRequest {
    /// A search for `q` with defaults: both types, ten results.
    pub fn new(q: &str) -> Self {
        Self {
            q: q.trim().to_owned(),
            tag_type: None,
            limit: 10,
            lang: None,
            explain: false,
            min_score: 0.0,
            fusion: Fusion::Weighted,
            branches: Branches::Both,
            by_standby: false,
            gloss: true,
            typos: true,
            related: true,
            composite: true,
        }
    }

    /// Checks every part.
    ///
    /// # Errors
    /// [`SearchRequestError`] names the parameter and its bounds.
    pub fn validate(&self) -> Result<(), SearchRequestError> {
        let length = self.q.chars().count();
        if length > MAX_QUERY_CHARS {
            return Err(SearchRequestError::LongQuery(length));
        }
        if crate::domain::key(&self.q).is_empty() {
            return Err(SearchRequestError::EmptyQuery);
        }
        if !(1..=MAX_LIMIT).contains(&self.limit) {
            return Err(SearchRequestError::Limit(self.limit));
        }
        if !(0.0..=1.0).contains(&self.min_score) {
            return Err(SearchRequestError::MinScore(self.min_score));
        }
        Ok(())
    }
}

/// The answer to a search, best result first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SearchAnswer {
    /// The query as understood.
    pub query: String,
    /// How many results follow.
    pub count: usize,
    /// Branches that could not run, and why; empty when the answer is complete.
    pub degraded: Vec<Degraded>,
    /// The results.
    pub results: Vec<SearchHit>,
    /// How the query was read, with `explain=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<BranchExplanation>,
}

/// A branch that could not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Degraded {
    /// `vector`.
    #[schema(example = "vector")]
    pub branch: String,
    /// A stable word for the reason: `embedder_unavailable`, `embedder_timeout`, `embedding_space_changed`.
    #[schema(example = "embedder_unavailable")]
    pub code: String,
    /// A sentence that says why and what helps.
    pub reason: String,
}

/// One tag found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SearchHit {
    /// Genre or mood.
    pub tag_type: TagType,
    /// The tag's name.
    pub tag_name: String,
    /// Number of its synonyms row.
    pub id: i64,
    /// Orders the results: exact name 1.0, alias or translation 0.90 to 0.99, else at most 0.89.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub score: f64,
    /// Calibrated score of the lexical branch, 0..=1; `null` when it did not find the tag.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub fts_score: Option<f64>,
    /// Calibrated score of the vector branch, 0..=1; `null` when it did not run or the tag has no vector yet.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub vector_score: Option<f64>,
    /// What met the query.
    #[serde(rename = "match")]
    pub matched: Match,
    /// The tag's synonyms.
    pub synonyms: Arc<Synonyms>,
    /// How the score came about, with `explain=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explanation>,
}

/// How a tag met the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MatchKind {
    /// The query is the tag's name.
    Exact,
    /// The query is another of its terms.
    Alias,
    /// The query is its name in another language.
    Translation,
    /// Words of the query stand in a term.
    Text,
    /// The query is a misspelling of a term.
    Fuzzy,
    /// The meaning is near.
    Vector,
}

impl MatchKind {
    /// Whether the query is a name of the tag.
    pub const fn is_name(self) -> bool {
        matches!(self, Self::Exact | Self::Alias | Self::Translation)
    }
}

/// What met the query.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Match {
    /// How.
    pub kind: MatchKind,
    /// The term; `null` for a match by meaning alone.
    pub term: Option<String>,
    /// The term's language, where known.
    pub lang: Option<Lang>,
}

/// How a score came about.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// A sentence for a person.
    pub reason: String,
    /// Raw cosine of query and tag, -1..=1, before calibration.
    pub cosine: Option<f64>,
    /// Weight of the lexical score in the sum (0 where a band decided).
    pub lexical_weight: f64,
    /// Weight of the vector score in the sum (0 where a band decided).
    pub vector_weight: f64,
}

/// A part of the query that was put into English before it was embedded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Glossed {
    /// As asked, folded.
    pub from: String,
    /// In English.
    pub to: String,
}

/// A misspelt word of the query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Corrected {
    /// As asked, folded.
    pub from: String,
    /// As it was read.
    pub to: String,
}

/// How the query was read. Of a composite query, all but `wanted` and `unwanted` is said of the first wanted part.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BranchExplanation {
    /// What is asked for: the query itself, or the parts of a composite one, which a result should meet together.
    pub wanted: Vec<String>,
    /// What is left out (`sad` of `calm but not sad`).
    pub unwanted: Vec<String>,
    /// Words that were read as others, for they seem misspelt.
    pub corrected: Vec<Corrected>,
    /// The query's key.
    pub key: String,
    /// The stems looked for, a group for each word.
    pub stems: Vec<Vec<String>>,
    /// The language that the query was taken for; `null` where nothing told.
    pub lang: Option<Lang>,
    /// What was put into English before embedding.
    pub glossed: Vec<Glossed>,
    /// The text that was embedded; `null` when the vector branch did not run.
    pub embedded_text: Option<String>,
    /// The embedding space; `null` when the vector branch did not run.
    pub space: Option<String>,
    /// Terms that the lexical branch proposed.
    pub lexical_candidates: usize,
    /// Tags that the vector branch proposed.
    pub vector_candidates: usize,
}
