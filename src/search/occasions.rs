//! What one plays when: the occasions of the lexicon that are nearest in meaning to a query (`raking leaves in october`, and
//! `raking leaves`), and the tags that the lexicon plays then.
//!
//! The text of a tag speaks of a sound, so that its vector is as far from an occasion as from a tax return form. Another
//! occasion's words are not: compared with those, a query says by itself whether it names one (docs/adr/0013).

use std::{collections::HashMap, sync::LazyLock};

use super::combine::Found;
use crate::{
    domain::{TagType, keep_first},
    embed::{ComparedQuery, ShippedVector},
    generate::{Occasions, TagKey},
    store::{ById, CandidateTag},
};

/// So many of the nearest wordings say what is played.
const NEAREST: usize = 64;

/// So many of the tags that are played most become candidates, where the certainty is enough to make an answer of one.
const CANDIDATES: usize = 32;
const LEAST_CERTAINTY: f64 = 0.25;

/// Cosines: below the first a query names no occasion; from the second on it does for sure.
const NEAR: f32 = 0.5;
const SURE: f32 = 0.8;

/// From this vector score of a tag on it is less certain that the query names an occasion; at 1 the tag is meant.
const MEANT: f64 = 0.6;

/// A wording counts by the square of what its cosine is beyond this: one that is merely near, little.
const UNRELATED: f32 = 0.3;

/// How strongly the tag rises that is played most: by `1 − e^−2` of what it lacks to the highest score; a mood by more.
const STRENGTH: f64 = 2.0;
const STRENGTH_OF_MOOD: f64 = 0.5;

/// The vectors of the wordings, in their order.
static VECTORS: LazyLock<Vec<ShippedVector>> =
    LazyLock::new(|| Occasions::get().wordings.iter().filter_map(|(wording, _)| ShippedVector::of(wording)).collect());

/// What is played at the occasions nearest to a query.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// How sure it is that the query names an occasion, 0..=1.
    pub(super) certainty: f64,
    /// By tag, most played first.
    tags: Vec<(&'static TagKey, Part)>,
}

/// How much a tag is played.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    /// Beside the tag that is played most, 0..=1.
    share: f64,
    /// At which of the occasions, the nearest.
    at: &'static str,
}

impl Played {
    /// What is played at what this vector of the built-in model means.
    pub(super) fn at(vector: &[f32]) -> Self {
        let Some(query) = ComparedQuery::new(vector) else { return Self::default() };
        let mut near: Vec<(f32, usize)> =
            VECTORS.iter().enumerate().map(|(place, vector)| (vector.cosine(&query), place)).collect();
        near.retain(|(cosine, _)| *cosine > NEAR);
        keep_first(&mut near, NEAREST, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let Some((nearest, _)) = near.first() else { return Self::default() };
        let certainty = f64::from(((nearest - NEAR) / (SURE - NEAR)).min(1.0));
        let occasions = Occasions::get();
        let mut parts: HashMap<usize, Part> = HashMap::new();
        for (cosine, place) in near {
            let (wording, tags) = &occasions.wordings[place];
            for tag in tags {
                let part = parts.entry(*tag).or_insert(Part { share: 0.0, at: wording });
                part.share += f64::from(cosine - UNRELATED).powi(2);
            }
        }
        let most = parts.values().map(|part| part.share).fold(0.0, f64::max);
        let share = |part: Part| Part { share: part.share / most, ..part };
        let mut tags: Vec<(usize, Part)> = parts.into_iter().map(|(tag, part)| (tag, share(part))).collect();
        tags.sort_unstable_by(|a, b| b.1.share.total_cmp(&a.1.share).then(a.0.cmp(&b.0)));
        let tags = tags.into_iter().map(|(tag, part)| (&occasions.tags[tag], part)).collect();
        Self { certainty, tags }
    }

    /// The keys of the names of those that are played most, to be looked for.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static String> {
        let count = if self.certainty < LEAST_CERTAINTY { 0 } else { CANDIDATES };
        self.tags.iter().take(count).map(|((_, key), _)| key)
    }

    /// Lowers the certainty where a tag's own meaning is near: then the query means that tag (`slow violent Italian techno`), and
    /// occasions are near by its words alone.
    pub(super) fn doubt(&mut self, found: &Found) {
        let meant = found.values().filter_map(|fused| fused.vector).fold(0.0, f64::max);
        self.certainty *= 1.0 - ((meant - MEANT) / (1.0 - MEANT)).max(0.0);
    }

    /// Raises what is played: `score + certainty × (1 − e^−(strength × share)) × (0.89 − score)`.
    pub(super) fn raise(&self, found: &mut Found, tags: &ById<CandidateTag>) {
        let parts: HashMap<(TagType, &str), Part> =
            self.tags.iter().map(|((tag_type, key), part)| ((*tag_type, key.as_str()), *part)).collect();
        for (id, fused) in found.iter_mut() {
            let Some(tag) = tags.get(id) else { continue };
            let Some(part) = parts.get(&(tag.tag_type, &*tag.key)) else { continue };
            let strength = STRENGTH + if tag.tag_type == TagType::Mood { STRENGTH_OF_MOOD } else { 0.0 };
            fused.play(self.certainty * (1.0 - (-strength * part.share).exp()), part.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Calibration,
        embed::{BuiltinEmbedder, Embedder},
        search::fuse::fuse,
    };

    const CALIBRATION: Calibration = Calibration { floor: 0.0, ceiling: 1.0, tags: 0 };

    async fn played_at(query: &str) -> Played {
        Played::at(&BuiltinEmbedder::default().embed_query(query).await.unwrap())
    }

    #[test]
    fn every_wording_has_its_vector() {
        assert_eq!(VECTORS.len(), Occasions::get().wordings.len());
    }

    #[tokio::test]
    async fn words_that_stand_in_no_context_name_an_occasion_and_what_is_no_occasion_names_none() {
        for (query, mood) in [
            ("gathering fallen leaves on the lawn", "autumn"),
            ("sledging down the snowy hill", "playful"),
            ("grandmother's ninetieth birthday", "birthday"),
        ] {
            let played = played_at(query).await;
            let wanted = (TagType::Mood, mood.to_owned());
            assert!(played.tags.iter().take(8).any(|(tag, _)| **tag == wanted), "{query}: {played:?}");
            assert!(played.certainty > 0.3, "{query}: {}", played.certainty);
        }
        for query in ["tax return form", "wifi password reset", "kubernetes ingress controller", "zzxqy", ""] {
            let played = played_at(query).await;
            assert!(played.certainty < 0.2, "{query}: {} {:?}", played.certainty, played.tags.first());
        }
    }

    #[test]
    fn vectors_of_another_model_name_nothing() {
        let played = Played::at(&[1.0; 768]);
        assert_eq!((played.certainty, played.keys().count()), (0.0, 0));
    }

    #[test]
    fn where_a_tag_itself_is_meant_no_occasion_is() {
        for (cosine, certainty) in [(0.3, 0.5), (0.8, 0.25), (1.0, 0.0)] {
            let mut played = Played { certainty: 0.5, tags: Vec::new() };
            let found = Found::from_iter([
                (1, fuse(None, Some(cosine), &CALIBRATION)),
                (2, fuse(None, Some(0.1), &CALIBRATION)),
                (3, fuse(None, None, &CALIBRATION)),
            ]);
            played.doubt(&found);
            assert!((played.certainty - certainty).abs() < 1e-4, "{cosine}: {}", played.certainty);
        }
    }

    #[test]
    fn what_is_played_rises_by_its_share_and_moods_by_more() {
        let [mood, genre] = [TagType::Mood, TagType::Genre].map(|tag_type| {
            Occasions::get().tags.iter().find(|tag| tag.0 == tag_type).expect("some stand in an occasion")
        });
        let part = |share| Part { share, at: "raking leaves" };
        let played = Played { certainty: 0.5, tags: vec![(mood, part(1.0)), (genre, part(0.5))] };
        let tag = |(tag_type, key): &TagKey| CandidateTag {
            tag_type: *tag_type,
            name: "?".into(),
            key: (**key).into(),
            state: 0,
        };
        let namesake = CandidateTag { tag_type: TagType::Genre, ..tag(mood) };
        let tags = ById::from_iter([(1, tag(mood)), (2, tag(genre)), (3, namesake)]);
        let mut found: Found = (1..=3).map(|id| (id, fuse(None, Some(0.2), &CALIBRATION))).collect();
        let before = found[&3].score;
        played.raise(&mut found, &tags);
        let expected = |strength: f64| before + 0.5 * (1.0 - (-strength).exp()) * (0.89 - before);
        for (id, strength) in [(1, 2.5), (2, 1.0)] {
            assert!((found[&id].score - expected(strength)).abs() < 1e-4, "{id}: {}", found[&id].score);
            assert!(found[&id].explanation().reason.contains("played at `raking leaves`"));
        }
        assert!((found[&3].score - before).abs() < f64::EPSILON, "the genre of a mood's name is another tag");
    }
}
