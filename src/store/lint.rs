//! What `musonym lint` looks at: a tag with what is stored for it and what is on its way.

use crate::domain::{Source, Synonyms, TagType};

/// A tag as the linter reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct TagToLint {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its number within its type.
    pub id: i64,
    /// Its name; plain SQL may have written anything.
    pub name: String,
    /// What is stored for it.
    pub content: ContentToLint,
}

/// What is stored for a tag.
#[derive(Clone, Debug, PartialEq)]
pub enum ContentToLint {
    /// Nothing was ever written for it.
    Nothing {
        /// Whether its generation is queued or runs.
        waits: bool,
    },
    /// A person took its synonyms out of use.
    Tombstone,
    /// It has active synonyms.
    Row(RowToLint),
}

/// An active row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowToLint {
    /// Its number.
    pub synonym_id: i64,
    /// Who wrote it.
    pub source: Source,
    /// Its active terms.
    pub synonyms: Synonyms,
    /// The space of its vector; `None` where it has none.
    pub space: Option<String>,
    /// Whether its embedding is queued or runs.
    pub waits: bool,
}
