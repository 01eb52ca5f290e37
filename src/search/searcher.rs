//! The way of a query: cache, embedding within its deadline, recall, ranking, explanation.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;

use super::{
    answer::{
        BranchExplanation, Branches, Corrected, Degraded, Fusion, SearchAnswer, SearchHit, SearchRequest,
        SearchRequestError,
    },
    combine::{Found, combine},
    fuse::{Fused, by_ranks, fuse},
    gloss::{Gloss, gloss, phrase_keys},
    lexical::{Query, evidence},
    reading::{Reading, guarded_keys, may_be_composite, negates},
    spelling::{corrected, unknown_words},
    spread,
};
use crate::{
    cache::{Cache, Computed, Key, What},
    domain::{Calibration, Section, Synonyms, key, stem_groups},
    embed::{EmbedError, EmbedService, QueryEmbedding, QueryVector},
    store::{CandidateTag, MatchedTerm, Recall, Recalled, Store, StoreError},
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
            let unwanted: Vec<(&str, Found)> = reading
                .unwanted
                .iter()
                .map(String::as_str)
                .zip(left_out.into_iter().map(|asked| asked.found))
                .collect();
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
            section => section.is_name() && term.key == whole,
        });
        let names: HashSet<String> = by_name.map(|term| term.key.clone()).collect();
        let is_name = names.contains(&whole);
        Ok(if is_name { Reading::plain(&request.q) } else { Reading::of(&request.q, &names) })
    }

    /// What one part of the query finds, all above the floor.
    async fn ask(&self, text: &str, request: &SearchRequest) -> Result<Asked, SearchError> {
        self.ask_for(text, request, |_| true).await
    }

    /// What an unwanted part finds. A term that leaves it out itself (`without words`) is no evidence for it.
    async fn ask_unwanted(&self, text: &str, request: &SearchRequest) -> Result<Asked, SearchError> {
        let literally = SearchRequest { related: false, ..request.clone() };
        self.ask_for(text, &literally, |term| !negates(&term.term)).await
    }

    async fn ask_for(
        &self,
        text: &str,
        request: &SearchRequest,
        counts: impl Fn(&MatchedTerm) -> bool,
    ) -> Result<Asked, SearchError> {
        let (spelt, corrected) = self.spell(text, request);
        let gloss = self.gloss(&spelt, request).await?;
        let query = Query::new(text, &spelt, request.lang, &gloss);
        let started = Instant::now();
        let embedding = match (request.branches, request.by_standby) {
            (Branches::Lexical, _) => QueryEmbedding::default(),
            (_, true) => self.embedder.embed_query_by_standby(&gloss.text).await,
            (_, false) => self.embedder.embed_query(&gloss.text, self.settings.embed_deadline).await,
        };
        let embedding_took = started.elapsed();
        let degraded = embedding.failure.as_ref().map(|failure| degraded(failure, &embedding));
        let vector = embedding.vector;
        let mut recalled = self.recall(&query, request, vector.as_ref()).await?;
        recalled.terms.retain(|term| counts(term));
        let space = vector.map(|vector| vector.space);
        let calibration = self.store.calibration(space.as_deref().unwrap_or_default());
        let mut found = found(&query, &recalled, &calibration);
        let mut sections = Sections::of(recalled.sections);
        if request.related {
            let best = spread::best(&found, &recalled.tags);
            sections.load(&*self.store, &best).await?;
            spread::spread(&mut found, &best, &recalled.tags, &sections.read);
        }
        found.retain(|_, fused| fused.is_answer());
        if request.fusion == Fusion::Rrf {
            let named = found.iter_mut().filter_map(|(id, fused)| Some((&*recalled.tags.get(id)?.name, fused)));
            by_ranks(&mut named.collect::<Vec<_>>());
        }
        let explanation = BranchExplanation {
            wanted: Vec::new(),
            unwanted: Vec::new(),
            corrected,
            key: query.key,
            stems: query.stems,
            lang: gloss.lang,
            glossed: gloss.glossed,
            embedded_text: embedding.text,
            space,
            lexical_candidates: recalled.terms.len(),
            vector_candidates: recalled.vectors.len(),
        };
        Ok(Asked { found, tags: recalled.tags, sections, degraded, explanation, embedding_took })
    }

    /// The text with its misspelt words put right, where they are unknown to the vocabulary, too.
    fn spell(&self, text: &str, request: &SearchRequest) -> (String, Vec<Corrected>) {
        let mut unknown = if request.typos { unknown_words(text) } else { Vec::new() };
        if !unknown.is_empty() {
            let stems: Vec<Vec<String>> = unknown.iter().map(|word| stem_groups(word).concat()).collect();
            let mut known = self.store.known_words(&stems).into_iter();
            unknown.retain(|_| !known.next().unwrap_or_default());
        }
        if unknown.is_empty() { (text.to_owned(), Vec::new()) } else { corrected(text, &unknown) }
    }

    async fn gloss(&self, text: &str, request: &SearchRequest) -> Result<Gloss, StoreError> {
        if !request.gloss {
            return Ok(Gloss { text: text.to_owned(), lang: request.lang, glossed: Vec::new() });
        }
        let names = self.store.names_by_french(&phrase_keys(text)).await?;
        Ok(gloss(text, request.lang, &names))
    }

    async fn recall(
        &self,
        query: &Query,
        request: &SearchRequest,
        vector: Option<&QueryVector>,
    ) -> Result<Recalled, StoreError> {
        let by_words = request.branches != Branches::Vector;
        let (keys, phrases) = if by_words { (query.keys(), query.phrase_keys()) } else { Default::default() };
        let fuzzy = by_words && request.typos && query.key.chars().count() <= LONGEST_FUZZY_KEY;
        self.store
            .recall(&Recall {
                keys: &keys,
                phrases: &phrases,
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
        mut candidates: Candidates,
        explain: bool,
    ) -> Result<Vec<SearchHit>, StoreError> {
        let ids: Vec<i64> = ranked.iter().map(|(id, _)| *id).collect();
        candidates.sections.load(&*self.store, &ids).await?;
        let (tags, mut sections) = (candidates.tags, candidates.sections.read);
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

/// What the answer says of an active embedder that failed.
fn degraded(failure: &EmbedError, embedding: &QueryEmbedding) -> Degraded {
    metrics::counter!("musonym_search_degraded_total", "code" => failure.code()).increment(1);
    let instead = match embedding.vector {
        Some(_) => "the built-in vectors stand in",
        None => "the answer is given by words alone",
    };
    Degraded { branch: "vector".to_owned(), code: failure.code().to_owned(), reason: format!("{failure}; {instead}") }
}

/// What one part of a query found.
struct Asked {
    found: Found,
    tags: HashMap<i64, CandidateTag>,
    sections: Sections,
    degraded: Option<Degraded>,
    explanation: BranchExplanation,
    embedding_took: Duration,
}

/// What the parts of a query know of the rows they found.
#[derive(Default)]
struct Candidates {
    tags: HashMap<i64, CandidateTag>,
    sections: Sections,
}

impl Candidates {
    /// Takes in what a part knows.
    fn take(&mut self, asked: &mut Asked) {
        if self.tags.is_empty() {
            (self.tags, self.sections) = (std::mem::take(&mut asked.tags), std::mem::take(&mut asked.sections));
        } else {
            self.tags.extend(asked.tags.drain());
            self.sections.raw.extend(asked.sections.raw.drain());
            self.sections.read.extend(asked.sections.read.drain());
        }
    }
}

/// All candidates with their scores, those below the floor, too.
fn found(query: &Query, recalled: &Recalled, calibration: &Calibration) -> Found {
    let lexical = evidence(query, recalled);
    let cosines: HashMap<i64, f32> = recalled.vectors.iter().map(|hit| (hit.synonym_id, hit.cosine)).collect();
    let fused = |id: &i64| (*id, fuse(lexical.get(id), cosines.get(id).copied(), calibration));
    recalled.tags.keys().map(fused).collect()
}

/// The synonyms of rows: as they came along with the candidates, and as they are read when they are needed.
#[derive(Default)]
struct Sections {
    raw: HashMap<i64, String>,
    read: HashMap<i64, Synonyms>,
}

impl Sections {
    fn of(raw: HashMap<i64, String>) -> Self {
        Self { raw, read: HashMap::new() }
    }

    /// Reads those of these rows; what did not come along is fetched.
    async fn load(&mut self, store: &dyn Store, ids: &[i64]) -> Result<(), StoreError> {
        let mut missing = Vec::new();
        for id in ids {
            match self.raw.remove(id) {
                _ if self.read.contains_key(id) => {}
                Some(json) => {
                    let read = serde_json::from_str(&json).map_err(|error| StoreError::Corrupt(error.to_string()))?;
                    self.read.insert(*id, read);
                }
                None => missing.push(*id),
            }
        }
        if !missing.is_empty() {
            self.read.extend(store.sections(&missing).await?);
        }
        Ok(())
    }
}

/// The best of what was found that reach the caller's `min_score`, best first. Equal scores are ordered by name, so that the
/// order of insertion never shows.
fn best(found: Found, tags: &HashMap<i64, CandidateTag>, request: &SearchRequest) -> Vec<(i64, Fused)> {
    let mut ranked: Vec<(&CandidateTag, i64, Fused)> = found
        .into_iter()
        .filter(|(_, fused)| fused.score >= request.min_score)
        .filter_map(|(id, fused)| Some((tags.get(&id)?, id, fused)))
        .collect();
    ranked.sort_by(|(tag, _, a), (other, _, b)| {
        b.score.total_cmp(&a.score).then_with(|| tag.name.cmp(&other.name)).then(tag.tag_type.cmp(&other.tag_type))
    });
    ranked.truncate(request.limit);
    ranked.into_iter().map(|(_, id, fused)| (id, fused)).collect()
}
