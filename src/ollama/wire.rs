//! The JSON of Ollama's API (its `docs/api.md` and `api/types.go`), as far as it is used here.

use serde::{Deserialize, Serialize};

/// How a model is run. The same values go with every call: Ollama reloads the model, which takes seconds to tens of
/// seconds, whenever `num_ctx` differs from the call before. A seed or temperature costs nothing to change.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// 0 always takes the likeliest token. Above 0 so that a second try with another seed is another answer.
    pub temperature: f32,
    /// Fixed, so that the same prompt gives the same answer.
    pub seed: i64,
    /// Most tokens of an answer. Small models can write white space for ever inside a JSON answer.
    pub num_predict: u32,
    /// Tokens of prompt and answer together.
    pub num_ctx: u32,
    /// Seconds for which the model stays loaded after the call; negative is for ever, 0 unloads it at once.
    pub keep_alive: i64,
}

impl Default for GenerateOptions {
    /// 512 tokens hold the fullest answer that the gates keep, and take 256 s at the 2 tokens a second of a slow
    /// Raspberry Pi 4, within the default timeout; 2048 hold these, the prompt and ten related tags with room to
    /// spare. 15 minutes of `keep_alive` outlast one answer and the embedding between two.
    fn default() -> Self {
        Self { temperature: 0.2, seed: 42, num_predict: 512, num_ctx: 2048, keep_alive: 900 }
    }
}

/// One text to be written.
#[derive(Clone, Debug)]
pub struct GenerateRequest<F> {
    /// Name of the model.
    pub model: String,
    /// What it is told.
    pub prompt: String,
    /// JSON schema that the answer is constrained to; it keeps the order of its properties on the wire, which is the
    /// order in which the model must write them.
    pub format: F,
    /// How it is run.
    pub options: GenerateOptions,
}

/// A text that the model wrote to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerateAnswer {
    /// What it wrote.
    pub text: String,
    /// Why it stopped, `stop` from any current version.
    pub done_reason: Option<String>,
    /// Tokens of the prompt.
    pub prompt_eval_count: Option<u64>,
    /// Tokens of the answer.
    pub eval_count: Option<u64>,
    /// Time of the whole call in milliseconds, loading included.
    pub total_duration_ms: u64,
    /// Time of loading the model in milliseconds.
    pub load_duration_ms: u64,
}

/// A model that Ollama has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Name with its tag, for example `llama3.2:1b`.
    pub name: String,
    /// Identifies the weights, whatever they are called.
    pub digest: String,
    /// Bytes on disk.
    pub size: u64,
    /// For example `llama`.
    pub family: Option<String>,
    /// For example `1.2B`.
    pub parameter_size: Option<String>,
    /// For example `Q8_0`.
    pub quantization: Option<String>,
    /// Dimensions of its vectors, from newer versions.
    pub embedding_length: Option<usize>,
    /// For example `completion`, `embedding`; empty from older versions.
    pub capabilities: Vec<String>,
}

/// A model that is in memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LoadedModel {
    /// Name with its tag.
    pub name: String,
    /// Identifies the weights.
    #[serde(default)]
    pub digest: String,
    /// Bytes in memory.
    #[serde(default)]
    pub size: u64,
    /// Bytes of these on a graphics card; 0 when it runs on the processor alone.
    #[serde(default)]
    pub size_vram: u64,
    /// When it is unloaded, RFC 3339.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PullProgress {
    /// What is being done, for example `pulling manifest`; `success` at the end.
    #[serde(default)]
    pub status: String,
    /// The layer that is downloaded.
    #[serde(default)]
    pub digest: Option<String>,
    /// Its bytes.
    #[serde(default)]
    pub total: Option<u64>,
    /// The bytes that are here; missing at first.
    #[serde(default)]
    pub completed: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct GenerateWire<'a, F> {
    pub(super) model: &'a str,
    pub(super) prompt: &'a str,
    pub(super) stream: bool,
    pub(super) format: &'a F,
    pub(super) keep_alive: i64,
    pub(super) options: OptionsWire,
}

#[derive(Serialize)]
pub(super) struct OptionsWire {
    pub(super) temperature: f32,
    pub(super) seed: i64,
    pub(super) num_predict: u32,
    pub(super) num_ctx: u32,
}

#[derive(Deserialize)]
pub(super) struct GeneratedWire {
    #[serde(default)]
    pub(super) model: Option<String>,
    pub(super) response: String,
    pub(super) done: bool,
    #[serde(default)]
    pub(super) done_reason: Option<String>,
    #[serde(default)]
    pub(super) prompt_eval_count: Option<u64>,
    #[serde(default)]
    pub(super) eval_count: Option<u64>,
    #[serde(default)]
    pub(super) eval_duration: u64,
    #[serde(default)]
    pub(super) total_duration: u64,
    #[serde(default)]
    pub(super) load_duration: u64,
}

#[derive(Serialize)]
pub(super) struct EmbedWire<'a> {
    pub(super) model: &'a str,
    pub(super) input: &'a [String],
    pub(super) truncate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dimensions: Option<usize>,
    pub(super) keep_alive: i64,
}

#[derive(Deserialize)]
pub(super) struct EmbeddedWire {
    #[serde(default)]
    pub(super) model: Option<String>,
    pub(super) embeddings: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
pub(super) struct ModelsWire<M> {
    // Go writes an empty list as null in some versions.
    pub(super) models: Option<Vec<M>>,
}

#[derive(Deserialize)]
pub(super) struct ModelWire {
    name: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    details: Option<DetailsWire>,
    #[serde(default)]
    capabilities: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct DetailsWire {
    #[serde(default)]
    family: Option<String>,
    #[serde(default)]
    parameter_size: Option<String>,
    #[serde(default)]
    quantization_level: Option<String>,
    #[serde(default)]
    embedding_length: Option<usize>,
}

impl From<ModelWire> for Model {
    fn from(wire: ModelWire) -> Self {
        let details = wire.details.unwrap_or_default();
        Self {
            name: wire.name,
            digest: wire.digest,
            size: wire.size,
            family: details.family,
            parameter_size: details.parameter_size,
            quantization: details.quantization_level,
            embedding_length: details.embedding_length,
            capabilities: wire.capabilities.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct VersionWire {
    pub(super) version: String,
}

#[derive(Serialize)]
pub(super) struct PullWire<'a> {
    pub(super) model: &'a str,
    pub(super) stream: bool,
}

/// The message of an `{"error": "…"}`, which may also arrive with status 200.
pub(super) fn error_message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorWire {
        error: String,
    }
    serde_json::from_slice::<ErrorWire>(body).ok().map(|wire| wire.error)
}
