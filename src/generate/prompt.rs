//! What the model is told: a template with two placeholders, and the JSON schema that binds its answer.
//!
//! Names of tags are untrusted text. They are written as JSON strings, so that a quotation mark or a line break in a
//! name cannot end the sentence it stands in.

use serde::Serialize;

use super::gates::{MAX_GENERATED_CHARS, MAX_RELATED, MAX_SEARCH_TERMS, MAX_TRANSLATIONS, MAX_USAGE, MIN_SEARCH_TERMS};

/// The built-in prompt.
pub const DEFAULT_PROMPT: &str = include_str!("../../data/prompt.txt");

/// Longest template in bytes. One this long needs a larger `num_ctx` than the default.
pub const MAX_PROMPT_BYTES: usize = 16 * 1024;

/// Stands in the place of the related tags when there are none.
const NO_RELATED_TAGS: &str = "aucun";

/// Why a text is no prompt template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Over [`MAX_PROMPT_BYTES`].
    #[error("a prompt has at most {MAX_PROMPT_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// The model would not learn which tag is meant.
    #[error("a prompt needs the placeholder {{tag_name}}")]
    NoTagName,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    TagName,
    RelatedTags,
}

/// A prompt with `{tag_name}` and, if it likes, `{related_tags}`; any other brace is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTemplate {
    parts: Vec<Part>,
}

impl PromptTemplate {
    /// Reads a template; line breaks at its end do not count.
    ///
    /// # Errors
    /// [`PromptError`] when it is too long or names no tag.
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        if text.len() > MAX_PROMPT_BYTES {
            return Err(PromptError::TooLong(text.len()));
        }
        let mut parts = Vec::new();
        let mut rest = text.trim_end_matches(['\r', '\n']);
        while let Some((at, placeholder, part)) = first_placeholder(rest) {
            parts.push(Part::Text(rest[..at].to_owned()));
            parts.push(part);
            rest = &rest[at + placeholder.len()..];
        }
        parts.push(Part::Text(rest.to_owned()));
        if parts.contains(&Part::TagName) { Ok(Self { parts }) } else { Err(PromptError::NoTagName) }
    }

    /// The prompt for a tag. The name is JSON-escaped and stands without quotes, which are the template's; related
    /// tags are whole JSON strings with commas between them, for a name may have a comma itself.
    pub fn render(&self, tag_name: &str, related: &[String]) -> String {
        // The values are put in, never looked at again: a tag named `{related_tags}` stays what it is.
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::TagName => {
                    let quoted = json_string(tag_name);
                    quoted[1..quoted.len() - 1].to_owned()
                }
                Part::RelatedTags if related.is_empty() => NO_RELATED_TAGS.to_owned(),
                Part::RelatedTags => related.iter().map(|name| json_string(name)).collect::<Vec<_>>().join(", "),
            })
            .collect()
    }
}

impl Default for PromptTemplate {
    /// [`DEFAULT_PROMPT`].
    fn default() -> Self {
        Self::parse(DEFAULT_PROMPT).unwrap_or(Self { parts: vec![Part::TagName] })
    }
}

fn first_placeholder(text: &str) -> Option<(usize, &'static str, Part)> {
    [("{tag_name}", Part::TagName), ("{related_tags}", Part::RelatedTags)]
        .into_iter()
        .filter_map(|(placeholder, part)| text.find(placeholder).map(|at| (at, placeholder, part)))
        .min_by_key(|(at, ..)| *at)
}

/// A text as a JSON string, quotes included.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The JSON schema of an answer, for `format`. A struct rather than a JSON value because the order of its properties
/// must survive: the model has to write them in this order, what matters most first.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerSchema {
    r#type: &'static str,
    properties: Sections,
    required: [&'static str; 4],
    additional_properties: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Sections {
    search_terms: ListSchema,
    related_tags: ListSchema,
    usage_context: ListSchema,
    translations: TranslationsSchema,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TranslationsSchema {
    r#type: &'static str,
    properties: Languages,
    required: [&'static str; 2],
    additional_properties: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Languages {
    en: ListSchema,
    fr: ListSchema,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListSchema {
    r#type: &'static str,
    items: TermSchema,
    min_items: usize,
    max_items: usize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TermSchema {
    r#type: &'static str,
    max_length: usize,
}

/// The schema that binds an answer: the four sections, all required, nothing else, within the bounds of the gates.
pub const fn schema() -> AnswerSchema {
    AnswerSchema {
        r#type: "object",
        properties: Sections {
            search_terms: list(MIN_SEARCH_TERMS, MAX_SEARCH_TERMS),
            related_tags: list(0, MAX_RELATED),
            usage_context: list(0, MAX_USAGE),
            translations: TranslationsSchema {
                r#type: "object",
                properties: Languages { en: list(0, MAX_TRANSLATIONS), fr: list(0, MAX_TRANSLATIONS) },
                required: ["en", "fr"],
                additional_properties: false,
            },
        },
        required: ["search_terms", "related_tags", "usage_context", "translations"],
        additional_properties: false,
    }
}

const fn list(min_items: usize, max_items: usize) -> ListSchema {
    let items = TermSchema { r#type: "string", max_length: MAX_GENERATED_CHARS };
    ListSchema { r#type: "array", items, min_items, max_items }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_built_in_prompt_is_rendered_word_for_word() {
        let expected = r#"Tu es un expert en musique. Génère des synonymes et termes associés pour le tag musical: "r&b"

Tags similaires disponibles dans le contexte: "soul", "neo soul"

Génère un JSON avec:
- "search_terms": [] termes de recherche (5-10)
- "related_tags": [] tags musicalement liés
- "usage_context": [] contextes d'usage
- "translations": {} traductions FR/EN

Format JSON uniquement, pas de markdown."#;
        assert_eq!(PromptTemplate::default().render("r&b", &related(&["soul", "neo soul"])), expected);
        assert!(PromptTemplate::default().render("r&b", &[]).contains("dans le contexte: aucun\n"));
    }

    #[test]
    fn a_name_cannot_break_out_of_its_quotes_nor_bring_placeholders() {
        let template = PromptTemplate::parse("{related_tags}|{tag_name}|{other}|{tag_name}").unwrap();
        let prompt = template.render("a\"\n{related_tags}\\", &related(&["{tag_name}", "b\", c"]));
        let name = r#"a\"\n{related_tags}\\"#;
        assert_eq!(prompt, format!(r#""{{tag_name}}", "b\", c"|{name}|{{other}}|{name}"#));
    }

    #[test]
    fn a_template_names_the_tag_and_has_its_bound() {
        assert_eq!(PromptTemplate::parse("{related_tags} { tag_name }"), Err(PromptError::NoTagName));
        let long = format!("{{tag_name}}{}", "x".repeat(MAX_PROMPT_BYTES));
        assert_eq!(PromptTemplate::parse(&long), Err(PromptError::TooLong(MAX_PROMPT_BYTES + 10)));
        assert!(PromptTemplate::parse(&long[..MAX_PROMPT_BYTES]).is_ok());
    }

    #[test]
    fn the_schema_asks_for_what_matters_most_first() {
        let text = serde_json::to_string(&schema()).unwrap();
        insta::assert_snapshot!(text, @r#"{"type":"object","properties":{"search_terms":{"type":"array","items":{"type":"string","maxLength":60},"minItems":5,"maxItems":10},"related_tags":{"type":"array","items":{"type":"string","maxLength":60},"minItems":0,"maxItems":8},"usage_context":{"type":"array","items":{"type":"string","maxLength":60},"minItems":0,"maxItems":6},"translations":{"type":"object","properties":{"en":{"type":"array","items":{"type":"string","maxLength":60},"minItems":0,"maxItems":4},"fr":{"type":"array","items":{"type":"string","maxLength":60},"minItems":0,"maxItems":4}},"required":["en","fr"],"additionalProperties":false}},"required":["search_terms","related_tags","usage_context","translations"],"additionalProperties":false}"#);
    }
}
