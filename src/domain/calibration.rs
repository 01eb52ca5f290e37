//! What cosines mean in one embedding space.

use serde::{Deserialize, Serialize};

/// Cosines of one space that mean nothing and everything: what lies between is stretched to 0..=1, so that the weights of
/// the fusion mean what they say (raw cosines of a sentence model rarely leave a narrow band).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// At or below this, query and tag have nothing in common.
    pub floor: f64,
    /// At or above this, they mean the same.
    pub ceiling: f64,
    /// How many tags had a vector when it was measured.
    pub tags: usize,
}

/// The narrowest band: a library whose tags all mean the same must not turn noise into certainty.
const NARROWEST: f64 = 0.15;

/// Share of the pairs of different tags that lie below the floor.
const FLOOR_QUANTILE: f64 = 0.95;

/// Share of the tags whose own name lies below the ceiling.
const CEILING_QUANTILE: f64 = 0.5;

/// How far between the ceiling and 1 the vectors of two tags must lie to mean one thing. On the starter vocabulary (ceiling 0.64,
/// so 0.88), whose 2,040 tags are distinct by design, 17 pairs lie above it, most of them one thing under two names (`nu jazz` and
/// `future jazz`); so did all of 30 tags that were added to it under an alias. Above the half lie 186.
const ONE_MEANING: f64 = 2.0 / 3.0;

impl Calibration {
    /// Fewest tags that say something of a library; below, the values that are shipped hold.
    pub const FEWEST_TAGS: usize = 50;

    /// Measured on a library's own pairs: `own` are the cosines of each tag's name, embedded as a query, with that tag's
    /// vector, `others` those with the vectors of other tags. The floor is the 95 % quantile of `others`, the ceiling
    /// the median of `own`. `None` where too few are given.
    pub fn measure(own: &mut [f32], others: &mut [f32], tags: usize) -> Option<Self> {
        if own.len() < Self::FEWEST_TAGS || others.is_empty() {
            return None;
        }
        let floor = quantile(others, FLOOR_QUANTILE);
        let ceiling = quantile(own, CEILING_QUANTILE).max(floor + NARROWEST);
        Some(Self { floor, ceiling, tags }.rounded())
    }

    /// To six decimals, which is more than was measured: a number of few digits is the same after any way through JSON.
    #[must_use]
    pub fn rounded(self) -> Self {
        let round = |value: f64| (value * 1e6).round() / 1e6;
        Self { floor: round(self.floor), ceiling: round(self.ceiling), ..self }
    }

    /// The values that are shipped for spaces whose name says what model made them. Those of the built-in model were measured
    /// on the starter vocabulary; those of nomic-embed-text follow from the cosines of 0.55 to 0.6 that its unrelated short
    /// texts have, and were not measured; the rest is a guess.
    pub fn shipped(space: &str) -> Self {
        let (floor, ceiling) = if space.contains("nomic") {
            (0.58, 0.86)
        } else if space.contains("minilm") {
            (0.37, 0.66)
        } else {
            (0.25, 0.75)
        };
        Self { floor, ceiling, tags: 0 }
    }

    /// Whether the library has changed so much since that it should be measured again.
    pub const fn is_stale(&self, tags: usize) -> bool {
        tags >= Self::FEWEST_TAGS && tags.abs_diff(self.tags) * 4 > self.tags
    }

    /// Whether a cosine is so low that query and tag are of two worlds: under half the floor.
    pub fn is_elsewhere(&self, cosine: f32) -> bool {
        f64::from(cosine) < self.floor / 2.0
    }

    /// The cosine from which on the vectors of two tags mean one thing. A name is short beside the text of its tag, so it rarely
    /// has more than the ceiling in common with it; the texts of two tags have more, and all of it where they are the same.
    pub fn one_meaning(&self) -> f64 {
        let ceiling = self.ceiling.min(1.0);
        ceiling + (1.0 - ceiling) * ONE_MEANING
    }

    /// A cosine on the scale of 0 (means nothing) to 1.
    pub fn score(&self, cosine: f32) -> f64 {
        ((f64::from(cosine) - self.floor) / (self.ceiling - self.floor)).clamp(0.0, 1.0)
    }
}

/// The value below which this share of the values lies (nearest rank).
fn quantile(values: &mut [f32], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank within the slice"
    )]
    let rank = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
    f64::from(*values.select_nth_unstable_by(rank, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_and_ceiling_are_quantiles_of_the_librarys_own_pairs() {
        let mut own: Vec<f32> = (0..60_u8).map(|n| 0.5 + f32::from(n) / 200.0).collect();
        let mut others: Vec<f32> = (0..200_u8).map(|n| f32::from(n) / 500.0).collect();
        let measured = Calibration::measure(&mut own, &mut others, 60).unwrap();
        assert!((measured.floor - 0.38).abs() < 1e-6 && (measured.ceiling - 0.65).abs() < 1e-6, "{measured:?}");
        assert_eq!((measured.score(0.2), measured.score(0.9)), (0.0, 1.0));
        assert!((measured.score(0.515) - 0.5).abs() < 1e-6);
        assert_eq!(Calibration::measure(&mut own[..49], &mut others, 49), None, "too few to tell");
    }

    #[test]
    fn tags_that_all_mean_the_same_do_not_turn_noise_into_certainty() {
        let measured = Calibration::measure(&mut [0.9; 50], &mut [0.89; 100], 50).unwrap();
        assert!(measured.ceiling - measured.floor >= 0.15 - 1e-9);
    }

    #[test]
    fn two_tags_mean_one_thing_between_the_ceiling_and_identity() {
        let space = |ceiling| Calibration { floor: 0.3, ceiling, tags: 100 }.one_meaning();
        assert!((space(0.7) - 0.9).abs() < 1e-9);
        assert!(space(0.7) < space(0.8), "where names reach more, more is asked of vectors");
        assert_eq!(space(1.1), 1.0, "a ceiling beyond 1 leaves identity");
    }

    #[test]
    fn a_library_is_measured_again_after_a_quarter_has_changed() {
        let measured = Calibration { floor: 0.3, ceiling: 0.7, tags: 100 };
        assert_eq!([60, 75, 100, 125, 126].map(|tags| measured.is_stale(tags)), [true, false, false, false, true]);
        assert!(!Calibration::shipped("x").is_stale(49) && Calibration::shipped("x").is_stale(50));
    }
}
