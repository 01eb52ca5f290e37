//! The outbox: subscribers, and deliveries under leases. A delivery that is being sent is one whose next moment is the end of its
//! lease: whoever is killed meanwhile leaves it due.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, types::Json};

use super::{
    SqlStore,
    dialect::{DbConnection, DbRow, Moment, later, list, now, timestamp},
    jobs::Before,
    rows,
};
use crate::{
    domain::{DeliveryState, OutboundKind, Timestamp},
    store::{
        ClaimedDelivery, DeliveryAttempt, DeliveryEnd, Listing, NewSubscriber, OutboundDelivery, OutboundStore,
        OutboundSubscriber, Page, Result, StoreError,
        outbound::{GONE, LOG_KEPT, REMOVED},
    },
};

/// A query over deliveries with what they tell, and whom.
macro_rules! select_deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT d.*, e.message_id, e.kind, e.data, s.shown FROM outbound_delivery d
             JOIN outbound_event e ON e.id = d.event_id JOIN outbound_subscriber s ON s.id = d.subscriber_id ",
            $rest
        )
    };
}

#[async_trait]
impl OutboundStore for SqlStore {
    async fn set_outbound_subscribers(&self, subscribers: &[NewSubscriber]) -> Result<Vec<OutboundSubscriber>> {
        if subscribers.is_empty() && self.outbound_subscribers().await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin().await?;
        let mut ids = Vec::with_capacity(subscribers.len());
        for subscriber in subscribers {
            ids.push(put_subscriber(&mut transaction, subscriber).await?);
        }
        let present = present(&mut transaction).await?;
        for other in present.iter().filter(|other| !ids.contains(&other.id)) {
            sqlx::query("UPDATE outbound_subscriber SET removed_at = $1 WHERE id = $2")
                .bind(now())
                .bind(other.id)
                .execute(&mut *transaction)
                .await?;
            give_up(&mut transaction, other.id, REMOVED).await?;
        }
        self.commit(transaction).await?;
        let mut set: Vec<_> = present.into_iter().filter(|subscriber| ids.contains(&subscriber.id)).collect();
        set.sort_by_key(|subscriber| ids.iter().position(|id| *id == subscriber.id));
        Ok(set)
    }

    async fn outbound_subscribers(&self) -> Result<Vec<OutboundSubscriber>> {
        present(&mut *self.readers.acquire().await?).await
    }

    async fn enable_outbound_subscriber(&self, id: i64) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let enabled =
            sqlx::query("UPDATE outbound_subscriber SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        self.commit(transaction).await?;
        Ok(enabled.rows_affected() > 0)
    }

    async fn claim_deliveries(
        &self,
        subscriber_id: i64,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<ClaimedDelivery>> {
        // Looking before locking.
        if self.next_due(subscriber_id).await?.is_none_or(|next| next > now()) {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin_claim().await?;
        let now = now();
        let ids: Vec<i64> = sqlx::query_scalar(concat!(
            "UPDATE outbound_delivery SET attempts = attempts + 1, lease_owner = $3 || '.' || id, next_at = $4,
                 updated_at = $2
             WHERE id ",
            claim_from!(
                "SELECT id FROM outbound_delivery
                 WHERE subscriber_id = $1 AND state = 'pending' AND next_at <= $2 ORDER BY next_at, id LIMIT $5"
            ),
            " RETURNING id"
        ))
        .bind(subscriber_id)
        .bind(now)
        .bind(format!("{:016x}", fastrand::u64(..)))
        .bind(later(now, lease))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *transaction)
        .await?;
        let claimed = sqlx::query(concat!(
            "SELECT d.id, d.lease_owner, d.attempts, e.message_id, e.kind, e.data, e.created_at
             FROM outbound_delivery d JOIN outbound_event e ON e.id = d.event_id WHERE d.id ",
            in_list!("$1"),
            " ORDER BY d.id"
        ))
        .bind(list(&ids))
        .fetch_all(&mut *transaction)
        .await?
        .iter()
        .map(claimed)
        .collect::<Result<Vec<_>>>()?;
        self.commit_claim(transaction).await?;
        Ok(claimed)
    }

    async fn finish_delivery(
        &self,
        claimed: &ClaimedDelivery,
        attempt: &DeliveryAttempt,
        end: DeliveryEnd,
    ) -> Result<bool> {
        // Who gives up the deliveries of others does so alone, lest two wait for each other.
        let mut transaction = if end == DeliveryEnd::Gone { self.begin().await? } else { self.begin_claim().await? };
        let held: Option<(i64, Json<Vec<DeliveryAttempt>>)> = sqlx::query_as(concat!(
            "SELECT subscriber_id, log FROM outbound_delivery WHERE id = $1 AND lease_owner = $2 AND state = 'pending'",
            for_update!()
        ))
        .bind(claimed.id)
        .bind(&claimed.owner)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((subscriber_id, Json(mut log))) = held else { return Ok(false) };
        log.push(attempt.clone());
        log.drain(..log.len().saturating_sub(LOG_KEPT));
        let now = now();
        let (state, next_at) = match end {
            DeliveryEnd::Delivered => (DeliveryState::Delivered, now),
            DeliveryEnd::Retry(delay) => (DeliveryState::Pending, later(now, delay)),
            DeliveryEnd::Dead | DeliveryEnd::Gone => (DeliveryState::Dead, now),
        };
        sqlx::query(
            "UPDATE outbound_delivery SET state = $2, next_at = $3, lease_owner = NULL, last_status = $4, last_error = $5,
                 log = $6, updated_at = $7 WHERE id = $1",
        )
        .bind(claimed.id)
        .bind(state.as_str())
        .bind(next_at)
        .bind(attempt.status.map(i32::from))
        .bind(attempt.error.as_deref())
        .bind(Json(log))
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        if end == DeliveryEnd::Gone {
            sqlx::query("UPDATE outbound_subscriber SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL")
                .bind(now)
                .bind(subscriber_id)
                .execute(&mut *transaction)
                .await?;
            give_up(&mut transaction, subscriber_id, GONE).await?;
        }
        self.commit(transaction).await?;
        Ok(true)
    }

    async fn next_delivery_at(&self, subscriber_id: i64) -> Result<Option<Timestamp>> {
        self.next_due(subscriber_id).await?.map(timestamp).transpose()
    }

    async fn list_deliveries(&self, state: Option<DeliveryState>, page: &Page) -> Result<Listing<OutboundDelivery>> {
        let before: Before = page.parse_cursor()?;
        let rows = sqlx::query(select_deliveries!(
            "WHERE d.id < $1 AND ($2 IS NULL OR d.state = $2) ORDER BY d.id DESC LIMIT $3"
        ))
        .bind(before.0)
        .bind(state.map(DeliveryState::as_str))
        .bind(page.fetch_limit())
        .fetch_all(&self.readers)
        .await?;
        let deliveries = rows.iter().map(delivery).collect::<Result<Vec<_>>>()?;
        Ok(page.listing(deliveries, |delivery| delivery.id))
    }

    async fn retry_delivery(&self, id: i64) -> Result<OutboundDelivery> {
        let mut transaction = self.begin().await?;
        let now = now();
        let standing: Option<(bool, Option<Moment>, Option<Moment>)> = sqlx::query_as(
            "SELECT d.lease_owner IS NOT NULL AND d.next_at > $2, s.disabled_at, s.removed_at
             FROM outbound_delivery d JOIN outbound_subscriber s ON s.id = d.subscriber_id WHERE d.id = $1",
        )
        .bind(id)
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        let refused = match standing {
            None => return Err(StoreError::NotFound(format!("the delivery {id}"))),
            Some((_, _, Some(_))) => Some("its subscriber is no longer configured: name it in [webhooks] again"),
            Some((_, Some(_), _)) => {
                Some("its subscriber was disabled: `musonym webhooks test` enables it when it answers well")
            }
            Some((true, ..)) => Some("it is being sent: wait for the answer"),
            Some((false, None, None)) => None,
        };
        if let Some(reason) = refused {
            return Err(StoreError::Conflict(format!("the delivery {id} cannot be sent again, for {reason}")));
        }
        sqlx::query(
            "UPDATE outbound_delivery SET state = 'pending', attempts = 0, next_at = $2, lease_owner = NULL, updated_at = $2
             WHERE id = $1",
        )
        .bind(id)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        let row = sqlx::query(select_deliveries!("WHERE d.id = $1")).bind(id).fetch_one(&mut *transaction).await?;
        let delivery = delivery(&row)?;
        self.commit(transaction).await?;
        Ok(delivery)
    }
}

impl SqlStore {
    /// When something may be there to claim for a subscriber.
    async fn next_due(&self, subscriber_id: i64) -> Result<Option<Moment>> {
        Ok(sqlx::query_scalar(
            "SELECT next_at FROM outbound_delivery WHERE subscriber_id = $1 AND state = 'pending' ORDER BY next_at LIMIT 1",
        )
        .bind(subscriber_id)
        .fetch_optional(&self.readers)
        .await?)
    }
}

/// Writes a subscriber, or what it wants now; returns its number.
async fn put_subscriber(connection: &mut DbConnection, subscriber: &NewSubscriber) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "INSERT INTO outbound_subscriber (url_key, shown, events, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (url_key) DO UPDATE SET shown = excluded.shown, events = excluded.events, removed_at = NULL
         RETURNING id",
    )
    .bind(&subscriber.url_key)
    .bind(&subscriber.shown)
    .bind(Json(&subscriber.events))
    .bind(now())
    .fetch_one(connection)
    .await?)
}

/// The subscribers that the configuration names.
async fn present(connection: &mut DbConnection) -> Result<Vec<OutboundSubscriber>> {
    sqlx::query("SELECT * FROM outbound_subscriber WHERE removed_at IS NULL ORDER BY id")
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            let Json(events): Json<Vec<OutboundKind>> = row.try_get("events")?;
            let disabled_at: Option<Moment> = row.try_get("disabled_at")?;
            Ok(OutboundSubscriber {
                id: row.try_get("id")?,
                url_key: row.try_get("url_key")?,
                url: row.try_get("shown")?,
                events,
                disabled_at: disabled_at.map(timestamp).transpose()?,
            })
        })
        .collect()
}

/// Gives up what waits for a subscriber, and what is being sent.
async fn give_up(connection: &mut DbConnection, subscriber_id: i64, reason: &str) -> Result<()> {
    sqlx::query(
        "UPDATE outbound_delivery SET state = 'dead', lease_owner = NULL, last_error = $2, updated_at = $3
         WHERE subscriber_id = $1 AND state = 'pending'",
    )
    .bind(subscriber_id)
    .bind(reason)
    .bind(now())
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the events that were written before a moment, with their deliveries, unless one is still to be sent.
pub(super) async fn expire(connection: &mut DbConnection, before: Moment) -> Result<u64> {
    let deleted = sqlx::query(
        "DELETE FROM outbound_event WHERE created_at < $1 AND NOT EXISTS (
             SELECT 1 FROM outbound_delivery d WHERE d.event_id = outbound_event.id AND d.state = 'pending')",
    )
    .bind(before)
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}

fn claimed(row: &DbRow) -> Result<ClaimedDelivery> {
    let Json(data) = row.try_get("data")?;
    Ok(ClaimedDelivery {
        id: row.try_get("id")?,
        owner: row.try_get("lease_owner")?,
        attempts: attempts(row)?,
        message_id: row.try_get("message_id")?,
        kind: rows::word(row, "kind")?,
        data,
        created_at: timestamp(row.try_get("created_at")?)?,
    })
}

fn delivery(row: &DbRow) -> Result<OutboundDelivery> {
    let (Json(data), Json(log)) = (row.try_get("data")?, row.try_get("log")?);
    let state: DeliveryState = rows::word(row, "state")?;
    let next_at = timestamp(row.try_get("next_at")?)?;
    Ok(OutboundDelivery {
        id: row.try_get("id")?,
        webhook_id: row.try_get("message_id")?,
        event: rows::word(row, "kind")?,
        data,
        subscriber_id: row.try_get("subscriber_id")?,
        url: row.try_get("shown")?,
        state,
        attempts: attempts(row)?,
        next_at: (state == DeliveryState::Pending).then_some(next_at),
        last_status: row.try_get::<Option<i32>, _>("last_status")?.and_then(|status| u16::try_from(status).ok()),
        last_error: row.try_get("last_error")?,
        log,
        created_at: timestamp(row.try_get("created_at")?)?,
        updated_at: timestamp(row.try_get("updated_at")?)?,
    })
}

fn attempts(row: &DbRow) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or_default())
}
