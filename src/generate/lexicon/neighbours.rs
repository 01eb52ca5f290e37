//! The entries whose meaning is nearest to a name: its words as a query against the lexicon's shipped vectors.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{Sure, entry::Entry, lookup::Lexicon, own_terms};
use crate::{
    domain::{Calibration, Section, TagRef, Term, is_noise_word, words},
    embed::{EmbedError, Embedder, document_text},
};

/// Neighbours that become related tags, and those whose occasions are taken over.
const RELATED: usize = 4;
const WITH_CONTEXTS: usize = 2;

/// Occasions of one neighbour in each language.
const CONTEXTS: usize = 1;

/// From this calibrated score on an entry counts as a neighbour: half-way from what unrelated pairs reach (the floor) to what
/// half of the tags reach with their own names (the ceiling). One unrelated pair in twenty is above the floor itself, which
/// over two thousand entries would be a hundred neighbours for any name.
const NEAR: f64 = 0.5;

/// The lexicon in the space of an embedder.
pub(super) struct Neighbours {
    embedder: Arc<dyn Embedder>,
    /// The vector of each entry, in their order: made when first needed.
    vectors: OnceCell<Vec<Vec<f32>>>,
}

impl Neighbours {
    pub(super) fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self { embedder, vectors: OnceCell::new() }
    }

    /// The nearest entries of the tag's own type, nearest first, with the terms that they lend.
    pub(super) async fn terms(&self, tag: &TagRef) -> Result<Vec<Term>, EmbedError> {
        let lexicon = Lexicon::get();
        let vectors = self.vectors.get_or_try_init(|| self.embed(lexicon)).await?;
        let calibration = Calibration::shipped(&self.embedder.space().await?);
        // That it is music is common to all: "musique catholique" is no musique concrète.
        let telling: Vec<String> =
            words(tag.tag_name.as_str()).into_iter().filter(|word| !is_noise_word(word)).collect();
        let name = if telling.is_empty() { tag.tag_name.as_str().to_owned() } else { telling.join(" ") };
        let query = self.embedder.embed_query(&name).await?;
        let mut near: Vec<(f32, &Entry)> = lexicon
            .entries
            .iter()
            .zip(vectors)
            .filter(|(entry, _)| entry.tag_type == tag.tag_type)
            .map(|(entry, vector)| (query.iter().zip(vector).map(|(x, y)| x * y).sum(), entry))
            .filter(|(cosine, _)| calibration.score(*cosine) >= NEAR)
            .collect();
        near.sort_by(|one, other| other.0.total_cmp(&one.0));
        near.truncate(RELATED);
        let sure = Sure::Nearby;
        let related = near.iter().map(|(_, entry)| sure.term(Section::RelatedTags, None, entry.name.as_str()));
        let contexts = near.iter().take(WITH_CONTEXTS).flat_map(|(_, entry)| entry.contexts(CONTEXTS, sure));
        Ok(related.chain(contexts).collect())
    }

    /// The built-in embedder has the vectors of these very texts shipped.
    async fn embed(&self, lexicon: &Lexicon) -> Result<Vec<Vec<f32>>, EmbedError> {
        let text = |entry: &Entry| document_text(entry.name.as_str(), &own_terms(entry));
        let texts: Vec<String> = lexicon.entries.iter().map(text).collect();
        self.embedder.embed_documents(&texts).await
    }
}
