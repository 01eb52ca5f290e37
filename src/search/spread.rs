//! From the best results to what is related to them: a query for an occasion (`getting over a breakup`) meets the words of one tag
//! (`heartbroken`), and means its relations, too (`sad`, `lonely`).

use std::collections::HashMap;

use super::{
    combine::Found,
    fuse::{FUSED_CEILING, Fused, round},
};
use crate::{
    domain::{Synonyms, key},
    store::CandidateTag,
};

/// So many of the best results say what they are related to.
pub(super) const TOP: usize = 10;

/// How much of what a tag lacks to the highest score its relations can give it.
const SHARE: f64 = 0.5;

/// The best results, whose relations count; none where one is met by its name: then the query is that name and no other thing.
pub(super) fn best(found: &Found, tags: &HashMap<i64, CandidateTag>) -> Vec<i64> {
    if found.values().any(Fused::is_by_name) {
        return Vec::new();
    }
    let mut best: Vec<(f64, &str, i64)> = found
        .iter()
        .filter(|(_, fused)| fused.is_answer())
        .filter_map(|(id, fused)| Some((fused.score, &*tags.get(id)?.name, *id)))
        .collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    best.truncate(TOP);
    best.into_iter().map(|(_, _, id)| id).collect()
}

/// Raises the candidates that the best results are related to: `score + 0.5 × (0.89 − score) × share`, where `share` is the part
/// that those which name the candidate as related have of the sum of the best scores.
pub(super) fn spread(
    found: &mut Found,
    best: &[i64],
    tags: &HashMap<i64, CandidateTag>,
    sections: &HashMap<i64, Synonyms>,
) {
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
        let Some(by) = tags.get(id).and_then(|tag| named.get(&*tag.key)) else { continue };
        let share = (by / sum).min(1.0);
        let raised = round(fused.score + SHARE * (FUSED_CEILING - fused.score).max(0.0) * share);
        (fused.raised, fused.score) = (raised - fused.score, raised);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Calibration, TagType},
        search::{
            answer::{Match, MatchKind},
            fuse::fuse,
            lexical::Evidence,
        },
    };

    const CALIBRATION: Calibration = Calibration { floor: 0.0, ceiling: 1.0, tags: 0 };

    fn library() -> (HashMap<i64, CandidateTag>, HashMap<i64, Synonyms>) {
        let names = [(1, "Heartbroken"), (2, "Sad"), (3, "hard rock"), (4, "lonely")];
        let tag = |name: &str| CandidateTag { tag_type: TagType::Mood, name: name.into(), key: key(name).into() };
        let tags = names.into_iter().map(|(id, name)| (id, tag(name))).collect();
        let related = |tags: &[&str]| Synonyms {
            related_tags: tags.iter().map(ToString::to_string).collect(),
            ..Synonyms::default()
        };
        (tags, HashMap::from([(1, related(&["sad", "SAD", "lonely"])), (3, related(&["metal"]))]))
    }

    fn text(score: f64) -> Evidence {
        Evidence { matched: Match { kind: MatchKind::Text, term: None, lang: None }, score }
    }

    #[test]
    fn what_the_best_are_related_to_rises_by_their_share() {
        let (tags, sections) = library();
        let mut found = Found::from([
            (1, fuse(Some(&text(0.8)), None, &CALIBRATION)),
            (2, fuse(None, Some(0.3), &CALIBRATION)),
            (3, fuse(Some(&text(0.4)), None, &CALIBRATION)),
        ]);
        let before: HashMap<i64, f64> = found.iter().map(|(id, fused)| (*id, fused.score)).collect();
        assert!(!found[&2].is_answer());
        let best = best(&found, &tags);
        assert_eq!(best, [1, 3]);
        spread(&mut found, &best, &tags, &sections);
        let share = before[&1] / (before[&1] + before[&3]);
        let expected = before[&2] + 0.5 * (0.89 - before[&2]) * share;
        assert!((found[&2].score - expected).abs() < 1e-4, "{} {expected}", found[&2].score);
        assert!(found[&2].is_answer() && found[&2].score < 0.89);
        assert_eq!((found[&1].score, found[&3].score), (before[&1], before[&3]));
        assert!(found[&2].explanation().reason.contains("related"));
    }

    #[test]
    fn a_name_is_that_and_no_occasion() {
        let (tags, _) = library();
        let mut exact = text(1.0);
        exact.matched.kind = MatchKind::Exact;
        let found =
            Found::from([(1, fuse(Some(&text(0.8)), None, &CALIBRATION)), (2, fuse(Some(&exact), None, &CALIBRATION))]);
        assert!(best(&found, &tags).is_empty());
    }

    #[test]
    fn nothing_found_raises_nothing() {
        let (tags, sections) = library();
        let mut found = Found::from([(2, fuse(None, Some(0.1), &CALIBRATION))]);
        let best = best(&found, &tags);
        spread(&mut found, &best, &tags, &sections);
        assert!(!found[&2].is_answer());
    }
}
