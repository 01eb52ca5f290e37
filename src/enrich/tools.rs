//! The descriptions of what an agent can call by itself, with their JSON Schemas: for function calling over this API, and for the
//! Model Context Protocol.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Something that an agent can call.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// How it is called.
    pub name: &'static str,
    /// What it does and when to call it, for a model.
    pub description: &'static str,
    /// What it takes.
    parameters: fn() -> Vec<Parameter>,
    /// Which request does it.
    method: &'static str,
    path: &'static str,
    /// How arguments travel.
    arguments: &'static str,
}

/// An argument of a tool.
struct Parameter {
    name: &'static str,
    schema: Value,
    is_required: bool,
}

/// Whose function calling the descriptions are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolFormat {
    /// OpenAI's Chat Completions: strict schemas, in which every argument is named and may be null.
    #[default]
    Openai,
    /// Ollama's `/api/chat`: plain schemas, in which arguments may be left out.
    Ollama,
}

/// How a call is carried out over this API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ToolRequest {
    /// The name of the tool.
    #[schema(example = "search_tags")]
    pub name: String,
    /// The method.
    #[schema(example = "GET")]
    pub method: String,
    /// The path; `{…}` are arguments.
    #[schema(example = "/api/synonyms/search")]
    pub path: String,
    /// Where the other arguments go: `query` or `body`.
    #[schema(example = "query")]
    pub arguments: String,
}

/// The tools and how to carry out a call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ToolDescriptions {
    /// To be given as `tools` with a request to the model.
    #[schema(value_type = Vec<Object>)]
    pub tools: Vec<Value>,
    /// What to do with a call of the model. Arguments that are null are left out.
    pub requests: Vec<ToolRequest>,
}

/// All tools.
pub const TOOLS: [Tool; 4] = [
    Tool {
        name: "search_tags",
        description: "Finds genres and moods of the music library by words in English or French, misspelt or not, by \
                      name or by meaning. Call it to turn what somebody wants to hear into tags.",
        parameters: || {
            vec![
                required("q", text("What to look for, for example: rainy evening, musique pour courir, dnb", 200)),
                optional(
                    "tag_type",
                    json!({ "type": "string", "enum": ["genre", "mood"], "description": "Of one type only" }),
                ),
                optional(
                    "limit",
                    json!({ "type": "integer", "minimum": 1, "maximum": 100, "description": "Most results, 10 by default" }),
                ),
                optional("lang", lang("The language of q, where it cannot be told")),
            ]
        },
        method: "GET",
        path: "/api/synonyms/search",
        arguments: "query",
    },
    Tool {
        name: "get_synonyms",
        description: "Tells what a genre or mood of the library is also called, its translations, its near tags and what \
                      it is played for. Call it with a name that search_tags or resolve_tags gave.",
        parameters: || {
            vec![
                required(
                    "tag_type",
                    json!({ "type": "string", "enum": ["genre", "mood"], "description": "Genre or mood" }),
                ),
                required("tag_name", text("The name of the tag in any spelling", 100)),
            ]
        },
        method: "GET",
        path: "/api/synonyms/{tag_type}/{tag_name}",
        arguments: "path",
    },
    Tool {
        name: "resolve_tags",
        description: "Finds the tags of the library that raw strings mean, as they stand in the genre fields of files: \
                      Hip-Hop, Rap & R&B; (17)Rock. Call it before you use genre names from elsewhere.",
        parameters: || {
            let string = json!({ "type": "string" });
            vec![required(
                "strings",
                json!({ "type": "array", "items": string, "description": "Raw strings, up to 100" }),
            )]
        },
        method: "POST",
        path: "/api/resolve",
        arguments: "body",
    },
    Tool {
        name: "summarize_track",
        description: "Describes a track by its genres, moods and measured sound, in English or French, with occasions and \
                      words to search for its like.",
        parameters: || {
            let strings = |what: &str| json!({ "type": "array", "items": { "type": "string" }, "description": what });
            vec![
                required("genres", strings("Its genres, as they stand in the file")),
                optional("moods", strings("Its moods")),
                optional("lang", lang("The language of the summary, English by default")),
            ]
        },
        method: "POST",
        path: "/api/enrich/summary",
        arguments: "body",
    },
];

fn required(name: &'static str, schema: Value) -> Parameter {
    Parameter { name, schema, is_required: true }
}

fn optional(name: &'static str, schema: Value) -> Parameter {
    Parameter { name, schema, is_required: false }
}

fn text(description: &str, max_length: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": max_length, "description": description })
}

fn lang(description: &str) -> Value {
    json!({ "type": "string", "enum": ["en", "fr"], "description": description })
}

impl Tool {
    /// The JSON Schema of its arguments, in which optional ones may be left out.
    pub fn schema(&self) -> Map<String, Value> {
        let parameters = (self.parameters)();
        let required: Vec<&str> =
            parameters.iter().filter(|parameter| parameter.is_required).map(|parameter| parameter.name).collect();
        let properties: Map<String, Value> =
            parameters.iter().map(|parameter| (parameter.name.to_owned(), parameter.schema.clone())).collect();
        object(&required, properties)
    }

    /// The same for strict function calling: every argument is required, and optional ones may be null. Bounds that strict mode
    /// does not take are left to the server.
    fn strict_schema(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut names = Vec::new();
        for Parameter { name, mut schema, is_required } in (self.parameters)() {
            if let Some(fields) = schema.as_object_mut() {
                for bound in ["minLength", "maxLength", "minimum", "maximum"] {
                    fields.remove(bound);
                }
                if !is_required {
                    let or_null = fields.get("type").map(|known| json!([known, "null"]));
                    fields.extend(or_null.map(|types| ("type".to_owned(), types)));
                    if let Some(values) = fields.get_mut("enum").and_then(Value::as_array_mut) {
                        values.push(Value::Null);
                    }
                }
            }
            names.push(name);
            properties.insert(name.to_owned(), schema);
        }
        object(&names, properties)
    }
}

fn object(required: &[&str], properties: Map<String, Value>) -> Map<String, Value> {
    let parts = [
        ("type", json!("object")),
        ("properties", properties.into()),
        ("required", json!(required)),
        ("additionalProperties", json!(false)),
    ];
    parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The tools as a provider wants them.
pub fn tool_descriptions(format: ToolFormat) -> ToolDescriptions {
    let function = |tool: &Tool| {
        let (name, description) = (tool.name, tool.description);
        match format {
            ToolFormat::Openai => json!({ "type": "function", "function": {
                "name": name, "description": description, "parameters": tool.strict_schema(), "strict": true } }),
            ToolFormat::Ollama => json!({ "type": "function", "function": {
                "name": name, "description": description, "parameters": tool.schema() } }),
        }
    };
    let request = |tool: &Tool| ToolRequest {
        name: tool.name.to_owned(),
        method: tool.method.to_owned(),
        path: tool.path.to_owned(),
        arguments: tool.arguments.to_owned(),
    };
    ToolDescriptions { tools: TOOLS.iter().map(function).collect(), requests: TOOLS.iter().map(request).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_schemas_name_every_argument() {
        for tool in tool_descriptions(ToolFormat::Openai).tools {
            let parameters = &tool["function"]["parameters"];
            let properties = parameters["properties"].as_object().unwrap();
            assert_eq!(parameters["required"].as_array().unwrap().len(), properties.len(), "{tool}");
            assert_eq!(
                (&tool["function"]["strict"], &parameters["additionalProperties"]),
                (&json!(true), &json!(false))
            );
        }
        let search = &tool_descriptions(ToolFormat::Openai).tools[0]["function"]["parameters"]["properties"];
        assert_eq!(search["tag_type"]["type"], json!(["string", "null"]));
        assert_eq!(search["q"]["type"], "string");
    }

    #[test]
    fn plain_schemas_ask_only_for_what_is_needed() {
        let search = &tool_descriptions(ToolFormat::Ollama).tools[0]["function"];
        assert_eq!(search["parameters"]["required"], json!(["q"]));
        assert!(search.get("strict").is_none());
    }
}
