//! What was measured of a track in classes, with the thresholds that `docs/ENRICH.md` tells.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    phrases::phrase,
    track::{Audio, Scale, key_phrase},
};
use crate::domain::{Lang, word_enum};

/// Below these tempi in beats per minute a track is of each class: between the metronome marks of largo, andante, moderato, allegro
/// and presto.
const TEMPO_BOUNDS: [(f64, TempoClass); 5] = [
    (60.0, TempoClass::VerySlow),
    (85.0, TempoClass::Slow),
    (110.0, TempoClass::Moderate),
    (130.0, TempoClass::Lively),
    (160.0, TempoClass::Fast),
];

/// Shares below the first are low, from the second on high.
const LOW_BELOW: f64 = 0.35;
const HIGH_FROM: f64 = 0.65;

word_enum! {
    /// A class of tempo.
    TempoClass, "tempo" {
        /// Below 60 BPM.
        VerySlow => "very_slow",
        /// From 60 BPM on.
        Slow => "slow",
        /// From 85 BPM on.
        Moderate => "moderate",
        /// From 110 BPM on.
        Lively => "lively",
        /// From 130 BPM on.
        Fast => "fast",
        /// From 160 BPM on.
        VeryFast => "very_fast",
    }
}

word_enum! {
    /// A class of a share.
    Level, "level" {
        /// Below 0.35.
        Low => "low",
        /// From 0.35 on.
        Medium => "medium",
        /// From 0.65 on.
        High => "high",
    }
}

impl TempoClass {
    /// The class of a tempo in beats per minute.
    pub fn of(bpm: f64) -> Self {
        TEMPO_BOUNDS.iter().find(|(below, _)| bpm < *below).map_or(Self::VeryFast, |(_, class)| *class)
    }
}

impl Level {
    /// The class of a share, 0 to 1.
    pub fn of(share: f64) -> Self {
        if share < LOW_BELOW {
            Self::Low
        } else if share < HIGH_FROM {
            Self::Medium
        } else {
            Self::High
        }
    }
}

/// What a track sounds like, in classes; `null` where it was not measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Characteristics {
    /// Its tempo.
    pub tempo: Option<TempoClass>,
    /// Its energy.
    pub energy: Option<Level>,
    /// How well one can dance to it.
    pub danceability: Option<Level>,
    /// How acoustic it is.
    pub acousticness: Option<Level>,
    /// How far it does without voices.
    pub instrumentalness: Option<Level>,
    /// How positive it sounds.
    pub valence: Option<Level>,
    /// Its key in the language of the summary.
    #[schema(example = "A minor")]
    pub key: Option<String>,
}

impl Characteristics {
    /// Of what was measured.
    pub fn of(audio: &Audio, lang: Lang) -> Self {
        let level = |share: Option<f64>| share.map(Level::of);
        Self {
            tempo: audio.bpm.map(TempoClass::of),
            energy: level(audio.energy),
            danceability: level(audio.danceability),
            acousticness: level(audio.acousticness),
            instrumentalness: level(audio.instrumentalness),
            valence: level(audio.valence),
            key: key_name(audio, lang),
        }
    }

    /// What is worth saying beside tempo, energy and key: high and low ones.
    pub(super) fn remarkable(&self, lang: Lang) -> Vec<&'static str> {
        let levels = [
            ("danceability", self.danceability),
            ("acousticness", self.acousticness),
            ("instrumentalness", self.instrumentalness),
            ("valence", self.valence),
        ];
        let said = |(name, level): (&str, Option<Level>)| phrase(&format!("{name}.{}", level?), lang);
        levels.into_iter().filter_map(said).collect()
    }
}

fn key_name(audio: &Audio, lang: Lang) -> Option<String> {
    let tonic = phrase(&key_phrase(audio.key.as_deref()?), lang)?;
    let scale = match audio.scale {
        Some(Scale::Major) => phrase("scale.major", lang),
        Some(Scale::Minor) => phrase("scale.minor", lang),
        None => None,
    };
    Some(scale.map_or_else(|| tonic.to_owned(), |scale| format!("{tonic} {scale}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_begin_at_their_thresholds() {
        use TempoClass::{Fast, Lively, Moderate, Slow, VeryFast, VerySlow};
        for (bpm, class) in [
            (59.9, VerySlow),
            (60.0, Slow),
            (84.9, Slow),
            (85.0, Moderate),
            (110.0, Lively),
            (130.0, Fast),
            (159.9, Fast),
            (160.0, VeryFast),
        ] {
            assert_eq!(TempoClass::of(bpm), class, "{bpm}");
        }
        for (share, level) in
            [(0.0, Level::Low), (0.349, Level::Low), (0.35, Level::Medium), (0.65, Level::High), (1.0, Level::High)]
        {
            assert_eq!(Level::of(share), level, "{share}");
        }
    }

    #[test]
    fn a_key_is_named_in_the_language() {
        let audio = Audio { key: Some("F#".to_owned()), scale: Some(Scale::Minor), ..Audio::default() };
        assert_eq!(Characteristics::of(&audio, Lang::En).key.as_deref(), Some("F sharp minor"));
        assert_eq!(Characteristics::of(&audio, Lang::Fr).key.as_deref(), Some("fa dièse mineur"));
    }
}
