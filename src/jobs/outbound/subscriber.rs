//! A subscriber as it is configured: where it is, what it is told of, and the secrets that what it is told is signed with.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use standardwebhooks::Webhook;

use crate::{domain::OutboundKind, store::NewSubscriber};

/// Bytes of a secret once decoded (Standard Webhooks, "Signature scheme").
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Longest URL, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Somebody who is told of changes.
#[derive(Clone)]
pub struct Subscriber {
    url: Url,
    secrets: Vec<SecretString>,
    events: Vec<OutboundKind>,
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a token.
        f.debug_struct("Subscriber").field("url", &self.shown()).field("events", &self.events).finish_non_exhaustive()
    }
}

impl Subscriber {
    /// A subscriber at `url` (`http` or `https`, without a user), with one secret or several parted by white space: everything is
    /// signed with each of them, while one replaces another. Without `events` it is told of all.
    ///
    /// # Errors
    /// What is wrong, without the URL and the secret.
    pub fn parse(url: &str, secret: &SecretString, events: Vec<OutboundKind>) -> Result<Self, String> {
        if url.len() > MAX_URL_BYTES {
            return Err(format!("url has more than {MAX_URL_BYTES} bytes"));
        }
        let url =
            url.trim().parse::<Url>().map_err(|error| format!("url is no URL ({error}): write https://HOST/PATH"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err("url begins with https:// or http:// and a host".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("url names a user: what is sent is signed, and needs no password; leave it out".to_owned());
        }
        if url.fragment().is_some() {
            return Err("url has a `#`, which is not sent: leave out what follows it".to_owned());
        }
        let secrets: Vec<SecretString> = secret.expose_secret().split_whitespace().map(SecretString::from).collect();
        if secrets.is_empty() {
            return Err("secret is empty: write whsec_ and the base64 of 24 to 64 random bytes, for example of \
                        `openssl rand -base64 32`"
                .to_owned());
        }
        let subscriber = Self { url, secrets, events };
        subscriber.signers()?;
        Ok(if subscriber.events.is_empty() {
            Self { events: OutboundKind::ALL.to_vec(), ..subscriber }
        } else {
            subscriber
        })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// What it is told of.
    pub fn events(&self) -> &[OutboundKind] {
        &self.events
    }

    /// Where it is, for people: without a query, which may hold a token.
    pub fn shown(&self) -> String {
        let mut shown = self.url.clone();
        shown.set_query(None);
        shown.into()
    }

    /// What makes two subscribers one: the SHA-256 of the URL in hexadecimal digits.
    pub fn key(&self) -> String {
        Sha256::digest(self.url.as_str()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// As the database keeps it.
    pub fn registration(&self) -> NewSubscriber {
        NewSubscriber { url_key: self.key(), shown: self.shown(), events: self.events.clone() }
    }

    /// What signs for it, one for each secret.
    fn signers(&self) -> Result<Vec<Webhook>, String> {
        let signer = |secret: &SecretString| {
            let text = secret.expose_secret();
            let key = STANDARD
                .decode(text.strip_prefix("whsec_").unwrap_or(text))
                .map_err(|_| "secret is not `whsec_` followed by base64".to_owned())?;
            if !SECRET_BYTES.contains(&key.len()) {
                return Err(format!("secret has {} bytes, 24 to 64 are allowed", key.len()));
            }
            Webhook::from_bytes(key).map_err(|_| "secret cannot be used".to_owned())
        };
        self.secrets.iter().map(signer).collect()
    }

    /// The value of `webhook-signature`: one signature for each secret, parted by spaces.
    ///
    /// # Errors
    /// What is wrong with a secret; never after [`Subscriber::parse`].
    pub(super) fn signature(&self, id: &str, timestamp: i64, body: &str) -> Result<String, String> {
        let signed = |signer: &Webhook| signer.sign(id, timestamp, body.as_bytes()).map_err(|error| error.to_string());
        Ok(self.signers()?.iter().map(signed).collect::<Result<Vec<_>, _>>()?.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The specification's own example.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &str = r#"{"email":"test@example.com","username":"test_user"}"#;

    fn parse(url: &str, secret: &str) -> Result<Subscriber, String> {
        Subscriber::parse(url, &secret.into(), Vec::new())
    }

    #[test]
    fn the_example_of_the_specification_is_signed_alike_and_by_every_secret() {
        let subscriber = parse("https://library.example/hook", SECRET).unwrap();
        let signature = subscriber.signature("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, BODY).unwrap();
        assert_eq!(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        let both = format!("{SECRET} whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz");
        let rotating = parse("https://library.example/hook", &both).unwrap();
        let signatures = rotating.signature("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, BODY).unwrap();
        assert!(signatures.starts_with(&format!("{signature} v1,")), "{signatures}");
    }

    #[test]
    fn what_cannot_be_a_subscriber_is_refused_without_a_word_of_its_secrets() {
        for (url, secret, word) in [
            ("library.example/hunter2", SECRET, "no URL"),
            ("ftp://library.example/hunter2", SECRET, "https://"),
            ("https://ada:hunter2@library.example/", SECRET, "user"),
            ("https://library.example/#hunter2", SECRET, "#"),
            ("https://library.example/", "", "empty"),
            ("https://library.example/", "whsec_hunter2!", "base64"),
            ("https://library.example/", "whsec_aHVudGVyMg==", "7 bytes"),
        ] {
            let problem = parse(url, secret).unwrap_err();
            assert!(problem.contains(word) && !problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_query_is_part_of_who_it_is_and_never_shown() {
        let with = |query: &str| parse(&format!("https://library.example/hook?token={query}"), SECRET).unwrap();
        assert_eq!(with("hunter2").shown(), "https://library.example/hook");
        assert!(!format!("{:?}", with("hunter2")).contains("hunter2"));
        assert_ne!(with("hunter2").key(), with("hunter3").key());
        assert_eq!(with("hunter2").events(), OutboundKind::ALL);
    }
}
