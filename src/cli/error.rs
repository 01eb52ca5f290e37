//! How a command fails, what it says then, and its exit code.

use std::io;

use crate::{
    app::AppError,
    config::ConfigError,
    embed::{ChangeError, EmbedError},
    search::SearchError,
    store::StoreError,
    telemetry::TelemetryError,
};

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
/// What a shell reports for a process that SIGINT ended: 128 + 2.
const INTERRUPTED: u8 = 130;

/// Most lines of a message.
const MAX_LINES: usize = 5;

/// A command that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The command line says something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// It failed; the text says why and what to do.
    #[error("{0}")]
    Failed(String),
    /// It failed and has said so.
    #[error("failed")]
    Reported,
    /// Whoever read our output has left: no failure of ours.
    #[error("nobody reads the output")]
    NobodyReads,
    /// A signal asked for the end.
    #[error("interrupted")]
    Interrupted,
    /// A part of the program failed.
    #[error(transparent)]
    App(#[from] AppError),
    /// A search failed.
    #[error(transparent)]
    Search(#[from] SearchError),
}

impl CliError {
    /// What to say, within [`MAX_LINES`].
    pub(super) fn message(&self) -> Option<String> {
        match self {
            Self::Reported | Self::NobodyReads => None,
            // An error of another crate may bring lines of its own.
            other => Some(other.to_string().lines().take(MAX_LINES).collect::<Vec<_>>().join("\n")),
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::App(AppError::Config(_)) | Self::Search(SearchError::Request(_)) => WRONG_USAGE,
            Self::Failed(_) | Self::Reported | Self::App(_) | Self::Search(_) => FAILED,
            Self::NobodyReads => 0,
            Self::Interrupted => INTERRUPTED,
        }
    }

    /// A failure to write results.
    pub(super) fn from_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Failed(format!("the results cannot be written: {error}")),
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::App(error.into())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl From<EmbedError> for CliError {
    fn from(error: EmbedError) -> Self {
        Self::App(error.into())
    }
}

impl From<ChangeError> for CliError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Embed(error) => error.into(),
            ChangeError::Store(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<TelemetryError> for CliError {
    fn from(error: TelemetryError) -> Self {
        Self::App(error.into())
    }
}
