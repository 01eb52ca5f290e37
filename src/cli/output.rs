//! Results on stdout, messages on stderr. Neither panics when nobody reads.

use std::{
    fmt::Display,
    io::{self, BufWriter, Stdout, Write},
};

use serde::Serialize;

use super::error::CliError;
use crate::telemetry::bars;

/// Results, written line by line.
pub(super) struct Output(BufWriter<Stdout>);

impl Output {
    pub(super) fn new() -> Self {
        Self(BufWriter::new(io::stdout()))
    }

    /// One line (or several, as a table is).
    pub(super) fn line(&mut self, text: impl Display) -> Result<(), CliError> {
        writeln!(self.0, "{text}").map_err(|error| CliError::from_output(&error))
    }

    /// A text as it is, with the line breaks that it has.
    pub(super) fn text(&mut self, text: &str) -> Result<(), CliError> {
        self.0.write_all(text.as_bytes()).map_err(|error| CliError::from_output(&error))
    }

    /// One JSON object on a line.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value).map_err(|error| CliError::Failed(format!("no JSON: {error}")))?;
        self.line(text)
    }

    /// Makes what was written visible.
    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        bars().suspend(|| self.0.flush()).map_err(|error| CliError::from_output(&error))
    }
}

/// A line on stderr, above the progress bars.
pub(super) fn say(text: impl Display) {
    // Nowhere is left to say that nobody hears.
    let _ = bars().suspend(|| writeln!(io::stderr(), "{text}"));
}
