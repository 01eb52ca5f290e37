//! Tags: a genre or a mood, with a name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::Timestamp;

/// Longest tag name in Unicode scalar values, after trimming.
pub const MAX_TAG_NAME_CHARS: usize = 100;

/// What a tag says of the music: what it is, or how it feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TagType {
    /// A musical genre, for example `hip hop`.
    Genre,
    /// A mood or theme, for example `melancholic`.
    Mood,
}

impl TagType {
    /// Both types, genres first.
    pub const ALL: [Self; 2] = [Self::Genre, Self::Mood];

    /// The word used on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Genre => "genre",
            Self::Mood => "mood",
        }
    }
}

impl fmt::Display for TagType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TagType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "genre" => Ok(Self::Genre),
            "mood" => Ok(Self::Mood),
            other => Err(format!("tag_type is `genre` or `mood`, not `{}`", other.escape_debug())),
        }
    }
}

/// The name of a tag: 1 to [`MAX_TAG_NAME_CHARS`] characters after trimming, in NFC, no control characters,
/// and at least one character that can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 100, example = "hip hop")]
pub struct TagName(String);

/// Why a text cannot be the name of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagNameError {
    /// Nothing is left after trimming.
    #[error("a tag name needs at least one visible character")]
    Empty,
    /// More than [`MAX_TAG_NAME_CHARS`] characters.
    #[error("a tag name has at most {MAX_TAG_NAME_CHARS} characters, this one has {0}")]
    TooLong(usize),
    /// A control character, named by its code point.
    #[error("a tag name has no control characters, this one has U+{0:04X}")]
    Control(u32),
}

impl TagName {
    /// Trims and checks `text`.
    ///
    /// # Errors
    /// [`TagNameError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, TagNameError> {
        let text: String = text.trim().nfc().collect();
        // Before the emptiness check, so that a lone control character is named as what it is.
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(TagNameError::Control(u32::from(control)));
        }
        if super::key(&text).is_empty() {
            return Err(TagNameError::Empty);
        }
        let length = text.chars().count();
        if length > MAX_TAG_NAME_CHARS {
            return Err(TagNameError::TooLong(length));
        }
        Ok(Self(text))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The normalised form by which two spellings of a name are one.
    pub fn key(&self) -> String {
        super::key(&self.0)
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TagName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A tag as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tag {
    /// Its number within its type.
    pub id: i64,
    /// Genre or mood.
    pub tag_type: TagType,
    /// The name as first written.
    #[schema(example = "hip hop")]
    pub name: String,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A tag by type and name, as callers speak of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagRef {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Any spelling of its name: names are compared by their key.
    #[schema(min_length = 1, max_length = 100, example = "hip-hop")]
    pub tag_name: TagName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_composed() {
        assert_eq!(TagName::parse("  e\u{301}lectro\u{a0}").unwrap().as_str(), "électro");
    }

    #[test]
    fn a_name_without_anything_visible_is_refused() {
        for text in ["", "   ", "\u{200b}", "\u{feff}\u{200d}"] {
            assert_eq!(TagName::parse(text), Err(TagNameError::Empty), "{text:?}");
        }
    }

    #[test]
    fn a_hundred_characters_pass_and_one_more_does_not() {
        assert!(TagName::parse(&"é".repeat(100)).is_ok());
        assert_eq!(TagName::parse(&"é".repeat(101)), Err(TagNameError::TooLong(101)));
    }

    #[test]
    fn control_characters_are_named() {
        assert_eq!(TagName::parse("a\u{0}b"), Err(TagNameError::Control(0)));
        assert_eq!(TagName::parse("a\u{85}b"), Err(TagNameError::Control(0x85)));
        assert_eq!(TagName::parse("\u{7}"), Err(TagNameError::Control(7)));
    }
}
