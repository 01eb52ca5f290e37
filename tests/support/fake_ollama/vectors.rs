//! Vectors without a model: a text is the bag of its words and trigrams, each hashed to one of 768 places, so that
//! texts with words in common are near, and nothing is like anything in the space of another model.

use musonym::domain::words;

use super::contract;

/// Width of a vector of most models.
pub const DIMENSIONS: usize = 768;

/// Width of a vector of this model.
fn width(model: &str) -> usize {
    if ["large", "bge-m3"].iter().any(|word| model.contains(word)) { 1024 } else { DIMENSIONS }
}

/// FNV-1a, 64 bit: the same on every machine and in every version of the compiler.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The vector of a text (f64, L2-normalised), at most `longest` wide, in the space of `model`; its task prefix says nothing.
pub(super) fn of(model: &str, input: &str, longest: Option<usize>) -> Vec<f64> {
    let prefixes = contract::prefixes(model);
    let text = prefixes.iter().find_map(|prefix| input.strip_prefix(prefix)).unwrap_or(input);
    let width = width(model);
    let mut vector = vec![0.0; width];
    let mut add = |token: &str, weight: f64| {
        let hash = hash(&format!("{model}\u{0}{token}"));
        let place = usize::try_from(hash % width as u64).unwrap();
        vector[place] += if hash >> 63 == 0 { weight } else { -weight };
    };
    for word in words(text) {
        add(&word, 1.0);
        let padded: Vec<char> = format!(" {word} ").chars().collect();
        for trigram in padded.windows(3) {
            add(&trigram.iter().collect::<String>(), 0.25);
        }
    }
    vector.truncate(longest.unwrap_or(width));
    let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm < 1e-9 {
        // A text without words is somewhere, as for a real model.
        vector[0] = 1.0;
        return vector;
    }
    vector.into_iter().map(|x| x / norm).collect()
}
