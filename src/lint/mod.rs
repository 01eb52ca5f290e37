//! A linter for the vocabulary: tags that are one, aliases that mean several, tags without synonyms or vectors, terms that help
//! nobody. It proposes and changes nothing.
//!
//! [`report()`] reads the store twice, page by page: once to learn what the whole says (`vocabulary`), once to look at each tag
//! against it (`check`). The rules know no database: `names`, `rows` and `terms` by tag and term, `meaning` by vectors. [`Linter`]
//! holds the last report for whoever reads it page by page.

mod check;
mod finding;
mod linter;
mod meaning;
mod mend;
mod names;
mod report;
mod rows;
mod tables;
mod terms;
mod vocabulary;

pub use finding::{Finding, FindingKind, FoundTag, MAX_LISTED_TAGS, Mend, MendRequest};
pub use linter::{FindingFilter, Linter};
pub use report::{LookedAt, Meaning, Report, report};

use crate::store::StoreError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The linter itself has stopped.
    #[error("the linter has stopped: {0}")]
    Stopped(String),
}

#[cfg(test)]
mod tests;
