//! Webhook deliveries: applied once, answered alike every time.

use super::{
    SqlStore,
    dialect::{DbConnection, now},
    jobs, tags,
};
use crate::{
    domain::{GeneratePayload, NewJob, Priority, TagName, TagRef},
    store::{Result, WebhookEvent, WebhookOutcome},
};

impl SqlStore {
    /// See [`crate::store::JobStore::apply_webhook`].
    pub(super) async fn apply_delivery(&self, delivery_id: &str, event: &WebhookEvent) -> Result<WebhookOutcome> {
        let mut transaction = self.begin().await?;
        let before: Option<(Option<i64>, String)> =
            sqlx::query_as("SELECT job_id, status FROM webhook_delivery WHERE id = $1")
                .bind(delivery_id)
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some((job_id, status)) = before {
            return Ok(WebhookOutcome { job_id, status });
        }
        let outcome = match event {
            WebhookEvent::Upserted { tag, previous_name, regenerate } => {
                upsert(&mut transaction, tag, previous_name.as_ref(), *regenerate).await?
            }
            WebhookEvent::Deleted { tag } => remove(&mut transaction, tag).await?,
        };
        sqlx::query("INSERT INTO webhook_delivery (id, job_id, status, received_at) VALUES ($1, $2, $3, $4)")
            .bind(delivery_id)
            .bind(outcome.job_id)
            .bind(&outcome.status)
            .bind(now())
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(outcome)
    }
}

async fn upsert(
    connection: &mut DbConnection,
    tag: &TagRef,
    previous_name: Option<&TagName>,
    regenerate: bool,
) -> Result<WebhookOutcome> {
    let mut refresh = regenerate;
    if let Some(previous_name) = previous_name
        && let Some(found) = tags::resolve(&mut *connection, tag.tag_type, previous_name.as_str()).await?
    {
        let target = tags::resolve(&mut *connection, tag.tag_type, tag.tag_name.as_str()).await?;
        // Where a tag of the new name is there already, that one is served; the former is left for a person to merge.
        if target.is_none_or(|target| target.id == found.id) {
            tags::rename(&mut *connection, found, &tag.tag_name, Priority::LOW).await?;
            refresh = true;
        }
    }
    let tag = tags::create(&mut *connection, tag.tag_type, &tag.tag_name, Priority::LOW).await?.tag;
    let payload = GeneratePayload { tag_type: tag.tag_type, tag_id: tag.id, force: false, refresh };
    let (job_id, _) = jobs::enqueue(connection, &NewJob::generate(&payload, Priority::LOW)).await?;
    Ok(WebhookOutcome { job_id: Some(job_id), status: "accepted".to_owned() })
}

async fn remove(connection: &mut DbConnection, tag: &TagRef) -> Result<WebhookOutcome> {
    let status = match tags::resolve(&mut *connection, tag.tag_type, tag.tag_name.as_str()).await? {
        Some(found) => {
            tags::delete(connection, &found).await?;
            "deleted"
        }
        None => "unknown_tag",
    };
    Ok(WebhookOutcome { job_id: None, status: status.to_owned() })
}
