//! Webhooks to others: a lane beside that of the jobs, which takes what triggers wrote into the outbox and sends it
//! (docs/WEBHOOKS.md). At least once: what was sent and not written down as such is sent again under the same `webhook-id`.

mod hosts;
mod schedule;
mod send;
mod subscriber;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::crash;
use crate::store::{ClaimedDelivery, DeliveryEnd, Store, StoreError};

pub use schedule::ALL_ATTEMPTS;
pub use send::{Message, Reply, Sender};
pub use subscriber::Subscriber;

/// Webhooks in flight to one subscriber at once.
const IN_FLIGHT: usize = 4;

/// The longest sleep: a safety net, for changes and due moments wake the lane before.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How long the lane waits when the database does not answer.
const DATABASE_PAUSE: Duration = Duration::from_secs(2);

/// How long what is in flight may still take once a stop is asked for. What is then left is sent again when its lease lapses.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Who is told of changes, and how.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// Who.
    pub subscribers: Vec<Subscriber>,
    /// Hosts that may be in a private network whatever their name.
    pub allowed_hosts: Vec<String>,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// The first delay; those that follow are multiples of it.
    pub retry_base: Duration,
    /// Attempts after which a delivery is dead.
    pub max_attempts: u32,
    /// How long a claim holds: longer than an answer may take.
    pub lease: Duration,
}

/// What a round of sending came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// Nothing is due.
    Idle,
    /// Something was taken.
    Taken,
    /// Something was sent, and nothing of it taken.
    Refused,
}

/// The lane that sends webhooks.
pub struct Outbound {
    store: Arc<dyn Store>,
    settings: OutboundSettings,
    sender: Sender,
}

impl Outbound {
    /// A lane over this outbox. Nothing is sent before it runs.
    ///
    /// # Errors
    /// Why nothing can be sent.
    pub fn new(store: Arc<dyn Store>, settings: OutboundSettings) -> Result<Self, String> {
        let sender = Sender::new(&settings)?;
        Ok(Self { store, settings, sender })
    }

    /// Makes the configured subscribers known, and sends them what is due until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        metrics::describe_counter!("musonym_webhooks_sent_total", "Webhooks sent to subscribers, by outcome.");
        let Some(ids) = self.register(&stop).await else { return };
        let mut lanes = JoinSet::new();
        for (id, subscriber) in ids.into_iter().zip(self.settings.subscribers.clone()) {
            tracing::info!(subscriber = subscriber.shown(), "webhooks are sent");
            let (lane, stop) = (Arc::clone(&self), stop.clone());
            lanes.spawn(async move { lane.serve(id, &subscriber, &stop).await });
        }
        while let Some(ended) = lanes.join_next().await {
            if let Err(error) = ended {
                // Half a lane is none: the process ends with it, and is started anew.
                tracing::error!(%error, "the sending of webhooks ended badly");
                return;
            }
        }
        // Without subscribers, too, it ends only when it is told to.
        stop.cancelled().await;
    }

    /// The numbers of the subscribers, in their order; `None` when a stop came first.
    async fn register(&self, stop: &CancellationToken) -> Option<Vec<i64>> {
        let subscribers: Vec<_> = self.settings.subscribers.iter().map(Subscriber::registration).collect();
        while !stop.is_cancelled() {
            match self.store.set_outbound_subscribers(&subscribers).await {
                Ok(known) => return Some(known.into_iter().map(|subscriber| subscriber.id).collect()),
                Err(error) => tracing::warn!(%error, "the subscribers of webhooks could not be written down"),
            }
            pause(DATABASE_PAUSE, stop).await;
        }
        None
    }

    /// Sends one subscriber what is due until `stop`. Each has a loop of its own: one that hangs holds up no other.
    async fn serve(&self, id: i64, subscriber: &Subscriber, stop: &CancellationToken) {
        let mut changes = self.store.changes();
        let mut refused = 0_u32;
        while !stop.is_cancelled() {
            changes.mark_unchanged();
            match self.round(id, subscriber, stop).await {
                Ok(Round::Idle) => self.sleep(id, &mut changes, stop).await,
                Ok(Round::Taken) => refused = 0,
                Ok(Round::Refused) => {
                    refused = refused.saturating_add(1);
                    pause(schedule::brake(self.settings.retry_base, refused), stop).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read or written");
                    pause(DATABASE_PAUSE, stop).await;
                }
            }
        }
    }

    /// Claims what is due for a subscriber, and sends it.
    async fn round(&self, id: i64, subscriber: &Subscriber, stop: &CancellationToken) -> Result<Round, StoreError> {
        let claimed = self.store.claim_deliveries(id, self.settings.lease, IN_FLIGHT).await?;
        if claimed.is_empty() {
            return Ok(Round::Idle);
        }
        crash::point("after_outbound_claim");
        let delivering = join_all(claimed.iter().map(|claimed| self.deliver(subscriber, claimed)));
        let cut = async {
            stop.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        let taken = tokio::select! {
            taken = delivering => taken.into_iter().collect::<Result<Vec<_>, _>>()?,
            () = cut => Vec::new(),
        };
        Ok(if taken.contains(&true) { Round::Taken } else { Round::Refused })
    }

    /// Sends one delivery and writes down what came of it; whether it was taken.
    async fn deliver(&self, subscriber: &Subscriber, claimed: &ClaimedDelivery) -> Result<bool, StoreError> {
        let reply = self.sender.send(subscriber, &claimed.into()).await;
        crash::point("after_outbound_sent");
        let end = self.end(&reply, claimed.attempts);
        let outcome = match end {
            DeliveryEnd::Delivered => "delivered",
            DeliveryEnd::Retry(_) => "retry",
            DeliveryEnd::Dead => "dead",
            DeliveryEnd::Gone => "gone",
        };
        metrics::counter!("musonym_webhooks_sent_total", "outcome" => outcome).increment(1);
        let held = self.store.finish_delivery(claimed, &reply.attempt, end).await?;
        let (id, attempts, error) = (claimed.id, claimed.attempts, reply.attempt.error.as_deref().unwrap_or_default());
        match end {
            _ if !held => tracing::debug!(delivery.id = id, "another has taken the delivery over, or it was given up"),
            DeliveryEnd::Delivered => tracing::debug!(delivery.id = id, webhook.id = claimed.message_id, "delivered"),
            DeliveryEnd::Retry(delay) => {
                let delay_s = delay.as_secs();
                tracing::info!(delivery.id = id, attempts, error, delay_s, "a webhook was not taken; it is sent again");
            }
            DeliveryEnd::Dead => {
                tracing::warn!(
                    delivery.id = id,
                    attempts,
                    error,
                    "a webhook was given up: `musonym webhooks retry {id}`"
                );
            }
            DeliveryEnd::Gone => tracing::warn!(
                subscriber = subscriber.shown(),
                "the subscriber wants no more webhooks (410 Gone) and is disabled: `musonym webhooks test` enables it again"
            ),
        }
        Ok(reply.is_taken())
    }

    /// What follows from a reply to an attempt.
    fn end(&self, reply: &Reply, attempts: u32) -> DeliveryEnd {
        if reply.is_taken() {
            DeliveryEnd::Delivered
        } else if reply.is_gone() {
            DeliveryEnd::Gone
        } else if attempts >= self.settings.max_attempts {
            DeliveryEnd::Dead
        } else {
            DeliveryEnd::Retry(schedule::delay(self.settings.retry_base, attempts, reply.retry_after))
        }
    }

    /// Sleeps until something changes, a delivery is due, or a stop is asked for.
    async fn sleep(&self, id: i64, changes: &mut watch::Receiver<u64>, stop: &CancellationToken) {
        let due = self.store.next_delivery_at(id).await.ok().flatten();
        let wait = due.map_or(LONGEST_SLEEP, |due| (due - chrono::Utc::now()).to_std().unwrap_or_default());
        tokio::select! {
            () = stop.cancelled() => {}
            _ = changes.changed() => {}
            // Never at once: what is due but cannot be claimed must not make the loop spin.
            () = tokio::time::sleep(wait.clamp(Duration::from_millis(10), LONGEST_SLEEP)) => {}
        }
    }
}

/// Waits, or until a stop is asked for.
async fn pause(length: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(length) => {}
    }
}
