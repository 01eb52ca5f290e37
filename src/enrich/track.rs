//! What a caller knows of a track: its tags as they stand in the file, and what an audio analysis measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most genres and most moods of a track.
pub const MAX_TAGS: usize = 50;

/// Longest raw tag of a track in Unicode scalar values.
pub const MAX_TAG_CHARS: usize = 1_000;

/// Tempi that music has, in beats per minute.
const BPM: std::ops::RangeInclusive<f64> = 20.0..=400.0;

/// A track.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Track {
    /// Its genres, as they stand in the file: resolved as by `POST /api/resolve`.
    #[schema(max_items = 50, example = json!(["Deep House", "disco"]))]
    pub genres: Vec<String>,
    /// Its moods, likewise.
    #[schema(max_items = 50, example = json!(["melancholic"]))]
    pub moods: Vec<String>,
    /// What was measured of its sound.
    pub audio: Option<Audio>,
}

/// The scale of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Major.
    Major,
    /// Minor.
    Minor,
}

/// What an audio analysis measured. Shares go from 0 (not at all) to 1 (wholly).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audio {
    /// Tempo in beats per minute.
    #[schema(minimum = 20, maximum = 400, example = 122.0)]
    pub bpm: Option<f64>,
    /// The tonic: `C`, `C#`, `Db`, … `B`.
    #[schema(pattern = "^[A-G][#b]?$", example = "A")]
    pub key: Option<String>,
    /// Major or minor.
    pub scale: Option<Scale>,
    /// How well one can dance to it, a share.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub danceability: Option<f64>,
    /// How loud and dense it is, a share.
    #[schema(minimum = 0.0, maximum = 1.0, example = 0.8)]
    pub energy: Option<f64>,
    /// How acoustic it is, a share.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub acousticness: Option<f64>,
    /// How far it does without voices, a share.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub instrumentalness: Option<f64>,
    /// How positive it sounds, a share.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub valence: Option<f64>,
    /// Moods that were recognised, by any name of theirs, each with its probability. From 0.5 on they count as moods of the track.
    #[schema(example = json!({"happy": 0.12, "sad": 0.71}))]
    pub moods: BTreeMap<String, f64>,
}

/// Why a track cannot be read. The text names the field.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct TrackError {
    /// Where in the body, for example `audio.bpm`.
    pub field: String,
    /// What is wrong and what it should be.
    pub problem: String,
}

impl TrackError {
    fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into() }
    }

    /// The same, of a track in a list.
    #[must_use]
    pub fn in_track(self, at: usize) -> Self {
        Self { field: format!("tracks[{at}].{}", self.field), ..self }
    }
}

impl Track {
    /// Checks that every value is within its range.
    ///
    /// # Errors
    /// [`TrackError`] names the first field that is not.
    pub fn validate(&self) -> Result<(), TrackError> {
        for (field, tags) in [("genres", &self.genres), ("moods", &self.moods)] {
            if tags.len() > MAX_TAGS {
                return Err(TrackError::new(field, format!("has {} values, at most {MAX_TAGS} are read", tags.len())));
            }
            if tags.iter().any(|tag| tag.chars().count() > MAX_TAG_CHARS) {
                return Err(TrackError::new(field, format!("has a value of more than {MAX_TAG_CHARS} characters")));
            }
        }
        self.audio.as_ref().map_or(Ok(()), Audio::validate)
    }
}

impl Audio {
    fn validate(&self) -> Result<(), TrackError> {
        if let Some(bpm) = self.bpm.filter(|bpm| !BPM.contains(bpm)) {
            let problem = format!("is a tempo from {} to {} beats per minute, not {bpm}", BPM.start(), BPM.end());
            return Err(TrackError::new("audio.bpm", problem));
        }
        let is_key = |key: &String| {
            key.len() <= 2 && crate::enrich::phrases::phrase(&key_phrase(key), crate::domain::Lang::En).is_some()
        };
        if let Some(key) = self.key.as_ref().filter(|key| !is_key(key)) {
            let shown: String = key.chars().take(20).collect();
            return Err(TrackError::new("audio.key", format!("is one of C, C#, Db, D … B, not `{shown}`")));
        }
        let share = |field: &str, value: f64| match value {
            0.0..=1.0 => Ok(()),
            other => Err(TrackError::new(&format!("audio.{field}"), format!("is a share from 0 to 1, not {other}"))),
        };
        for (field, value) in self.shares() {
            value.map_or(Ok(()), |value| share(field, value))?;
        }
        if self.moods.len() > MAX_TAGS {
            return Err(TrackError::new("audio.moods", format!("has more than {MAX_TAGS} moods")));
        }
        for (mood, value) in &self.moods {
            let shown: String = mood.chars().take(40).collect();
            share(&format!("moods.{shown}"), *value)?;
        }
        Ok(())
    }

    /// The measured shares by their names.
    pub(super) const fn shares(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("danceability", self.danceability),
            ("energy", self.energy),
            ("acousticness", self.acousticness),
            ("instrumentalness", self.instrumentalness),
            ("valence", self.valence),
        ]
    }
}

/// The phrase of a tonic.
pub(super) fn key_phrase(key: &str) -> String {
    format!("key.{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(audio: Audio) -> String {
        Track { audio: Some(audio), ..Track::default() }.validate().unwrap_err().to_string()
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        for bpm in [0.0, 19.9, 401.0, f64::NAN, f64::INFINITY, -120.0] {
            assert!(problem(Audio { bpm: Some(bpm), ..Audio::default() }).starts_with("audio.bpm is a tempo"), "{bpm}");
        }
        for share in [-0.1, 1.01, f64::NAN] {
            let text = problem(Audio { valence: Some(share), ..Audio::default() });
            assert!(text.starts_with("audio.valence is a share from 0 to 1"), "{text}");
            let moods = BTreeMap::from([("sad".to_owned(), share)]);
            assert!(problem(Audio { moods, ..Audio::default() }).starts_with("audio.moods.sad"), "{share}");
        }
        for key in ["H", "c", "C##", "", "Cb"] {
            assert!(problem(Audio { key: Some(key.to_owned()), ..Audio::default() }).starts_with("audio.key"), "{key}");
        }
        let many = Track { genres: vec!["a".to_owned(); 51], ..Track::default() };
        assert!(many.validate().unwrap_err().to_string().starts_with("genres has 51 values"));
    }

    #[test]
    fn what_is_within_is_fine() {
        let audio = Audio { bpm: Some(20.0), key: Some("Bb".to_owned()), energy: Some(1.0), ..Audio::default() };
        assert_eq!(Track { audio: Some(audio), ..Track::default() }.validate(), Ok(()));
        assert_eq!(Track::default().validate(), Ok(()));
    }
}
