//! From the two branches to one score.

use crate::domain::{Calibration, Confidence};

use super::{
    answer::{Explanation, Match, MatchKind},
    lexical::Evidence,
};

/// Weight of the vector score in the sum; the lexical score has the rest of what the vector leaves.
const VECTOR_WEIGHT: f64 = 0.7;

/// The score of an exact name.
const EXACT_SCORE: f64 = 1.0;
/// The band of aliases and translations: from its floor, up by its width.
const ALIAS_FLOOR: f64 = 0.90;
const ALIAS_WIDTH: f64 = 0.09;
/// Within the band, how much the confidence of the term decides; the rest is for the meaning, so that of two tags with
/// the same alias the nearer one comes first.
const ALIAS_CONFIDENCE_SHARE: f64 = 0.7;
/// The most that words, typing errors and meaning together can score.
pub(super) const FUSED_CEILING: f64 = 0.89;

/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009, "Reciprocal rank fusion outperforms Condorcet
/// and individual rank learning methods").
const RANK_CONSTANT: f64 = 60.0;

/// Below this a tag is no answer: what is left are single words out of context and vectors that are merely there.
pub(super) const SCORE_FLOOR: f64 = 0.25;
/// The floor where the vector branch ran and says that the meaning is elsewhere: a word or two of a query in one of a
/// hundred thousand terms is chance ("tax return form" in "return to hard bop").
const UNSUPPORTED_FLOOR: f64 = 0.5;

/// The score of one tag and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fused {
    /// 0..=1, rounded to four decimals.
    pub(super) score: f64,
    /// What it must reach to be an answer.
    pub(super) floor: f64,
    /// Of the lexical branch; `None` when it did not find the tag.
    pub(super) lexical: Option<f64>,
    /// Of the vector branch; `None` when it did not run or the tag has no vector.
    pub(super) vector: Option<f64>,
    /// What met the query.
    pub(super) matched: Match,
    /// Whether that is an occasion to play the tag.
    pub(super) is_by_occasion: bool,
    /// Raw cosine, before calibration.
    pub(super) cosine: Option<f32>,
    /// Weights of words and vector in the sum; 0 where a band decided.
    pub(super) weights: (f64, f64),
    /// By how much the score rose because its meaning is among the nearest to an occasion.
    pub(super) nearer: f64,
    /// By how much the score rose because the lexicon plays it at such an occasion, and at which.
    pub(super) played: Option<(f64, &'static str)>,
    /// By how much the relations of the best results raised the score.
    pub(super) raised: f64,
    /// By how much which unwanted part of the query lowered it.
    pub(super) lowered: Option<(f64, String)>,
}

/// Fuses what both branches say of a tag.
pub(super) fn fuse(evidence: Option<Evidence>, cosine: Option<f32>, calibration: &Calibration) -> Fused {
    let vector = cosine.map(|cosine| calibration.score(cosine));
    let lexical = evidence.as_ref().map(lexical_score);
    let by_name = evidence.as_ref().is_some_and(|evidence| evidence.matched.kind.is_name());
    let (score, weights) = match &evidence {
        Some(evidence) if by_name => (name_score(evidence, vector), (0.0, 0.0)),
        _ => fused_score(lexical, vector),
    };
    let is_elsewhere = cosine.is_some_and(|cosine| calibration.is_elsewhere(cosine));
    let by_words = evidence.as_ref().is_some_and(|evidence| evidence.matched.kind == MatchKind::Text);
    let is_by_occasion = evidence.as_ref().is_some_and(|evidence| evidence.is_occasion);
    // A text match that says little beside a near meaning is no reason to name.
    let matched = evidence
        .map(|evidence| evidence.matched)
        .filter(|_| by_name || lexical.unwrap_or(0.0) >= 0.5 * vector.unwrap_or(0.0))
        .unwrap_or(Match { kind: MatchKind::Vector, term: None, lang: None });
    Fused {
        score: round(score),
        floor: if is_elsewhere && by_words { UNSUPPORTED_FLOOR } else { SCORE_FLOOR },
        lexical: lexical.map(round),
        vector: vector.map(round),
        matched,
        is_by_occasion,
        cosine,
        weights,
        nearer: 0.0,
        played: None,
        raised: 0.0,
        lowered: None,
    }
}

impl Fused {
    /// Whether it was met by a name, which has a band of its own.
    pub(super) const fn is_by_name(&self) -> bool {
        self.matched.kind.is_name()
    }

    /// Whether it is good enough to be an answer.
    pub(super) fn is_answer(&self) -> bool {
        self.score >= self.floor
    }

    /// Fuses anew with a vector score that is higher by `more`.
    pub(super) fn bring_nearer(&mut self, more: f64) {
        let Some(vector) = self.vector.filter(|_| more > 0.0 && !self.is_by_name()) else { return };
        let (score, weights) = fused_score(self.lexical, Some((vector + more).min(1.0)));
        let score = round(score);
        (self.nearer, self.score, self.weights) = (round(score - self.score), score, weights);
    }

    /// Raises the score by this part of what it lacks to the highest, for it is played at this occasion.
    pub(super) fn play(&mut self, part: f64, at: &'static str) {
        let played = round(self.score + part * (FUSED_CEILING - self.score).max(0.0));
        (self.played, self.score) = (Some((played - self.score, at)), played);
    }

    /// How the score came about, for people.
    pub(super) fn explanation(&self) -> Explanation {
        Explanation {
            reason: self.reason(),
            cosine: self.cosine.map(|cosine| round(f64::from(cosine))),
            lexical_weight: round(self.weights.0),
            vector_weight: self.weights.1,
        }
    }

    fn reason(&self) -> String {
        let term = self.matched.term.as_deref().unwrap_or_default();
        let lang = self.matched.lang.map(|lang| format!(" ({lang})")).unwrap_or_default();
        let what = match self.matched.kind {
            MatchKind::Exact => "the query is the tag's name".to_owned(),
            MatchKind::Alias => format!("the query is another name of it: `{term}`{lang}"),
            MatchKind::Translation => format!("the query is its name in translation: `{term}`{lang}"),
            MatchKind::Text => format!("words of the query stand in `{term}`{lang}"),
            MatchKind::Fuzzy => format!("the query is nearly `{term}`{lang}"),
            MatchKind::Vector => "its meaning is near".to_owned(),
        };
        let part = |name: &str, score: Option<f64>| score.map(|score| format!("{name} {score:.2}"));
        let parts: Vec<String> =
            [part("lexical", self.lexical), part("vector", self.vector)].into_iter().flatten().collect();
        let parts = if parts.is_empty() { String::new() } else { format!(" [{}]", parts.join(", ")) };
        let nearer = match self.nearer {
            0.0 => String::new(),
            by => format!("; among the nearest to the occasion [+{by:.2}]"),
        };
        let played = match self.played {
            Some((by, at)) if by > 0.0 => format!("; played at `{at}` [+{by:.2}]"),
            _ => String::new(),
        };
        let raised = match self.raised {
            0.0 => String::new(),
            by => format!("; related to what is found [+{by:.2}]"),
        };
        let lowered = self.lowered.as_ref().map(|(by, part)| format!("; less {by:.2} for `{part}`"));
        what + &parts + &nearer + &played + &raised + &lowered.unwrap_or_default()
    }
}

/// Gives what was not met by a name its score by reciprocal ranks: the mean over both branches of `(k + 1) / (k + rank)`, 0
/// where a branch did not find it. The floors of the weighted fusion have said before what is an answer.
pub(super) fn by_ranks(found: &mut [(&str, &mut Fused)]) {
    let branches: [fn(&Fused) -> Option<f64>; 2] = [|fused| fused.lexical, |fused| fused.vector];
    let mut sums = vec![0.0; found.len()];
    for branch in branches {
        let mut ranked: Vec<(f64, &str, usize)> = found
            .iter()
            .enumerate()
            .filter_map(|(place, (name, fused))| Some((branch(fused).filter(|score| *score > 0.0)?, *name, place)))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        for (rank, (_, _, place)) in ranked.into_iter().enumerate() {
            let rank = f64::from(u32::try_from(rank).unwrap_or(u32::MAX));
            sums[place] += (RANK_CONSTANT + 1.0) / (RANK_CONSTANT + 1.0 + rank);
        }
    }
    for ((_, fused), sum) in found.iter_mut().zip(sums).filter(|((_, fused), _)| !fused.is_by_name()) {
        fused.score = round(FUSED_CEILING * sum / 2.0);
        fused.weights = (0.5, 0.5);
    }
}

/// The lexical branch's own score: a name is a full match, whatever band it goes to.
fn lexical_score(evidence: &Evidence) -> f64 {
    if evidence.matched.kind.is_name() { 1.0 } else { evidence.score }
}

fn name_score(evidence: &Evidence, vector: Option<f64>) -> f64 {
    if evidence.matched.kind == MatchKind::Exact {
        return EXACT_SCORE;
    }
    let confidence = Confidence::clamped(evidence.score).value();
    let meaning = vector.unwrap_or(confidence);
    let place = ALIAS_CONFIDENCE_SHARE * confidence + (1.0 - ALIAS_CONFIDENCE_SHARE) * meaning;
    ALIAS_FLOOR + ALIAS_WIDTH * place
}

/// The sum of both branches, weighted 0.7 for the vector and `1 − 0.7 × vector` for the words: 0.3 beside a certain vector,
/// 1 where it says nothing or did not run. Strong words are not drowned by a vector that says little (a misspelt name has
/// no meaning for an embedding model), and a vector that agrees adds to them (docs/adr/0001).
fn fused_score(lexical: Option<f64>, vector: Option<f64>) -> (f64, (f64, f64)) {
    let vector_weight = if vector.is_some() { VECTOR_WEIGHT } else { 0.0 };
    let vector = vector.unwrap_or(0.0);
    let lexical_weight = 1.0 - vector_weight * vector;
    let fused = lexical_weight * lexical.unwrap_or(0.0) + vector_weight * vector;
    (FUSED_CEILING * fused, (lexical_weight, vector_weight))
}

/// Four decimals: more are noise, and equal scores should be equal.
pub(super) fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALIBRATION: Calibration = Calibration { floor: 0.0, ceiling: 1.0, tags: 0 };

    fn evidence(kind: MatchKind, score: f64) -> Evidence {
        Evidence { matched: Match { kind, term: Some("x".to_owned()), lang: None }, score, is_occasion: false }
    }

    fn score(evidence: Option<Evidence>, cosine: Option<f32>) -> Option<f64> {
        Some(fuse(evidence, cosine, &CALIBRATION)).filter(Fused::is_answer).map(|fused| fused.score)
    }

    #[test]
    fn every_kind_keeps_to_its_band() {
        assert_eq!(score(Some(evidence(MatchKind::Exact, 1.0)), Some(-1.0)), Some(1.0));
        for confidence in [0.0, 0.5, 1.0] {
            for cosine in [None, Some(-1.0), Some(0.5), Some(1.0)] {
                let alias = score(Some(evidence(MatchKind::Alias, confidence)), cosine).unwrap();
                assert!((0.90..=0.99).contains(&alias), "{alias}");
                if let Some(fused) = score(Some(evidence(MatchKind::Text, confidence)), cosine) {
                    assert!(fused <= 0.89, "{fused}");
                }
            }
        }
        assert_eq!(score(None, Some(1.0)), Some(round(0.89 * 0.7)));
    }

    #[test]
    fn a_branch_that_is_absent_leaves_its_weight_to_the_other() {
        assert_eq!(score(Some(evidence(MatchKind::Text, 0.5)), None), Some(0.445));
        assert_eq!(score(Some(evidence(MatchKind::Text, 0.5)), Some(1.0)), Some(round(0.89 * 0.85)));
    }

    #[test]
    fn what_both_branches_rank_high_comes_first_by_ranks() {
        let mut both = fuse(Some(evidence(MatchKind::Text, 0.6)), Some(0.6), &CALIBRATION);
        let mut words = fuse(Some(evidence(MatchKind::Text, 0.9)), None, &CALIBRATION);
        let mut meaning = fuse(None, Some(0.9), &CALIBRATION);
        let mut name = fuse(Some(evidence(MatchKind::Exact, 1.0)), Some(0.1), &CALIBRATION);
        by_ranks(&mut [("a", &mut both), ("b", &mut words), ("c", &mut meaning), ("d", &mut name)]);
        assert_eq!(name.score, 1.0);
        assert!(both.score > words.score && both.score > meaning.score && both.score < 0.89);
        assert!((meaning.score - round(0.89 / 2.0)).abs() < 1e-9, "the first of one branch alone: {}", meaning.score);
    }

    #[test]
    fn strong_words_are_not_drowned_by_a_poor_vector() {
        assert_eq!(score(Some(evidence(MatchKind::Fuzzy, 0.8)), Some(0.0)), Some(0.712));
        assert_eq!(score(Some(evidence(MatchKind::Fuzzy, 0.8)), Some(0.5)), Some(round(0.89 * (0.35 + 0.65 * 0.8))));
    }

    #[test]
    fn what_lies_below_the_floor_is_no_answer() {
        assert_eq!(score(None, Some(0.3)), None);
        assert_eq!(score(Some(evidence(MatchKind::Text, 0.2)), None), None);
        let text = evidence(MatchKind::Text, 0.35);
        assert_eq!((score(Some(text.clone()), Some(-0.2)), score(Some(text), None)), (None, Some(round(0.89 * 0.35))));
    }
}
