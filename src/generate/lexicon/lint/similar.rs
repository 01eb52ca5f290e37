//! Which of many sets are nearly one: descriptions that say the same are found without comparing all pairs.

use std::collections::{HashMap, HashSet};

use crate::domain::words;

/// The trigrams of a text's folded words.
pub(super) fn trigrams(text: &str) -> HashSet<[char; 3]> {
    let folded: Vec<char> = format!("  {} ", words(text).join(" ")).chars().collect();
    folded.windows(3).map(|three| [three[0], three[1], three[2]]).collect()
}

/// The pairs of sets whose Jaccard similarity is above `threshold`, as (earlier, later, similarity).
///
/// Two such sets share at least one of the `n - ⌈threshold × n⌉ + 1` rarest members of each: prefix filtering
/// (Chaudhuri, Ganti, Kaushik, "A Primitive Operator for Similarity Joins in Data Cleaning", 2006).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "sizes of short texts"
)]
pub(super) fn similar_sets(sets: &[HashSet<[char; 3]>], threshold: f64) -> Vec<(usize, usize, f64)> {
    let sets = rarest_first(sets);
    let members = sets.iter().flatten().max().map_or(0, |last| last + 1);
    let mut holders: Vec<Vec<usize>> = vec![Vec::new(); members];
    let mut compared_with: Vec<Option<usize>> = vec![None; sets.len()];
    let mut pairs = Vec::new();
    for (place, set) in sets.iter().enumerate() {
        let prefix = (set.len() - (threshold * set.len() as f64).ceil() as usize + 1).min(set.len());
        for &member in &set[..prefix] {
            for &candidate in &holders[member] {
                if compared_with[candidate].replace(place) == Some(place) {
                    continue;
                }
                let common = count_common(set, &sets[candidate]);
                let similarity = common as f64 / (set.len() + sets[candidate].len() - common) as f64;
                if similarity > threshold {
                    pairs.push((candidate, place, similarity));
                }
            }
            holders[member].push(place);
        }
    }
    pairs
}

/// The sets with each member as its rank by rarity, in ascending order.
fn rarest_first(sets: &[HashSet<[char; 3]>]) -> Vec<Vec<usize>> {
    let mut frequency: HashMap<&[char; 3], usize> = HashMap::new();
    for member in sets.iter().flatten() {
        *frequency.entry(member).or_default() += 1;
    }
    let mut by_rarity: Vec<(usize, &[char; 3])> =
        frequency.into_iter().map(|(member, times)| (times, member)).collect();
    by_rarity.sort_unstable();
    let rank: HashMap<&[char; 3], usize> =
        by_rarity.into_iter().enumerate().map(|(rank, (_, member))| (member, rank)).collect();
    let ranked = |set: &HashSet<[char; 3]>| {
        let mut ranks: Vec<usize> = set.iter().map(|member| rank[member]).collect();
        ranks.sort_unstable();
        ranks
    };
    sets.iter().map(ranked).collect()
}

/// How many members two ascending lists have in common.
fn count_common(one: &[usize], other: &[usize]) -> usize {
    let (mut at, mut common) = (0, 0);
    for member in one {
        while at < other.len() && other[at] < *member {
            at += 1;
        }
        if at < other.len() && other[at] == *member {
            common += 1;
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_sets_are_those_that_comparing_all_pairs_finds() {
        let texts: Vec<String> = (0..60_u32).map(|n| format!("{:08b} {:05b}", n / 4 * 37, n % 4)).collect();
        let sets: Vec<HashSet<[char; 3]>> = texts.iter().map(|text| trigrams(text)).collect();
        let mut expected = Vec::new();
        for second in 0..sets.len() {
            for first in 0..second {
                let common = sets[first].intersection(&sets[second]).count();
                if common * 10 > 7 * (sets[first].len() + sets[second].len() - common) {
                    expected.push((first, second));
                }
            }
        }
        let mut found: Vec<_> =
            similar_sets(&sets, 0.7).into_iter().map(|(first, second, _)| (first, second)).collect();
        found.sort_by_key(|(first, second)| (*second, *first));
        assert!(!expected.is_empty());
        assert_eq!(found, expected);
    }
}
