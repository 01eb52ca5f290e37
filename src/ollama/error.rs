//! What can go wrong between this program and Ollama, one variant per cause, each with its class.

use std::time::Duration;

/// Longest message of Ollama that is kept, in characters: errors are stored with jobs and shown to people.
const MAX_MESSAGE_CHARS: usize = 300;

/// Whether trying the same call again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// At once: the cause is gone by the time the error arrives.
    RetryNow,
    /// After a pause: the cause is load, an outage, or a model that has a bad moment.
    RetryLater,
    /// Not before somebody changes the request or the configuration.
    Never,
}

/// A call to Ollama failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OllamaError {
    /// No connection, or one that broke off before the answer was complete.
    #[error("Ollama cannot be reached at {url}: {cause}")]
    Unreachable {
        /// Where it was looked for, without credentials.
        url: String,
        /// What the network said.
        cause: String,
    },
    /// Connected, but the answer did not come in time.
    #[error("Ollama did not answer `{call}` within {} s", .after.as_secs())]
    Timeout {
        /// The call, by the last part of its path.
        call: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// Its queue of requests is full (503).
    #[error("Ollama is busy: {message}")]
    Busy {
        /// What it said.
        message: String,
    },
    /// The model is not there.
    #[error("Ollama does not have the model `{model}`; `ollama pull {model}` fetches it")]
    ModelMissing {
        /// The name that was asked for.
        model: String,
    },
    /// The model does not fit into the memory that is free.
    #[error("Ollama has not enough memory: {message}")]
    OutOfMemory {
        /// What it said, with the amounts.
        message: String,
    },
    /// The process that runs the model ended; Ollama starts another one for the next call.
    #[error("Ollama's model runner died: {message}")]
    RunnerDied {
        /// What Ollama said.
        message: String,
    },
    /// Any other failure on its side (5xx), or on that of a proxy before it.
    #[error("Ollama failed with status {status}: {message}")]
    Server {
        /// HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// It does not accept the request (4xx): a bad body, an input without a vector, a model that cannot do this.
    #[error("Ollama refused the request with status {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The call was cancelled on its side (499).
    #[error("Ollama cancelled the call: {message}")]
    Cancelled {
        /// What it said.
        message: String,
    },
    /// The model wrote until `num_predict` or `num_ctx` stopped it, so the answer is half an answer
    /// (`done_reason: length`).
    #[error("the model's answer was cut short")]
    CutShort {
        /// What it had written, for the trace.
        text: String,
    },
    /// Nothing was sent: it has failed several times in a row, and is tried again later.
    #[error("{reason}; tried again in {} s", .retry_in.as_secs() + 1)]
    Paused {
        /// What went wrong last.
        reason: String,
        /// How long nothing is sent still.
        retry_in: Duration,
    },
    /// The answer breaks Ollama's own contract: something else listens there, or it is a version that is not known.
    #[error("Ollama's answer cannot be used: {0}")]
    BadAnswer(String),
}

impl OllamaError {
    /// Whether trying the same call again can help.
    pub const fn class(&self) -> RetryClass {
        match self {
            Self::Cancelled { .. } => RetryClass::RetryNow,
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Busy { .. }
            | Self::ModelMissing { .. }
            | Self::OutOfMemory { .. }
            | Self::RunnerDied { .. }
            | Self::Server { .. }
            | Self::CutShort { .. }
            | Self::Paused { .. }
            | Self::BadAnswer(_) => RetryClass::RetryLater,
            Self::Refused { .. } => RetryClass::Never,
        }
    }

    /// Whether Ollama is out of service whatever it is asked, so that the job in hand spends no attempt.
    ///
    /// A timeout is none, for one answer may really take too long; nor is a 500 or a runner that died, for one prompt
    /// may bring that about every time, and must end as a dead job with its reason.
    pub const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Busy { .. }
                | Self::ModelMissing { .. }
                | Self::OutOfMemory { .. }
                | Self::Paused { .. }
        )
    }

    /// Its cause in one word, for metrics.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Busy { .. } => "busy",
            Self::ModelMissing { .. } => "model_missing",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::RunnerDied { .. } => "runner_died",
            Self::Server { .. } => "server_error",
            Self::Refused { .. } => "refused",
            Self::Cancelled { .. } => "cancelled",
            Self::CutShort { .. } => "cut_short",
            Self::Paused { .. } => "paused",
            Self::BadAnswer(_) => "bad_answer",
        }
    }

    /// Whether it speaks against the server itself, so that some of these in a row open the breaker. Other errors are
    /// answers, if useless ones.
    pub(super) const fn is_of_the_server(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Busy { .. }
                | Self::OutOfMemory { .. }
                | Self::RunnerDied { .. }
                | Self::Server { .. }
        )
    }

    /// The error that a status and Ollama's own message make. Causes that Ollama does not tell apart by status (all
    /// are 500) are told apart by its words, as of version 0.12.
    pub(super) fn from_status(status: u16, message: &str, model: Option<&str>) -> Self {
        let lower = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let model_missing =
            says(&["model"]) && says(&["not found", "does not exist"]) && (status == 404 || status >= 500);
        let message = printable(message, MAX_MESSAGE_CHARS);
        match (status, model) {
            (_, Some(model)) if model_missing => Self::ModelMissing { model: printable(model, MAX_MESSAGE_CHARS) },
            (429 | 503, _) => Self::Busy { message },
            (499, _) => Self::Cancelled { message },
            (500.., _) if says(&["requires more system memory", "out of memory", "signal: killed"]) => {
                Self::OutOfMemory { message }
            }
            (500.., _) if says(&["runner"]) && says(&["terminated", "stopped", "no longer running"]) => {
                Self::RunnerDied { message }
            }
            (500.., _) => Self::Server { status, message },
            _ => Self::Refused { status, message },
        }
    }

    /// A [`Self::BadAnswer`] with a message that may quote the answer.
    pub(super) fn bad_answer(message: &str) -> Self {
        Self::BadAnswer(printable(message, MAX_MESSAGE_CHARS))
    }
}

/// Foreign text as one printable line of at most `max_chars` characters; what is cut off shows as `…`.
pub(crate) fn printable(text: &str, max_chars: usize) -> String {
    let is_unprintable = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut characters = text.chars().map(|c| if is_unprintable(c) { ' ' } else { c });
    let mut line: String = characters.by_ref().take(max_chars).collect();
    if characters.next().is_some() {
        line.pop();
        line.push('…');
    }
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_500_tell_its_cause() {
        for (status, message, expected) in [
            (404, r#"model "x" not found, try pulling it first"#, "ModelMissing"),
            (404, "404 page not found", "Refused"),
            (400, r#""x" does not support generate"#, "Refused"),
            (499, "client closed the request", "Cancelled"),
            (500, "model requires more system memory (5.6 GiB) than is available (3.1 GiB)", "OutOfMemory"),
            (500, "llama runner process has terminated: signal: killed", "OutOfMemory"),
            (500, "llama runner process has terminated: exit status 2", "RunnerDied"),
            (500, "model runner has unexpectedly stopped, this may be due to resource limitations", "RunnerDied"),
            (500, "pull model manifest: file does not exist", "ModelMissing"),
            (500, "something else", "Server"),
            (502, "bad gateway", "Server"),
            (503, "server busy, please try again. maximum pending requests exceeded", "Busy"),
        ] {
            let error = OllamaError::from_status(status, message, Some("x"));
            assert!(format!("{error:?}").starts_with(expected), "{status} {message}: {error:?}");
        }
    }

    #[test]
    fn a_message_is_one_short_printable_line() {
        let error = OllamaError::from_status(400, &format!("a\u{1b}[31m\r\n{}", "é".repeat(400)), None);
        let OllamaError::Refused { message, .. } = error else { panic!("{error:?}") };
        assert_eq!(message.chars().count(), 300);
        assert!(message.starts_with("a [31m") && message.ends_with('…'));
        assert!(!message.chars().any(char::is_control));
    }
}
