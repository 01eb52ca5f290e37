//! What one part of a query finds: spelling, English, embedding within its deadline, recall, fusion, relations.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    answer::{BranchExplanation, Branches, Corrected, Degraded, Fusion, SearchRequest},
    combine::Found,
    fuse::{Fused, by_ranks, fuse},
    gloss::{Gloss, gloss, phrase_keys},
    lexical::{Evidence, Query, evidence},
    occasions::Played,
    reading::negates,
    searcher::{SearchError, Searcher},
    spelling::{corrected, unknown_words},
    spread,
};
use crate::{
    domain::{Calibration, Synonyms, stem_groups},
    embed::{EmbedError, EmbedModel, QueryEmbedding, QueryVector},
    store::{ById, CandidateTag, LookAt, MatchedTerm, Recall, Recalled, Store, StoreError},
};

/// Terms that each way of lexical matching may propose.
pub(super) const LEXICAL_LIMIT: usize = 200;

/// Tags that the vector branch may propose.
const VECTOR_LIMIT: usize = 100;

/// Queries longer than this are sentences, not misspelt names: no trigrams are looked for, in characters of the key.
const LONGEST_FUZZY_KEY: usize = 40;

/// What one part of a query found.
pub(super) struct Asked {
    pub(super) found: Found,
    /// Of an unwanted part: the tags whose own words leave it out (`without drums`), by how well those words meet it.
    pub(super) abstaining: ById<f64>,
    pub(super) tags: ById<CandidateTag>,
    pub(super) sections: Sections,
    pub(super) degraded: Option<Degraded>,
    pub(super) explanation: BranchExplanation,
    pub(super) embedding_took: Duration,
}

impl Searcher {
    /// What one part of the query finds, all above the floor.
    pub(super) async fn ask(&self, text: &str, request: &SearchRequest) -> Result<Asked, SearchError> {
        self.ask_for(text, request, |_| true).await
    }

    /// What an unwanted part finds. A term that leaves it out itself (`without words`) is no evidence for it.
    pub(super) async fn ask_unwanted(&self, text: &str, request: &SearchRequest) -> Result<Asked, SearchError> {
        let literally = SearchRequest { related: false, ..request.clone() };
        self.ask_for(text, &literally, |term| !negates(&term.term)).await
    }

    async fn ask_for(
        &self,
        text: &str,
        request: &SearchRequest,
        counts: impl Fn(&MatchedTerm) -> bool + Sync,
    ) -> Result<Asked, SearchError> {
        let (spelt, corrected) = self.spell(text, request);
        let gloss = self.gloss(&spelt, request).await?;
        let query = Query::new(text, &spelt, request.lang, &gloss)
            .with_compounds(&spelt, &gloss, |stems| self.store.known_words(stems));
        let started = Instant::now();
        let beside = Box::pin(self.embed_beside(request, &gloss));
        let (mut embedding, beside) = tokio::join!(self.embed(request, &gloss), beside);
        let mut embedding_took = started.elapsed();
        let mut played = played(request, embedding.vector.as_ref(), beside.as_deref());
        let mut by_words = ByWords::default();
        let mut look_at = |recalled: &Recalled| by_words = ByWords::of(&query, recalled, &counts);
        let mut recalled = self.recall(&query, &played, request, embedding.vector.as_ref(), &mut look_at).await?;
        if recalled.vectors.is_empty() && self.is_of_former_space(request, &embedding) {
            embedding = self.embed(request, &gloss).await;
            embedding_took = started.elapsed();
            recalled = self.recall(&query, &played, request, embedding.vector.as_ref(), &mut look_at).await?;
        }
        let degraded = embedding.failure.as_ref().map(|failure| degraded(failure, &embedding));
        let vector = embedding.vector;
        let space = vector.map(|vector| vector.space);
        let calibration = self.store.calibration(space.as_deref().unwrap_or_default());
        let mut found = found(by_words.evidence, &recalled, &calibration);
        let mut sections = Sections::default();
        if request.related {
            played.doubt(&found);
            let occasion = spread::occasion(&found, &spread::best(&found, &recalled.tags)).max(played.certainty);
            spread::bring_nearest(&mut found, occasion);
            if !found.values().any(Fused::is_by_name) {
                played.raise(&mut found, &recalled.tags);
            }
            let best = spread::best(&found, &recalled.tags);
            load(&mut sections, &*self.store, &recalled.tags, &best).await?;
            spread::spread(&mut found, &best, occasion, &recalled.tags, &sections);
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
        let abstaining = by_words.abstaining;
        Ok(Asked { found, abstaining, tags: recalled.tags, sections, degraded, explanation, embedding_took })
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

    async fn embed(&self, request: &SearchRequest, gloss: &Gloss) -> QueryEmbedding {
        match (request.branches, request.by_standby) {
            (Branches::Lexical, _) => QueryEmbedding::default(),
            (_, true) => self.embedder.embed_query_by_standby(&gloss.text).await,
            (_, false) => self.embedder.embed_query(&gloss.text, self.settings.embed_deadline).await,
        }
    }

    /// The query's vector of the built-in model, where the active embedder is another one: occasions are compared in its space.
    async fn embed_beside(&self, request: &SearchRequest, gloss: &Gloss) -> Option<Arc<[f32]>> {
        if !may_be_played(request) || self.embedder.is_builtin() {
            return None;
        }
        self.embedder.embed_query_by_builtin(&gloss.text).await
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
        played: &Played,
        request: &SearchRequest,
        vector: Option<&QueryVector>,
        look_at: LookAt<'_>,
    ) -> Result<Recalled, StoreError> {
        let by_words = request.branches != Branches::Vector;
        let (keys, mut phrases) = if by_words { (query.keys(), query.phrase_keys()) } else { Default::default() };
        phrases.extend(played.keys().cloned());
        let stems = query.looked_up_stems();
        let fuzzy = by_words && request.typos && query.key.chars().count() <= LONGEST_FUZZY_KEY;
        let recall = Recall {
            keys: &keys,
            phrases: &phrases,
            stems: if by_words { &stems } else { &[] },
            fuzzy_key: fuzzy.then_some(query.key.as_str()),
            vector: vector.map(|vector| (vector.space.as_str(), &*vector.vector)),
            tag_type: request.tag_type,
            term_limit: LEXICAL_LIMIT,
            vector_limit: VECTOR_LIMIT,
        };
        self.store.recall_looking(&recall, look_at).await
    }
}

/// Whether it matters what is played when: to a branch alone it does not.
fn may_be_played(request: &SearchRequest) -> bool {
    request.related && request.branches == Branches::Both
}

/// What is played at the occasion that the query names, if any.
fn played(request: &SearchRequest, vector: Option<&QueryVector>, beside: Option<&[f32]>) -> Played {
    if !may_be_played(request) {
        return Played::default();
    }
    let own = vector.filter(|vector| EmbedModel::of_space(&vector.space) == Some(EmbedModel::Builtin));
    beside.or(own.map(|vector| &*vector.vector)).map(Played::at).unwrap_or_default()
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

/// All candidates with their scores, those below the floor, too.
fn found(mut by_words: ById<Evidence>, recalled: &Recalled, calibration: &Calibration) -> Found {
    let cosines: ById<f32> = recalled.vectors.iter().map(|hit| (hit.synonym_id, hit.cosine)).collect();
    let fused = |id: &i64| (*id, fuse(by_words.remove(id), cosines.get(id).copied(), calibration));
    recalled.tags.keys().map(fused).collect()
}

/// What the words of the query say of the rows.
#[derive(Default)]
struct ByWords {
    evidence: ById<Evidence>,
    /// How well the terms that are no evidence meet the query.
    abstaining: ById<f64>,
}

impl ByWords {
    fn of(query: &Query, recalled: &Recalled, counts: &impl Fn(&MatchedTerm) -> bool) -> Self {
        let abstaining = evidence(query, recalled, |term| !counts(term));
        Self {
            evidence: evidence(query, recalled, counts),
            abstaining: abstaining.into_iter().map(|(id, evidence)| (id, evidence.score)).collect(),
        }
    }
}

/// The synonyms of rows, as far as they were needed.
pub(super) type Sections = ById<Arc<Synonyms>>;

/// Reads those of these rows, too.
pub(super) async fn load(
    sections: &mut Sections,
    store: &dyn Store,
    tags: &ById<CandidateTag>,
    ids: &[i64],
) -> Result<(), StoreError> {
    let missing = ids.iter().filter(|id| !sections.contains_key(id));
    let missing: Vec<(i64, i64)> = missing.filter_map(|id| Some((*id, tags.get(id)?.state))).collect();
    if !missing.is_empty() {
        sections.extend(store.sections(&missing).await?);
    }
    Ok(())
}
