//! The generator behind Ollama: one call, and one more with another seed where the first answer is poor.

use async_trait::async_trait;
use tracing::debug;

use super::gates::{self, MIN_SEARCH_TERMS};
use super::{
    GateError, Gated, GenerateError, Generation, GenerationRequest, GenerationTrace, Generator, PromptTemplate, schema,
};
use crate::domain::{MAX_TAG_NAME_CHARS, Section, Source};
use crate::ollama::{GenerateOptions, GenerateRequest, OllamaClient, OllamaError};

/// The model that is asked when nobody says otherwise: the smallest that writes usable French.
pub const DEFAULT_MODEL: &str = "llama3.2:1b";

/// Most related tags of a prompt: more would cost a small machine seconds of reading and the model its thread.
pub const MAX_RELATED_TAGS: usize = 10;

/// How far a raw answer is kept in the trace, in characters: `num_predict` tokens of JSON fit.
const MAX_TRACED_CHARS: usize = 4096;

/// Writes synonyms with a model of Ollama.
#[derive(Clone, Debug)]
pub struct OllamaGenerator {
    client: OllamaClient,
    model: String,
    template: PromptTemplate,
    options: GenerateOptions,
}

/// One answer and what the gates say of it.
struct Attempt {
    answer: String,
    gated: Result<Gated, GateError>,
}

impl Attempt {
    fn search_terms(&self) -> Option<usize> {
        let gated = self.gated.as_ref().ok()?;
        Some(gated.terms.iter().filter(|term| term.section == Section::SearchTerms).count())
    }

    fn is_full(&self) -> bool {
        self.search_terms().is_some_and(|count| count >= MIN_SEARCH_TERMS)
    }

    /// Orders attempts: one that failed the gates below all others, then by search terms, then by all terms.
    fn worth(&self) -> (Option<usize>, usize) {
        (self.search_terms(), self.gated.as_ref().map_or(0, |gated| gated.terms.len()))
    }
}

impl OllamaGenerator {
    /// A generator that asks `model` with `template`. Every caller of one model should use the same options, see
    /// [`GenerateOptions`].
    pub fn new(
        client: OllamaClient,
        model: impl Into<String>,
        template: PromptTemplate,
        options: GenerateOptions,
    ) -> Self {
        Self { client, model: model.into(), template, options }
    }

    /// Asks once. A half answer counts as an answer that failed the gates, not as an error.
    async fn attempt(&self, prompt: &str, request: &GenerationRequest, seed: i64) -> Result<Attempt, OllamaError> {
        let call = GenerateRequest {
            model: self.model.clone(),
            prompt: prompt.to_owned(),
            format: schema(),
            options: GenerateOptions { seed, ..self.options.clone() },
        };
        let (answer, gated) = match self.client.generate(&call).await {
            Ok(answer) => {
                debug!(
                    ollama.model = self.model,
                    tag.name = request.tag.tag_name.as_str(),
                    ollama.tokens = answer.eval_count,
                    ollama.load_ms = answer.load_duration_ms,
                    elapsed_ms = answer.total_duration_ms,
                    "the model answered"
                );
                let gated = gates::pass(&answer.text, &request.tag.tag_name, &request.rejected_keys);
                (answer.text, gated)
            }
            Err(OllamaError::CutShort { text }) => (text, Err(GateError::Truncated)),
            Err(error) => return Err(error),
        };
        Ok(Attempt { answer: answer.chars().take(MAX_TRACED_CHARS).collect(), gated })
    }
}

#[async_trait]
impl Generator for OllamaGenerator {
    async fn generate(&self, request: &GenerationRequest) -> Result<Generation, GenerateError> {
        let related: Vec<String> = request
            .related_tags
            .iter()
            .take(MAX_RELATED_TAGS)
            .map(|name| name.chars().take(MAX_TAG_NAME_CHARS).collect())
            .collect();
        let prompt = self.template.render(request.tag.tag_name.as_str(), &related);

        let mut best = self.attempt(&prompt, request, self.options.seed).await?;
        let mut answers = vec![best.answer.clone()];
        let second_try = !best.is_full();
        if second_try {
            debug!(tag.name = request.tag.tag_name.as_str(), search_terms = ?best.search_terms(), "asking once more");
            match self.attempt(&prompt, request, self.options.seed.wrapping_add(1)).await {
                Ok(second) => {
                    answers.push(second.answer.clone());
                    if second.worth() > best.worth() {
                        best = second;
                    }
                }
                // A minute of inference is in hand: few terms are better than none.
                Err(error) if best.gated.is_ok() => {
                    debug!(error = %error, "the second try failed, the first counts");
                }
                Err(error) => return Err(error.into()),
            }
        }

        let mut trace = GenerationTrace { prompt, answers, dropped: Vec::new() };
        match best.gated {
            Ok(mut gated) => {
                let confidence = gates::confidence(&gated, second_try);
                for term in &mut gated.terms {
                    term.confidence = confidence;
                }
                trace.dropped = gated.dropped;
                Ok(Generation { terms: gated.terms, confidence, trace: Some(trace) })
            }
            Err(error) => {
                if let GateError::NothingLeft { dropped } = &error {
                    trace.dropped.clone_from(dropped);
                }
                Err(GenerateError::Gates { error, trace: Box::new(trace) })
            }
        }
    }

    fn describe(&self) -> String {
        format!("Ollama {}", self.model)
    }

    fn source(&self) -> Source {
        Source::Ollama
    }

    fn needs_a_server(&self) -> bool {
        true
    }

    /// One: an answer takes minutes on a small machine, and so may the second try.
    fn batch_size(&self) -> usize {
        1
    }
}
