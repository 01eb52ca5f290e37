//! Recall, from memory alone: terms by key, stem and trigram, vectors by their cosine.

use async_trait::async_trait;

use super::SqliteStore;
use crate::store::{Recall, Recalled, Result, SearchStore};

#[async_trait]
impl SearchStore for SqliteStore {
    async fn recall(&self, recall: &Recall<'_>) -> Result<Recalled> {
        Ok(self.memory.read(|index| {
            let mut recalled = index.terms.recall(recall);
            if let Some((space, query)) = recall.vector
                && let Some(vectors) = index.spaces.get(space)
            {
                let also = recalled.terms.iter().map(|term| term.synonym_id);
                let name = |id| index.terms.tag(id).map_or("", |tag| &*tag.name);
                recalled.vectors = vectors.nearest(query, recall.tag_type, recall.vector_limit, also, name);
            }
            let rows = recalled.terms.iter().map(|term| term.synonym_id);
            let rows = rows.chain(recalled.vectors.iter().map(|hit| hit.synonym_id));
            recalled.tags = rows.filter_map(|id| Some((id, index.terms.tag(id)?.clone()))).collect();
            recalled
        }))
    }

    fn active_space(&self) -> Option<String> {
        self.memory.read(|index| index.active_space.clone())
    }

    fn vocabulary_version(&self) -> i64 {
        self.memory.version()
    }
}
