//! News from other processes: LISTEN, and polling for what a lost connection or a pooler in between swallows.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::PgListener;

use super::PostgresStore;

/// The channel on which the triggers notify.
const CHANNEL: &str = "musonym";

/// How often the vocabulary's version is asked for, whatever is heard: within the promised second.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How often to look whether another process has built the index of the vectors.
const LOOK_AT_INDEX: Duration = Duration::from_secs(10);

/// How often to try to listen again.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

impl PostgresStore {
    /// Refreshes the vocabulary and wakes whoever waits for changes, until the store is closed.
    pub(super) fn listen(&self) {
        let (pool, vocabulary) = (self.readers.clone(), Arc::clone(&self.vocabulary));
        let (index_settings, last_connection) = (Arc::clone(&self.index_settings), Arc::clone(&self.last_connection));
        let (changes, stop) = (self.changes.clone(), self.watcher.clone());
        tokio::spawn(async move {
            let mut listener = None;
            let mut listen_at = tokio::time::Instant::now();
            let mut index_at = tokio::time::Instant::now() + LOOK_AT_INDEX;
            let mut polls = tokio::time::interval(POLL_INTERVAL);
            polls.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                // Deaf until now, every look may bring news: jobs leave no number behind.
                let mut news = listener.is_none();
                if listener.is_none() && listen_at <= tokio::time::Instant::now() {
                    listener = listen(&pool).await;
                    listen_at = tokio::time::Instant::now() + LISTEN_AGAIN;
                }
                tokio::select! {
                    () = stop.cancelled() => return last_connection.let_go(),
                    _ = polls.tick() => {}
                    heard = hear(&mut listener) => news |= heard,
                }
                match vocabulary.refresh(&pool).await {
                    Ok(is_newer) => news |= is_newer,
                    Err(error) => tracing::debug!(%error, "changes by other processes could not be read"),
                }
                if index_at <= tokio::time::Instant::now() {
                    index_at = tokio::time::Instant::now() + LOOK_AT_INDEX;
                    if let Err(error) = index_settings.read(&pool).await {
                        tracing::debug!(%error, "what is known of the vector index could not be read");
                    }
                }
                last_connection.let_go();
                if news {
                    changes.send_modify(|tick| *tick += 1);
                }
            }
        });
    }
}

async fn listen(pool: &sqlx::PgPool) -> Option<PgListener> {
    let listening = async {
        let mut listener = PgListener::connect_with(pool).await?;
        // A lost connection is told, so that what was missed meanwhile is looked for.
        listener.ignore_pool_close_event(true);
        listener.listen(CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    match listening.await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::warn!(%error, "news of other processes are polled for until LISTEN works again");
            None
        }
    }
}

/// Waits for one notification, and takes those that wait behind it; for ever without a listener.
async fn hear(listener: &mut Option<PgListener>) -> bool {
    let Some(hearing) = listener else { return std::future::pending().await };
    match hearing.try_recv().await {
        Ok(Some(_)) => {
            while let Some(_more) = hearing.next_buffered() {}
            true
        }
        // The connection was lost; it is made anew at once.
        Ok(None) => true,
        Err(error) => {
            tracing::warn!(%error, "news of other processes are polled for until LISTEN works again");
            *listener = None;
            true
        }
    }
}
