//! Files of other programs: what they read of a library ([`beets`], [`picard`], [`meilisearch`], [`typesense`], [`elasticsearch`],
//! [`opensearch`], [`solr`], [`navidrome`], [`csv`]), and what of theirs becomes tags ([`csv`], [`beets_tree`], [`solr`]).
//!
//! All of it is pure: texts from a vocabulary in memory, rows from texts. docs/FORMATS.md has an example of each.

pub mod additions;
pub mod beets;
pub mod beets_tree;
pub mod csv;
pub mod elasticsearch;
pub mod meilisearch;
mod names;
pub mod navidrome;
pub mod opensearch;
mod pattern;
pub mod picard;
pub mod solr;
#[cfg(test)]
mod tests;
pub mod typesense;
mod yaml;

pub use names::{NamedTag, named_tags};

/// A file for another program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Its text.
    pub text: String,
    /// How many tags stand in it.
    pub tags: usize,
    /// Names that the format cannot hold.
    pub left_out: Vec<String>,
}

/// A line of a file from outside that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it, and the mend.
    pub problem: String,
}

impl Wrong {
    /// A line with its problem.
    pub fn new(line: u64, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

/// Indented JSON with a line break at its end.
fn json_text(value: &impl serde::Serialize) -> String {
    // Nothing that is written here has a key that is no text, which is all that can fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
