//! The OpenAPI document: what the operations share.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, Response, ResponseBuilder,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{
    api::synonyms::Include,
    error::{PROBLEM_JSON, Problem},
};
use crate::{
    domain::{JobKind, JobState, Lang, ReviewStatus, Source, TagType},
    enrich::tools::ToolFormat,
    jobs::Event,
    lint::FindingKind,
    search::Fusion,
};

/// The part of the document that does not belong to one operation.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "musonym",
        description = "Synonyms, translations and hybrid search for the genre and mood tags of a music library. \
            Errors are RFC 9457 problems with a stable `code`. Lists are paged: give `next` back as `cursor`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "synonyms", description = "The synonyms of tags"),
        (name = "search", description = "Tags by their meaning, in English and French"),
        (name = "review", description = "Terms that wait for a person"),
        (name = "tags", description = "The tags themselves"),
        (name = "lint", description = "What may want mending"),
        (name = "enrich", description = "What an application makes of tags"),
        (name = "jobs", description = "The queue and what happens in it"),
        (name = "webhooks", description = "What a library tells us of its tags, and what subscribers are told"),
        (name = "service", description = "Health, metrics, documents"),
    ),
    // Beside what bodies use: what only parameters use is not found by itself.
    components(schemas(Problem, Event, FindingKind, Fusion, Include, JobKind, JobState, Lang, ReviewStatus, Source, TagType, ToolFormat)),
    modifiers(&SecuritySchemes),
    // Empty first: a server without MUSONYM_API_KEY asks for none.
    security((), ("bearer" = []), ("api_key" = [])),
)]
pub(super) struct ApiDoc;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("MUSONYM_API_KEY")).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let header = ApiKeyValue::with_description("X-API-Key", "MUSONYM_API_KEY");
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(header)));
    }
}

/// Declares groups of problems that operations list among their responses.
macro_rules! problem_responses {
    ($($(#[$doc:meta])* $name:ident { $($status:literal => $text:literal),+ $(,)? })+) => {
        $(
            $(#[$doc])*
            pub(super) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    [$(($status, $text)),+].into_iter().map(|(status, text)| (status.to_owned(), problem(text))).collect()
                }
            }
        )+
    };
}

problem_responses! {
    /// What any operation may answer.
    Failures {
        "500" => "Something failed inside; the log has it under the request_id",
        "503" => "The database is busy or the request took too long; try again",
    }
    /// Where the API key guards.
    Unauthorized { "401" => "The API key, or the signature of a webhook, is missing or wrong" }
    /// Where something is read from path, query or body.
    BadRequest { "400" => "The request breaks a rule; code and detail say which" }
    /// Where something is addressed that may not be there.
    Missing { "404" => "There is no such thing" }
    /// Where the state of the data may forbid it.
    Conflicts { "409" => "The state of the data forbids it" }
    /// Where `If-Match` is honoured.
    Stale { "412" => "The row has another version than If-Match names" }
    /// Where a body of any type is read.
    TooLarge { "413" => "The body is over the limit" }
    /// Where a JSON body is read.
    BadBody {
        "413" => "The body is over the limit",
        "415" => "The body does not say that it is JSON",
    }
    /// Where something is written.
    Unwritable { "507" => "The database or its disk is full; nothing was written" }
    /// Where it is not configured.
    Forbidden { "403" => "No webhook secret is configured" }
}

fn problem(description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build().into()
}
