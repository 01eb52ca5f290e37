//! What `crate::enrich` knows of a tag: its name and the active terms of its row.

use crate::domain::{Confidence, Lang, Section, TagType};

/// A tag with its active terms.
#[derive(Clone, Debug, PartialEq)]
pub struct TagWithTerms {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its number within its type.
    pub id: i64,
    /// Its name; plain SQL may have written anything.
    pub name: String,
    /// How far its active row can be trusted; `None` where it has none.
    pub confidence: Option<Confidence>,
    /// The active terms of its active row, in their order.
    pub terms: Vec<KeyedTerm>,
}

/// A term with its key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedTerm {
    /// Where it stands.
    pub section: Section,
    /// Its language, where known.
    pub lang: Option<Lang>,
    /// As written.
    pub term: String,
    /// Its normalised form.
    pub key: String,
    /// How far it can be trusted.
    pub confidence: Confidence,
}
