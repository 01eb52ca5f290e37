//! What the fake writes for a tag: the hand-written answer of the data file where it has one, else a plausible one
//! composed from the name.

use std::sync::LazyLock;

use musonym::domain::key;

/// A hand-written answer of `ollama_answers.jsonl`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct CannedAnswer {
    /// The tag that was asked for.
    pub tag: String,
    /// `good`, `shape`, `prose`, `truncated`, `repeated`, `hallucinated` or `wrong_language`.
    pub class: String,
    /// The raw answer.
    pub answer: String,
    /// What its author thinks should come of it.
    pub note: String,
}

static ANSWERS: LazyLock<Vec<CannedAnswer>> = LazyLock::new(|| {
    let lines = include_str!("../ollama_answers.jsonl").lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
});

/// All answers of the data file, in its order.
pub fn canned_answers() -> &'static [CannedAnswer] {
    &ANSWERS
}

/// The answer for a tag, and whether the model ran out of tokens over it.
pub(super) fn answer_for(tag: &str) -> (String, bool) {
    let tag_key = key(tag);
    match ANSWERS.iter().find(|canned| key(&canned.tag) == tag_key) {
        Some(canned) => (canned.answer.clone(), canned.class == "truncated"),
        None => (composed(tag), false),
    }
}

/// A plausible answer, always the same for one name.
fn composed(tag: &str) -> String {
    let name: String = tag.chars().take(40).collect();
    let name = name.trim().to_lowercase();
    serde_json::json!({
        "search_terms": [
            format!("{name} music"), format!("musique {name}"), format!("{name} songs"), format!("best {name}"),
            format!("{name} playlist"), format!("titres {name}"),
        ],
        "related_tags": [format!("modern {name}"), format!("{name} fusion")],
        "usage_context": [format!("soirée {name}"), format!("{name} party")],
        "translations": { "en": [format!("{name} style")], "fr": [format!("genre {name}")] },
    })
    .to_string()
}

/// The tag that a prompt asks about: the first JSON string behind `tag musical:`, else the first one at all.
pub(super) fn tag_of(prompt: &str) -> String {
    let start = prompt.find("tag musical:").unwrap_or(0);
    let quoted = prompt[start..].find('"').map_or(prompt, |at| &prompt[start + at..]);
    let mut strings = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
    match strings.next() {
        Some(Ok(tag)) => tag,
        _ => prompt.to_owned(),
    }
}
