//! From the best results to what is related to them: a query for an occasion (`getting over a breakup`) meets the words of one tag
//! (`heartbroken`), and means its relations, too (`sad`, `lonely`).
//!
//! That a query names an occasion shows in where its words stand: in the contexts of the best results, and not among what describes
//! them. Occasions are answered by more relations, by moods first, and by what is nearer in meaning than the rest (docs/adr/0009).

use std::collections::HashMap;

use super::{
    ask::Sections,
    combine::Found,
    fuse::{FUSED_CEILING, Fused, round},
};
use crate::{
    domain::{TagType, keep_first, key},
    store::{ById, CandidateTag},
};

/// So many of the best results say what they are related to.
pub(super) const TOP: usize = 10;

/// How strongly relations raise a tag: where all of the best name it, by `1 − e^−0.5` of what it lacks to the highest score.
const STRENGTH: f64 = 0.5;

/// How much more strongly for an occasion, and again for a mood: an occasion calls for moods. They are a tenth of the labelled tags,
/// and more than half of what people name for an occasion.
const STRENGTH_OF_OCCASION: f64 = 4.0;
const STRENGTH_OF_MOOD: f64 = 1.0;

/// Up to the first part of the best scores contexts were met by chance; from the second on, all of a query is taken for an occasion.
const CHANCE: f64 = 0.2;
const WHOLLY_OCCASION: f64 = 2.0 / 3.0;

/// Contexts that met the query with scores of less than this together may be chance: one tag alone, barely (`recette de lasagnes`).
const LEAST_BY_OCCASION: f64 = 0.5;

/// What the nearest tag gains in its vector score, for an occasion; the others by their place between it and the tag of rank
/// [`FAR_RANK`]. An occasion is far from any tag's text, which speaks of other things, too: calibrated on names, its cosines say
/// nothing, but their order does.
const NEAREST_GAIN: f64 = 0.7;
const FAR_RANK: usize = 100;

/// The best results, whose relations count; none where one is met by its name: then the query is that name and no other thing.
pub(super) fn best(found: &Found, tags: &ById<CandidateTag>) -> Vec<i64> {
    if found.values().any(Fused::is_by_name) {
        return Vec::new();
    }
    let mut best: Vec<(f64, &str, i64)> = found
        .iter()
        .filter(|(_, fused)| fused.is_answer())
        .filter_map(|(id, fused)| Some((fused.score, &*tags.get(id)?.name, *id)))
        .collect();
    keep_first(&mut best, TOP, |a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)).then(a.2.cmp(&b.2)));
    best.into_iter().map(|(_, _, id)| id).collect()
}

/// How far the query names an occasion, 0 to 1: the part of the best scores that belongs to tags whose contexts met it.
pub(super) fn occasion(found: &Found, best: &[i64]) -> f64 {
    let best: Vec<&Fused> = best.iter().filter_map(|id| found.get(id)).collect();
    let sum: f64 = best.iter().map(|fused| fused.score).sum();
    let by_occasion: f64 = best.iter().filter(|fused| fused.is_by_occasion).map(|fused| fused.score).sum();
    if by_occasion < LEAST_BY_OCCASION {
        return 0.0;
    }
    ((by_occasion / sum - CHANCE) / (WHOLLY_OCCASION - CHANCE)).clamp(0.0, 1.0)
}

/// Lets the tags whose vectors are the nearest to an occasion rise, by their place among the [`FAR_RANK`] nearest.
pub(super) fn bring_nearest(found: &mut Found, occasion: f64) {
    if occasion <= 0.0 {
        return;
    }
    let mut cosines: Vec<f32> = found.values().filter_map(|fused| fused.cosine).collect();
    keep_first(&mut cosines, FAR_RANK, |a, b| b.total_cmp(a));
    let (Some(nearest), Some(far)) = (cosines.first(), cosines.last()) else { return };
    let width = f64::from(nearest - far);
    if width <= 0.0 {
        return;
    }
    for fused in found.values_mut() {
        let Some(cosine) = fused.cosine else { continue };
        let place = (f64::from(cosine - far) / width).clamp(0.0, 1.0);
        fused.bring_nearer(NEAREST_GAIN * occasion * place);
    }
}

/// Raises the candidates that the best results are related to: `score + (1 − e^−(strength × share)) × (0.89 − score)`, where
/// `share` is the part that those which name the candidate as related have of the sum of the best scores.
pub(super) fn spread(found: &mut Found, best: &[i64], occasion: f64, tags: &ById<CandidateTag>, sections: &Sections) {
    let mut named: HashMap<String, f64> = HashMap::new();
    let mut sum = 0.0;
    for (score, synonyms) in best.iter().filter_map(|id| Some((found.get(id)?.score, sections.get(id)?))) {
        sum += score;
        let mut keys: Vec<String> = synonyms.related_tags.iter().map(|tag| key(tag)).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            *named.entry(key).or_default() += score;
        }
    }
    if sum <= 0.0 {
        return;
    }
    for (id, fused) in found.iter_mut() {
        let Some(tag) = tags.get(id) else { continue };
        let Some(by) = named.get(&*tag.key) else { continue };
        let of_mood = if tag.tag_type == TagType::Mood { STRENGTH_OF_MOOD } else { 0.0 };
        let strength = STRENGTH + occasion * (STRENGTH_OF_OCCASION + of_mood);
        let part = 1.0 - (-strength * (by / sum).min(1.0)).exp();
        let raised = round(fused.score + part * (FUSED_CEILING - fused.score).max(0.0));
        (fused.raised, fused.score) = (raised - fused.score, raised);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::{Calibration, Synonyms, TagType},
        search::{
            answer::{Match, MatchKind},
            fuse::fuse,
            lexical::Evidence,
        },
    };

    const CALIBRATION: Calibration = Calibration { floor: 0.0, ceiling: 1.0, tags: 0 };

    fn library() -> (ById<CandidateTag>, Sections) {
        let names = [(1, "Heartbroken"), (2, "Sad"), (3, "hard rock"), (4, "lonely")];
        let tag = |name: &str| CandidateTag {
            tag_type: TagType::Mood,
            name: name.into(),
            key: key(name).as_str().into(),
            state: 0,
        };
        let tags = names.into_iter().map(|(id, name)| (id, tag(name))).collect();
        let related = |tags: &[&str]| {
            let related_tags = tags.iter().map(ToString::to_string).collect();
            Arc::new(Synonyms { related_tags, ..Synonyms::default() })
        };
        (tags, Sections::from_iter([(1, related(&["sad", "SAD", "lonely"])), (3, related(&["metal"]))]))
    }

    fn text(score: f64) -> Evidence {
        Evidence { matched: Match { kind: MatchKind::Text, term: None, lang: None }, score, is_occasion: false }
    }

    #[test]
    fn what_the_best_are_related_to_rises_by_their_share() {
        let (tags, sections) = library();
        let mut found = Found::from_iter([
            (1, fuse(Some(text(0.8)), None, &CALIBRATION)),
            (2, fuse(None, Some(0.3), &CALIBRATION)),
            (3, fuse(Some(text(0.4)), None, &CALIBRATION)),
        ]);
        let before: ById<f64> = found.iter().map(|(id, fused)| (*id, fused.score)).collect();
        assert!(!found[&2].is_answer());
        let best = best(&found, &tags);
        assert_eq!(best, [1, 3]);
        spread(&mut found, &best, 0.0, &tags, &sections);
        let share = before[&1] / (before[&1] + before[&3]);
        let expected = before[&2] + (1.0 - (-0.5 * share).exp()) * (0.89 - before[&2]);
        assert!((found[&2].score - expected).abs() < 1e-4, "{} {expected}", found[&2].score);
        assert!(found[&2].is_answer() && found[&2].score < 0.89);
        assert_eq!((found[&1].score, found[&3].score), (before[&1], before[&3]));
        assert!(found[&2].explanation().reason.contains("related"));
    }

    #[test]
    fn words_in_contexts_make_an_occasion_and_words_in_descriptions_none() {
        let by = |is_occasion, score| fuse(Some(Evidence { is_occasion, ..text(score) }), None, &CALIBRATION);
        let occasion_of = |score, first, second| {
            occasion(&Found::from_iter([(1, by(first, score)), (2, by(second, score))]), &[1, 2])
        };
        assert_eq!((occasion_of(0.8, true, true), occasion_of(0.8, false, false)), (1.0, 0.0));
        assert!((0.6..0.7).contains(&occasion_of(0.8, true, false)));
        assert_eq!(occasion_of(0.4, true, false), 0.0, "one alone, barely met");
    }

    #[test]
    fn an_occasion_calls_for_moods_and_for_what_is_nearest() {
        let (mut tags, sections) = library();
        if let Some(tag) = tags.get_mut(&4) {
            tag.tag_type = TagType::Genre;
        }
        let found = || {
            let near = |cosine| fuse(None, Some(cosine), &CALIBRATION);
            Found::from_iter([
                (1, fuse(Some(text(0.8)), None, &CALIBRATION)),
                (2, near(0.1)),
                (3, near(0.2)),
                (4, near(0.1)),
            ])
        };
        let score = |occasion, id: i64| {
            let mut found = found();
            bring_nearest(&mut found, occasion);
            spread(&mut found, &[1], occasion, &tags, &sections);
            found[&id].score
        };
        assert_eq!(score(0.0, 2), score(0.0, 4), "a mood and a genre, equally near");
        assert!(score(0.2, 2) > score(0.2, 4) && score(0.2, 4) > score(0.0, 4));
        assert!(score(1.0, 3) > score(0.5, 3) && score(0.5, 3) > score(0.0, 3), "the nearest");
        assert!(score(1.0, 2) <= FUSED_CEILING);
    }

    #[test]
    fn a_name_is_that_and_no_occasion() {
        let (tags, _) = library();
        let mut exact = text(1.0);
        exact.matched.kind = MatchKind::Exact;
        let found = Found::from_iter([
            (1, fuse(Some(text(0.8)), None, &CALIBRATION)),
            (2, fuse(Some(exact), None, &CALIBRATION)),
        ]);
        assert!(best(&found, &tags).is_empty());
    }

    #[test]
    fn nothing_found_raises_nothing() {
        let (tags, sections) = library();
        let mut found = Found::from_iter([(2, fuse(None, Some(0.1), &CALIBRATION))]);
        let best = best(&found, &tags);
        spread(&mut found, &best, 0.0, &tags, &sections);
        assert!(!found[&2].is_answer());
    }
}
