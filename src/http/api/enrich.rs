//! `/api/enrich`: what tags and measures of a track mean, for people and for language models.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::Lang,
    enrich::{
        context::{ContextOptions, DEFAULT_PLAYLIST, DEFAULT_TOKENS, LlmContext, MAX_TOKENS, MIN_TOKENS},
        summary::{MAX_SUGGESTIONS, MAX_TRACKS, Summary, SummaryOptions},
        tools::{ToolDescriptions, ToolFormat, tool_descriptions},
        track::{Audio, Track, TrackError},
    },
    http::{
        AppState,
        error::{ApiError, Code},
        extract::{ApiJson, ApiQuery},
        openapi::{BadBody, BadRequest, Failures, Unauthorized},
    },
};

/// Longest occasion in Unicode scalar values.
const MAX_OCCASION_CHARS: usize = 200;

/// Most tracks of a playlist that a prompt asks for.
const MAX_PLAYLIST: usize = 500;

/// A track to sum up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SummaryBody {
    /// Its genres, as they stand in the file.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["Deep House", "disco"]))]
    genres: Vec<String>,
    /// Its moods, likewise.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["melancholic"]))]
    moods: Vec<String>,
    /// What was measured of its sound.
    audio: Option<Audio>,
    /// The language of the text and of the suggestions.
    #[schema(default = "en")]
    lang: Option<Lang>,
    /// Most suggestions.
    #[schema(minimum = 1, maximum = 50, default = 12)]
    suggestions: Option<usize>,
}

/// Tracks to sum up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct BatchBody {
    /// The tracks, up to 500.
    #[schema(max_items = 500)]
    tracks: Vec<Track>,
    /// The language of the texts and of the suggestions.
    #[schema(default = "en")]
    lang: Option<Lang>,
    /// Most suggestions of each.
    #[schema(minimum = 1, maximum = 50, default = 12)]
    suggestions: Option<usize>,
}

/// The tracks in words.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BatchAnswer {
    /// One for each track, in order.
    summaries: Vec<Summary>,
}

/// A track that a language model is to know of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ContextBody {
    /// Its genres, as they stand in the file.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["Deep House", "disco"]))]
    genres: Vec<String>,
    /// Its moods, likewise.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["melancholic"]))]
    moods: Vec<String>,
    /// What was measured of its sound.
    audio: Option<Audio>,
    /// The language of the text and the prompts.
    #[schema(default = "en")]
    lang: Option<Lang>,
    /// The budget of the text in tokens, by an estimate on the high side.
    #[schema(minimum = 50, maximum = 8000, default = 600)]
    max_tokens: Option<usize>,
    /// How many tracks the prompts ask for.
    #[schema(minimum = 1, maximum = 500, default = 20)]
    playlist: Option<usize>,
    /// What a playlist should be for; left out, the first occasion that the tags name.
    #[schema(min_length = 1, max_length = 200, example = "dinner with friends")]
    occasion: Option<String>,
}

/// Tracks that a language model is to know of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ContextBatchBody {
    /// The tracks, up to 500.
    #[schema(max_items = 500)]
    tracks: Vec<Track>,
    /// The language of the texts and the prompts.
    #[schema(default = "en")]
    lang: Option<Lang>,
    /// The budget of each text in tokens, by an estimate on the high side.
    #[schema(minimum = 50, maximum = 8000, default = 600)]
    max_tokens: Option<usize>,
    /// How many tracks the prompts ask for.
    #[schema(minimum = 1, maximum = 500, default = 20)]
    playlist: Option<usize>,
    /// What the playlists should be for; left out, the first occasion that the tags of each track name.
    #[schema(min_length = 1, max_length = 200, example = "dinner with friends")]
    occasion: Option<String>,
}

/// What a language model should know of the tracks.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ContextBatchAnswer {
    /// One for each track, in order.
    contexts: Vec<LlmContext>,
}

/// For whom tools are described.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ToolsQuery {
    /// Whose function calling.
    format: Option<ToolFormat>,
}

/// A track in words
///
/// A few sentences in English or French, its tags as the library knows them, what was measured in classes, what it is played for, and
/// words to search for its like, each with the tag it comes from.
#[utoipa::path(
    post,
    path = "/api/enrich/summary",
    tag = "enrich",
    request_body = SummaryBody,
    responses((status = 200, description = "The track in words", body = Summary), BadRequest, Unauthorized, BadBody, Failures),
)]
pub(in crate::http) async fn summarise_track(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<SummaryBody>,
) -> Result<Json<Summary>, ApiError> {
    let SummaryBody { genres, moods, audio, lang, suggestions } = body;
    let track = Track { genres, moods, audio };
    track.validate()?;
    let mut summaries = state.enricher.summaries(vec![track], options(lang, suggestions)?).await?;
    summaries.pop().map(Json).ok_or_else(|| ApiError::internal("a track without a summary"))
}

/// Many tracks in words
///
/// As `POST /api/enrich/summary`, for up to 500 tracks. A value out of range in one of them is an error of the whole.
#[utoipa::path(
    post,
    path = "/api/enrich/summary/batch",
    tag = "enrich",
    request_body = BatchBody,
    responses(
        (status = 200, description = "One summary for each track", body = BatchAnswer),
        BadRequest, Unauthorized, BadBody, Failures,
    ),
)]
pub(in crate::http) async fn summarise_tracks(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<BatchBody>,
) -> Result<Json<BatchAnswer>, ApiError> {
    let BatchBody { tracks, lang, suggestions } = body;
    check_all(&tracks)?;
    let summaries = state.enricher.summaries(tracks, options(lang, suggestions)?).await?;
    Ok(Json(BatchAnswer { summaries }))
}

/// A track for a language model
///
/// Facts in a compact form and as a text for a system prompt, the most telling first, within a budget of tokens; and prompts to have
/// playlists made: like this track, of its mood, for an occasion.
#[utoipa::path(
    post,
    path = "/api/enrich/llm-context",
    tag = "enrich",
    request_body = ContextBody,
    responses((status = 200, description = "The context", body = LlmContext), BadRequest, Unauthorized, BadBody, Failures),
)]
pub(in crate::http) async fn llm_context(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<ContextBody>,
) -> Result<Json<LlmContext>, ApiError> {
    let ContextBody { genres, moods, audio, lang, max_tokens, playlist, occasion } = body;
    let options = context_options(lang, max_tokens, playlist, occasion)?;
    let track = Track { genres, moods, audio };
    track.validate()?;
    let mut contexts = state.enricher.llm_contexts(vec![track], options).await?;
    contexts.pop().map(Json).ok_or_else(|| ApiError::internal("a track without a context"))
}

/// Many tracks for a language model
///
/// As `POST /api/enrich/llm-context`, for up to 500 tracks. A value out of range in one of them is an error of the whole.
#[utoipa::path(
    post,
    path = "/api/enrich/llm-context/batch",
    tag = "enrich",
    request_body = ContextBatchBody,
    responses(
        (status = 200, description = "One context for each track", body = ContextBatchAnswer),
        BadRequest, Unauthorized, BadBody, Failures,
    ),
)]
pub(in crate::http) async fn llm_contexts(
    State(state): State<AppState>,
    ApiJson(body): ApiJson<ContextBatchBody>,
) -> Result<Json<ContextBatchAnswer>, ApiError> {
    let ContextBatchBody { tracks, lang, max_tokens, playlist, occasion } = body;
    let options = context_options(lang, max_tokens, playlist, occasion)?;
    check_all(&tracks)?;
    let contexts = state.enricher.llm_contexts(tracks, options).await?;
    Ok(Json(ContextBatchAnswer { contexts }))
}

/// Tools for an agent
///
/// What a language model can call by itself: search, synonyms, resolve and summary, described for its function calling, with the
/// requests that carry out a call.
#[utoipa::path(
    get,
    path = "/api/enrich/tools",
    tag = "enrich",
    params(ToolsQuery),
    responses((status = 200, description = "The tools", body = ToolDescriptions), BadRequest, Unauthorized, Failures),
)]
pub(in crate::http) async fn list_tools(ApiQuery(query): ApiQuery<ToolsQuery>) -> Json<ToolDescriptions> {
    Json(tool_descriptions(query.format.unwrap_or_default()))
}

fn options(lang: Option<Lang>, suggestions: Option<usize>) -> Result<SummaryOptions, ApiError> {
    let defaults = SummaryOptions::default();
    let suggestions = within("suggestions", suggestions.unwrap_or(defaults.suggestions), 1, MAX_SUGGESTIONS)?;
    Ok(SummaryOptions { lang: lang.unwrap_or(defaults.lang), suggestions })
}

fn context_options(
    lang: Option<Lang>,
    max_tokens: Option<usize>,
    playlist: Option<usize>,
    occasion: Option<String>,
) -> Result<ContextOptions, ApiError> {
    let options = ContextOptions {
        lang: lang.unwrap_or(Lang::En),
        max_tokens: within("max_tokens", max_tokens.unwrap_or(DEFAULT_TOKENS), MIN_TOKENS, MAX_TOKENS)?,
        playlist: within("playlist", playlist.unwrap_or(DEFAULT_PLAYLIST), 1, MAX_PLAYLIST)?,
        occasion,
    };
    if let Some(length) = options.occasion.as_ref().map(|text| text.trim().chars().count())
        && !(1..=MAX_OCCASION_CHARS).contains(&length)
    {
        let detail = format!("occasion has 1 to {MAX_OCCASION_CHARS} characters, not {length}.");
        return Err(ApiError::new(Code::InvalidOptions, detail));
    }
    Ok(options)
}

/// Not more tracks than a call takes, each with values within their ranges.
fn check_all(tracks: &[Track]) -> Result<(), ApiError> {
    let count = tracks.len();
    if count > MAX_TRACKS {
        let detail = format!("One call takes up to {MAX_TRACKS} tracks, not {count}; send several calls.");
        return Err(ApiError::new(Code::TooManyTracks, detail));
    }
    for (at, track) in tracks.iter().enumerate() {
        track.validate().map_err(|error| error.in_track(at))?;
    }
    Ok(())
}

/// The number, where it is within these bounds.
fn within(name: &str, number: usize, least: usize, most: usize) -> Result<usize, ApiError> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(ApiError::new(Code::InvalidOptions, format!("{name} is {least} to {most}, not {number}.")))
}

impl From<TrackError> for ApiError {
    fn from(error: TrackError) -> Self {
        Self::new(Code::InvalidTrack, format!("{error}."))
    }
}
