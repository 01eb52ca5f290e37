//! What `musonym export` writes and `musonym import` reads: whole tags, with all that lets another database take them over
//! as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Calibration, Confidence, Source, Synonyms, TagName, TagType, Term, Timestamp};

/// The format of an export's lines. Format 1 had no header and no [`ExportRecord`].
pub const EXPORT_FORMAT: u32 = 2;

/// The first line of an export: what its vectors depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportHeader {
    /// [`EXPORT_FORMAT`].
    #[serde(rename = "musonym_export")]
    pub format: u32,
    /// The active embedding space; `None` before anything was embedded.
    pub embedding_space: Option<String>,
    /// What cosines mean, by space, where it was measured.
    #[serde(default)]
    pub calibrations: BTreeMap<String, Calibration>,
}

/// A tag with what is stored for it: one line of `musonym export`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportRow {
    /// Genre or mood.
    pub tag_type: TagType,
    /// The tag's name.
    pub name: TagName,
    /// When the tag was created; `None` in a plain export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_created_at: Option<Timestamp>,
    /// The synonyms; `None` for a tag that has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synonyms: Option<ExportSynonyms>,
}

/// The synonyms of an [`ExportRow`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportSynonyms {
    /// Who wrote the row.
    pub source: Source,
    /// How far it can be trusted.
    pub confidence: Confidence,
    /// False for a tombstone.
    pub is_active: bool,
    /// All terms, rejected ones included.
    pub terms: Vec<Term>,
    /// Its version, history and vectors; `None` in a plain export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<ExportRecord>,
}

/// What makes a row the same row in another database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRecord {
    /// Raised by one at every change of the content.
    pub version: i64,
    /// First written.
    pub created_at: Timestamp,
    /// Last changed.
    pub updated_at: Timestamp,
    /// The row's vectors: that of the active space first, the others by the name of their space.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vectors: Vec<ExportVector>,
    /// Its history, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<ExportRevision>,
}

/// A vector in its space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportVector {
    /// The embedding space.
    pub space: String,
    /// L2-normalised. Written as base64 of little-endian f32: exact, and a third of the size of decimals.
    #[serde(with = "base64_f32")]
    pub vector: Vec<f32>,
}

/// A change of a row; see [`crate::store::Revision`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRevision {
    /// The version that the change made, or that of the row.
    pub version: i64,
    /// What was done.
    pub action: String,
    /// Who did it.
    pub source: Source,
    /// Name of the tag at that time.
    pub tag_name: String,
    /// The sections before; `None` for the first version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Synonyms>,
    /// The sections after; `None` where the row went out of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Synonyms>,
    /// When.
    pub created_at: Timestamp,
}

/// How much of a tag is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportDetail {
    /// Names and terms, for people who read and edit.
    Plain,
    /// Everything.
    Complete,
}

/// What became of an imported row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    /// The tag was new.
    Created,
    /// The tag was there, its synonyms are replaced.
    Replaced,
    /// The same stands there already.
    Unchanged,
    /// A person wrote what is there; it was kept.
    KeptManual,
}

/// Vectors as text.
mod base64_f32 {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(vector: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(|_| D::Error::custom("a vector is not base64"))?;
        let (values, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(D::Error::custom("a vector is cut off: its bytes are no multiple of four"));
        }
        Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_written_exactly_and_what_is_none_is_named() {
        let vector = ExportVector { space: "a".to_owned(), vector: vec![0.1, -1.5, f32::MIN_POSITIVE] };
        let json = serde_json::to_string(&vector).unwrap();
        assert_eq!(json, r#"{"space":"a","vector":"zczMPQAAwL8AAIAA"}"#);
        assert_eq!(serde_json::from_str::<ExportVector>(&json).unwrap(), vector);
        for (bad, problem) in [("!", "not base64"), ("zczM", "cut off")] {
            let json = format!(r#"{{"space":"a","vector":"{bad}"}}"#);
            assert!(serde_json::from_str::<ExportVector>(&json).unwrap_err().to_string().contains(problem), "{bad}");
        }
    }
}
