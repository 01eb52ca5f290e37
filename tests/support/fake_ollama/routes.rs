//! The calls of the fake, as `docs/api.md` of Ollama has them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as FromState;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde_json::{Value, json};

use super::{FakeModel, Fault, Shared, State, answers, contract, vectors};

type App = FromState<Arc<Shared>>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(|| async { "Ollama is running" }))
        .route("/api/generate", post(generate))
        .route("/api/embed", post(embed))
        .route("/api/pull", post(pull))
        .route("/api/tags", get(tags))
        .route("/api/ps", get(ps))
        .route("/api/version", get(version))
        .with_state(shared)
}

fn error(status: u16, message: impl Into<String>) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, Json(json!({ "error": message.into() }))).into_response()
}

/// An answer that begins and breaks off.
fn broken() -> Response {
    let pieces = [Ok(Bytes::from_static(b"{\"mod")), Err(std::io::Error::other("the connection breaks"))];
    Response::new(Body::from_stream(stream::iter(pieces)))
}

/// Counts the call, waits as told, and picks the fault that is to happen.
async fn arrive(shared: &Shared, call: &'static str) -> Result<Option<Fault>, Response> {
    let (fault, delay) = {
        let mut state = shared.state();
        match call {
            "generate" => state.generate_calls += 1,
            "embed" => state.embed_calls += 1,
            _ => {}
        }
        let fitting = state.faults.iter().position(|fault| fault.fits(call));
        let fault = match fitting {
            Some(position) => state.faults.remove(position),
            None if call == "generate" => state.mixed_fault(),
            None => None,
        };
        (fault, state.delay)
    };
    shared.received.send_modify(|received| *received += 1);
    // The sender lives as long as the fake: waiting cannot fail.
    let _ = shared.holds.subscribe().wait_for(|holds| *holds == 0).await;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if *shared.down.borrow() {
        return Err(broken());
    }
    match fault {
        Some(Fault::Status(status, message)) => Err(error(status, message)),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Drop) => Err(broken()),
        other => Ok(other),
    }
}

/// Waits at the gate of the model, if it has one.
async fn pass(shared: &Shared, body: &Bytes) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let model = contract::with_tag(body["model"].as_str().unwrap_or_default());
    let mut gates = shared.gates.subscribe();
    loop {
        let mut passed = true;
        shared.gates.send_if_modified(|gates| {
            if let Some(left) = gates.get_mut(&model) {
                passed = *left > 0;
                *left = left.saturating_sub(1);
            }
            false
        });
        if passed {
            return;
        }
        // The sender lives as long as the fake: waiting cannot fail.
        let _ = gates.changed().await;
    }
}

impl State {
    /// The fault of the mix that this call of generate gets.
    fn mixed_fault(&mut self) -> Option<Fault> {
        let (share, faults) = &self.mix;
        let due = |calls: usize| calls * share / 100;
        if due(self.generate_calls) == due(self.generate_calls - 1) {
            return None;
        }
        let fault = faults.get(self.mixed % faults.len().max(1)).cloned();
        self.mixed += usize::from(fault.is_some());
        fault
    }

    fn refuse(&mut self, problem: String) -> Response {
        self.violations.push(problem.clone());
        error(400, problem)
    }

    fn model(&self, name: &str) -> Result<FakeModel, Box<Response>> {
        let full = contract::with_tag(name);
        let found = self.models.iter().find(|model| model.name == full).cloned();
        found.ok_or_else(|| Box::new(error(404, format!("model \"{name}\" not found, try pulling it first"))))
    }

    /// Brings a model into memory, where there is room for one.
    fn load(&mut self, name: &str, keep_alive: &Value) {
        if self.loaded.as_deref() != Some(name) {
            self.switches += usize::from(self.loaded.is_some());
            self.loads += 1;
        }
        self.loaded = (*keep_alive != json!(0)).then(|| name.to_owned());
    }
}

async fn generate(FromState(shared): App, headers: HeaderMap, body: Bytes) -> Response {
    let came = Instant::now();
    let traceparent = headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
    shared.state().traceparents.push(traceparent);
    let fault = match arrive(&shared, "generate").await {
        Ok(fault) => fault,
        Err(response) => return response,
    };
    let mut state = shared.state();
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return state.refuse("generate: the body is no JSON".to_owned());
    };
    if let Some(problem) = contract::check_generate(&body) {
        return state.refuse(problem);
    }
    let model = match state.model(body["model"].as_str().unwrap_or_default()) {
        Ok(model) => model,
        Err(response) => return *response,
    };
    if model.embeds {
        return error(400, format!("\"{}\" does not support generate", model.name));
    }
    let options = contract::runner_options(&body);
    if let Some(before) = state.runner_options.get(&model.name)
        && *before != options
    {
        let problem = format!("runner options changed from {before} to {options}: the model is loaded again");
        state.loads += 1;
        return state.refuse(problem);
    }
    state.runner_options.insert(model.name.clone(), options);
    state.load(&model.name, &body["keep_alive"]);

    let tag = answers::tag_of(body["prompt"].as_str().unwrap_or_default());
    *state.generated_tags.entry(tag.clone()).or_default() += 1;
    state.generate_bodies.push(body);
    let scripted = state.scripted.get_mut(&musonym::domain::key(&tag)).and_then(std::collections::VecDeque::pop_front);
    let (text, cut_short) = match fault {
        Some(Fault::HalfJson) => ("{\"search_terms\": [\"half an".to_owned(), false),
        Some(Fault::Prose) => (format!("Voici des termes pour {tag} :\n1. un\n2. deux"), false),
        Some(Fault::EndlessWhitespace) => (format!("{{\"search_terms\": [\"x\"],{}", "\n \t".repeat(500)), true),
        _ => scripted.map_or_else(|| answers::answer_for(&tag), |answer| (answer, false)),
    };
    let another = fault == Some(Fault::AnotherModel);
    state.generations.push((came, Instant::now()));
    Json(json!({
        "model": if another { "another:latest" } else { &model.name },
        "created_at": "2026-08-01T12:00:00.000000000Z",
        "eval_count": text.split_whitespace().count(),
        "response": text,
        "done": true,
        "done_reason": if cut_short { "length" } else { "stop" },
        "total_duration": 5_043_500_667_u64,
        "load_duration": 5_025_959_u64,
        "prompt_eval_count": 120,
        "prompt_eval_duration": 325_953_000_u64,
        "eval_duration": 4_709_213_000_u64,
    }))
    .into_response()
}

async fn embed(FromState(shared): App, body: Bytes) -> Response {
    let fault = match arrive(&shared, "embed").await {
        Ok(fault) => fault,
        Err(response) => return response,
    };
    pass(&shared, &body).await;
    if *shared.down.borrow() {
        return broken();
    }
    let mut state = shared.state();
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return state.refuse("embed: the body is no JSON".to_owned());
    };
    let inputs = match contract::check_embed(&body) {
        Ok(inputs) => inputs,
        Err(problem) => return state.refuse(problem),
    };
    let model = match state.model(body["model"].as_str().unwrap_or_default()) {
        Ok(model) => model,
        Err(response) => return *response,
    };
    if !model.embeds {
        return error(400, format!("\"{}\" does not support embeddings", model.name));
    }
    state.load(&model.name, &body["keep_alive"]);
    // One bad text fails the whole batch.
    let is_nan = |text: &String| text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "NaN");
    if inputs.iter().any(is_nan) {
        return error(400, "failed to encode response: json: unsupported value: NaN");
    }
    let longest = body["dimensions"].as_u64().map(|longest| usize::try_from(longest).unwrap());
    let mut embeddings: Vec<Vec<f64>> = inputs.iter().map(|input| vectors::of(&model.name, input, longest)).collect();
    state.embedded_inputs.extend(inputs);
    state.embed_bodies.push(body);
    match fault {
        Some(Fault::WrongDimensions) => {
            if let Some(last) = embeddings.last_mut() {
                last.truncate(vectors::DIMENSIONS / 2);
            }
        }
        Some(Fault::BadEmbeddingCount) => {
            embeddings.pop();
        }
        _ => {}
    }
    let another = fault == Some(Fault::AnotherModel);
    Json(json!({
        "model": if another { "another:latest" } else { &model.name },
        "embeddings": embeddings,
        "total_duration": 14_143_917_u64,
        "load_duration": 1_019_500_u64,
        "prompt_eval_count": 8,
    }))
    .into_response()
}

/// Streams the progress in pieces of seven bytes, which no line keeps to.
async fn pull(FromState(shared): App, body: Bytes) -> Response {
    let fault = match arrive(&shared, "pull").await {
        Ok(fault) => fault,
        Err(response) => return response,
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(name) = body["model"].as_str() else { return error(400, "invalid model name") };
    let digest = "sha256:74701a8c35f6c8d9a4b91f3f3497643001d63e0c7a84e085bed452548fa88d45";
    let mut lines = vec![
        json!({ "status": "pulling manifest" }),
        json!({ "status": "pulling 74701a8c35f6", "digest": digest, "total": 1_000_000 }),
        json!({ "status": "pulling 74701a8c35f6", "digest": digest, "total": 1_000_000, "completed": 500_000 }),
        json!({ "status": "pulling 74701a8c35f6", "digest": digest, "total": 1_000_000, "completed": 1_000_000 }),
    ];
    match fault {
        Some(Fault::ErrorLine(message)) => lines.push(json!({ "error": message })),
        Some(Fault::HalfJson) => {}
        _ => {
            lines.extend(["verifying sha256 digest", "writing manifest", "success"].map(|s| json!({ "status": s })));
            let model = FakeModel::new(name);
            let mut state = shared.state();
            if !state.models.iter().any(|known| known.name == model.name) {
                state.models.push(model);
            }
        }
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let pieces: Vec<Result<Bytes, Infallible>> =
        text.as_bytes().chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Response::new(Body::from_stream(stream::iter(pieces)))
}

async fn tags(FromState(shared): App) -> Response {
    if *shared.down.borrow() {
        return broken();
    }
    let models: Vec<Value> = shared.state().models.iter().map(described).collect();
    Json(json!({ "models": models })).into_response()
}

fn described(model: &FakeModel) -> Value {
    let (family, parameters, capability) =
        if model.embeds { ("nomic-bert", "137M", "embedding") } else { ("llama", "1.2B", "completion") };
    json!({
        "name": model.name,
        "model": model.name,
        "modified_at": "2026-08-01T12:00:00.000000000Z",
        "size": if model.embeds { 274_302_450_u64 } else { 1_321_098_329 },
        "digest": model.digest,
        "details": { "family": family, "parameter_size": parameters, "quantization_level": "Q8_0" },
        "capabilities": [capability],
    })
}

async fn ps(FromState(shared): App) -> Response {
    if *shared.down.borrow() {
        return broken();
    }
    let state = shared.state();
    let is_loaded = |model: &&FakeModel| state.loaded.as_ref() == Some(&model.name);
    let models: Vec<Value> = state
        .models
        .iter()
        .filter(is_loaded)
        .map(|model| {
            let mut model = described(model);
            model["expires_at"] = json!("2026-08-01T12:15:00Z");
            model["size_vram"] = json!(0);
            model
        })
        .collect();
    Json(json!({ "models": models })).into_response()
}

async fn version(FromState(shared): App) -> Response {
    if *shared.down.borrow() {
        return broken();
    }
    Json(json!({ "version": "0.12.3" })).into_response()
}
