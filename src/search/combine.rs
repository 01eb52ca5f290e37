//! One score for a composite query: what its wanted parts found together, less what its unwanted parts found.

use super::fuse::{FUSED_CEILING, Fused, SCORE_FLOOR, round};
use crate::store::ById;

/// What a part that did not find a tag counts in the mean: a tag that meets one of two parts well is an answer still, behind
/// those that meet both.
const MISSING: f64 = 0.1;

/// An unwanted part says for certain of such a score that the tag is of its kind.
const CERTAIN: f64 = 0.6;

/// How much of what a tag lacks to the highest score it gains by leaving out, in its own words, what is unwanted.
const ABSTAINING_SHARE: f64 = 0.5;

/// The tags that a part found, by their rows.
pub(super) type Found = ById<Fused>;

/// A part that is to be left out.
pub(super) struct Unwanted<'a> {
    /// As the query has it.
    pub(super) text: &'a str,
    /// The tags that are of its kind.
    pub(super) found: Found,
    /// The tags whose own words leave it out (`voices without instruments`), by how well those meet it, 0 to 1.
    pub(super) abstaining: ById<f64>,
}

/// The tags that meet the wanted parts, without those that meet an unwanted one.
///
/// The score of several wanted parts is the geometric mean of theirs, or that of `whole`, the parts asked as one, where that is
/// higher. An unwanted part that met the tag by a name, for certain, or better than what is wanted takes it out; else the score
/// falls by the share `score of the unwanted part`. What leaves it out in its own words rises by a share of what it lacks. No score is above 0.89: the query is nobody's name.
pub(super) fn combine(wanted: &[Found], whole: Option<&Found>, unwanted: &[Unwanted<'_>]) -> Found {
    let mut combined = Found::default();
    let rows = wanted.iter().chain(whole).flat_map(Found::keys);
    for id in rows {
        if combined.contains_key(id) {
            continue;
        }
        let of_parts: Vec<f64> =
            wanted.iter().map(|found| found.get(id).map_or(MISSING, |fused| fused.score)).collect();
        let exponent = 1.0 / f64::from(u32::try_from(of_parts.len().max(1)).unwrap_or(u32::MAX));
        let together = of_parts.iter().product::<f64>().powf(exponent);
        let whole_score = whole.and_then(|found| found.get(id)).map_or(0.0, |fused| fused.score);
        let best = wanted.iter().chain(whole).filter_map(|found| found.get(id));
        let Some(mut fused) = best.max_by(|a, b| a.score.total_cmp(&b.score)).cloned() else { continue };
        fused.score = together.max(whole_score);
        let left_out = unwanted.iter().filter_map(|part| Some((part.text, part.found.get(id)?)));
        if let Some((text, against)) = left_out.max_by(|a, b| a.1.score.total_cmp(&b.1.score)) {
            if against.is_by_name() || against.score >= CERTAIN || against.score >= fused.score {
                continue;
            }
            fused.score *= 1.0 - against.score;
            fused.lowered = Some((against.score, text.to_owned()));
        }
        let abstaining = unwanted.iter().filter_map(|part| part.abstaining.get(id)).copied().fold(0.0, f64::max);
        fused.score += ABSTAINING_SHARE * abstaining * (1.0 - fused.score).max(0.0);
        fused.score = round(FUSED_CEILING * fused.score);
        if fused.score >= SCORE_FLOOR {
            combined.insert(*id, fused);
        }
    }
    combined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Calibration,
        search::{
            answer::{Match, MatchKind},
            fuse::fuse,
            lexical::Evidence,
        },
    };

    fn fused(kind: MatchKind, score: f64) -> Fused {
        let evidence = Evidence { matched: Match { kind, term: None, lang: None }, score: 0.5, is_occasion: false };
        Fused { score, ..fuse(Some(evidence), None, &Calibration { floor: 0.0, ceiling: 1.0, tags: 0 }) }
    }

    fn found(rows: &[(i64, f64)]) -> Found {
        rows.iter().map(|(id, score)| (*id, fused(MatchKind::Text, *score))).collect()
    }

    #[test]
    fn what_meets_all_parts_comes_before_what_meets_one() {
        let wanted = [found(&[(1, 0.6), (2, 0.89)]), found(&[(1, 0.6), (3, 0.89)])];
        let combined = combine(&wanted, None, &[]);
        assert!(combined[&1].score > combined[&2].score);
        assert!((combined[&1].score - round(0.89 * 0.6)).abs() < 1e-9);
        assert_eq!(combined[&2].score, combined[&3].score);
        let whole = found(&[(3, 0.8)]);
        assert!(combine(&wanted, Some(&whole), &[])[&3].score > combined[&1].score);
    }

    #[test]
    fn what_is_unwanted_is_out_and_what_is_near_to_it_falls() {
        let wanted = [found(&[(1, 0.8), (2, 0.8), (3, 0.8), (4, 0.8), (5, 0.4)])];
        let mut unwanted = found(&[(2, 0.3), (3, 0.7), (5, 0.5)]);
        unwanted.insert(4, fused(MatchKind::Alias, 0.9));
        let abstaining = ById::from_iter([(1, 0.5)]);
        let combined = combine(&wanted, None, &[Unwanted { text: "sad", found: unwanted, abstaining }]);
        let mut left: Vec<&i64> = combined.keys().collect();
        left.sort();
        assert_eq!(left, [&1, &2]);
        assert!((combined[&2].score - round(0.89 * 0.8 * 0.7)).abs() < 1e-9);
        assert!((combined[&1].score - round(0.89 * (0.8 + 0.5 * 0.5 * 0.2))).abs() < 1e-9, "leaves it out itself");
        assert!(combined[&2].explanation().reason.contains("`sad`"));
    }
}
