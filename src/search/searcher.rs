//! The way of a query: cache, its parts asked one by one (`ask`), one ranking, explanation.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;

use super::{
    answer::{BranchExplanation, Degraded, SearchAnswer, SearchHit, SearchRequest, SearchRequestError},
    ask::{Asked, LEXICAL_LIMIT, Sections, load},
    combine::{Found, Unwanted, combine},
    fuse::Fused,
    reading::{Reading, guarded_keys, may_be_composite},
};
use crate::{
    cache::{Cache, Computed, Key, What},
    domain::{Section, keep_first, key},
    embed::EmbedService,
    store::{ById, CandidateTag, Recall, Store, StoreError},
};

/// How the search works.
#[derive(Clone, Debug)]
pub struct SearchSettings {
    /// How long a query waits for its embedding before the vector branch is left out.
    pub embed_deadline: Duration,
}

/// A search could not be answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SearchError {
    /// It was not asked rightly.
    #[error(transparent)]
    Request(#[from] SearchRequestError),
    /// The store failed.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// The answer could not be written as JSON.
    #[error("the answer could not be encoded: {0}")]
    Encode(String),
}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// An answer as the cache keeps it: encoded JSON.
#[derive(Clone, Debug)]
pub struct EncodedAnswer {
    /// The JSON of a [`SearchAnswer`].
    pub body: Bytes,
    /// Whether it came from the cache.
    pub cached: bool,
}

/// Answers searches.
pub struct Searcher {
    pub(super) store: Arc<dyn Store>,
    pub(super) embedder: Arc<EmbedService>,
    cache: Arc<Cache>,
    pub(super) settings: SearchSettings,
}

impl Searcher {
    /// A searcher over these parts.
    pub fn new(
        store: Arc<dyn Store>,
        embedder: Arc<EmbedService>,
        cache: Arc<Cache>,
        settings: SearchSettings,
    ) -> Self {
        Self { store, embedder, cache, settings }
    }

    /// The answer, computed once for identical searches at the same time, cached unless degraded.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search_encoded(&self, request: &SearchRequest) -> Result<EncodedAnswer, SearchError> {
        request.validate()?;
        let key = Key { what: What::Search, version: self.store.vocabulary_version(), asked: format!("{request:?}") };
        let answer = self.cache.get_or_compute(key, || self.compute(request)).await?;
        let result = if answer.hit { "hit" } else { "miss" };
        metrics::counter!("musonym_search_cache_total", "result" => result).increment(1);
        Ok(EncodedAnswer { body: answer.value, cached: answer.hit })
    }

    async fn compute(&self, request: &SearchRequest) -> Result<Computed, SearchError> {
        let answer = self.search(request).await?;
        let body = serde_json::to_vec(&answer).map_err(|error| SearchError::Encode(error.to_string()))?;
        Ok(Computed { value: body.into(), lasting: answer.degraded.is_empty() })
    }

    /// The answer, not cached.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, SearchError> {
        request.validate()?;
        let started = Instant::now();
        let reading = self.read(request).await?;
        let mut asked = Vec::new();
        for part in &reading.wanted {
            asked.push(self.ask(part, request).await?);
        }
        let whole = match &reading.wanted[..] {
            [_] => None,
            parts => Some(self.ask(&parts.join(" "), request).await?),
        };
        let mut left_out = Vec::new();
        for part in &reading.unwanted {
            left_out.push(self.ask_unwanted(part, request).await?);
        }
        let embedded: Duration = asked.iter().chain(&whole).chain(&left_out).map(|asked| asked.embedding_took).sum();
        let mut degraded: Vec<Degraded> = Vec::new();
        let mut candidates = Candidates::default();
        for part in asked.iter_mut().chain(&mut left_out) {
            degraded.extend(part.degraded.take().filter(|_| degraded.is_empty()));
        }
        for part in &mut asked {
            candidates.take(part);
        }
        let mut whole = whole;
        if let Some(whole) = &mut whole {
            candidates.take(whole);
        }
        let found = if reading.is_composite() {
            let wanted: Vec<Found> = asked.iter_mut().map(|asked| std::mem::take(&mut asked.found)).collect();
            let left_out = left_out.into_iter().map(|asked| (asked.found, asked.abstaining));
            let unwanted = reading.unwanted.iter().zip(left_out);
            let unwanted: Vec<Unwanted<'_>> =
                unwanted.map(|(text, (found, abstaining))| Unwanted { text, found, abstaining }).collect();
            combine(&wanted, whole.as_ref().map(|whole| &whole.found), &unwanted)
        } else {
            asked.first_mut().map(|asked| std::mem::take(&mut asked.found)).unwrap_or_default()
        };
        let ranked = best(found, &candidates.tags, request);
        let results = self.results(ranked, candidates, request.explain).await?;
        metrics::histogram!("musonym_search_seconds", "part" => "embed").record(embedded.as_secs_f64());
        metrics::histogram!("musonym_search_seconds", "part" => "rank")
            .record(started.elapsed().saturating_sub(embedded).as_secs_f64());
        let explain = asked.into_iter().next().filter(|_| request.explain).map(|asked| BranchExplanation {
            wanted: reading.wanted,
            unwanted: reading.unwanted,
            ..asked.explanation
        });
        Ok(SearchAnswer { query: request.q.clone(), count: results.len(), degraded, results, explain })
    }

    /// Takes the query apart, where it is composite.
    async fn read(&self, request: &SearchRequest) -> Result<Reading, StoreError> {
        if !request.composite || !may_be_composite(&request.q) {
            return Ok(Reading::plain(&request.q));
        }
        let whole = key(&request.q);
        let mut keys = guarded_keys(&request.q);
        keys.push(whole.clone());
        let recall = Recall { keys: &keys, tag_type: request.tag_type, term_limit: LEXICAL_LIMIT, ..Recall::default() };
        let terms = self.store.recall(&recall).await?.terms;
        // A description (`without vocals`) is a search term, and no name; the query as a whole may be either.
        let by_name = terms.iter().filter(|term| match term.section {
            Section::Name | Section::Translations => true,
            section => section.is_name() && *term.key == whole,
        });
        let names: HashSet<String> = by_name.map(|term| term.key.to_string()).collect();
        let is_name = names.contains(&whole);
        Ok(if is_name { Reading::plain(&request.q) } else { Reading::of(&request.q, &names) })
    }

    /// The ranked rows with their synonyms.
    async fn results(
        &self,
        ranked: Vec<(i64, Fused)>,
        mut candidates: Candidates,
        explain: bool,
    ) -> Result<Vec<SearchHit>, StoreError> {
        let ids: Vec<i64> = ranked.iter().map(|(id, _)| *id).collect();
        let Candidates { tags, sections } = &mut candidates;
        load(sections, &*self.store, tags, &ids).await?;
        let hit = |(id, fused): (i64, Fused)| {
            // Between recall and here a row may have been taken out.
            let (tag, synonyms) = (tags.get(&id)?, sections.remove(&id)?);
            let explain = explain.then(|| fused.explanation());
            Some(SearchHit {
                tag_type: tag.tag_type,
                tag_name: tag.name.to_string(),
                id,
                score: fused.score,
                fts_score: fused.lexical,
                vector_score: fused.vector,
                matched: fused.matched,
                synonyms,
                explain,
            })
        };
        Ok(ranked.into_iter().filter_map(hit).collect())
    }
}

/// What the parts of a query know of the rows they found.
#[derive(Default)]
struct Candidates {
    tags: ById<CandidateTag>,
    sections: Sections,
}

impl Candidates {
    /// Takes in what a part knows.
    fn take(&mut self, asked: &mut Asked) {
        if self.tags.is_empty() {
            (self.tags, self.sections) = (std::mem::take(&mut asked.tags), std::mem::take(&mut asked.sections));
        } else {
            self.tags.extend(asked.tags.drain());
            self.sections.extend(asked.sections.drain());
        }
    }
}

/// The best of what was found that reach the caller's `min_score`, best first. Equal scores are ordered by name, so that the
/// order of insertion never shows.
fn best(mut found: Found, tags: &ById<CandidateTag>, request: &SearchRequest) -> Vec<(i64, Fused)> {
    let mut ranked: Vec<(f64, &CandidateTag, i64)> = found
        .iter()
        .filter(|(_, fused)| fused.score >= request.min_score)
        .filter_map(|(id, fused)| Some((fused.score, tags.get(id)?, *id)))
        .collect();
    keep_first(&mut ranked, request.limit, |(score, tag, _), (other_score, other, _)| {
        other_score.total_cmp(score).then_with(|| tag.name.cmp(&other.name)).then(tag.tag_type.cmp(&other.tag_type))
    });
    ranked.into_iter().filter_map(|(_, _, id)| Some((id, found.remove(&id)?))).collect()
}
