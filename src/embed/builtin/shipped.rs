//! Vectors that are shipped: those of the lexicon's own texts and occasions, so that a fresh machine need not compute them. A
//! Raspberry Pi would take minutes for the starter vocabulary.
//!
//! `data/lexicon-vectors.bin` holds, for each text, the first eight bytes of its SHA-256, a scale (f32), and 384 values of
//! 8 bits, all little-endian, ordered by the hash.

use sha2::{Digest, Sha256};

static SHIPPED: &[u8] = include_bytes!("../../../data/lexicon-vectors.bin");

/// Values of a vector.
const DIMENSIONS: usize = 384;
/// Bytes of one record: hash, scale, values.
const RECORD: usize = 8 + 4 + DIMENSIONS;

/// Values of a query as they are compared with those of 8 bits: so large that rounding does not show, and small enough for the
/// sums of their products.
const QUERY_SCALE: f32 = 4096.0;

/// A vector of the file.
#[derive(Clone, Copy)]
pub(crate) struct ShippedVector {
    scale: f32,
    values: &'static [u8; DIMENSIONS],
}

impl ShippedVector {
    /// That of a text, if it is shipped.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (records, _) = SHIPPED.as_chunks::<RECORD>();
        let hash = hash(text);
        let place = records.binary_search_by(|record| record[..8].cmp(&hash)).ok()?;
        let (scale, values) = records[place][8..].split_first_chunk::<4>()?;
        Some(Self { scale: f32::from_le_bytes(*scale), values: values.first_chunk()? })
    }

    /// Its values, L2-normalised.
    fn to_vec(self) -> Vec<f32> {
        self.values.iter().map(|value| f32::from(value.cast_signed()) * self.scale).collect()
    }

    /// Its cosine with a query.
    pub(crate) fn cosine(self, query: &ComparedQuery) -> f32 {
        let products = self.values.iter().zip(&query.0).map(|(a, b)| i32::from(a.cast_signed()) * i32::from(*b));
        #[expect(clippy::cast_precision_loss, reason = "a cosine")]
        let sum = products.sum::<i32>() as f32;
        sum * self.scale / QUERY_SCALE
    }
}

/// The vector of a query in the built-in model's space, as shipped ones are compared with it.
pub(crate) struct ComparedQuery([i16; DIMENSIONS]);

impl ComparedQuery {
    /// `None` where it is no vector of that model.
    pub(crate) fn new(vector: &[f32]) -> Option<Self> {
        let vector: &[f32; DIMENSIONS] = vector.try_into().ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "a value of a unit vector")]
        let rounded = |value: f32| (value * QUERY_SCALE).round() as i16;
        Some(Self(vector.map(rounded)))
    }
}

/// The shipped vector of a text, L2-normalised.
pub(super) fn vector(text: &str) -> Option<Vec<f32>> {
    ShippedVector::of(text).map(ShippedVector::to_vec)
}

fn hash(text: &str) -> [u8; 8] {
    Sha256::digest(text).first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        embed::{BuiltinEmbedder, document_text},
        generate::{GenerationRequest, Generator, LexiconGenerator, Occasions, lexicon_tags},
    };

    /// The text of each entry of the lexicon, as the pipeline makes it, and the words of its occasions.
    async fn texts() -> Vec<String> {
        let mut texts = Vec::new();
        for (tag_type, tag_name) in lexicon_tags() {
            let tag = crate::domain::TagRef { tag_type, tag_name };
            let name = tag.tag_name.clone();
            let request = GenerationRequest { tag, related_tags: Vec::new(), rejected_keys: Vec::new() };
            let terms = LexiconGenerator::default().generate(&request).await.unwrap().terms;
            texts.push(document_text(name.as_str(), &terms));
        }
        texts.extend(Occasions::get().wordings.iter().map(|(wording, _)| wording.clone()));
        texts
    }

    fn record(text: &str, vector: &[f32]) -> Vec<u8> {
        let largest = vector.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let rounded: Vec<i8> = vector
            .iter()
            .map(|value| {
                #[expect(clippy::cast_possible_truncation, reason = "within -127..=127")]
                let rounded = (value / largest * 127.0).round() as i8;
                rounded
            })
            .collect();
        // The scale gives back length 1.
        let length = rounded.iter().map(|value| f32::from(*value).powi(2)).sum::<f32>().sqrt();
        let mut record = hash(text).to_vec();
        record.extend((1.0 / length).to_le_bytes());
        record.extend(rounded.iter().map(|value| value.cast_unsigned()));
        record
    }

    /// `MUSONYM_BLESS=1 cargo test --lib shipped` computes the file anew (a minute or two), after a change of
    /// the lexicon, of the text template or of the model.
    #[tokio::test]
    async fn every_text_of_the_lexicon_has_its_vector_and_it_is_the_models() {
        let texts = texts().await;
        let embedder = BuiltinEmbedder::default();
        if std::env::var_os("MUSONYM_BLESS").is_some() {
            let vectors = embedder.compute(texts.clone()).await.unwrap();
            let mut records: Vec<Vec<u8>> = texts.iter().zip(&vectors).map(|(text, made)| record(text, made)).collect();
            records.sort_unstable();
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/lexicon-vectors.bin");
            std::fs::write(path, records.concat()).unwrap();
            println!("{} vectors written; build again to use them", texts.len());
            return;
        }
        let missing = texts.iter().filter(|text| vector(text).is_none()).count();
        assert_eq!(missing, 0, "data/lexicon-vectors.bin is outdated; see the comment of this test");
        assert_eq!(SHIPPED.len(), texts.len() * RECORD, "vectors of texts that are gone");
        let sample: Vec<String> = texts.iter().step_by(texts.len() / 40).cloned().collect();
        let computed = embedder.compute(sample.clone()).await.unwrap();
        for (text, computed) in sample.iter().zip(computed) {
            let shipped = vector(text).unwrap();
            let cosine: f32 = shipped.iter().zip(&computed).map(|(a, b)| a * b).sum();
            assert!(cosine > 0.9995, "{text:?}: {cosine}");
        }
    }
}
