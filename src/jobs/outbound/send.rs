//! One webhook over HTTP: signed, bounded in time, never redirected.

use std::{
    error::Error as _,
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, SubsecRound, Utc};
use reqwest::{StatusCode, header, redirect};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};

use super::{OutboundSettings, Subscriber, hosts::GuardedResolver};
use crate::{
    domain::Timestamp,
    store::{ClaimedDelivery, DeliveryAttempt},
};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// The `webhook-id`.
    pub id: String,
    /// The `type`.
    pub kind: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The `data`.
    pub data: serde_json::Value,
}

impl Message {
    /// One that tells nothing but that webhooks arrive.
    pub fn test() -> Self {
        Self {
            id: format!("evt_test_{:016x}", fastrand::u64(..)),
            kind: "webhooks.test".to_owned(),
            timestamp: Utc::now(),
            data: serde_json::json!({ "message": "webhooks of musonym arrive here" }),
        }
    }

    fn body(&self) -> String {
        let timestamp = self.timestamp.to_rfc3339_opts(SecondsFormat::Millis, true);
        serde_json::json!({ "type": self.kind, "timestamp": timestamp, "data": self.data }).to_string()
    }
}

impl From<&ClaimedDelivery> for Message {
    fn from(claimed: &ClaimedDelivery) -> Self {
        Self {
            id: claimed.message_id.clone(),
            kind: claimed.kind.to_string(),
            timestamp: claimed.created_at,
            data: claimed.data.clone(),
        }
    }
}

/// What came of sending.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The attempt as it is written down.
    pub attempt: DeliveryAttempt,
    /// How long the answer asks to wait (`Retry-After` in seconds).
    pub retry_after: Option<Duration>,
}

impl Reply {
    /// Whether the webhook was taken.
    pub fn is_taken(&self) -> bool {
        self.attempt.error.is_none()
    }

    /// Whether the subscriber wants no more.
    pub fn is_gone(&self) -> bool {
        self.attempt.status == Some(StatusCode::GONE.as_u16())
    }
}

/// What sends webhooks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender {
    http: reqwest::Client,
}

impl Sender {
    /// A sender to the subscribers of these settings.
    ///
    /// # Errors
    /// Why there is no client: the system has no certificates, and a subscriber is reached by `https`.
    pub fn new(settings: &OutboundSettings) -> Result<Self, String> {
        let timeout = settings.timeout;
        // An error says that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .user_agent(concat!("musonym/", env!("CARGO_PKG_VERSION")))
            // A proxy would resolve names by itself, past the resolver below.
            .no_proxy()
            // Only hosts that the configuration names are asked.
            .redirect(redirect::Policy::none())
            .dns_resolver(GuardedResolver::new(&settings.allowed_hosts));
        if settings.subscribers.iter().all(|subscriber| subscriber.url().scheme() == "http") {
            // Without redirects no certificate is ever looked at, and a container without any would be refused.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|error| format!("webhooks cannot be sent: {}", cause(error)))?;
        Ok(Self { http })
    }

    /// Sends a message to a subscriber; whatever comes of it is the reply.
    pub async fn send(&self, subscriber: &Subscriber, message: &Message) -> Reply {
        let began = Instant::now();
        let body = message.body();
        let now = Utc::now().timestamp();
        let (status, error, retry_after) = match subscriber.signature(&message.id, now, &body) {
            Err(problem) => (None, Some(problem), None),
            Ok(signature) => {
                let sent = self
                    .http
                    .post(subscriber.url().clone())
                    .header(header::CONTENT_TYPE, "application/json")
                    .header(HEADER_WEBHOOK_ID, &message.id)
                    .header(HEADER_WEBHOOK_TIMESTAMP, now.to_string())
                    .header(HEADER_WEBHOOK_SIGNATURE, signature)
                    .body(body)
                    .send()
                    .await;
                match sent {
                    Ok(answer) => (Some(answer.status()), refusal(answer.status()), retry_after(answer.headers())),
                    Err(error) => (None, Some(cause(error)), None),
                }
            }
        };
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = status.map(|status| status.as_u16());
        Reply { attempt: DeliveryAttempt { at: Utc::now().trunc_subsecs(3), status, error, elapsed_ms }, retry_after }
    }
}

/// Why an answer is none that takes the webhook.
fn refusal(status: StatusCode) -> Option<String> {
    if status.is_success() {
        return None;
    }
    let hint = if status.is_redirection() { "; redirects are not followed: configure where it leads" } else { "" };
    Some(format!("the answer was {status}{hint}"))
}

fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The innermost reason, which says most, without the URL.
fn cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    reason
}
