//! The way of a query: cache, embedding within its deadline, recall, ranking, explanation.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use moka::future::Cache;

use super::{
    answer::{BranchExplanation, Degraded, SearchAnswer, SearchHit, SearchRequest, SearchRequestError},
    fuse::{Calibration, Fused, fuse},
    lexical::{Query, evidence},
};
use crate::{
    embed::{EmbedService, QueryVector},
    store::{Recall, Recalled, Store, StoreError},
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
    /// How long an answer is kept.
    pub cache_ttl: Duration,
    /// Most bytes of cached answers.
    pub cache_bytes: u64,
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

/// What is not kept by the cache, but shared by those who asked at the same time.
enum Uncached {
    Degraded(Bytes),
    Failed(SearchError),
}

/// An answer's place in the cache: what was asked, and the vocabulary version it was answered from, so that a write
/// makes every older answer unreachable at once.
type CacheKey = (i64, String);

/// Answers searches.
pub struct Searcher {
    store: Arc<dyn Store>,
    embedder: Arc<EmbedService>,
    settings: SearchSettings,
    answers: Cache<CacheKey, Bytes>,
}

impl Searcher {
    /// A searcher over these parts.
    pub fn new(store: Arc<dyn Store>, embedder: Arc<EmbedService>, settings: SearchSettings) -> Self {
        let answers = Cache::builder()
            .max_capacity(settings.cache_bytes)
            .weigher(|(_, asked): &CacheKey, body: &Bytes| u32::try_from(asked.len() + body.len()).unwrap_or(u32::MAX))
            .time_to_live(settings.cache_ttl)
            .build();
        Self { store, embedder, settings, answers }
    }

    /// The answer, computed once for identical searches at the same time, cached unless degraded.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search_encoded(&self, request: &SearchRequest) -> Result<EncodedAnswer, SearchError> {
        request.validate()?;
        let key = (self.store.vocabulary_version(), format!("{request:?}"));
        if let Some(body) = self.answers.get(&key).await {
            metrics::counter!("musonym_search_cache_total", "result" => "hit").increment(1);
            return Ok(EncodedAnswer { body, cached: true });
        }
        metrics::counter!("musonym_search_cache_total", "result" => "miss").increment(1);
        let answered = self
            .answers
            .try_get_with(key, async {
                let answer = self.search(request).await.map_err(Uncached::Failed)?;
                let body = serde_json::to_vec(&answer)
                    .map(Bytes::from)
                    .map_err(|error| Uncached::Failed(SearchError::Encode(error.to_string())))?;
                if answer.degraded.is_empty() { Ok(body) } else { Err(Uncached::Degraded(body)) }
            })
            .await;
        match answered.as_ref().map_err(|uncached: &Arc<Uncached>| &**uncached) {
            Ok(body) | Err(Uncached::Degraded(body)) => Ok(EncodedAnswer { body: body.clone(), cached: false }),
            Err(Uncached::Failed(error)) => Err(error.clone()),
        }
    }

    /// The answer, not cached.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, SearchError> {
        request.validate()?;
        let started = Instant::now();
        let query = Query::new(&request.q, request.lang);
        let (vector, degraded) = match self.embedder.embed_query(&request.q, self.settings.embed_deadline).await {
            Ok(vector) => (Some(vector), Vec::new()),
            Err(error) => {
                metrics::counter!("musonym_search_degraded_total", "code" => error.code()).increment(1);
                let reason = error.to_string();
                (None, vec![Degraded { branch: "vector".to_owned(), code: error.code().to_owned(), reason }])
            }
        };
        let embedded = started.elapsed();
        let recalled = self.recall(&query, request, vector.as_ref()).await?;
        let ranked = rank(&query, &recalled, vector.as_ref(), request);
        let results = self.results(ranked, request).await?;
        metrics::histogram!("musonym_search_seconds", "part" => "embed").record(embedded.as_secs_f64());
        metrics::histogram!("musonym_search_seconds", "part" => "rank")
            .record(started.elapsed().saturating_sub(embedded).as_secs_f64());
        let explain = request.explain.then(|| BranchExplanation {
            key: query.key,
            stems: query.stems,
            embedded_text: vector.as_ref().and_then(|_| self.embedder.query_text(&request.q)),
            space: vector.as_ref().map(|vector| vector.space.clone()),
            lexical_candidates: recalled.terms.len(),
            vector_candidates: recalled.vectors.len(),
        });
        Ok(SearchAnswer { query: request.q.clone(), count: results.len(), degraded, results, explain })
    }

    async fn recall(
        &self,
        query: &Query,
        request: &SearchRequest,
        vector: Option<&QueryVector>,
    ) -> Result<Recalled, StoreError> {
        let keys = query.keys();
        let fuzzy = query.key.chars().count() <= LONGEST_FUZZY_KEY;
        self.store
            .recall(&Recall {
                keys: &keys,
                stems: &query.stems,
                fuzzy_key: fuzzy.then_some(query.key.as_str()),
                vector: vector.map(|vector| (vector.space.as_str(), &*vector.vector)),
                tag_type: request.tag_type,
                term_limit: LEXICAL_LIMIT,
                vector_limit: VECTOR_LIMIT,
            })
            .await
    }

    /// The best rows with their synonyms. Equal scores are ordered by name, so that the order of insertion never shows.
    async fn results(&self, ranked: Vec<(i64, Fused)>, request: &SearchRequest) -> Result<Vec<SearchHit>, StoreError> {
        let last = ranked.get(request.limit - 1).map_or(0.0, |(_, fused)| fused.score);
        let mut kept: HashMap<i64, Fused> = ranked.into_iter().take_while(|(_, fused)| fused.score >= last).collect();
        let ids: Vec<i64> = kept.keys().copied().collect();
        let mut hits: Vec<SearchHit> = Vec::with_capacity(ids.len());
        for record in self.store.synonyms_by_ids(&ids).await? {
            // Between recall and here a row may have been taken out.
            let Some(fused) = kept.remove(&record.id).filter(|_| record.is_active) else { continue };
            hits.push(SearchHit {
                tag_type: record.tag_type,
                tag_name: record.tag_name,
                id: record.id,
                score: fused.score,
                fts_score: fused.lexical,
                vector_score: fused.vector,
                matched: fused.matched,
                synonyms: record.synonyms,
                explain: request.explain.then_some(fused.explanation),
            });
        }
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| a.tag_name.cmp(&b.tag_name)).then(a.tag_type.cmp(&b.tag_type))
        });
        hits.truncate(request.limit);
        Ok(hits)
    }
}

/// All candidates above the floor and the caller's `min_score`, best first.
fn rank(
    query: &Query,
    recalled: &Recalled,
    vector: Option<&QueryVector>,
    request: &SearchRequest,
) -> Vec<(i64, Fused)> {
    let calibration = Calibration::of_space(vector.map_or("", |vector| vector.space.as_str()));
    let lexical = evidence(query, &recalled.terms);
    let mut cosines: HashMap<i64, Option<f32>> = lexical.keys().map(|id| (*id, None)).collect();
    cosines.extend(recalled.vectors.iter().map(|hit| (hit.synonym_id, Some(hit.cosine))));
    let mut ranked: Vec<(i64, Fused)> = cosines
        .into_iter()
        .filter_map(|(id, cosine)| Some((id, fuse(lexical.get(&id), cosine, calibration)?)))
        .filter(|(_, fused)| fused.score >= request.min_score)
        .collect();
    ranked.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    ranked
}
