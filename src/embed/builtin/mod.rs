//! The built-in embedder: all-MiniLM-L6-v2 in this process, its weights part of the binary. An English model of 384
//! dimensions.

mod model;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use super::{EmbedError, Embedder, text::TEMPLATE_VERSION};
use model::Model;

/// What the names of its spaces begin with.
const FAMILY: &str = "builtin:";

/// Weights and prefixes: raised with every change of `data/minilm.gguf` (a test holds its digest) or of the forward pass.
const MODEL_VERSION: &str = "minilm-l6-v2-q8:384";

/// Embeds in this process. The model is loaded when it is first needed.
#[derive(Debug, Default)]
pub struct BuiltinEmbedder {
    model: Arc<OnceLock<Result<Model, String>>>,
}

impl BuiltinEmbedder {
    /// On threads that may block: one call takes milliseconds to seconds.
    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
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
        self.embed(texts.to_vec()).await
    }

    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError> {
        let vectors = self.embed(vec![self.query_text(query)]).await?;
        vectors.into_iter().next().ok_or_else(|| EmbedError::Builtin("no vector".to_owned()))
    }

    fn query_text(&self, query: &str) -> String {
        query.to_owned()
    }

    fn family(&self) -> &'static str {
        FAMILY
    }

    fn describe(&self) -> String {
        "the built-in model (all-MiniLM-L6-v2)".to_owned()
    }
}
