//! Beginning a change, going on with one, giving one up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{ChangeError, ModelChange, SpaceChange};
use crate::{
    embed::{EmbedError, EmbedModel, EmbedService, Embedder},
    store::{HeldLock, NextSpace, SpaceProgress, SpaceSwitch, StoreError, Switched},
};

/// How long a process whose change was given up may take to notice: it does so with its next batch.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(60);

/// How long the lock of a process that was killed may last: PostgreSQL has to notice.
const KILLED_WITHIN: Duration = Duration::from_secs(2);

/// How often to look whether it has.
const LOOK_AT_LOCK: Duration = Duration::from_millis(100);

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
        let change = ModelChange::new(Arc::clone(&self.store), embedder, next, lock);
        Ok(SpaceChange::Begun(Box::new(change.after(former, keeps_former).in_batches_of(batch))))
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
