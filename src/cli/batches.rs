//! A batch as the command line shows it: its standing in words, a live bar, and working until it is over.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal},
    sync::Arc,
    time::Instant,
};

use chrono::{TimeDelta, Utc};
use indicatif::ProgressBar;

use super::{
    error::CliError,
    jobs::pause::told,
    output::say,
    progress::{DRAW_INTERVAL, LINE_INTERVAL, LOOK_INTERVAL, drain_queue, styled},
};
use crate::{
    app::{App, ChosenGenerator, Shutdown},
    store::{Batch, BatchState, Store},
};

/// A batch's standing: `batch 3: 80 of 120 done, 2 failed, 38 left`.
pub(super) fn standing(batch: &Batch) -> String {
    let mut text = format!("batch {}: {} of {} done", batch.id, batch.done, batch.total);
    for (count, word) in [
        (batch.failed, "failed"),
        (batch.cancelled, "cancelled"),
        (batch.moved, "taken over by a later request"),
        (batch.left, "left"),
    ] {
        if count > 0 {
            // A String takes whatever it is given.
            let _ = write!(text, ", {count} {word}");
        }
    }
    if batch.state == BatchState::Cancelled { text + " (cancelled)" } else { text }
}

/// How fast it goes and when it will be done: `12.4 a minute, done in about 3 min (14:32 UTC)`; empty where nothing is known.
pub(super) fn outlook(batch: &Batch) -> String {
    let rate = batch.per_minute.map(|rate| format!("{rate:.1} a minute"));
    let end = batch.estimated_end.map(|end| {
        let left = end - Utc::now();
        let moment = if left < TimeDelta::hours(20) { end.format("%H:%M") } else { end.format("%Y-%m-%d %H:%M") };
        format!("done in about {} ({moment} UTC)", span(left))
    });
    [rate, end].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn span(left: TimeDelta) -> String {
    match left.num_seconds().max(0) {
        seconds @ 0..90 => format!("{seconds} s"),
        seconds @ 90..5_400 => format!("{} min", seconds / 60),
        seconds @ 5_400..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// The live bar of a batch on a terminal; elsewhere a line now and then.
struct BatchBar {
    bar: ProgressBar,
    /// When the last line was written; `None` where the bar is seen.
    told: Option<Instant>,
}

impl BatchBar {
    fn new(batch: &Batch) -> Self {
        let title = format!("batch {}", batch.id);
        let bar = styled(&title, batch.total, "{msg:<10} [{bar:26}] {human_pos}/{human_len} {prefix}");
        Self { bar, told: (!io::stderr().is_terminal()).then(Instant::now) }
    }

    fn show(&mut self, batch: &Batch) {
        self.bar.set_length(batch.total);
        self.bar.set_prefix(outlook(batch));
        self.bar.set_position(batch.over());
        if self.told.is_some_and(|told| told.elapsed() >= LINE_INTERVAL) {
            self.told = Some(Instant::now());
            let outlook = outlook(batch);
            let comma = if outlook.is_empty() { "" } else { ", " };
            say(format_args!("{}{comma}{outlook}", standing(batch)));
        }
    }
}

/// Shows a batch live until it is over; returns it then.
pub(super) async fn watch(store: &dyn Store, id: i64) -> Result<Batch, CliError> {
    let mut changes = store.changes();
    let mut bar: Option<BatchBar> = None;
    loop {
        changes.mark_unchanged();
        let batch = find(store, id).await?;
        let bar = bar.get_or_insert_with(|| BatchBar::new(&batch));
        bar.show(&batch);
        if batch.has_ended() {
            bar.bar.finish_and_clear();
            return Ok(batch);
        }
        tokio::time::sleep(DRAW_INTERVAL).await;
        // Without a change a look now and then moves the estimate.
        let _ = tokio::time::timeout(LOOK_INTERVAL, changes.changed()).await;
    }
}

/// The batch with this number.
pub(super) async fn find(store: &dyn Store, id: i64) -> Result<Batch, CliError> {
    store
        .batch(id)
        .await?
        .ok_or_else(|| CliError::Failed(format!("there is no batch {id}: `musonym jobs batch` lists them")))
}

/// Works in this process until a batch is over and what it wrote is embedded; returns it, and how many jobs failed meanwhile.
/// An interruption leaves the rest queued and says how to go on.
pub(super) async fn follow(
    app: &App,
    chosen: ChosenGenerator,
    batch: Batch,
    shutdown: &Shutdown,
) -> Result<(Batch, u64), CliError> {
    let store = &*app.store;
    if let Some(paused) = store.jobs_paused().await? {
        say(format_args!("{}: the batch waits until then", told(&paused)));
    }
    let id = batch.id;
    let runner = app.runner(Arc::clone(&chosen.generator));
    let stop = shutdown.token().child_token();
    let watching = async {
        let watched = tokio::select! {
            watched = watch(store, id) => watched.map(Some),
            () = shutdown.token().cancelled() => Ok(None),
        };
        // The runner hands back what else it has begun.
        stop.cancel();
        watched
    };
    let (watched, ()) = tokio::join!(watching, runner.run(stop.clone()));
    let Some(batch) = watched? else {
        say(standing(&find(store, id).await?));
        say(format_args!(
            "what is left stays queued: the same command goes on with it, a running `musonym serve` or `musonym worker` \
             does, too, and `musonym jobs batch {id} --cancel` takes it back"
        ));
        return Err(CliError::Interrupted);
    };
    let failed = batch.failed + drain_queue(app, chosen, shutdown).await?;
    Ok((batch, failed))
}
