//! Filling the next space batch by batch, and the switch to it.

use std::{collections::HashMap, sync::Arc};

use super::{ChangeError, ChangeStep, Changed};
use crate::{
    embed::{EmbedError, Embedder, Halves, MOST_CHARS, calibrate::calibrate_space, document_text},
    store::{EmbedInput, HeldLock, NextSpace, SpaceProgress, SpaceSwitch, Store, StoreError, Switched},
};

/// How often a text that is refused alone is tried in one run: a model may have a bad moment.
const ATTEMPTS: u32 = 2;

/// A change that this process works on.
pub struct ModelChange {
    store: Arc<dyn Store>,
    embedder: Arc<dyn Embedder>,
    next: NextSpace,
    former: Option<String>,
    /// Whether the former space is the standby's, which stays.
    keeps_former: bool,
    /// Texts of one call.
    batch: usize,
    /// Number of the row that the sweep has come to, and whether it has found anything to do.
    after: i64,
    worked: bool,
    /// Rows that a switch has found missing.
    missing: Vec<i64>,
    failed: HashMap<i64, Failure>,
    embedded: u64,
    _lock: HeldLock,
}

/// A text that was refused alone.
struct Failure {
    version: i64,
    attempts: u32,
    error: String,
}

impl ModelChange {
    pub(super) fn new(store: Arc<dyn Store>, embedder: Arc<dyn Embedder>, next: NextSpace, lock: HeldLock) -> Self {
        Self {
            store,
            embedder,
            next,
            former: None,
            keeps_former: false,
            batch: 1,
            after: 0,
            worked: false,
            missing: Vec::new(),
            failed: HashMap::new(),
            embedded: 0,
            _lock: lock,
        }
    }

    /// With the space that is active so far, and whether it stays beside the next one.
    pub(super) fn after(self, former: Option<String>, keeps_former: bool) -> Self {
        Self { former, keeps_former, ..self }
    }

    /// With so many texts in one call.
    pub(super) fn in_batches_of(self, batch: usize) -> Self {
        Self { batch: batch.max(1), ..self }
    }

    /// Where it leads.
    pub fn next(&self) -> &NextSpace {
        &self.next
    }

    /// The space that is active so far.
    pub fn former(&self) -> Option<&str> {
        self.former.as_deref()
    }

    /// The embedder, for people.
    pub fn describe(&self) -> String {
        self.embedder.describe()
    }

    /// Vectors that this process has made so far.
    pub const fn embedded(&self) -> u64 {
        self.embedded
    }

    /// How far it has come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn progress(&self) -> Result<SpaceProgress, StoreError> {
        self.store.space_progress(&self.next.space).await
    }

    /// Embeds the next batch. After an outage the same call goes on.
    ///
    /// # Errors
    /// [`ChangeError`]; one that [`ChangeError::is_outage`] passes.
    pub async fn step(&mut self) -> Result<ChangeStep, ChangeError> {
        let space = self.next.space.clone();
        if self.store.next_space().await?.is_none_or(|next| next.space != space) {
            return Err(ChangeError::GivenUp(self.next.model.clone()));
        }
        loop {
            let named = self.missing.len().min(self.batch);
            let mut inputs = if named > 0 {
                self.store.embed_inputs(&self.missing[..named]).await?
            } else {
                self.store.rows_without_vector(&space, self.after, self.batch).await?
            };
            let last = inputs.last().map(|input| input.synonym_id);
            inputs.retain(|input| !self.is_given_up(input));
            let before = self.embedded;
            if !inputs.is_empty() {
                self.embed(inputs).await?;
            }
            if named > 0 {
                self.missing.drain(..named);
            } else if let Some(last) = last {
                self.after = last;
            } else if std::mem::take(&mut self.worked) {
                // What has changed meanwhile lies behind: once more from the beginning.
                self.after = 0;
            } else {
                self.after = 0;
                return Ok(ChangeStep::Filled);
            }
            if self.embedded > before {
                return Ok(ChangeStep::Embedded);
            }
        }
    }

    /// Makes the filled space the active one; `None` when tags have come or changed since, which [`ModelChange::step`] embeds.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn switch(&mut self) -> Result<Option<Changed>, ChangeError> {
        let progress = self.progress().await?;
        if let Some(failure) = self.failed.values().next()
            && u64::try_from(self.failed.len()).unwrap_or(u64::MAX) > progress.done
        {
            let error = failure.error.clone();
            return Err(ChangeError::Useless { failed: self.failed.len(), rows: progress.rows, error });
        }
        // Before, so that the first query is ranked by what its cosines mean.
        match calibrate_space(&*self.store, &self.embedder, &self.next.space).await {
            Ok(_) => {}
            Err(error) if error.is_outage() => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "cosines could not be calibrated"),
        }
        let may_lack: Vec<i64> = self.failed.keys().copied().collect();
        let (space, keeps_former) = (self.next.space.as_str(), self.keeps_former);
        let switch = SpaceSwitch { space, keeps_former, may_lack: Some(&may_lack) };
        match self.store.switch_embedding_space(&switch).await? {
            Switched::Missing(missing) => {
                self.missing = missing;
                Ok(None)
            }
            Switched::Done { queued } => {
                let error = self.failed.values().next().map(|failure| failure.error.clone());
                Ok(Some(Changed { embedded: self.embedded, failed: self.failed.len(), error, queued }))
            }
        }
    }

    /// Whether a text was refused so often that it is left to jobs.
    fn is_given_up(&self, input: &EmbedInput) -> bool {
        let failure = self.failed.get(&input.synonym_id);
        failure.is_some_and(|failure| failure.version == input.version && failure.attempts >= ATTEMPTS)
    }

    /// Embeds and stores.
    async fn embed(&mut self, inputs: Vec<EmbedInput>) -> Result<(), ChangeError> {
        if self.embedder.space().await? != self.next.space {
            return Err(ChangeError::Replaced(self.next.model.clone()));
        }
        self.worked = true;
        let chars = |input: &EmbedInput| document_text(&input.tag_name, &input.terms).chars().count();
        let mut halves = Halves::by_chars(inputs, MOST_CHARS, chars);
        while let Some(batch) = halves.next_batch() {
            let texts: Vec<String> = batch.iter().map(|input| document_text(&input.tag_name, &input.terms)).collect();
            match self.embedder.embed_documents(&texts).await {
                Ok(vectors) => {
                    let rows = batch.iter().map(|input| (input.synonym_id, input.version)).zip(vectors);
                    let rows: Vec<_> = rows.map(|((id, version), vector)| (id, version, vector)).collect();
                    let stored = self.store.store_next_vectors(&self.next.space, &rows).await?;
                    let stored = stored.ok_or_else(|| ChangeError::GivenUp(self.next.model.clone()))?;
                    self.embedded += u64::try_from(stored).unwrap_or_default();
                    for (id, ..) in rows {
                        self.failed.remove(&id);
                    }
                }
                Err(error) if error.is_outage() => return Err(error.into()),
                Err(error) => {
                    if let Some(alone) = halves.refused(batch) {
                        self.fail(&alone, &error);
                    }
                }
            }
        }
        Ok(())
    }

    fn fail(&mut self, input: &EmbedInput, error: &EmbedError) {
        tracing::warn!(synonym.id = input.synonym_id, %error, "a tag could not be embedded");
        let failed = self.failed.entry(input.synonym_id).or_insert_with(|| Failure {
            version: input.version,
            attempts: 0,
            error: String::new(),
        });
        if failed.version != input.version {
            (failed.version, failed.attempts) = (input.version, 0);
        }
        failed.attempts += 1;
        failed.error = error.to_string();
    }
}
