//! The built-in embedder: all-MiniLM-L6-v2 in this process, its weights part of the binary. An English model of 384
//! dimensions.

mod shipped;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use minilm::Model;

pub(crate) use shipped::{ComparedQuery, ShippedVector};

use super::{EmbedError, EmbedModel, Embedder, text::TEMPLATE_VERSION};

/// What the names of its spaces begin with.
pub(super) const FAMILY: &str = "builtin:";

/// Weights and prefixes: raised with every change of `data/minilm.gguf` (a test holds its digest), and of the forward pass
/// where it moves vectors by more than rounding does.
const MODEL_VERSION: &str = "minilm-l6-v2-q8:384";

/// Embeds in this process. The model is loaded when it is first needed.
#[derive(Debug, Default)]
pub struct BuiltinEmbedder {
    model: Arc<OnceLock<Result<Model, String>>>,
}

impl BuiltinEmbedder {
    /// Shipped vectors where the texts are the lexicon's own, the others computed.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors: Vec<Option<Vec<f32>>> = texts.iter().map(|text| shipped::vector(text)).collect();
        let missing = texts.iter().zip(&vectors).filter(|(_, vector)| vector.is_none());
        let missing: Vec<String> = missing.map(|(text, _)| text.clone()).collect();
        if !missing.is_empty() {
            let mut computed = self.compute(missing).await?.into_iter();
            for vector in vectors.iter_mut().filter(|vector| vector.is_none()) {
                *vector = computed.next();
            }
        }
        Ok(vectors.into_iter().flatten().collect())
    }

    /// On threads that may block: one call takes milliseconds to seconds.
    async fn compute(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let model = Arc::clone(&self.model);
        tokio::task::spawn_blocking(move || {
            let model = model.get_or_init(|| Model::load().map_err(|error| error.to_string()));
            let model = model.as_ref().map_err(|error| EmbedError::Builtin(error.clone()))?;
            model.embed(&texts).map_err(|error| EmbedError::Builtin(error.to_string()))
        })
        .await
        .map_err(|error| EmbedError::Builtin(error.to_string()))?
    }
}

#[async_trait]
impl Embedder for BuiltinEmbedder {
    async fn space(&self) -> Result<String, EmbedError> {
        Ok(format!("{FAMILY}{MODEL_VERSION}:{TEMPLATE_VERSION}"))
    }

    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.embed(texts).await
    }

    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError> {
        let vectors = self.compute(vec![self.query_text(query)]).await?;
        vectors.into_iter().next().ok_or_else(|| EmbedError::Builtin("no vector".to_owned()))
    }

    async fn embed_queries(&self, queries: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.compute(queries.iter().map(|query| self.query_text(query)).collect()).await
    }

    fn query_text(&self, query: &str) -> String {
        query.to_owned()
    }

    fn family(&self) -> &'static str {
        FAMILY
    }

    fn model(&self) -> Option<EmbedModel> {
        Some(EmbedModel::Builtin)
    }

    fn describe(&self) -> String {
        "the built-in model (all-MiniLM-L6-v2)".to_owned()
    }
}

/// Whether this folded word is English for all that the built-in model knows: no spelling of something else.
pub fn is_english_word(word: &str) -> bool {
    minilm::is_token(word)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// SHA-256 of the weights that `MODEL_VERSION` stands for.
    const WEIGHTS_DIGEST: &str = "aafc81ba956a89ada89e22c6ef550200889756462df2975b071ff11a940e84e6";

    /// Made by `tools/reference_vectors.py` in full precision.
    const TEXTS: &str = include_str!("../../../tests/data/reference_texts.txt");
    static VECTORS: &[u8] = include_bytes!("../../../tests/data/reference_vectors.f32");

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn english_words_are_told_from_others() {
        for (word, is_english) in [("piano", true), ("guitar", true), ("paino", false), ("##ing", false), ("", false)] {
            assert_eq!(is_english_word(word), is_english, "{word}");
        }
    }

    #[tokio::test]
    async fn the_forward_pass_over_8_bits_gives_the_vectors_of_full_precision() {
        let texts: Vec<String> = TEXTS.lines().map(str::to_owned).collect();
        let (values, rest) = VECTORS.as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let reference: Vec<&[f32]> = values.chunks_exact(384).collect();
        assert_eq!((texts.len(), reference.len(), rest.len()), (200, 200, 0));
        let embedder = BuiltinEmbedder::default();
        let together = embedder.embed_documents(&texts).await.unwrap();
        let mut worst = 1.0f32;
        for ((text, batched), reference) in texts.iter().zip(&together).zip(&reference) {
            let alone = embedder.embed_query(text).await.unwrap();
            for made in [&alone, batched] {
                let norm = cosine(made, made).sqrt();
                assert!((norm - 1.0).abs() < 1e-4, "{text:?} has length {norm}");
                worst = worst.min(cosine(made, reference));
            }
        }
        println!("worst cosine of 200 texts, alone and in a batch: {worst:.5}");
        assert!(worst >= 0.99, "{worst}");
    }

    #[test]
    fn other_weights_are_another_space() {
        let digest = Sha256::digest(minilm::WEIGHTS);
        assert_eq!(
            format!("{digest:x}"),
            WEIGHTS_DIGEST,
            "data/minilm.gguf has changed: raise MODEL_VERSION, for its vectors lie in another space now"
        );
    }
}
