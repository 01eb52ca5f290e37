//! Holds the vocabulary: read anew when it has changed, by one reader at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::vocabulary::Vocabulary;
use crate::store::{Page, Result, Store, StoreError};

/// Tags that are read at once.
const PAGE: usize = 500;

/// A vocabulary that took longer than this to read…
const SLOW: Duration = Duration::from_millis(500);
/// … is held for so many times as long before it is read again: while every tag of a large library is being generated it
/// changes many times a second.
const HOLD: u32 = 4;

/// Answers over the vocabulary of a store.
pub struct Enricher {
    store: Arc<dyn Store>,
    held: Mutex<Option<Held>>,
}

struct Held {
    vocabulary: Arc<Vocabulary>,
    /// The vocabulary version and the number of tags: a tag without synonyms changes only the latter.
    state: (i64, u64),
    read_at: Instant,
    took: Duration,
}

impl Held {
    fn is_good(&self, state: (i64, u64)) -> bool {
        self.state == state || (self.took > SLOW && self.read_at.elapsed() < self.took * HOLD)
    }
}

impl Enricher {
    /// Over this store. Nothing is read before somebody asks.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, held: Mutex::new(None) }
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The vocabulary as it is now.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn vocabulary(&self) -> Result<Arc<Vocabulary>> {
        let mut held = self.held.lock().await;
        // Before reading: what changes meanwhile is read the next time.
        let state = (self.store.vocabulary_version(), self.store.tag_count().await?);
        if let Some(held) = held.as_ref().filter(|held| held.is_good(state)) {
            return Ok(Arc::clone(&held.vocabulary));
        }
        let started = Instant::now();
        let vocabulary = Arc::new(self.read().await?);
        let took = started.elapsed();
        tracing::debug!(tags = vocabulary.len(), elapsed_ms = took.as_millis(), "read the vocabulary");
        *held = Some(Held { vocabulary: Arc::clone(&vocabulary), state, read_at: Instant::now(), took });
        Ok(vocabulary)
    }

    async fn read(&self) -> Result<Vocabulary> {
        let (mut tags, mut page) = (Vec::new(), Page::first(PAGE));
        loop {
            let listing = self.store.tags_with_terms(&page).await?;
            tags.extend(listing.items);
            match listing.next {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
        // Some 100 ms for the starter vocabulary, and the first time as long again for the lexicon.
        let built = tokio::task::spawn_blocking(move || Vocabulary::of(tags)).await;
        built.map_err(|error| StoreError::Corrupt(format!("the vocabulary could not be put in order: {error}")))
    }
}
