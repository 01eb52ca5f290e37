//! The sections of tags as they were last read: a search asks the database only for those that it has not seen, or that were
//! written since. Recall gives the state of each row, so that nothing that is held can be outdated.

use std::sync::Arc;

use sqlx::{PgPool, types::Json};

use crate::{
    domain::Synonyms,
    store::{ById, Result},
};

/// Most bytes that are held.
const MAX_BYTES: u64 = 16 << 20;

/// What a row takes besides its terms, and each term besides its text.
const BYTES_A_ROW: usize = 200;
const BYTES_A_TERM: usize = 40;

/// The state of a row, and its sections in that state. The state is `xmin`, the transaction that wrote the row: whatever
/// statement that was, of this program or of another.
#[derive(Clone)]
struct Held {
    state: i64,
    sections: Arc<Synonyms>,
}

/// Sections by row.
pub(super) struct HeldSections(moka::future::Cache<i64, Held>);

impl Default for HeldSections {
    fn default() -> Self {
        let weigher = |_: &i64, held: &Held| u32::try_from(bytes(&held.sections)).unwrap_or(u32::MAX);
        Self(moka::future::Cache::builder().max_capacity(MAX_BYTES).weigher(weigher).build())
    }
}

impl HeldSections {
    /// The sections of these rows in these states or newer ones, as far as the rows are still active.
    pub(super) async fn load(&self, readers: &PgPool, rows: &[(i64, i64)]) -> Result<ById<Arc<Synonyms>>> {
        let (mut found, mut missing) = (ById::default(), Vec::new());
        for (id, state) in rows {
            match self.0.get(id).await {
                Some(held) if held.state == *state => _ = found.insert(*id, held.sections),
                _ => missing.push(*id),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let read: Vec<(i64, i64, Json<Synonyms>)> = sqlx::query_as(
            "SELECT id, xmin::text::bigint, synonyms FROM mir_synonym WHERE is_active AND id = ANY ($1)",
        )
        .bind(missing)
        .fetch_all(readers)
        .await?;
        for (id, state, Json(sections)) in read {
            let sections = Arc::new(sections);
            found.insert(id, Arc::clone(&sections));
            self.0.insert(id, Held { state, sections }).await;
        }
        Ok(found)
    }
}

/// The memory that sections take, roughly.
fn bytes(sections: &Synonyms) -> usize {
    let Synonyms { search_terms, related_tags, usage_context, translations } = sections;
    let terms = [search_terms, related_tags, usage_context, &translations.en, &translations.fr];
    BYTES_A_ROW + terms.into_iter().flatten().map(|term| BYTES_A_TERM + term.len()).sum::<usize>()
}
