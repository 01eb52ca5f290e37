//! The thin HTTP client of Ollama: typed calls, bounded answers, and one error enum that says whether trying again
//! helps. It decides nothing: the job that called decides what to do with the class of an error.

mod breaker;
mod client;
mod error;
mod host;
mod pull;
mod wire;

pub use breaker::{BreakerState, DEFAULT_THRESHOLD};
pub use client::{OllamaClient, OllamaTimeouts};
pub(crate) use error::printable;
pub use error::{OllamaError, RetryClass};
pub use host::{DEFAULT_HOST, HostError, parse_host};
pub use wire::{GenerateAnswer, GenerateOptions, GenerateRequest, LoadedModel, Model, PullProgress};
