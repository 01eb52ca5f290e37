//! The vectors of the active space in memory, compared one by one: exact, and fast enough for tens of thousands.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::{TagType, keep_first},
    store::VectorHit,
};

/// All vectors of one space, contiguous.
#[derive(Debug, Default)]
pub(super) struct VectorIndex {
    /// Length of each vector; 0 while empty.
    dimensions: usize,
    values: Vec<f32>,
    rows: Vec<(i64, TagType)>,
    slots: HashMap<i64, usize>,
}

impl VectorIndex {
    /// Adds or replaces a row's vector. A vector of another length than the others is refused.
    pub(super) fn upsert(&mut self, synonym_id: i64, tag_type: TagType, vector: &[f32]) -> bool {
        if self.rows.is_empty() {
            self.dimensions = vector.len();
        }
        if vector.len() != self.dimensions || vector.is_empty() {
            return false;
        }
        if let Some(&slot) = self.slots.get(&synonym_id) {
            self.values[slot * self.dimensions..][..self.dimensions].copy_from_slice(vector);
            self.rows[slot].1 = tag_type;
        } else {
            self.slots.insert(synonym_id, self.rows.len());
            self.rows.push((synonym_id, tag_type));
            self.values.extend_from_slice(vector);
        }
        true
    }

    /// How many rows have a vector.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A row's vector.
    pub(super) fn get(&self, synonym_id: i64) -> Option<&[f32]> {
        self.slots.get(&synonym_id).map(|slot| &self.values[slot * self.dimensions..][..self.dimensions])
    }

    /// Takes a row out, if it is there: the last one moves to its place.
    pub(super) fn remove(&mut self, synonym_id: i64) {
        let Some(slot) = self.slots.remove(&synonym_id) else { return };
        let last = self.rows.len() - 1;
        self.rows.swap_remove(slot);
        let (start, end) = (last * self.dimensions, (last + 1) * self.dimensions);
        self.values.copy_within(start..end, slot * self.dimensions);
        self.values.truncate(start);
        if let Some((moved, _)) = self.rows.get(slot) {
            self.slots.insert(*moved, slot);
        }
    }

    /// The `limit` nearest rows of a type (or of both), nearest first, and after them every row of `also`. Equal cosines
    /// are ordered by `tag_name`, so that an answer does not depend on the order of insertion.
    pub(super) fn nearest<'a>(
        &self,
        query: &[f32],
        tag_type: Option<TagType>,
        limit: usize,
        also: impl Iterator<Item = i64>,
        tag_name: impl Fn(i64) -> &'a str,
    ) -> Vec<VectorHit> {
        if query.len() != self.dimensions || self.rows.is_empty() {
            return Vec::new();
        }
        let mut hits: Vec<VectorHit> = self
            .rows
            .iter()
            .zip(self.values.chunks_exact(self.dimensions))
            .filter(|((_, row_type), _)| tag_type.is_none_or(|wanted| wanted == *row_type))
            .map(|((synonym_id, _), vector)| VectorHit { synonym_id: *synonym_id, cosine: dot(query, vector) })
            .collect();
        let nearer = |a: &VectorHit, b: &VectorHit| {
            b.cosine.total_cmp(&a.cosine).then_with(|| tag_name(a.synonym_id).cmp(tag_name(b.synonym_id)))
        };
        keep_first(&mut hits, limit, nearer);
        let mut known: HashSet<i64> = hits.iter().map(|hit| hit.synonym_id).collect();
        for synonym_id in also {
            if let Some(vector) = self.get(synonym_id)
                && known.insert(synonym_id)
            {
                hits.push(VectorHit { synonym_id, cosine: dot(query, vector) });
            }
        }
        hits
    }
}

/// Dot product, in sixteen independent sums so that the compiler can use vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// A vector as the database keeps it: little-endian f32.
pub(super) fn encode(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The vector in a BLOB; `None` when its length is no multiple of four.
pub(super) fn decode(blob: &[u8]) -> Option<Vec<f32>> {
    let (values, rest) = blob.as_chunks::<4>();
    rest.is_empty().then(|| values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(direction: usize) -> Vec<f32> {
        let mut vector = vec![0.0; 20];
        vector[direction] = 1.0;
        vector
    }

    fn ids(hits: &[VectorHit]) -> Vec<i64> {
        hits.iter().map(|hit| hit.synonym_id).collect()
    }

    #[test]
    fn the_nearest_come_first_and_removed_ones_are_gone() {
        let mut index = VectorIndex::default();
        for id in 0..5 {
            assert!(index.upsert(id, TagType::Genre, &unit(usize::try_from(id).unwrap())));
        }
        let mut query = unit(3);
        query[1] = 0.5;
        assert_eq!(ids(&index.nearest(&query, None, 2, std::iter::empty(), |_| "")), [3, 1]);
        index.remove(1);
        index.remove(1);
        assert_eq!(ids(&index.nearest(&query, None, 2, std::iter::empty(), |_| "")), [3, 0]);
        assert!(index.upsert(4, TagType::Genre, &query));
        assert_eq!(ids(&index.nearest(&query, None, 1, [2].into_iter(), |_| "")), [4, 2]);
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let mut index = VectorIndex::default();
        assert!(index.upsert(1, TagType::Mood, &[1.0, 0.0]));
        assert!(!index.upsert(2, TagType::Mood, &[1.0]));
        assert!(index.nearest(&[1.0], None, 5, std::iter::empty(), |_| "").is_empty());
        index.remove(1);
        assert!(index.upsert(2, TagType::Mood, &[1.0]));
    }

    #[test]
    fn vectors_survive_the_way_through_a_blob() {
        let vector = [0.25f32, -1.5, f32::MIN_POSITIVE];
        assert_eq!(decode(&encode(&vector)).unwrap(), vector);
        assert_eq!(decode(&[0, 0, 0]), None);
    }
}
