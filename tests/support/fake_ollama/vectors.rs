//! Vectors without a model: a text is the bag of its words and trigrams, each hashed to one of 768 places, so that
//! texts with words in common are near, and nothing is like anything in the space of another model.

use musonym::domain::words;

/// Width of a vector.
pub const DIMENSIONS: usize = 768;

/// FNV-1a, 64 bit: the same on every machine and in every version of the compiler.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The vector of a text (768 × f64, L2-normalised) in the space of `model`; its task prefix says nothing.
pub(super) fn of(model: &str, input: &str) -> Vec<f64> {
    let text = input.split_once(": ").map_or(input, |(_, text)| text);
    let mut vector = vec![0.0; DIMENSIONS];
    let mut add = |token: &str, weight: f64| {
        let hash = hash(&format!("{model}\u{0}{token}"));
        let place = usize::try_from(hash % DIMENSIONS as u64).unwrap();
        vector[place] += if hash >> 63 == 0 { weight } else { -weight };
    };
    for word in words(text) {
        add(&word, 1.0);
        let padded: Vec<char> = format!(" {word} ").chars().collect();
        for trigram in padded.windows(3) {
            add(&trigram.iter().collect::<String>(), 0.25);
        }
    }
    let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm < 1e-9 {
        // A text without words is somewhere, as for a real model.
        vector[0] = 1.0;
        return vector;
    }
    vector.into_iter().map(|x| x / norm).collect()
}
