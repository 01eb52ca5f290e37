//! What Ollama accepts, and what this project has promised itself on top: each broken rule in words.

use serde_json::{Map, Value};

/// Options that Ollama passes to the runner when it loads a model: a change reloads it.
const RUNNER_OPTIONS: [&str; 8] =
    ["num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "low_vram", "numa"];

/// A name without a tag means `:latest`.
pub(super) fn with_tag(name: &str) -> String {
    let own = name.rsplit('/').next().unwrap_or(name);
    if own.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

/// The options of a call that configure the runner.
pub(super) fn runner_options(body: &Value) -> Value {
    let options = body["options"].as_object().cloned().unwrap_or_default();
    Value::Object(options.into_iter().filter(|(name, _)| RUNNER_OPTIONS.contains(&name.as_str())).collect())
}

/// What is wrong with the body of `/api/generate`.
pub(super) fn check_generate(body: &Value) -> Option<String> {
    let Some(object) = body.as_object() else { return Some("the body is no object".to_owned()) };
    let known = ["model", "prompt", "system", "stream", "format", "keep_alive", "options"];
    if let Some(unknown) = unknown(object, &known) {
        return Some(format!("generate has the unknown field `{unknown}`"));
    }
    if body["stream"] != false {
        return Some("generate lacks `stream: false`".to_owned());
    }
    if body["prompt"].as_str().is_none_or(str::is_empty) {
        return Some("generate lacks a `prompt`".to_owned());
    }
    match &body["format"] {
        Value::String(word) if word == "json" => {}
        Value::Object(schema) if schema.get("type") == Some(&Value::from("object")) => {}
        _ => return Some("generate lacks `format`".to_owned()),
    }
    let options = &body["options"];
    if options["num_predict"].as_i64().is_none_or(|count| count <= 0) {
        return Some("generate lacks a positive `num_predict`".to_owned());
    }
    if !options["seed"].is_i64() || !options["temperature"].is_number() || !options["num_ctx"].is_u64() {
        return Some("generate lacks `seed`, `temperature` or `num_ctx`".to_owned());
    }
    check_keep_alive(&body["keep_alive"])
}

/// The task prefixes of a model, for documents and for queries; both empty where it has none.
pub(super) fn prefixes(model: &str) -> [&'static str; 2] {
    if model.contains("nomic-embed-text") {
        ["search_document: ", "search_query: "]
    } else if model.contains("embeddinggemma") {
        ["title: none | text: ", "task: search result | query: "]
    } else {
        ["", ""]
    }
}

/// What is wrong with the body of `/api/embed`, and its inputs.
pub(super) fn check_embed(body: &Value) -> Result<Vec<String>, String> {
    let Some(object) = body.as_object() else { return Err("the body is no object".to_owned()) };
    if let Some(unknown) = unknown(object, &["model", "input", "truncate", "dimensions", "keep_alive", "options"]) {
        return Err(format!("embed has the unknown field `{unknown}`"));
    }
    if let Some(problem) = check_keep_alive(&body["keep_alive"]) {
        return Err(problem);
    }
    let texts: Option<Vec<String>> = match &body["input"] {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let texts = texts.ok_or("embed lacks `input`")?;
    let prefixes = prefixes(body["model"].as_str().unwrap_or_default());
    let has_prefix = |text: &&String| prefixes.iter().any(|prefix| text.starts_with(prefix));
    match texts.iter().find(|text| !has_prefix(text)) {
        Some(bare) => Err(format!("embed input without its task prefix: {bare:?}")),
        None => Ok(texts),
    }
}

fn unknown<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    object.keys().map(String::as_str).find(|name| !known.contains(name))
}

/// A number of seconds, a Go duration, or nothing.
fn check_keep_alive(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Number(_) => None,
        Value::String(text) if is_go_duration(text) => None,
        other => Some(format!("keep_alive: time: missing unit in duration {other}")),
    }
}

/// `10m`, `1h30m`, `-1s`, `1.5h`, `0`.
fn is_go_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = rest.len() - unit.len();
        let units = ["ns", "us", "µs", "ms", "s", "m", "h"];
        let Some(longest) = units.iter().filter(|name| unit.starts_with(*name)).max_by_key(|name| name.len()) else {
            return false;
        };
        if digits == 0 {
            return false;
        }
        rest = &unit[longest.len()..];
        parts += 1;
    }
    parts > 0
}

#[test]
fn go_durations_are_told_from_other_texts() {
    for text in ["10m", "1h30m", "-1s", "1.5h", "0", "300ms"] {
        assert!(is_go_duration(text), "{text}");
    }
    for text in ["-1", "300", "", "m", "10 m", "10x"] {
        assert!(!is_go_duration(text), "{text}");
    }
}
