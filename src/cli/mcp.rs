//! `musonym mcp`: the library's tags for an AI agent, over the Model Context Protocol on stdin and stdout.

use std::{borrow::Cow, sync::Arc};

use clap::Args;
use rmcp::{
    ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
        ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::{RequestContext, RoleServer},
    transport::stdio,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::error::CliError;
use crate::{
    app::App,
    config::Settings,
    domain::{Lang, TagRef, TagType},
    enrich::{
        Enricher,
        resolve::{ResolveOptions, ResolvedString},
        summary::SummaryOptions,
        tools::TOOLS,
        track::{Audio, Track},
    },
    search::{SearchRequest, Searcher},
    store::Store,
};

/// Most strings that an agent resolves at once: what it reads counts.
const MAX_STRINGS: usize = 100;

/// What a model is told when it connects.
const INSTRUCTIONS: &str = "The genres and moods of a music library, with their synonyms in English and French. Turn what \
    somebody wants to hear into tags with search_tags, names from elsewhere with resolve_tags.";

/// Let an AI agent search, resolve and read tags, over the Model Context Protocol on stdin and stdout.
///
/// Nothing is written. It ends when its input does.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym mcp
  musonym mcp --database sqlite:/var/lib/musonym/musonym.db

In the configuration of an agent:
  {\"mcpServers\": {\"musonym\": {\"command\": \"musonym\", \"args\": [\"mcp\"]}}}

docs/ENRICH.md tells the tools.")]
pub(super) struct McpArgs {}

pub(super) async fn run(_: McpArgs, settings: Settings) -> Result<(), CliError> {
    let app = App::open(settings).await?;
    let tags = MusicTags {
        store: Arc::clone(&app.store),
        searcher: app.searcher(),
        enricher: Arc::new(Enricher::new(Arc::clone(&app.store))),
    };
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("the agent cannot be served: {error}"));
    // An agent that leaves before it has said what it is has left: no failure of ours.
    let ended = match tags.serve(stdio()).await {
        Ok(serving) => serving.waiting().await.map(|_| ()).map_err(|error| failed(&error)),
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(failed(&error)),
    };
    app.close().await;
    ended
}

/// The tools over one database.
#[derive(Clone)]
struct MusicTags {
    store: Arc<dyn Store>,
    searcher: Arc<Searcher>,
    enricher: Arc<Enricher>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchArguments {
    q: String,
    tag_type: Option<TagType>,
    limit: Option<usize>,
    lang: Option<Lang>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolveArguments {
    strings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SummaryArguments {
    #[serde(default)]
    genres: Vec<String>,
    moods: Option<Vec<String>>,
    audio: Option<Audio>,
    lang: Option<Lang>,
}

/// What a tool answers, or why it cannot, in words for the model.
type Answer = Result<Value, String>;

impl MusicTags {
    async fn search(&self, arguments: SearchArguments) -> Answer {
        let mut request = SearchRequest::new(&arguments.q);
        (request.tag_type, request.lang) = (arguments.tag_type, arguments.lang);
        request.limit = arguments.limit.unwrap_or(request.limit);
        let answer = self.searcher.search(&request).await.map_err(|error| error.to_string())?;
        let hit = |hit: &crate::search::SearchHit| json!({ "tag_type": hit.tag_type, "tag_name": hit.tag_name, "score": hit.score, "match": hit.matched });
        Ok(json!({ "results": answer.results.iter().map(hit).collect::<Vec<_>>(), "degraded": answer.degraded }))
    }

    async fn synonyms(&self, tag: TagRef) -> Answer {
        let found = self.store.lookup_synonyms(std::slice::from_ref(&tag)).await.map_err(|error| error.to_string())?;
        let Some(row) = found.into_iter().next().flatten() else {
            let TagRef { tag_type, tag_name } = tag;
            return Err(format!(
                "The library has no synonyms for the {tag_type} `{tag_name}`; search_tags finds names."
            ));
        };
        Ok(json!({ "tag_type": row.tag_type, "tag_name": row.tag_name, "synonyms": row.synonyms }))
    }

    async fn resolve(&self, arguments: ResolveArguments) -> Answer {
        let count = arguments.strings.len();
        if count > MAX_STRINGS {
            return Err(format!("One call takes up to {MAX_STRINGS} strings, not {count}; make several calls."));
        }
        let resolved = self.enricher.resolve(arguments.strings, ResolveOptions::default(), false).await;
        let (results, _) = resolved.map_err(|error| error.to_string())?;
        // Reasons where something was not understood; elsewhere the tags say enough.
        let told = |result: &ResolvedString| {
            let unclear = result.parts.iter().filter(|part| part.tag.is_none());
            let unclear: Vec<Value> = unclear
                .map(|part| json!({ "text": part.text, "kind": part.kind, "why": part.why, "alternatives": part.alternatives }))
                .collect();
            json!({ "raw": result.raw, "tags": result.tags, "not_resolved": unclear })
        };
        Ok(json!({ "results": results.iter().map(told).collect::<Vec<_>>() }))
    }

    async fn summarise(&self, arguments: SummaryArguments) -> Answer {
        let SummaryArguments { genres, moods, audio, lang } = arguments;
        let track = Track { genres, moods: moods.unwrap_or_default(), audio };
        let options = SummaryOptions { lang: lang.unwrap_or(Lang::En), ..SummaryOptions::default() };
        let summaries = self.enricher.summaries(vec![track], options).await.map_err(|error| error.to_string())?;
        Ok(json!(summaries.first()))
    }

    async fn call(&self, name: &str, arguments: Map<String, Value>) -> Result<Answer, ErrorData> {
        Ok(match name {
            "search_tags" => self.search(read(arguments)?).await,
            "get_synonyms" => self.synonyms(read(arguments)?).await,
            "resolve_tags" => self.resolve(read(arguments)?).await,
            "summarize_track" => self.summarise(read(arguments)?).await,
            other => {
                return Err(ErrorData::invalid_params(format!("there is no tool `{}`", other.escape_debug()), None));
            }
        })
    }
}

/// The arguments of a call.
fn read<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, ErrorData> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| ErrorData::invalid_params(format!("mend the arguments: {error}"), None))
}

impl ServerHandler for MusicTags {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("musonym", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = |tool: &crate::enrich::tools::Tool| {
            Tool::new(Cow::Borrowed(tool.name), Cow::Borrowed(tool.description), Arc::new(tool.schema()))
        };
        Ok(ListToolsResult::with_all_items(TOOLS.iter().map(tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let answer = self.call(&request.name, request.arguments.unwrap_or_default()).await?;
        Ok(match answer {
            Ok(value) => CallToolResult::structured(value).into(),
            Err(problem) => CallToolResult::error(vec![ContentBlock::text(problem)]).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TagName;

    #[test]
    fn arguments_are_read_strictly() {
        let read_tag = |value: Value| read::<TagRef>(value.as_object().cloned().unwrap_or_default());
        let tag = read_tag(json!({ "tag_type": "genre", "tag_name": "ska" })).unwrap();
        assert_eq!(tag.tag_name, TagName::parse("ska").unwrap());
        for bad in [
            json!({}),
            json!({ "tag_type": "artist", "tag_name": "x" }),
            json!({ "tag_type": "genre", "tag_name": "" }),
        ] {
            assert!(read_tag(bad.clone()).is_err(), "{bad}");
        }
    }
}
