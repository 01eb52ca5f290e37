//! Tags whose vectors say that they mean one thing: each tag with the nearest of its type, where that is near enough.
//!
//! Up to [`EXACT_ROWS`] tags of a type every pair is compared. Beyond, their number would cost minutes; tags are then compared
//! with those that share a hash of their vector with them, which finds all but one of a hundred pairs at the threshold, and more
//! of those above it: random hyperplanes (Charikar, "Similarity estimation techniques from rounding algorithms", 2002).

use super::tables::{TABLES_SEED, Tables};
use crate::domain::Calibration;

/// Tags of one type up to which every pair is compared: some 1.6 s of one core of a cloud machine with vectors of 384 dimensions.
/// By hashes 100,000 took 12 s.
const EXACT_ROWS: usize = 10_000;

/// Most tags of one type that are compared; of more, those with the lowest numbers.
const MAX_ROWS: usize = 200_000;

/// Rows of one hash of which each is compared with so many of the next: a library of copies must not cost a square.
const MAX_RUN: usize = 500;

/// A vector of length 1 is kept in whole numbers of this length: the difference of two of their values fits into 16 bits, and the
/// squared distance of two vectors into 32.
const SCALE: f32 = 16_383.0;

/// Values that are compared before the distance so far is looked at: most pairs are far apart after the first.
const CHUNK: usize = 64;

/// Rows that are compared with all others while they lie in the processor's cache.
const BLOCK: usize = 128;

/// The vectors of the tags of one type.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    /// Of each vector; 0 before the first.
    dimensions: usize,
    values: Vec<i16>,
    /// The place of each vector's tag in the vocabulary.
    places: Vec<usize>,
    /// How many were left out for their number.
    left_out: usize,
}

/// Two tags that mean one thing, by their places in the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) cosine: f64,
}

/// What was found, and what was not looked at.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    pub(super) pairs: Vec<Pair>,
    /// Whether hashes chose the pairs that were compared.
    pub(super) by_hash: Option<ByHash>,
}

/// How hashes chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ByHash {
    /// The share of the pairs at the threshold that are missed.
    pub(super) missed: f64,
    /// Whether so many rows had one hash that not all pairs of them were compared.
    pub(super) cut_runs: bool,
}

/// The nearest row so far of each row, with the squared distance.
type Best = Vec<Option<(i32, usize)>>;

impl Vectors {
    /// Takes in the vector of the tag at `place`. One of another length than the others, or without a direction, has no meaning
    /// to compare: false.
    pub(super) fn add(&mut self, place: usize, vector: &[f32]) -> bool {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if self.places.is_empty() {
            self.dimensions = vector.len();
        }
        if vector.len() != self.dimensions || !length.is_normal() {
            return false;
        }
        if self.places.len() == MAX_ROWS {
            self.left_out += 1;
            return true;
        }
        #[expect(clippy::cast_possible_truncation, reason = "within -SCALE..=SCALE")]
        let scaled = vector.iter().map(|value| (value / length * SCALE).round() as i16);
        self.values.extend(scaled);
        self.places.push(place);
        true
    }

    /// How many vectors are compared.
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    /// How many were left out because there are more than [`MAX_ROWS`].
    pub(super) const fn left_out(&self) -> usize {
        self.left_out
    }

    /// Each tag with its nearest, where their cosine is `threshold` or more; each pair once, in the order of its places.
    pub(super) fn nearest(&self, threshold: f64) -> Nearest {
        self.nearest_with(threshold, EXACT_ROWS)
    }

    fn nearest_with(&self, threshold: f64, exact_rows: usize) -> Nearest {
        let mut best: Best = vec![None; self.len()];
        let limit = limit(threshold);
        let by_hash = if self.len() <= exact_rows {
            self.compare_all(limit, &mut best);
            None
        } else {
            Some(self.compare_by_hash(threshold, limit, &mut best))
        };
        let mut pairs: Vec<(usize, usize, i32)> = best
            .iter()
            .enumerate()
            .filter_map(|(row, nearest)| nearest.map(|(distance, other)| (row.min(other), row.max(other), distance)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let pair = |(first, second, distance)| Pair {
            first: self.places[first],
            second: self.places[second],
            cosine: cosine(distance),
        };
        Nearest { pairs: pairs.into_iter().map(pair).collect(), by_hash }
    }

    fn compare_all(&self, limit: i32, best: &mut Best) {
        for start in (0..self.len()).step_by(BLOCK) {
            let end = (start + BLOCK).min(self.len());
            for other in start..self.len() {
                for row in start..end.min(other) {
                    self.compare(row, other, limit, best);
                }
            }
        }
    }

    fn compare_by_hash(&self, threshold: f64, limit: i32, best: &mut Best) -> ByHash {
        let Tables { bits, count, missed } = Tables::of(self.len(), threshold);
        let mut random = fastrand::Rng::with_seed(TABLES_SEED);
        let mut cut_runs = false;
        for _ in 0..count {
            let planes: Vec<i16> = (0..self.dimensions * bits).map(|_| if random.bool() { 1 } else { -1 }).collect();
            let hash = |row: usize| {
                let side = |plane: &[i16]| u32::from(dot(self.row(row), plane) > 0);
                planes.chunks_exact(self.dimensions).fold(0, |hash, plane| (hash << 1) | side(plane))
            };
            let mut rows: Vec<(u32, usize)> = (0..self.len()).map(|row| (hash(row), row)).collect();
            rows.sort_unstable();
            for run in rows.chunk_by(|a, b| a.0 == b.0) {
                cut_runs |= run.len() > MAX_RUN;
                for (at, (_, row)) in run.iter().enumerate() {
                    for (_, other) in run.iter().skip(at + 1).take(MAX_RUN) {
                        self.compare(*row, *other, limit, best);
                    }
                }
            }
        }
        ByHash { missed, cut_runs }
    }

    /// Keeps two rows as each other's nearest where they are within `limit` and nothing nearer is known. Of equal ones the
    /// earlier stays, so that the order of comparing does not show.
    fn compare(&self, row: usize, other: usize, limit: i32, best: &mut Best) {
        let Some(distance) = distance_within(self.row(row), self.row(other), limit) else { return };
        for (one, another) in [(row, other), (other, row)] {
            if best[one].is_none_or(|known| (distance, another) < known) {
                best[one] = Some((distance, another));
            }
        }
    }

    fn row(&self, row: usize) -> &[i16] {
        &self.values[row * self.dimensions..][..self.dimensions]
    }
}

/// The squared distance of two vectors of this cosine, in the scale of the values. A little more, for their rounding.
#[expect(clippy::cast_possible_truncation, reason = "at most four times the squared scale")]
fn limit(threshold: f64) -> i32 {
    const ROUNDING: f64 = 1e-6;
    let scale = f64::from(SCALE);
    (2.0 * scale * scale * (1.0 - threshold + ROUNDING)).clamp(0.0, f64::from(i32::MAX)) as i32
}

fn cosine(distance: i32) -> f64 {
    let scale = f64::from(SCALE);
    1.0 - f64::from(distance) / (2.0 * scale * scale)
}

/// The squared distance of two vectors, unless it is beyond the limit.
fn distance_within(a: &[i16], b: &[i16], limit: i32) -> Option<i32> {
    let mut sum = 0i32;
    for (a, b) in a.chunks(CHUNK).zip(b.chunks(CHUNK)) {
        // In 16 bits, which the scale leaves room for: the compiler has an instruction for such sums of products.
        let square = |(a, b): (&i16, &i16)| {
            let difference = i32::from(a.wrapping_sub(*b));
            difference * difference
        };
        sum += a.iter().zip(b).map(square).sum::<i32>();
        if sum > limit {
            return None;
        }
    }
    Some(sum)
}

fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// How the threshold came about, a sentence.
pub(super) fn explanation(calibration: &Calibration) -> String {
    let Calibration { floor, ceiling, tags } = calibration;
    let measured = match tags {
        0 => format!("as shipped for this model (measured from {} tags on)", Calibration::FEWEST_TAGS),
        tags => format!("measured over {tags} tags"),
    };
    format!(
        "A tag's name and its own vector have a cosine of {ceiling:.2} in the middle, with other tags' mostly under {floor:.2} \
         ({measured}); two tags mean one thing from two thirds of the way between {ceiling:.2} and 1 on."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector at this angle (degrees) from the first axis, in the plane of that and another axis.
    fn at(angle: f32, axis: usize, dimensions: usize) -> Vec<f32> {
        let mut vector = vec![0.0; dimensions];
        vector[0] = angle.to_radians().cos();
        vector[axis] = angle.to_radians().sin();
        vector
    }

    fn vectors(of: &[Vec<f32>]) -> Vectors {
        let mut vectors = Vectors::default();
        for (place, vector) in of.iter().enumerate() {
            assert!(vectors.add(place, vector));
        }
        vectors
    }

    fn places(nearest: &Nearest) -> Vec<(usize, usize)> {
        nearest.pairs.iter().map(|pair| (pair.first, pair.second)).collect()
    }

    #[test]
    fn each_tag_is_paired_with_its_nearest_within_the_threshold() {
        // 10° apart: 0.985; 20°: 0.940; 45°: 0.707.
        let found = vectors(&[at(0.0, 1, 70), at(10.0, 1, 70), at(30.0, 1, 70), at(75.0, 1, 70)]).nearest(0.93);
        assert_eq!(places(&found), [(0, 1), (1, 2)], "a pair for each that has one, each pair once");
        assert!((found.pairs[0].cosine - 0.9848).abs() < 1e-3, "{found:?}");
        assert_eq!(found.by_hash, None);
        let stricter = vectors(&[at(0.0, 1, 70), at(10.0, 1, 70), at(30.0, 1, 70)]).nearest(0.95);
        assert_eq!(places(&stricter), [(0, 1)]);
    }

    #[test]
    fn the_length_of_a_vector_says_nothing_and_one_without_direction_is_left_out() {
        let mut vectors = Vectors::default();
        assert!(vectors.add(7, &[0.1, 0.0]));
        assert!(vectors.add(9, &[30.0, 0.0]));
        assert!(!vectors.add(1, &[0.0, 0.0]), "no direction");
        assert!(!vectors.add(2, &[f32::NAN, 1.0]), "no number");
        assert!(!vectors.add(3, &[1.0, 0.0, 0.0]), "another length");
        assert_eq!(places(&vectors.nearest(1.0)), [(7, 9)], "identical vectors mean one thing whatever the threshold");
        assert!(Vectors::default().nearest(0.5).pairs.is_empty());
    }

    #[test]
    fn opposite_vectors_do_not_overflow() {
        let found = vectors(&[vec![1.0, 0.0], vec![-1.0, 0.0]]).nearest(-1.0);
        assert!((found.pairs[0].cosine + 1.0).abs() < 1e-3, "{found:?}");
    }

    /// Unlike vectors, each with a near copy.
    fn with_copies(tags: usize) -> Vectors {
        let mut random = fastrand::Rng::with_seed(7);
        let mut vectors = Vectors::default();
        for tag in 0..tags {
            let vector: Vec<f32> = (0..96).map(|_| random.f32() - 0.5).collect();
            let near: Vec<f32> = vector.iter().map(|value| value + (random.f32() - 0.5) * 0.35).collect();
            vectors.add(2 * tag, &vector);
            vectors.add(2 * tag + 1, &near);
        }
        vectors
    }

    #[test]
    fn hashes_find_what_comparing_all_finds() {
        let vectors = with_copies(400);
        let exact = vectors.nearest_with(0.9, usize::MAX);
        let hashed = vectors.nearest_with(0.9, 0);
        assert!(exact.pairs.len() > 380, "{}", exact.pairs.len());
        let missed = exact.pairs.iter().filter(|pair| !hashed.pairs.contains(pair)).count();
        assert!(missed * 100 <= exact.pairs.len() * 2, "{missed} of {}", exact.pairs.len());
        let how = hashed.by_hash.unwrap();
        assert!(how.missed <= 0.01 && !how.cut_runs, "{how:?}");
        assert_eq!(hashed.pairs, vectors.nearest_with(0.9, 0).pairs, "the same in every run");
    }

    #[test]
    fn a_library_of_copies_is_cut_and_says_so() {
        let copies = vectors(&vec![at(10.0, 1, 8); MAX_RUN + 9]);
        let found = copies.nearest_with(0.9, 0);
        assert!(found.by_hash.is_some_and(|how| how.cut_runs));
        assert_eq!(found.pairs.len(), MAX_RUN + 8, "each is paired with one all the same");
    }
}
