//! Changing over to another model (docs/adr/0009): a second set of vectors is filled beside the active one, while that goes on
//! serving, and takes its place in one transaction. What is done so far lies in the database, so that whoever is interrupted
//! goes on where it stood.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{EmbedError, EmbedModel, EmbedService, Embedder, Halves, calibrate::calibrate_space, document_text};
use crate::store::{EmbedInput, HeldLock, NextSpace, SpaceProgress, SpaceSwitch, Store, StoreError, Switched};

/// How often a text that is refused alone is tried in one run: a model may have a bad moment.
const ATTEMPTS: u32 = 2;

/// How long a process whose change was given up may take to notice: it does so with its next batch.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(60);

/// How long the lock of a process that was killed may last: PostgreSQL has to notice.
const KILLED_WITHIN: Duration = Duration::from_secs(2);

/// How often to look whether it has.
const LOOK_AT_LOCK: Duration = Duration::from_millis(100);

/// Why a change of the model does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The embedder cannot be used.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A change to another model has been begun.
    #[error(
        "a change to {model} is under way, {} of {} tags are done\n\
         `musonym reembed --model {model}` goes on with it; --abandon gives it up and drops what it has made.",
        .progress.done, .progress.rows
    )]
    UnderWay {
        /// The other model.
        model: String,
        /// How far it has come.
        progress: SpaceProgress,
    },
    /// Another process works on a change now.
    #[error(
        "another `musonym reembed` works on this database: let it come to its end, or stop it (what it has done stays)"
    )]
    AtWork,
    /// Another process has given this change up.
    #[error("the change to {0} was given up by another `musonym reembed`")]
    GivenUp(String),
    /// The model is another one than at the beginning.
    #[error("the model {0} was replaced meanwhile: run `musonym reembed --model {0}` again, which begins anew")]
    Replaced(String),
    /// Without a model named, another one than the database's would have been taken only because that is not there.
    #[error("{problem}\n`musonym reembed --model builtin` takes the built-in model in its place.")]
    Fallback {
        /// Why the configured model cannot be used.
        problem: EmbedError,
    },
    /// More texts were refused than embedded.
    #[error("{failed} of {rows} tags could not be embedded, so nothing was switched; the last error: {error}")]
    Useless {
        /// How many.
        failed: usize,
        /// Of how many.
        rows: u64,
        /// What the embedder said.
        error: String,
    },
    /// The embedder cannot be made here.
    #[error("no embedder can be made for {0}")]
    Unknown(String),
}

impl ChangeError {
    /// Whether waiting helps.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Embed(error) => error.is_outage(),
            Self::Store(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// What a step brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeStep {
    /// Some more tags have got their vectors.
    Embedded,
    /// Nothing is missing: it can be switched.
    Filled,
}

/// A change that has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Vectors that this process has made for it: more than there are tags, where tags changed meanwhile.
    pub embedded: u64,
    /// Tags that could not be embedded; jobs try them again.
    pub failed: usize,
    /// The last error among them.
    pub error: Option<String>,
    /// Jobs for tags that have no vector now.
    pub queued: u64,
}

/// What was asked for, and how it stands.
pub enum SpaceChange {
    /// It is in force: rows that lack a vector have got jobs.
    InForce {
        /// The active space.
        space: String,
        /// How many jobs are new.
        queued: u64,
    },
    /// It is to be filled.
    Begun(Box<ModelChange>),
}

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

impl EmbedService {
    /// Begins the change to a model, or goes on with it. Without one: the change that is under way, else the configured
    /// model. `abandon` gives up a change to another one.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has been changed then but what `abandon` says.
    pub async fn begin_change(
        &self,
        model: Option<&EmbedModel>,
        batch: usize,
        abandon: bool,
    ) -> Result<SpaceChange, ChangeError> {
        let (embedder, space) = self.target(model).await?;
        let name = embedder.model().map_or_else(|| embedder.describe(), |model| model.to_string());
        let next = NextSpace { space, model: name };
        let mut patience = KILLED_WITHIN;
        if let Some(other) = self.store.next_space().await?.filter(|other| other.space != next.space) {
            // Of the same model, its weights are others by now: nobody can finish it.
            if !abandon && other.model != next.model {
                return Err(self.under_way(other).await?);
            }
            self.give_up(&other).await?;
            patience = GIVEN_UP_WITHIN;
        }
        let former = self.recorded().await?;
        if former.as_ref() == Some(&next.space) {
            let switched = self.store.switch_embedding_space(&SpaceSwitch::at_once(&next.space)).await?;
            let queued = if let Switched::Done { queued } = switched { queued } else { 0 };
            return Ok(SpaceChange::InForce { space: next.space, queued });
        }
        let lock = self.lock(patience).await?;
        let stands = self.store.begin_space_change(&next).await?;
        if stands.space != next.space {
            return Err(self.under_way(stands).await?);
        }
        let keeps_former = former.is_some() && former == self.standby_space().await?;
        Ok(SpaceChange::Begun(Box::new(ModelChange {
            store: Arc::clone(&self.store),
            embedder,
            next,
            former,
            keeps_former,
            batch: batch.max(1),
            after: 0,
            worked: false,
            missing: Vec::new(),
            failed: HashMap::new(),
            embedded: 0,
            _lock: lock,
        })))
    }

    /// Gives up the change that is under way, and drops what it has made. Returns where it led; `None` where there is none.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn abandon_change(&self) -> Result<Option<NextSpace>, ChangeError> {
        let next = self.store.next_space().await?;
        if let Some(next) = &next {
            self.give_up(next).await?;
        }
        Ok(next)
    }

    /// The change that is under way, and how far it has come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_under_way(&self) -> Result<Option<(NextSpace, SpaceProgress)>, StoreError> {
        let Some(next) = self.store.next_space().await? else { return Ok(None) };
        let progress = self.store.space_progress(&next.space).await?;
        Ok(Some((next, progress)))
    }

    /// The right to work on a change, within this time.
    async fn lock(&self, patience: Duration) -> Result<HeldLock, ChangeError> {
        let until = Instant::now() + patience;
        loop {
            match self.store.lock_space_change().await? {
                Some(lock) => return Ok(lock),
                None if Instant::now() < until => tokio::time::sleep(LOOK_AT_LOCK).await,
                None => return Err(ChangeError::AtWork),
            }
        }
    }

    async fn under_way(&self, next: NextSpace) -> Result<ChangeError, StoreError> {
        let progress = self.store.space_progress(&next.space).await?;
        Ok(ChangeError::UnderWay { model: next.model, progress })
    }

    async fn give_up(&self, next: &NextSpace) -> Result<(), ChangeError> {
        // The standby's vectors are there in any case, and serve.
        let keep_vectors = self.standby_space().await?.as_ref() == Some(&next.space);
        Ok(self.store.drop_space_change(next, keep_vectors).await?)
    }

    async fn standby_space(&self) -> Result<Option<String>, EmbedError> {
        match &self.known.embedders.standby {
            Some(standby) => Ok(Some(standby.space().await?)),
            None => Ok(None),
        }
    }

    /// The embedder to change over to and its space, which the database can keep.
    async fn target(&self, model: Option<&EmbedModel>) -> Result<(Arc<dyn Embedder>, String), ChangeError> {
        let under_way = self.store.next_space().await?.and_then(|next| next.model.parse::<EmbedModel>().ok());
        let in_force = self.model_in_force().await?;
        if let Some(model) = model.or(under_way.as_ref()) {
            // As it was spelt before: the name is part of the space.
            let configured = self.known.embedders.allowed.iter().filter_map(|embedder| embedder.model());
            let known = [&under_way, &in_force].into_iter().flatten().cloned();
            let spelt = known.chain(configured).find(|known| known.is_same(model));
            let model = spelt.as_ref().unwrap_or(model);
            let embedder = self.known.of_model(model).ok_or_else(|| ChangeError::Unknown(model.to_string()))?;
            let space = self.offer(&embedder).await?;
            return Ok((embedder, space));
        }
        let mut problem: Option<EmbedError> = None;
        for embedder in &self.known.embedders.allowed {
            match (self.offer(embedder).await, problem) {
                (Ok(space), None) => return Ok((Arc::clone(embedder), space)),
                // The second choice, where the first is not there: good for what has no vectors of another model.
                (Ok(space), Some(first)) => {
                    if in_force.is_some() && in_force != embedder.model() {
                        return Err(ChangeError::Fallback { problem: first });
                    }
                    return Ok((Arc::clone(embedder), space));
                }
                // Another model in its place would be no answer to who asked for this one.
                (Err(error @ EmbedError::TooWide { .. }), _) => return Err(error.into()),
                (Err(error), before) => problem = before.or(Some(error)),
            }
        }
        Err(problem.unwrap_or(EmbedError::NotConfigured).into())
    }
}

impl ModelChange {
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
        let mut halves = Halves::of(inputs);
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
