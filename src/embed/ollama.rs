//! Embedding by Ollama, with the prefixes that a model needs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::{EmbedError, EmbedModel, Embedder, text::TEMPLATE_VERSION};
use crate::ollama::{OllamaClient, OllamaError};

/// The model that embeds unless another is configured: 768 dimensions, English.
pub const DEFAULT_MODEL: &str = "nomic-embed-text";

/// What the names of its spaces begin with.
pub(super) const FAMILY: &str = "ollama:";

/// How long the digest of the model is believed: within it, a model that is replaced goes unnoticed.
const SPACE_TTL: Duration = Duration::from_secs(60);

/// What a model wants before its texts.
struct Prefixes {
    name: &'static str,
    document: &'static str,
    query: &'static str,
}

/// Task prefixes by model family. For nomic they are required, and leaving them out costs recall without any error
/// (<https://huggingface.co/nomic-ai/nomic-embed-text-v1.5>).
fn prefixes(model: &str) -> Prefixes {
    if model.contains("nomic-embed-text") {
        Prefixes { name: "nomic", document: "search_document: ", query: "search_query: music synonym: " }
    } else if model.contains("embeddinggemma") {
        Prefixes { name: "gemma", document: "title: none | text: ", query: "task: search result | query: " }
    } else {
        Prefixes { name: "none", document: "", query: "" }
    }
}

/// Models whose vectors keep their meaning when they are cut off at any length (Matryoshka representations, as their model
/// cards say), by the beginning of their names. Any other model's would be spoilt by it.
const CUTTABLE: [&str; 3] = ["qwen3-embedding", "mxbai-embed-large", "snowflake-arctic-embed2"];

/// Whether vectors of this model may be cut off. What stands before a `/` is whose model it is.
fn is_cuttable(model: &str) -> bool {
    let own = model.rsplit('/').next().unwrap_or(model);
    CUTTABLE.iter().any(|name| own.starts_with(name))
}

/// Embeds through Ollama.
pub struct OllamaEmbedder {
    client: Arc<OllamaClient>,
    model: String,
    /// Seconds that Ollama keeps the model loaded after a call.
    keep_alive: i64,
    /// Length at which vectors are cut off.
    cut_at: Option<usize>,
    known: Mutex<Option<Known>>,
    /// Length of the known space's vectors; 0 before it is known, and while it is measured.
    dimensions: AtomicUsize,
}

/// What the model was when last asked.
struct Known {
    asked: Instant,
    digest: String,
    dimensions: usize,
    space: String,
}

impl OllamaEmbedder {
    /// Embeds with `model`, which Ollama keeps loaded for `keep_alive` seconds after each call.
    pub fn new(client: Arc<OllamaClient>, model: &str, keep_alive: i64) -> Self {
        Self {
            client,
            model: model.to_owned(),
            keep_alive,
            cut_at: None,
            known: Mutex::new(None),
            dimensions: AtomicUsize::new(0),
        }
    }

    /// Cuts longer vectors off at what the database keeps, where the model allows it: another space than that of the whole
    /// ones.
    #[must_use]
    pub fn within(self, longest: Option<usize>) -> Self {
        Self { cut_at: longest.filter(|_| is_cuttable(&self.model)), ..self }
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let vectors = self.client.embed_cut(&self.model, texts, self.keep_alive, self.cut_at).await?;
        let known = self.dimensions.load(Ordering::Relaxed);
        match vectors.first() {
            Some(vector) if known > 0 && vector.len() != known => {
                let problem =
                    format!("{} has vectors of {known} dimensions, this one has {}", self.model, vector.len());
                Err(OllamaError::BadAnswer(problem).into())
            }
            _ => Ok(vectors),
        }
    }

    /// The fingerprint for weights of this digest, and the length of a vector, which is measured by embedding one.
    async fn fingerprint(&self, digest: &str) -> Result<(String, usize), EmbedError> {
        let prefixes = prefixes(&self.model);
        self.dimensions.store(0, Ordering::Relaxed);
        let probe = self.embed(&[format!("{}music", prefixes.document)]).await?;
        let dimensions = probe.first().map_or(0, Vec::len);
        let scheme = format!("{}|{}|{TEMPLATE_VERSION}", prefixes.document, prefixes.query);
        let fingerprint = Sha256::digest(format!("{digest}|{dimensions}|{scheme}"));
        let [a, b, c, d, ..]: [u8; 32] = fingerprint.into();
        let short = u32::from_be_bytes([a, b, c, d]);
        Ok((format!("{FAMILY}{}:{}:{dimensions}:{short:08x}", self.model, prefixes.name), dimensions))
    }

    /// Space and dimensions, asked for when the last answer is no longer believed.
    async fn identify(&self) -> Result<(String, usize), EmbedError> {
        let mut known = self.known.lock().await;
        if let Some(known) = &*known
            && known.asked.elapsed() < SPACE_TTL
        {
            return Ok((known.space.clone(), known.dimensions));
        }
        let model = self.client.find_model(&self.model).await?;
        let digest = model.ok_or_else(|| OllamaError::ModelMissing { model: self.model.clone() })?.digest;
        let (space, dimensions) = match &*known {
            Some(known) if known.digest == digest => (known.space.clone(), known.dimensions),
            _ => self.fingerprint(&digest).await?,
        };
        self.dimensions.store(dimensions, Ordering::Relaxed);
        *known = Some(Known { asked: Instant::now(), digest, dimensions, space: space.clone() });
        Ok((space, dimensions))
    }
}

#[async_trait]
impl Embedder for OllamaEmbedder {
    async fn space(&self) -> Result<String, EmbedError> {
        Ok(self.identify().await?.0)
    }

    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let prefix = prefixes(&self.model).document;
        let texts: Vec<String> = texts.iter().map(|text| format!("{prefix}{text}")).collect();
        self.embed(&texts).await
    }

    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError> {
        let vectors = self.embed(&[self.query_text(query)]).await?;
        vectors.into_iter().next().ok_or_else(|| OllamaError::BadAnswer("no vector".to_owned()).into())
    }

    async fn embed_queries(&self, queries: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<String> = queries.iter().map(|query| self.query_text(query)).collect();
        self.embed(&texts).await
    }

    /// An empty list of texts loads the model and is answered by an empty list of vectors.
    async fn warm_up(&self) -> Result<(), EmbedError> {
        self.embed(&[]).await.map(drop)
    }

    fn query_text(&self, query: &str) -> String {
        format!("{}{query}", prefixes(&self.model).query)
    }

    fn family(&self) -> &'static str {
        FAMILY
    }

    fn model(&self) -> Option<EmbedModel> {
        Some(EmbedModel::Ollama(self.model.clone()))
    }

    async fn dimensions(&self) -> Result<Option<usize>, EmbedError> {
        Ok(Some(self.identify().await?.1))
    }

    fn describe(&self) -> String {
        format!("Ollama {}", self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vectors_of_models_made_for_it_are_cut_off() {
        assert!(is_cuttable("qwen3-embedding:0.6b") && is_cuttable("team/mxbai-embed-large"));
        assert!(!is_cuttable("bge-m3") && !is_cuttable("qwen3-embedding/other") && !is_cuttable("nomic-embed-text"));
    }
}
