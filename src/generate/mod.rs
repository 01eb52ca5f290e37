//! Writing the synonyms of a tag: what a generator is asked, what it gives, and how it fails.
//!
//! [`OllamaGenerator`] asks a small model and puts its answer through the [`gates`]; [`LexiconGenerator`] looks tags up in
//! the built-in lexicon, and composes those that it does not have of their parts.

pub mod gates;
mod lexicon;
mod ollama;
mod prompt;

use async_trait::async_trait;

use crate::domain::{Confidence, Source, TagRef, Term};
use crate::ollama::{OllamaError, RetryClass};

pub use gates::{DropReason, Dropped, GateError, Gated};
pub use lexicon::{
    LEXICON, LexiconGenerator, Problem as LexiconProblem, check as check_lexicon, is_composed, lexicon_tags,
};
pub(crate) use lexicon::{
    LexiconTag, MAX_CONTEXT_SHARE, MIN_ENTRIES_FOR_SHARES, Occasions, TagKey, is_place, is_qualifier, lexicon_entries,
};
pub use ollama::{DEFAULT_MODEL, MAX_RELATED_TAGS, OllamaGenerator};
pub use prompt::{AnswerSchema, DEFAULT_PROMPT, MAX_PROMPT_BYTES, PromptError, PromptTemplate, schema};

/// Which tag to write synonyms for.
#[derive(Clone, Debug)]
pub struct GenerationRequest {
    /// The tag.
    pub tag: TagRef,
    /// Names of tags of the same library that are near it, nearest first.
    pub related_tags: Vec<String>,
    /// Keys of terms that a person has taken out of this tag: they do not come back.
    pub rejected_keys: Vec<String>,
}

/// Synonyms as a generator wrote them, after the gates.
#[derive(Clone, Debug)]
pub struct Generation {
    /// The terms, each with the generator's source and the confidence of the whole.
    pub terms: Vec<Term>,
    /// How far the whole can be trusted.
    pub confidence: Confidence,
    /// How it came about; `None` from a generator that only looks things up.
    pub trace: Option<GenerationTrace>,
}

/// What was asked and answered, for people who wonder about a term.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GenerationTrace {
    /// The prompt as sent.
    pub prompt: String,
    /// The raw answers in the order of the tries, each cut at some thousand characters.
    pub answers: Vec<String>,
    /// What the gates dropped from the answer that counts.
    pub dropped: Vec<Dropped>,
}

/// No synonyms were written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GenerateError {
    /// Ollama gave no answer.
    #[error(transparent)]
    Ollama(#[from] OllamaError),
    /// The model answered, but nothing of it can be used.
    #[error("the model's answer cannot be used: {error}")]
    Gates {
        /// Why.
        error: GateError,
        /// What it answered.
        trace: Box<GenerationTrace>,
    },
    /// The workers of Celery gave no answer.
    #[error("{reason}")]
    Celery {
        /// Why.
        reason: String,
        /// Whether the way to them is broken, so that none could.
        is_outage: bool,
    },
}

impl GenerateError {
    /// Whether trying again can help.
    pub const fn class(&self) -> RetryClass {
        match self {
            Self::Ollama(error) => error.class(),
            Self::Gates { .. } | Self::Celery { .. } => RetryClass::RetryLater,
        }
    }

    /// Whether the generator is out of service, so that the job spends no attempt.
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Ollama(error) => error.is_outage(),
            Self::Gates { .. } => false,
            Self::Celery { is_outage, .. } => *is_outage,
        }
    }
}

/// Writes synonyms for tags.
#[async_trait]
pub trait Generator: Send + Sync {
    /// Writes the synonyms of one tag. May take minutes; dropping the future gives up.
    ///
    /// # Errors
    /// [`GenerateError`] with its class; a generator never gives an empty success.
    async fn generate(&self, request: &GenerationRequest) -> Result<Generation, GenerateError>;

    /// What writes, in a few words for people: for example `Ollama llama3.2:1b`.
    fn describe(&self) -> String;

    /// The source of its terms.
    fn source(&self) -> Source;

    /// Whether another process does the work, whose models and processors it shares: such work is held back where the
    /// settings say so.
    fn needs_a_server(&self) -> bool {
        false
    }

    /// How many tags a worker may claim at once and still finish within one lease, at least 1.
    fn batch_size(&self) -> usize;
}
