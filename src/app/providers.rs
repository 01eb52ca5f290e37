//! Which generator and which embedder serve, and why.

use std::{sync::Arc, time::Duration};

use secrecy::ExposeSecret;

use super::AppError;
use crate::{
    config::{ConfigError, EmbedProvider, GenerateProvider, Settings},
    embed::{BuiltinEmbedder, EmbedModel, EmbedService, Embedder, Embedders, MakeEmbedder, OllamaEmbedder},
    generate::{Generator, LexiconGenerator, OllamaGenerator, PromptTemplate},
    jobs::celery::{HandOver, Link},
    ollama::{OllamaClient, OllamaTimeouts},
};

/// A generator, and why it is this one.
pub struct ChosenGenerator {
    /// Writes synonyms.
    pub generator: Arc<dyn Generator>,
    /// Whether it needs Ollama.
    pub uses_ollama: bool,
    /// The Redis of the workers of Celery, where it needs them.
    pub celery: Option<Arc<Link>>,
    /// A sentence that says why it was chosen, and what would change it.
    pub reason: String,
}

/// A client of the configured Ollama. Nothing is sent.
///
/// # Errors
/// [`AppError::Config`] when no client can be made for that address.
pub fn ollama_client(settings: &Settings) -> Result<OllamaClient, AppError> {
    let timeouts = OllamaTimeouts {
        connect: settings.ollama.connect_timeout,
        generate: settings.generate.timeout,
        embed_base: settings.embed.timeout,
        ..OllamaTimeouts::default()
    };
    OllamaClient::new(settings.ollama.host.expose_secret(), timeouts)
        .map(|client| client.with_breaker(settings.ollama.breaker_failures))
        .map_err(|error| ConfigError::new(format!("ollama.host cannot be used: {error}")).into())
}

/// The generator that the settings ask for; with `auto`, Ollama when it answers with the model present.
pub(super) async fn generator(
    settings: &Settings,
    ollama: &OllamaClient,
    embedder: &EmbedService,
) -> Result<ChosenGenerator, AppError> {
    // Read whichever generator serves: a bad prompt file shows at the start, not at the next one with Ollama.
    let prompt = prompt(settings)?;
    let model = &settings.generate.model;
    let (uses_ollama, reason) = match settings.generate.provider {
        GenerateProvider::Celery => return hand_over(settings),
        GenerateProvider::Ollama => (true, "generate.provider is ollama".to_owned()),
        GenerateProvider::Lexicon => (false, "generate.provider is lexicon".to_owned()),
        GenerateProvider::Auto => match ollama.find_model(model).await {
            Ok(Some(_)) => (true, format!("Ollama answers at {} and has the model {model}", ollama.url())),
            Ok(None) => (
                false,
                format!(
                    "Ollama at {} does not have the model {model}; `ollama pull {model}` and a restart change that",
                    ollama.url()
                ),
            ),
            Err(error) => (false, format!("{error}; a restart looks again")),
        },
    };
    let generator: Arc<dyn Generator> = if uses_ollama {
        Arc::new(OllamaGenerator::new(ollama.clone(), model.clone(), prompt, settings.generate.options.clone()))
    } else {
        Arc::new(embedder.standby().map_or_else(LexiconGenerator::default, LexiconGenerator::with_neighbours))
    };
    tracing::info!(generator = %generator.describe(), reason, "synonyms are written by {}", generator.describe());
    Ok(ChosenGenerator { generator, uses_ollama, celery: None, reason })
}

/// Workers of Celery as the generator.
fn hand_over(settings: &Settings) -> Result<ChosenGenerator, AppError> {
    let refused = |problem| AppError::Config(ConfigError::new(format!("celery.broker_url {problem}")));
    let Some(celery) = &settings.celery else { return Err(refused("is not set".to_owned())) };
    let hand_over = HandOver::new(celery.clone(), settings.generate.timeout).map_err(refused)?;
    let celery = Some(hand_over.broker());
    let generator: Arc<dyn Generator> = Arc::new(hand_over);
    tracing::info!(generator = %generator.describe(), "synonyms are written by {}", generator.describe());
    Ok(ChosenGenerator { generator, uses_ollama: false, celery, reason: "generate.provider is celery".to_owned() })
}

fn prompt(settings: &Settings) -> Result<PromptTemplate, AppError> {
    let Some(path) = &settings.generate.prompt_file else {
        return Ok(PromptTemplate::default());
    };
    let refused = |problem: String| {
        AppError::Config(ConfigError::new(format!("generate.prompt_file: the file {} {problem}", path.display())))
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(format!("cannot be read ({error}); leave the key empty for the built-in prompt")))?;
    PromptTemplate::parse(&text).map_err(|error| refused(format!("is no prompt: {error}")))
}

/// The embedders that the settings allow, the built-in one as standby, and how any other is made. Nothing is sent: the
/// database's own is chosen when something is first embedded. `longest`: dimensions that the database keeps.
pub(super) fn embedders(settings: &Settings, ollama: &OllamaClient, longest: Option<usize>) -> Embedders {
    let builtin: Arc<dyn Embedder> = Arc::new(BuiltinEmbedder::default());
    let (client, keep_alive, standby) = (Arc::new(ollama.clone()), settings.embed.keep_alive, Arc::clone(&builtin));
    let make: MakeEmbedder = Arc::new(move |model| match model {
        EmbedModel::Builtin => Arc::clone(&standby),
        EmbedModel::Ollama(name) => {
            Arc::new(OllamaEmbedder::new(Arc::clone(&client), name, keep_alive).within(longest))
        }
    });
    let configured = || make(&EmbedModel::Ollama(settings.embed.model.clone()));
    let allowed = match settings.embed.provider {
        EmbedProvider::Builtin => vec![Arc::clone(&builtin)],
        EmbedProvider::Ollama => vec![configured()],
        EmbedProvider::Auto => vec![configured(), Arc::clone(&builtin)],
    };
    Embedders { allowed, standby: Some(builtin), others: Some(make) }
}

/// How long a look at Ollama may take where somebody waits for the answer.
pub(super) const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a model of Ollama cannot be used now; `None` when it can.
pub(super) async fn model_problem(ollama: &OllamaClient, model: &str) -> Option<String> {
    match tokio::time::timeout(LOOK_TIMEOUT, ollama.find_model(model)).await {
        Ok(Ok(Some(_))) => None,
        Ok(Ok(None)) => Some(format!("Ollama does not have the model {model}: run `ollama pull {model}`")),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("Ollama at {} did not answer within {} s", ollama.url(), LOOK_TIMEOUT.as_secs())),
    }
}
