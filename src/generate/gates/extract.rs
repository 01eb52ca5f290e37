//! Finds the JSON object in an answer, whatever a talkative model wrote around it, and refuses half an object.

use serde_json::{Map, Value};

use super::{GateError, shapes};

/// The answer's object.
pub(super) struct Found {
    pub(super) object: Map<String, Value>,
    /// Whether anything but white space stood around it.
    pub(super) lenient: bool,
}

/// The first balanced JSON object that has sections, in it or one level down.
///
/// Every brace is looked at once: a brace in prose is stepped over, an object that is no use is skipped whole, and one
/// that begins like JSON but does not end makes the answer a half one, whatever may stand inside of it.
pub(super) fn first_answer(raw: &str) -> Result<Found, GateError> {
    let mut from = 0;
    let mut seen_object = false;
    while let Some(at) = raw[from..].find('{').map(|offset| from + offset) {
        if !begins_like_json(&raw[at + 1..]) {
            from = at + 1;
            continue;
        }
        let Some(length) = balanced(&raw[at..]) else { return Err(GateError::Truncated) };
        let end = at + length;
        if let Ok(Value::Object(object)) = serde_json::from_str(&raw[at..end]) {
            seen_object = true;
            if let Some(object) = with_sections(object) {
                let lenient = !raw[..at].trim().is_empty() || !raw[end..].trim().is_empty();
                return Ok(Found { object, lenient });
            }
        }
        from = end;
    }
    Err(if seen_object { GateError::NoSections } else { GateError::NotJson })
}

/// Whether what follows an opening brace can be JSON: a key or the end, not `{genre, humeur}`.
fn begins_like_json(rest: &str) -> bool {
    rest.trim_start().starts_with(['"', '}'])
}

/// Bytes of the object that `text` begins with, its braces counted outside of strings.
fn balanced(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The object, or the one inside of it (`{"tag": …, "synonyms": {…}}`), that has a section.
fn with_sections(object: Map<String, Value>) -> Option<Map<String, Value>> {
    let has_section = |object: &Map<String, Value>| object.keys().any(|name| shapes::section_of(name).is_some());
    if has_section(&object) {
        return Some(object);
    }
    object.into_iter().find_map(|(_, value)| match value {
        Value::Object(inner) if has_section(&inner) => Some(inner),
        _ => None,
    })
}
