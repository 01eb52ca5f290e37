//! The client: one method per call, every answer bounded in size and time, every failure an [`OllamaError`].

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response, redirect};
use serde::{Serialize, de::DeserializeOwned};

use super::breaker::{Breaker, BreakerState, DEFAULT_THRESHOLD};
use super::error::{OllamaError, printable};
use super::host::{HostError, parse_host, without_credentials};
use super::wire::{
    EmbedWire, EmbeddedWire, GenerateAnswer, GenerateRequest, GenerateWire, GeneratedWire, LoadedModel, Model,
    ModelWire, ModelsWire, OptionsWire, VersionWire, error_message,
};
use crate::trace;

const MIB: usize = 1024 * 1024;
/// A generated answer is a few kilobytes of JSON.
const MAX_GENERATED_BYTES: usize = MIB;
/// 64 MiB hold 4,000 vectors of 768 numbers written with some 20 characters each.
const MAX_EMBEDDED_BYTES: usize = 64 * MIB;
/// Everything else: lists of models.
const MAX_OTHER_BYTES: usize = 8 * MIB;
/// An error is read this far; its message is shortened further.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// How far a half answer is kept for the trace, in characters.
const MAX_CUT_SHORT_CHARS: usize = 4096;
/// A vector whose length is off by more is normalised again.
const NORM_TOLERANCE: f64 = 1e-3;

/// How long each kind of call may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OllamaTimeouts {
    /// For the connection.
    pub connect: Duration,
    /// For one generated answer, loading the model included.
    pub generate: Duration,
    /// For a batch of vectors, loading the model included …
    pub embed_base: Duration,
    /// … and for each text of the batch on top.
    pub embed_per_input: Duration,
    /// For lists of models and the version.
    pub short: Duration,
    /// For the silence between two lines of a download: checking a large layer on a slow disk says nothing for long.
    pub pull_idle: Duration,
}

impl Default for OllamaTimeouts {
    /// Fit for a Raspberry Pi 4, which takes up to 256 s for the longest answer (512 tokens at 2 a second).
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            generate: Duration::from_secs(300),
            embed_base: Duration::from_secs(30),
            embed_per_input: Duration::from_secs(2),
            short: Duration::from_secs(5),
            pull_idle: Duration::from_secs(300),
        }
    }
}

/// Talks to one Ollama. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct OllamaClient {
    http: reqwest::Client,
    base: String,
    shown: String,
    timeouts: OllamaTimeouts,
    breaker: Arc<Breaker>,
    /// The model that was asked last.
    last_model: Arc<Mutex<Option<String>>>,
}

impl std::fmt::Debug for OllamaClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The base may hold a password.
        f.debug_struct("OllamaClient")
            .field("url", &self.shown)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// One call, for its bounds and its errors.
pub(super) struct Call<'a> {
    pub(super) name: &'static str,
    pub(super) model: Option<&'a str>,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
}

impl OllamaClient {
    /// A client of the Ollama at `base_url`, in any form that [`parse_host`] knows. Nothing is sent yet.
    ///
    /// # Errors
    /// [`HostError`] when the address is none, or the system has no certificates for an `https` address.
    pub fn new(base_url: &str, timeouts: OllamaTimeouts) -> Result<Self, HostError> {
        // An error says that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = parse_host(base_url)?;
        let mut http = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            // A proxy for the internet knows nothing of a server in the house.
            .no_proxy()
            // A followed redirect would turn a POST into a GET, or carry a prompt to another host.
            .redirect(redirect::Policy::none());
        if base.starts_with("http:") {
            // Without redirects no certificate is ever looked at, and a container without any would be refused.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|e| HostError::Client(root_cause(&e)))?;
        let breaker = Arc::new(Breaker::new(DEFAULT_THRESHOLD));
        Ok(Self { http, shown: without_credentials(&base), base, timeouts, breaker, last_model: Arc::default() })
    }

    /// The same, with a breaker that opens after so many failures in a row.
    #[must_use]
    pub fn with_breaker(self, threshold: u32) -> Self {
        Self { breaker: Arc::new(Breaker::new(threshold)), ..self }
    }

    /// Whether calls of models are sent at present.
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state(Instant::now())
    }

    /// Where Ollama is, without credentials: for messages and logs.
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// Lets a model write one text, not streamed.
    ///
    /// # Errors
    /// Any [`OllamaError`]; [`OllamaError::CutShort`] when the model did not come to an end by itself.
    pub async fn generate<F>(&self, request: &GenerateRequest<F>) -> Result<GenerateAnswer, OllamaError>
    where
        F: Serialize + Sync,
    {
        let call = Call {
            name: "generate",
            model: Some(&request.model),
            timeout: self.timeouts.generate,
            max_bytes: MAX_GENERATED_BYTES,
        };
        let options = &request.options;
        let body = GenerateWire {
            model: &request.model,
            prompt: &request.prompt,
            stream: false,
            format: &request.format,
            keep_alive: options.keep_alive,
            options: OptionsWire {
                temperature: options.temperature,
                seed: options.seed,
                num_predict: options.num_predict,
                num_ctx: options.num_ctx,
            },
        };
        let wire: GeneratedWire = self.model_call(self.post("generate").json(&body), &call).await?;
        answered_by(&request.model, wire.model.as_deref())?;
        if let Some(tokens) = wire.eval_count {
            record_speed(tokens, wire.eval_duration);
        }
        match wire.done_reason.as_deref() {
            Some("length") => {
                return Err(OllamaError::CutShort { text: wire.response.chars().take(MAX_CUT_SHORT_CHARS).collect() });
            }
            // What an empty prompt gets: the model was loaded or unloaded, nothing was written.
            Some(reason @ ("load" | "unload")) => {
                return Err(OllamaError::BadAnswer(format!("the model was {reason}ed and wrote nothing")));
            }
            _ if !wire.done => return Err(OllamaError::BadAnswer("it is not complete".to_owned())),
            _ => {}
        }
        Ok(GenerateAnswer {
            text: wire.response,
            done_reason: wire.done_reason,
            prompt_eval_count: wire.prompt_eval_count,
            eval_count: wire.eval_count,
            total_duration_ms: wire.total_duration / 1_000_000,
            load_duration_ms: wire.load_duration / 1_000_000,
        })
    }

    /// The vectors of some texts, in their order: all of one width, finite, L2-normalised. `keep_alive`: seconds.
    ///
    /// The caller writes the model's task prefix into each text and keeps it short: what is too long for the model is
    /// cut off in silence. No texts at all load the model and give no vectors.
    ///
    /// # Errors
    /// Any [`OllamaError`]. One bad text fails the whole batch ([`OllamaError::Refused`]): halve it to find the text.
    pub async fn embed(&self, model: &str, inputs: &[String], keep_alive: i64) -> Result<Vec<Vec<f32>>, OllamaError> {
        self.embed_cut(model, inputs, keep_alive, None).await
    }

    /// The same with vectors of at most so many dimensions: longer ones are cut off and normalised again. An Ollama that
    /// does not know how gives them whole.
    ///
    /// # Errors
    /// As [`OllamaClient::embed`].
    pub async fn embed_cut(
        &self,
        model: &str,
        inputs: &[String],
        keep_alive: i64,
        dimensions: Option<usize>,
    ) -> Result<Vec<Vec<f32>>, OllamaError> {
        let count = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
        let timeout = self.timeouts.embed_base.saturating_add(self.timeouts.embed_per_input.saturating_mul(count));
        let call = Call { name: "embed", model: Some(model), timeout, max_bytes: MAX_EMBEDDED_BYTES };
        let body = EmbedWire { model, input: inputs, truncate: true, dimensions, keep_alive };
        let wire: EmbeddedWire = self.model_call(self.post("embed").json(&body), &call).await?;
        answered_by(model, wire.model.as_deref())?;
        checked_vectors(wire.embeddings, inputs.len())
    }

    /// The models that are there.
    ///
    /// # Errors
    /// Any [`OllamaError`].
    pub async fn models(&self) -> Result<Vec<Model>, OllamaError> {
        let wire: ModelsWire<ModelWire> = self.answer(self.get("tags"), &self.short_call("tags")).await?;
        Ok(wire.models.unwrap_or_default().into_iter().map(Model::from).collect())
    }

    /// The model of this name, if it is there; a name without a tag means `:latest`.
    ///
    /// # Errors
    /// Any [`OllamaError`].
    pub async fn find_model(&self, name: &str) -> Result<Option<Model>, OllamaError> {
        let name = with_tag(name);
        Ok(self.models().await?.into_iter().find(|model| with_tag(&model.name).eq_ignore_ascii_case(&name)))
    }

    /// The models that are in memory.
    ///
    /// # Errors
    /// Any [`OllamaError`].
    pub async fn loaded(&self) -> Result<Vec<LoadedModel>, OllamaError> {
        let wire: ModelsWire<LoadedModel> = self.answer(self.get("ps"), &self.short_call("ps")).await?;
        Ok(wire.models.unwrap_or_default())
    }

    /// The version of Ollama, for example `0.12.3`.
    ///
    /// # Errors
    /// Any [`OllamaError`].
    pub async fn version(&self) -> Result<String, OllamaError> {
        let wire: VersionWire = self.answer(self.get("version"), &self.short_call("version")).await?;
        Ok(printable(&wire.version, 40))
    }

    pub(super) fn timeouts(&self) -> &OllamaTimeouts {
        &self.timeouts
    }

    /// A call that tells on whose behalf it is made.
    pub(super) fn post(&self, call: &str) -> RequestBuilder {
        let request = self.http.post(format!("{}/api/{call}", self.base));
        match trace::current() {
            Some(trace_id) => request.header("traceparent", trace_id.traceparent()),
            None => request,
        }
    }

    fn get(&self, call: &str) -> RequestBuilder {
        self.http.get(format!("{}/api/{call}", self.base))
    }

    fn short_call(&self, name: &'static str) -> Call<'static> {
        Call { name, model: None, timeout: self.timeouts.short, max_bytes: MAX_OTHER_BYTES }
    }

    /// Sends what a model is to work on, if the breaker lets it.
    async fn model_call<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        call: &Call<'_>,
    ) -> Result<T, OllamaError> {
        let permit = self.breaker.admit(Instant::now())?;
        self.note_switch(call.model);
        let result = self.answer(request, call).await;
        permit.end(&result, Instant::now());
        metrics::counter!(
            "musonym_ollama_calls_total",
            "call" => call.name, "outcome" => result.as_ref().map_or_else(OllamaError::cause, |_| "ok")
        )
        .increment(1);
        result
    }

    /// Counts how often another model is asked than the time before: each may cost a small machine a load from disk.
    fn note_switch(&self, model: Option<&str>) {
        let mut last = self.last_model.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_deref() != model {
            if last.is_some() {
                metrics::counter!("musonym_model_switches_total").increment(1);
            }
            *last = model.map(str::to_owned);
        }
    }

    /// Sends a request and reads its whole answer.
    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder, call: &Call<'_>) -> Result<T, OllamaError> {
        let response = request.timeout(call.timeout).send().await.map_err(|e| self.failure(&e, call))?;
        let response = self.accepted(response, call).await?;
        let (body, complete) = self.read(response, call, call.max_bytes).await?;
        if !complete {
            return Err(OllamaError::BadAnswer(format!("`{}` has more than {} bytes", call.name, call.max_bytes)));
        }
        serde_json::from_slice(&body).map_err(|error| match error_message(&body) {
            Some(message) => OllamaError::from_status(500, &message, call.model),
            None => OllamaError::bad_answer(&format!("`{}`: {error}", call.name)),
        })
    }

    /// The response, if its status is a success, else the error that its body tells.
    pub(super) async fn accepted(&self, response: Response, call: &Call<'_>) -> Result<Response, OllamaError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let (body, _) = self.read(response, call, MAX_ERROR_BYTES).await?;
        let message = error_message(&body).unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        Err(OllamaError::from_status(status.as_u16(), &message, call.model))
    }

    /// At most `max_bytes` of the body, and whether that is all of it.
    async fn read(
        &self,
        mut response: Response,
        call: &Call<'_>,
        max_bytes: usize,
    ) -> Result<(Vec<u8>, bool), OllamaError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failure(&e, call))? {
            let room = max_bytes - body.len();
            if chunk.len() > room {
                body.extend_from_slice(&chunk[..room]);
                return Ok((body, false));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, true))
    }

    /// The error of a request that got no complete answer.
    pub(super) fn failure(&self, error: &reqwest::Error, call: &Call<'_>) -> OllamaError {
        // A connection that is not accepted in time is an outage, not a slow answer.
        if error.is_timeout() && !error.is_connect() {
            return OllamaError::Timeout { call: call.name, after: call.timeout };
        }
        OllamaError::Unreachable { url: self.shown.clone(), cause: root_cause(error) }
    }
}

/// The innermost message of an error: the outer ones say only that a request failed, and repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.source().is_none() {
        return "the request failed".to_owned();
    }
    printable(&cause.to_string(), 200)
}

/// A model's name with its tag. The part before the last `/` may hold a port, which is no tag.
fn with_tag(name: &str) -> String {
    let own = name.rsplit('/').next().unwrap_or(name);
    if own.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

/// Vectors as promised: as many as texts, of one width, finite, of length 1.
/// Refuses the answer of another model than the one that was asked.
fn answered_by(asked: &str, answered: Option<&str>) -> Result<(), OllamaError> {
    match answered {
        Some(other) if !with_tag(other).eq_ignore_ascii_case(&with_tag(asked)) => {
            Err(OllamaError::bad_answer(&format!("the model {other} answered in place of {asked}")))
        }
        _ => Ok(()),
    }
}

/// Counts what a model wrote, and how fast; `duration` in nanoseconds.
fn record_speed(tokens: u64, duration: u64) {
    metrics::counter!("musonym_generated_tokens_total").increment(tokens);
    if duration > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let speed = tokens as f64 / (duration as f64 / 1e9);
        metrics::gauge!("musonym_generated_tokens_per_second").set(speed);
    }
}

fn checked_vectors(mut vectors: Vec<Vec<f32>>, texts: usize) -> Result<Vec<Vec<f32>>, OllamaError> {
    let bad = |problem: String| Err(OllamaError::BadAnswer(problem));
    if vectors.len() != texts {
        return bad(format!("{} vectors for {texts} texts", vectors.len()));
    }
    let dimensions = vectors.first().map_or(0, Vec::len);
    for (position, vector) in vectors.iter_mut().enumerate() {
        if vector.is_empty() || vector.len() != dimensions {
            return bad(format!("vector {position} has {} dimensions, the first {dimensions}", vector.len()));
        }
        let norm = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return bad(format!("vector {position} has a number that is not finite"));
        }
        if norm < f64::from(f32::MIN_POSITIVE) {
            return bad(format!("vector {position} is zero"));
        }
        if (norm - 1.0).abs() > NORM_TOLERANCE {
            for x in vector.iter_mut() {
                #[expect(clippy::cast_possible_truncation, reason = "at most 1 in size, and a vector is f32")]
                let scaled = (f64::from(*x) / norm) as f32;
                *x = scaled;
            }
        }
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_means_latest() {
        assert_eq!(with_tag("nomic-embed-text"), "nomic-embed-text:latest");
        assert_eq!(with_tag("llama3.2:1b"), "llama3.2:1b");
        assert_eq!(with_tag("localhost:5000/team/model"), "localhost:5000/team/model:latest");
    }

    #[test]
    fn vectors_are_normalised_again_only_when_they_are_off() {
        let vectors = checked_vectors(vec![vec![3.0, 4.0], vec![0.0, 1.0005]], 2).unwrap();
        assert_eq!(vectors, [vec![0.6, 0.8], vec![0.0, 1.0005]]);
    }

    #[test]
    fn vectors_that_cannot_be_compared_are_refused() {
        for (vectors, texts) in [
            (vec![vec![1.0, 0.0]], 2),
            (vec![vec![1.0, 0.0], vec![1.0]], 2),
            (vec![vec![]], 1),
            (vec![vec![0.0, 0.0]], 1),
            (vec![vec![f32::NAN, 0.0]], 1),
            (vec![vec![f32::INFINITY, 0.0]], 1),
        ] {
            assert!(matches!(checked_vectors(vectors, texts), Err(OllamaError::BadAnswer(_))));
        }
    }
}
