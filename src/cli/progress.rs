//! Progress of long work: bars on a terminal, nothing otherwise.

use std::{
    fmt,
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::sync::broadcast::error::RecvError;

use super::{error::CliError, output::say};
use crate::{
    app::{App, ChosenGenerator, Shutdown},
    domain::{JobKind, JobState},
    jobs::Event,
    store::{JobCounts, SpaceProgress},
    telemetry::bars,
};

/// How often a waiting command looks at the queue when nothing tells it to.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A redraw costs more than a count: not more of them than a person sees.
pub(super) const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// How often a line tells how far it is, where no bar is seen.
pub(super) const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// A bar for `total` steps.
pub(super) fn bar(title: &str, total: u64) -> ProgressBar {
    styled(title, total, "{msg:<12} [{bar:34}] {human_pos}/{human_len} {eta}")
}

/// A bar for `total` bytes.
pub(super) fn bytes_bar(title: &str, total: u64) -> ProgressBar {
    styled(title, total, "{msg:<28} [{bar:24}] {bytes}/{total_bytes} {eta}")
}

/// The progress of filling an embedding space: a bar with rate and time left on a terminal, else a line now and then.
pub(super) struct FillProgress {
    bar: ProgressBar,
    /// Vectors that were there before this process has made any.
    before: u64,
    /// Made by this process.
    embedded: u64,
    began: Instant,
    /// When the last line was written; `None` where the bar is seen.
    told: Option<Instant>,
    waiting: Option<String>,
}

impl FillProgress {
    /// A fill that has come so far.
    pub(super) fn new(start: SpaceProgress) -> Self {
        const BAR: &str = "{msg:<10} [{bar:26}] {human_pos}/{human_len} tags, {rate}, {eta} left";
        let bar = bars().add(ProgressBar::new(start.rows));
        bar.set_style(style(BAR).with_key("rate", |state: &ProgressState, text: &mut dyn fmt::Write| {
            let _ = write!(text, "{:.1}/s", state.per_sec());
        }));
        bar.set_message("embedding");
        bar.set_position(start.done);
        bar.reset_eta();
        let began = Instant::now();
        let told = (!io::stderr().is_terminal()).then_some(began);
        Self { bar, before: start.done, embedded: 0, began, told, waiting: None }
    }

    /// So many vectors have been made by now.
    pub(super) fn embedded(&mut self, embedded: u64) {
        if self.waiting.take().is_some() {
            say("it is back: going on");
        }
        self.embedded = embedded;
        self.bar.set_position(self.before + embedded);
        if self.told.is_some_and(|told| told.elapsed() >= LINE_INTERVAL) {
            self.told = Some(Instant::now());
            say(self.line());
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate and a time, for people")]
    fn line(&self) -> String {
        let (done, rows) = (self.before + self.embedded, self.bar.length().unwrap_or_default());
        let rate = (self.embedded as f64 / self.began.elapsed().as_secs_f64().max(0.001)).max(0.001);
        let left = rows.saturating_sub(done) as f64 / rate;
        format!("{done} of {rows} tags, {rate:.1} a second, about {left:.0} s left")
    }

    /// How far it has really come, with what others have written meanwhile.
    pub(super) fn stands_at(&mut self, progress: SpaceProgress) {
        self.before = progress.done.saturating_sub(self.embedded);
        self.bar.set_length(progress.rows);
        self.bar.set_position(progress.done);
    }

    /// It waits; each reason is told once.
    pub(super) fn waits(&mut self, reason: &str) {
        if self.waiting.as_deref() != Some(reason) {
            say(format_args!(
                "waiting: {reason} (tried again every few seconds; Ctrl-C stops, and what is done is kept)"
            ));
            self.waiting = Some(reason.to_owned());
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

pub(super) fn styled(title: &str, total: u64, template: &str) -> ProgressBar {
    let bar = bars().add(ProgressBar::new(total));
    bar.set_style(style(template));
    bar.set_message(title.to_owned());
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

/// Whether a job in this state is over.
pub(super) const fn has_ended(state: JobState) -> bool {
    matches!(state, JobState::Succeeded | JobState::Failed | JobState::Dead | JobState::Cancelled)
}

const fn ended(counts: &JobCounts) -> u64 {
    counts.succeeded + counts.failed + counts.dead + counts.cancelled
}

/// Works in this process until no job can be claimed any more, with one bar over the whole queue. Returns how many
/// jobs ended by failing meanwhile.
pub(super) async fn drain_queue(app: &App, chosen: ChosenGenerator, shutdown: &Shutdown) -> Result<u64, CliError> {
    let before = app.store.job_counts().await?;
    let bar = bar("working", before.queued + before.running);
    let watch = async {
        let mut changes = app.store.changes();
        loop {
            if let Ok(counts) = app.store.job_counts().await {
                let done = ended(&counts).saturating_sub(ended(&before));
                bar.set_length(done + counts.queued + counts.running);
                bar.set_position(done);
            }
            tokio::time::sleep(DRAW_INTERVAL).await;
            // Without a change a look now and then shows what another process did.
            let _ = tokio::time::timeout(LOOK_INTERVAL, changes.changed()).await;
        }
    };
    drain(app, chosen, shutdown, watch).await?;
    bar.finish_and_clear();
    let after = app.store.job_counts().await?;
    Ok((after.failed + after.dead).saturating_sub(before.failed + before.dead))
}

/// Works in this process until no job can be claimed any more, with a bar for each kind of job.
pub(super) async fn drain_by_kind(
    app: &App,
    chosen: ChosenGenerator,
    tags: u64,
    with_embedding: bool,
    shutdown: &Shutdown,
) -> Result<(), CliError> {
    let mut events = app.events.subscribe();
    let generating = bar("generating", tags);
    let embedding = with_embedding.then(|| bar("embedding", tags));
    let watch = async {
        loop {
            match events.recv().await {
                Ok(Event::JobChanged { kind, state, .. }) if has_ended(state) => match (kind, &embedding) {
                    (JobKind::Generate, _) => generating.inc(1),
                    (JobKind::Embed, Some(embedding)) => embedding.inc(1),
                    (JobKind::Embed, None) => {}
                },
                // A bar that missed some events is short of its end, no more.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    drain(app, chosen, shutdown, watch).await?;
    generating.finish_and_clear();
    if let Some(embedding) = embedding {
        embedding.finish_and_clear();
    }
    Ok(())
}

async fn drain(
    app: &App,
    chosen: ChosenGenerator,
    shutdown: &Shutdown,
    watch: impl Future<Output = ()>,
) -> Result<(), CliError> {
    let runner = app.runner(chosen.generator);
    tokio::select! {
        () = runner.drain(shutdown.token().clone()) => {}
        () = watch => {}
    }
    if shutdown.token().is_cancelled() { Err(CliError::Interrupted) } else { Ok(()) }
}

/// Waits until this job is over and returns it; `on_wait` hears why it waits, each time that changes.
pub(super) async fn wait_for_job(
    app: &App,
    id: i64,
    shutdown: &Shutdown,
    on_wait: impl Fn(&str),
) -> Result<crate::domain::Job, CliError> {
    let mut changes = app.store.changes();
    let mut told: Option<String> = None;
    loop {
        let job = app.store.job(id).await?.ok_or_else(|| CliError::Failed(format!("job {id} is gone")))?;
        if has_ended(job.state) {
            return Ok(job);
        }
        if job.last_error.is_some() && job.last_error != told {
            told.clone_from(&job.last_error);
            on_wait(told.as_deref().unwrap_or_default());
        }
        tokio::select! {
            () = shutdown.token().cancelled() => return Err(CliError::Interrupted),
            _ = tokio::time::timeout(LOOK_INTERVAL, changes.changed()) => {}
        }
    }
}
