//! The way of a query: cache, embedding within its deadline, recall, ranking, explanation.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;

use super::{
    answer::{BranchExplanation, Branches, Degraded, SearchAnswer, SearchHit, SearchRequest, SearchRequestError},
    fuse::{Fused, fuse},
    gloss::{Gloss, gloss, phrase_keys},
    lexical::{Query, evidence},
};
use crate::{
    cache::{Cache, Computed, Key, What},
    domain::Calibration,
    embed::{EmbedError, EmbedService, QueryEmbedding, QueryVector},
    store::{CandidateTag, Recall, Recalled, Store, StoreError},
};

/// Terms that each way of lexical matching may propose.
const LEXICAL_LIMIT: usize = 200;

/// Tags that the vector branch may propose.
const VECTOR_LIMIT: usize = 100;

/// Queries longer than this are sentences, not misspelt names: no trigrams are looked for, in characters of the key.
const LONGEST_FUZZY_KEY: usize = 40;

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
    store: Arc<dyn Store>,
    embedder: Arc<EmbedService>,
    cache: Arc<Cache>,
    settings: SearchSettings,
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
        let gloss = self.gloss(request).await?;
        let query = Query::new(&request.q, request.lang, &gloss);
        let mut embedding = self.embed(request, &gloss).await;
        let mut embedded = started.elapsed();
        let mut recalled = self.recall(&query, request, embedding.vector.as_ref()).await?;
        if recalled.vectors.is_empty() && self.is_of_former_space(request, &embedding) {
            embedding = self.embed(request, &gloss).await;
            embedded = started.elapsed();
            recalled = self.recall(&query, request, embedding.vector.as_ref()).await?;
        }
        let degraded: Vec<Degraded> = embedding.failure.iter().map(|failure| degraded(failure, &embedding)).collect();
        let vector = embedding.vector;
        let calibration = self.store.calibration(vector.as_ref().map_or("", |vector| vector.space.as_str()));
        let ranked = rank(&query, &recalled, &calibration, request);
        let (terms, vectors) = (recalled.terms.len(), recalled.vectors.len());
        let results = self.results(ranked, recalled, request.explain).await?;
        metrics::histogram!("musonym_search_seconds", "part" => "embed").record(embedded.as_secs_f64());
        metrics::histogram!("musonym_search_seconds", "part" => "rank")
            .record(started.elapsed().saturating_sub(embedded).as_secs_f64());
        let explain = request.explain.then(|| BranchExplanation {
            key: query.key,
            stems: query.stems,
            lang: gloss.lang,
            glossed: gloss.glossed,
            embedded_text: embedding.text,
            space: vector.as_ref().map(|vector| vector.space.clone()),
            lexical_candidates: terms,
            vector_candidates: vectors,
        });
        Ok(SearchAnswer { query: request.q.clone(), count: results.len(), degraded, results, explain })
    }

    async fn gloss(&self, request: &SearchRequest) -> Result<Gloss, StoreError> {
        if !request.gloss {
            return Ok(Gloss { text: request.q.clone(), lang: request.lang, glossed: Vec::new() });
        }
        let names = self.store.names_by_french(&phrase_keys(&request.q)).await?;
        Ok(gloss(&request.q, request.lang, &names))
    }

    async fn embed(&self, request: &SearchRequest, gloss: &Gloss) -> QueryEmbedding {
        match (request.branches, request.by_standby) {
            (Branches::Lexical, _) => QueryEmbedding::default(),
            (_, true) => self.embedder.embed_query_by_standby(&gloss.text).await,
            (_, false) => self.embedder.embed_query(&gloss.text, self.settings.embed_deadline).await,
        }
    }

    /// Whether the active space was changed over after the query was embedded.
    fn is_of_former_space(&self, request: &SearchRequest, embedding: &QueryEmbedding) -> bool {
        let is_active = !request.by_standby && embedding.failure.is_none();
        let space = embedding.vector.as_ref().map(|vector| vector.space.as_str());
        is_active && space.is_some() && space != self.store.active_space().as_deref()
    }

    async fn recall(
        &self,
        query: &Query,
        request: &SearchRequest,
        vector: Option<&QueryVector>,
    ) -> Result<Recalled, StoreError> {
        let by_words = request.branches != Branches::Vector;
        let keys = if by_words { query.keys() } else { Vec::new() };
        let fuzzy = by_words && query.key.chars().count() <= LONGEST_FUZZY_KEY;
        self.store
            .recall(&Recall {
                keys: &keys,
                stems: if by_words { &query.stems } else { &[] },
                fuzzy_key: fuzzy.then_some(query.key.as_str()),
                vector: vector.map(|vector| (vector.space.as_str(), &*vector.vector)),
                tag_type: request.tag_type,
                term_limit: LEXICAL_LIMIT,
                vector_limit: VECTOR_LIMIT,
            })
            .await
    }

    /// The ranked rows with their synonyms.
    async fn results(
        &self,
        ranked: Vec<(i64, Fused)>,
        mut recalled: Recalled,
        explain: bool,
    ) -> Result<Vec<SearchHit>, StoreError> {
        let (mut sections, mut missing) = (HashMap::new(), Vec::new());
        for (id, _) in &ranked {
            match recalled.sections.remove(id) {
                Some(json) => {
                    let read = serde_json::from_str(&json).map_err(|error| StoreError::Corrupt(error.to_string()))?;
                    sections.insert(*id, read);
                }
                None => missing.push(*id),
            }
        }
        if !missing.is_empty() {
            sections.extend(self.store.sections(&missing).await?);
        }
        let tags = recalled.tags;
        let hit = |(id, fused): (i64, Fused)| {
            // Between recall and here a row may have been taken out.
            let (tag, synonyms) = (tags.get(&id)?, sections.remove(&id)?);
            Some(SearchHit {
                tag_type: tag.tag_type,
                tag_name: tag.name.to_string(),
                id,
                score: fused.score,
                fts_score: fused.lexical,
                vector_score: fused.vector,
                matched: fused.matched,
                synonyms,
                explain: explain.then_some(fused.explanation),
            })
        };
        Ok(ranked.into_iter().filter_map(hit).collect())
    }
}

/// What the answer says of an active embedder that failed.
fn degraded(failure: &EmbedError, embedding: &QueryEmbedding) -> Degraded {
    metrics::counter!("musonym_search_degraded_total", "code" => failure.code()).increment(1);
    let instead = match embedding.vector {
        Some(_) => "the built-in vectors stand in",
        None => "the answer is given by words alone",
    };
    Degraded { branch: "vector".to_owned(), code: failure.code().to_owned(), reason: format!("{failure}; {instead}") }
}

/// The best candidates above the floor and the caller's `min_score`, best first. Equal scores are ordered by name, so that
/// the order of insertion never shows.
fn rank(query: &Query, recalled: &Recalled, calibration: &Calibration, request: &SearchRequest) -> Vec<(i64, Fused)> {
    let lexical = evidence(query, recalled);
    let cosines: HashMap<i64, f32> = recalled.vectors.iter().map(|hit| (hit.synonym_id, hit.cosine)).collect();
    let mut ranked: Vec<(&CandidateTag, i64, Fused)> = recalled
        .tags
        .iter()
        .filter_map(|(id, tag)| Some((tag, *id, fuse(lexical.get(id), cosines.get(id).copied(), calibration)?)))
        .filter(|(_, _, fused)| fused.score >= request.min_score)
        .collect();
    ranked.sort_by(|(tag, _, a), (other, _, b)| {
        b.score.total_cmp(&a.score).then_with(|| tag.name.cmp(&other.name)).then(tag.tag_type.cmp(&other.tag_type))
    });
    ranked.truncate(request.limit);
    ranked.into_iter().map(|(_, id, fused)| (id, fused)).collect()
}
