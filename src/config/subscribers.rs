//! `[[webhooks.subscribers]]`: a list of tables in the file, JSON in the environment. Messages say which entry is wrong, and never
//! repeat what it holds.

use config::{Map, Value, ValueKind};
use secrecy::SecretString;

use super::layers::shown;
use crate::{domain::OutboundKind, jobs::outbound::Subscriber};

/// The list with every entry checked, or what is wrong. `from_text` is set where a value is written as text.
pub(super) fn checked(value: ValueKind, from_text: bool) -> Result<ValueKind, String> {
    let value = match value {
        ValueKind::String(text) if from_text => {
            let json: serde_json::Value = serde_json::from_str(&text)
                .map_err(|error| format!("is no JSON (line {}, column {}): {FORM}", error.line(), error.column()))?;
            of_json(json).kind
        }
        other => other,
    };
    let ValueKind::Array(entries) = value else { return Err(format!("needs a list: {FORM}")) };
    for (place, entry) in (1..).zip(&entries) {
        subscriber(entry).map_err(|problem| format!("entry {place}: {problem}"))?;
    }
    Ok(ValueKind::Array(entries))
}

/// The subscribers of a checked list.
pub(super) fn read(entries: &[Value]) -> Result<Vec<Subscriber>, String> {
    entries.iter().map(subscriber).collect()
}

/// How it is written in the environment.
const FORM: &str = r#"write [{"url": "https://…", "secret": "whsec_…", "events": ["synonyms.updated"]}]"#;

fn subscriber(entry: &Value) -> Result<Subscriber, String> {
    let ValueKind::Table(table) = &entry.kind else { return Err("is no table of url, secret and events".to_owned()) };
    if let Some(unknown) = table.keys().find(|name| !["url", "secret", "events"].contains(&name.as_str())) {
        return Err(format!("`{}` is not a setting: url, secret and events are", shown(unknown)));
    }
    let secret = SecretString::from(text(table, "secret")?);
    Subscriber::parse(text(table, "url")?, &secret, events(table)?)
}

fn text<'a>(table: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    match table.get(name).map(|value| &value.kind) {
        Some(ValueKind::String(text)) => Ok(text),
        Some(_) => Err(format!("{name} needs a text in quotes")),
        None => Err(format!("{name} is missing")),
    }
}

fn events(table: &Map<String, Value>) -> Result<Vec<OutboundKind>, String> {
    let wrong = || "events needs a list of texts".to_owned();
    let Some(events) = table.get("events") else { return Ok(Vec::new()) };
    let ValueKind::Array(events) = &events.kind else { return Err(wrong()) };
    let event = |event: &Value| match &event.kind {
        ValueKind::String(text) => text.parse::<OutboundKind>(),
        _ => Err(wrong()),
    };
    events.iter().map(event).collect()
}

/// JSON as values of the configuration.
fn of_json(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => ValueKind::Nil,
        Json::Bool(value) => ValueKind::Boolean(value),
        Json::Number(number) => ValueKind::Float(number.as_f64().unwrap_or_default()),
        Json::String(text) => ValueKind::String(text),
        Json::Array(items) => ValueKind::Array(items.into_iter().map(of_json).collect()),
        Json::Object(entries) => {
            ValueKind::Table(entries.into_iter().map(|(name, value)| (name, of_json(value))).collect())
        }
    };
    Value::new(None, kind)
}
