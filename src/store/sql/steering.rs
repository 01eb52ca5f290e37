//! The pause of all work: a setting, so that every process sees it.

use async_trait::async_trait;
use chrono::{SubsecRound, Utc};

use super::{SqlStore, dialect::DbConnection};
use crate::{
    domain::Timestamp,
    store::{AdminStore, Paused, Result, SETTING_JOBS_PAUSED, SteeringStore, StoreError},
};

#[async_trait]
impl SteeringStore for SqlStore {
    async fn jobs_paused(&self) -> Result<Option<Paused>> {
        in_force(self.setting(SETTING_JOBS_PAUSED).await?)
    }

    async fn pause_jobs(&self, until: Option<Timestamp>) -> Result<Paused> {
        let mut transaction = self.begin().await?;
        // One that cannot be read is written over: else nothing but SQL would help.
        let former = in_force(stored(&mut transaction).await?).unwrap_or_default();
        let since = former.map_or_else(|| Utc::now().trunc_subsecs(3), |former| former.since);
        let paused = Paused { since, until: until.map(|until| until.trunc_subsecs(3)) };
        let text = serde_json::to_string(&paused).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        sqlx::query(
            "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(SETTING_JOBS_PAUSED)
        .bind(text)
        .execute(&mut *transaction)
        .await?;
        self.commit(transaction).await?;
        Ok(paused)
    }

    async fn resume_jobs(&self) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let was_paused = in_force(stored(&mut transaction).await?).map_or(true, |paused| paused.is_some());
        sqlx::query("DELETE FROM setting WHERE key = $1").bind(SETTING_JOBS_PAUSED).execute(&mut *transaction).await?;
        self.commit(transaction).await?;
        Ok(was_paused)
    }
}

async fn stored(connection: &mut DbConnection) -> Result<Option<String>> {
    let value = sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
        .bind(SETTING_JOBS_PAUSED)
        .fetch_optional(connection)
        .await?;
    Ok(value)
}

/// The stored pause, unless its end has come.
fn in_force(stored: Option<String>) -> Result<Option<Paused>> {
    let Some(text) = stored else { return Ok(None) };
    let paused: Paused = serde_json::from_str(&text)
        .map_err(|error| StoreError::Corrupt(format!("the setting {SETTING_JOBS_PAUSED}: {error}")))?;
    Ok(Some(paused).filter(|paused| paused.until.is_none_or(|until| until > Utc::now())))
}
