//! The outbox: what subscribers are told by webhooks. Triggers write events and their deliveries in the transaction of the change
//! (migration 0011); this is how they are taken from there.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Listing, Page, Result};
use crate::domain::{DeliveryState, OutboundKind, Timestamp};

/// A subscriber as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubscriber {
    /// The SHA-256 of its URL in hexadecimal digits: what makes two of them one.
    pub url_key: String,
    /// Its URL for people, without what may be a token.
    pub shown: String,
    /// What it wants to be told of.
    pub events: Vec<OutboundKind>,
}

/// A subscriber as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OutboundSubscriber {
    /// Its number.
    pub id: i64,
    /// The SHA-256 of its URL.
    #[serde(skip)]
    pub url_key: String,
    /// Its URL for people, without a query.
    #[schema(example = "https://library.example/hooks/musonym")]
    pub url: String,
    /// What it is told of.
    pub events: Vec<OutboundKind>,
    /// When it answered 410 and was disabled; `musonym webhooks test` enables it again when it answers well.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
}

/// A delivery that is to be sent now. Only its holder can end it, and only until the lease lapses and another has claimed it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedDelivery {
    /// Its number.
    pub id: i64,
    /// Unique to this claim.
    pub owner: String,
    /// How many attempts there are with this one.
    pub attempts: u32,
    /// The `webhook-id`: the same whenever it is sent.
    pub message_id: String,
    /// What it tells.
    pub kind: OutboundKind,
    /// Of what it tells.
    pub data: serde_json::Value,
    /// When it happened.
    pub created_at: Timestamp,
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryAttempt {
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The status of the answer; `null` where none came.
    pub status: Option<u16>,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// It was taken.
    Delivered,
    /// It is sent again after this time.
    Retry(Duration),
    /// It is given up.
    Dead,
    /// It is given up, with all that waits for this subscriber, which is told nothing more.
    Gone,
}

/// A delivery as people look at it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct OutboundDelivery {
    /// Its number.
    pub id: i64,
    /// The `webhook-id` it is sent under.
    pub webhook_id: String,
    /// What it tells.
    pub event: OutboundKind,
    /// The `data` of the webhook.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// The number of the subscriber.
    pub subscriber_id: i64,
    /// The subscriber's URL, without a query.
    pub url: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts since it was written, or since somebody last asked for it again.
    pub attempts: u32,
    /// When it is sent next, for one that is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    /// The status of the last answer.
    pub last_status: Option<u16>,
    /// Why the last attempt did not succeed, or why it was given up.
    pub last_error: Option<String>,
    /// The last attempts, oldest first.
    pub log: Vec<DeliveryAttempt>,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// Most attempts that the log of a delivery keeps.
pub(super) const LOG_KEPT: usize = 30;

/// What a delivery to a subscriber that was disabled says.
pub(super) const GONE: &str = "the subscriber answered 410 Gone and was disabled";

/// What a delivery to a subscriber that the configuration no longer names says.
pub(super) const REMOVED: &str = "the configuration no longer names the subscriber";

/// The outbox.
#[async_trait]
pub trait OutboundStore: Send + Sync {
    /// Makes these the subscribers, those that were disabled staying so, and gives up what waits for others. From here on
    /// changes are written down for them. Returns them in this order.
    async fn set_outbound_subscribers(&self, subscribers: &[NewSubscriber]) -> Result<Vec<OutboundSubscriber>>;

    /// The subscribers, by number.
    async fn outbound_subscribers(&self) -> Result<Vec<OutboundSubscriber>>;

    /// Tells a subscriber things again that was disabled; whether it was.
    async fn enable_outbound_subscriber(&self, id: i64) -> Result<bool>;

    /// Claims up to `limit` deliveries to a subscriber for `lease`, the earliest first: those that are due and those whose lease
    /// has lapsed. Each claim spends an attempt.
    async fn claim_deliveries(&self, subscriber_id: i64, lease: Duration, limit: usize)
    -> Result<Vec<ClaimedDelivery>>;

    /// Writes down an attempt and what follows from it. False, and nothing written, when the lease has been lost.
    async fn finish_delivery(
        &self,
        claimed: &ClaimedDelivery,
        attempt: &DeliveryAttempt,
        end: DeliveryEnd,
    ) -> Result<bool>;

    /// When the earliest pending delivery to a subscriber is due, or its lease lapses.
    async fn next_delivery_at(&self, subscriber_id: i64) -> Result<Option<Timestamp>>;

    /// Deliveries, newest first.
    async fn list_deliveries(&self, state: Option<DeliveryState>, page: &Page) -> Result<Listing<OutboundDelivery>>;

    /// Lets a delivery be sent again, now and with fresh attempts, whatever has become of it.
    ///
    /// # Errors
    /// [`super::StoreError::NotFound`], or [`super::StoreError::Conflict`] while it is being sent, and when its subscriber is
    /// disabled or no longer there.
    async fn retry_delivery(&self, id: i64) -> Result<OutboundDelivery>;
}
