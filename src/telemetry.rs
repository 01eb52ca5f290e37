//! Logs on stderr and metrics for `/metrics`.
//!
//! Log lines and progress bars share stderr: a line is written with the bars out of the way ([`bars`]).

use std::{
    io::{self, IsTerminal, Write},
    sync::LazyLock,
};

use indicatif::{MultiProgress, ProgressDrawTarget};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::config::{LogFormat, LogSettings};

/// Upper bounds of histogram buckets in seconds: from a cached answer (0.3 ms) to a generation on a small machine.
const SECONDS_BUCKETS: [f64; 16] =
    [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0];

/// Telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The process logs or counts already.
    #[error("logs or metrics are set up twice in this process: {0}")]
    Twice(String),
}

/// What logs from `default_level` up where nobody chose a level.
///
/// # Errors
/// [`TelemetryError`] when the process logs already.
pub fn init_logs(settings: &LogSettings, default_level: &str) -> Result<(), TelemetryError> {
    let level = settings.level.as_deref().unwrap_or(default_level);
    // The level was checked with the settings; what still does not parse is left out with a note on stderr.
    let filter = EnvFilter::builder().parse_lossy(level);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Stderr);
    let done = match settings.format {
        LogFormat::Json => logs.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Text => logs.with_ansi(stderr_has_colour()).with_target(false).try_init(),
    };
    done.map_err(|error| TelemetryError::Twice(error.to_string()))
}

/// Starts to count and measure with this exporter; the handle renders what `/metrics` answers with.
///
/// # Errors
/// [`TelemetryError`] when the process counts already.
pub fn init_metrics(exporter: PrometheusBuilder) -> Result<PrometheusHandle, TelemetryError> {
    exporter
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| TelemetryError::Twice(error.to_string()))
}

/// Whether stderr is a terminal that is not told to stay plain (<https://no-color.org>).
fn stderr_has_colour() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !plain && !dumb
}

/// The progress bars of this process; drawn only when stderr is a terminal.
pub fn bars() -> &'static MultiProgress {
    static BARS: LazyLock<MultiProgress> = LazyLock::new(|| {
        let target =
            if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        MultiProgress::with_draw_target(target)
    });
    &BARS
}

/// Writes to stderr above the progress bars.
#[derive(Clone, Copy, Debug)]
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        bars().suspend(|| io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
