//! How synonyms travel: bodies, parameters and answers of `/api/synonyms`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::{Confidence, Source, SynonymRecord, Synonyms, SynonymsError, TagName, TagRef, TagType, Term, Timestamp},
    http::error::ApiError,
    store::SynonymsDraft,
};

/// Most tags of one lookup.
pub(super) const MAX_LOOKUP: usize = 500;

/// The synonyms of a tag.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TagSynonyms {
    /// Number of the row.
    pub id: i64,
    /// Number of the tag within its type.
    pub tag_id: i64,
    /// Genre or mood.
    pub tag_type: TagType,
    /// The tag's name as written.
    #[schema(example = "hip hop")]
    pub tag_name: String,
    /// The four sections.
    pub synonyms: Synonyms,
    /// Who wrote the row.
    pub source: Source,
    /// How far the row can be trusted.
    pub confidence: Confidence,
    /// False once a person has taken it out.
    pub is_active: bool,
    /// Raised by one at every change of the content.
    pub version: i64,
    /// Its vector; `null` until it is embedded.
    pub embedding: Option<Embedding>,
    /// First written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// The vector of a row.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Embedding {
    /// The space it lies in; vectors of different spaces cannot be compared.
    pub space: String,
    /// How many numbers it has.
    pub dimensions: usize,
    /// The numbers, L2-normalised; only with `include=embedding`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub vector: Option<Vec<f32>>,
}

impl From<SynonymRecord> for TagSynonyms {
    fn from(record: SynonymRecord) -> Self {
        Self {
            id: record.id,
            tag_id: record.tag_id,
            tag_type: record.tag_type,
            tag_name: record.tag_name,
            synonyms: record.synonyms,
            source: record.source,
            confidence: record.confidence,
            is_active: record.is_active,
            version: record.version,
            embedding: record.embedding.map(|(space, dimensions)| Embedding { space, dimensions, vector: None }),
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// What to add to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Include {
    /// The numbers of its vector.
    Embedding,
}

/// How to show one row.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShowQuery {
    /// `embedding` adds the numbers of the vector.
    pub include: Option<Include>,
}

/// Which rows to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Of one tag type only.
    pub tag_type: Option<TagType>,
    /// Of one source only.
    pub source: Option<Source>,
    /// At least this confidence.
    #[param(minimum = 0.0, maximum = 1.0)]
    pub min_confidence: Option<f64>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<usize>,
}

/// A page of rows.
#[derive(Serialize, ToSchema)]
pub struct SynonymsPage {
    /// The rows, by number.
    pub items: Vec<TagSynonyms>,
    /// The cursor of the next page; `null` at the end.
    pub next: Option<String>,
}

/// Tags to look up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupBody {
    /// The tags; any spelling of a name will do.
    #[schema(max_items = 500)]
    pub tags: Vec<TagRef>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct LookupAnswer {
    /// One for each tag asked for, in that order; `null` where there are no synonyms.
    pub items: Vec<Option<TagSynonyms>>,
}

/// Synonyms of a tag, as a person wrote them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBody {
    /// Genre or mood.
    pub tag_type: TagType,
    /// The tag; it is created when it is new.
    #[schema(min_length = 1, max_length = 100, example = "hip hop")]
    pub tag_name: String,
    /// The sections; at least one term in all.
    pub synonyms: Synonyms,
    /// How far they can be trusted; 1 when absent.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: Option<f64>,
}

impl CreateBody {
    /// Checks every part.
    pub fn into_draft(self) -> Result<SynonymsDraft, ApiError> {
        let tag = TagRef { tag_type: self.tag_type, tag_name: TagName::parse(&self.tag_name)? };
        draft(tag, self.synonyms, self.confidence)
    }
}

/// What a row is replaced by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceBody {
    /// The sections; at least one term in all.
    pub synonyms: Synonyms,
    /// How far they can be trusted; 1 when absent.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: Option<f64>,
}

impl ReplaceBody {
    /// Checks every part, for the row of `tag`.
    pub fn into_draft(self, tag: TagRef) -> Result<SynonymsDraft, ApiError> {
        draft(tag, self.synonyms, self.confidence)
    }
}

fn draft(tag: TagRef, synonyms: Synonyms, confidence: Option<f64>) -> Result<SynonymsDraft, ApiError> {
    let confidence = confidence.map_or(Ok(Confidence::CERTAIN), Confidence::new)?;
    let terms: Result<Vec<Term>, SynonymsError> = synonyms.into_terms(Source::Manual, confidence);
    Ok(SynonymsDraft { tag, terms: terms?, confidence })
}
