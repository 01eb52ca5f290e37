//! Holds the vocabulary: read anew when it has changed, by one reader at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{
    context::{ContextOptions, LlmContext, llm_context},
    resolve::{OptionsError, PartKind, ResolveOptions, ResolvedString, ResolvedTag, Resolver},
    summary::{Summary, SummaryOptions, summarise},
    track::{Track, TrackError},
    vocabulary::{Vocabulary, load_lexicon},
};
use crate::{
    domain::{Priority, TagName, TagType},
    store::{Page, Store, StoreError},
};

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
    /// [`EnrichError`] when it cannot be read.
    pub async fn vocabulary(&self) -> Result<Arc<Vocabulary>, EnrichError> {
        let mut held = self.held.lock().await;
        // Before reading: what changes meanwhile is read the next time.
        let state = (self.store.vocabulary_version(), self.store.tag_count().await?);
        if let Some(held) = held.as_ref().filter(|held| held.is_good(state)) {
            return Ok(Arc::clone(&held.vocabulary));
        }
        // Once a process, and no part of what a reading takes.
        apart(load_lexicon).await?;
        let started = Instant::now();
        let vocabulary = Arc::new(self.read().await?);
        let took = started.elapsed();
        tracing::debug!(tags = vocabulary.len(), elapsed_ms = took.as_millis(), "read the vocabulary");
        *held = Some(Held { vocabulary: Arc::clone(&vocabulary), state, read_at: Instant::now(), took });
        Ok(vocabulary)
    }

    async fn read(&self) -> Result<Vocabulary, EnrichError> {
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
        apart(move || Vocabulary::of(tags)).await
    }

    /// What raw strings mean, in their order. With `register`, tags that only the lexicon knows are created, each with its
    /// generation; the second value is how many are new.
    ///
    /// # Errors
    /// [`EnrichError::Options`] for options out of range.
    pub async fn resolve(
        &self,
        strings: Vec<String>,
        options: ResolveOptions,
        register: bool,
    ) -> Result<(Vec<ResolvedString>, usize), EnrichError> {
        let vocabulary = self.vocabulary().await?;
        let resolved = apart(move || {
            let resolver = Resolver::new(&vocabulary, &options)?;
            Ok::<_, OptionsError>(on_all_processors(&strings, |raw| resolver.resolve(raw)))
        });
        let mut resolved = resolved.await??;
        let registered = if register { self.register(&mut resolved).await? } else { 0 };
        Ok((resolved, registered))
    }

    /// Tracks in words, in their order.
    ///
    /// # Errors
    /// [`EnrichError::Track`] for the first value out of range.
    pub async fn summaries(&self, tracks: Vec<Track>, options: SummaryOptions) -> Result<Vec<Summary>, EnrichError> {
        let vocabulary = self.vocabulary().await?;
        let summaries = apart(move || {
            let summaries = on_all_processors(&tracks, |track| summarise(track, &vocabulary, options));
            summaries.into_iter().collect::<Result<Vec<_>, TrackError>>()
        });
        Ok(summaries.await??)
    }

    /// What a language model should know of tracks, in their order.
    ///
    /// # Errors
    /// [`EnrichError::Track`] for the first value out of range.
    pub async fn llm_contexts(
        &self,
        tracks: Vec<Track>,
        options: ContextOptions,
    ) -> Result<Vec<LlmContext>, EnrichError> {
        let vocabulary = self.vocabulary().await?;
        let contexts = apart(move || {
            let contexts = on_all_processors(&tracks, |track| llm_context(track, &vocabulary, &options));
            contexts.into_iter().collect::<Result<Vec<_>, TrackError>>()
        });
        Ok(contexts.await??)
    }

    /// Creates what is suggested, and puts it where it was suggested.
    async fn register(&self, resolved: &mut [ResolvedString]) -> Result<usize, EnrichError> {
        let mut wanted: Vec<(TagType, TagName)> = Vec::new();
        for suggestion in resolved.iter().flat_map(|string| &string.parts).filter_map(|part| part.suggestion.as_ref()) {
            // Names of the lexicon are names.
            let Ok(name) = TagName::parse(&suggestion.tag_name) else { continue };
            let tag = (suggestion.tag_type, name);
            if !wanted.contains(&tag) {
                wanted.push(tag);
            }
        }
        if wanted.is_empty() {
            return Ok(0);
        }
        let created = self.store.create_tags(&wanted, Priority::LOW).await?;
        for string in resolved {
            for part in &mut string.parts {
                let Some(suggestion) = part.suggestion.take_if(|_| part.kind == PartKind::Lexicon) else { continue };
                let is_it = |(tag_type, name): &(TagType, TagName)| {
                    *tag_type == suggestion.tag_type && name.as_str() == suggestion.tag_name
                };
                let Some(made) = wanted.iter().position(is_it).and_then(|at| created.get(at)) else { continue };
                let tag = ResolvedTag { tag_type: made.tag.tag_type, tag_name: made.tag.name.clone(), id: made.tag.id };
                if !string.tags.contains(&tag) {
                    string.tags.push(tag.clone());
                }
                part.tag = Some(tag);
            }
        }
        Ok(created.iter().filter(|made| made.created).count())
    }
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum EnrichError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A value of a track is out of range.
    #[error(transparent)]
    Track(#[from] TrackError),
    /// An option cannot be.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The task that works it out ended before it was done.
    #[error("enriching stopped: {0}")]
    Stopped(String),
}

/// Does work that takes more than a moment where it keeps nobody waiting.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EnrichError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| EnrichError::Stopped(error.to_string()))
}

/// What `work` makes of each item, in their order, on as many threads as there are processors; few are done on this one.
pub fn on_all_processors<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    /// Fewer than this many a thread are not worth starting one.
    const FEWEST: usize = 32;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len() / FEWEST).max(1);
    let share = items.len().div_ceil(threads).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let mut shares = items.chunks(share);
        let first = shares.next().unwrap_or_default();
        let others: Vec<_> =
            shares.map(|share| scope.spawn(move || share.iter().map(work).collect::<Vec<R>>())).collect();
        let mut made: Vec<R> = first.iter().map(work).collect();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_all_processors_keeps_the_order() {
        for count in [0, 1, 31, 32, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let expected: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(on_all_processors(&items, |item| item * 2), expected);
        }
    }
}
