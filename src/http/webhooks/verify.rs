//! Standard Webhooks 1.0.0: who sent this, and when.

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use subtle::ConstantTimeEq;

use crate::http::error::{ApiError, Code};

/// How far the timestamp may lie from our clock, either way, in seconds (Standard Webhooks, "Verifying signatures").
const TOLERANCE_SECONDS: u64 = 300;

/// Bytes of a secret once decoded (Standard Webhooks, "Signature scheme").
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Longest delivery id: ids are kept, so they have a bound.
const MAX_ID_CHARS: usize = 200;

/// Verifies deliveries against one or more secrets; with several, one can be rotated out while its successor is
/// already in use.
pub struct WebhookVerifier {
    secrets: Vec<Webhook>,
}

/// What a verified delivery says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The same on every retry of a delivery.
    pub id: &'a str,
}

impl WebhookVerifier {
    /// Checks the secrets: `whsec_` and base64 of 24 to 64 bytes each.
    ///
    /// # Errors
    /// A sentence that says which secret (by its place, never by its text) breaks the rule.
    pub fn new(secrets: &[SecretString]) -> Result<Self, String> {
        let secrets = secrets.iter().enumerate().map(|(index, secret)| {
            let place = index + 1;
            let text = secret.expose_secret();
            let key = STANDARD
                .decode(text.strip_prefix("whsec_").unwrap_or(text))
                .map_err(|_| format!("MUSONYM_WEBHOOK_SECRET: secret {place} is not `whsec_` followed by base64"))?;
            if !SECRET_BYTES.contains(&key.len()) {
                let length = key.len();
                return Err(format!("MUSONYM_WEBHOOK_SECRET: secret {place} has {length} bytes, 24 to 64 are allowed"));
            }
            Webhook::from_bytes(key).map_err(|error| format!("MUSONYM_WEBHOOK_SECRET: secret {place}: {error}"))
        });
        Ok(Self { secrets: secrets.collect::<Result<_, _>>()? })
    }

    /// Verifies the raw body against its headers, at `now` (Unix seconds).
    ///
    /// # Errors
    /// 403 without a secret, 400 for headers that are missing or malformed, 401 for a signature that does not verify
    /// or a timestamp out of tolerance.
    pub fn verify<'a>(&self, headers: &'a HeaderMap, body: &[u8], now: i64) -> Result<Delivery<'a>, ApiError> {
        if self.secrets.is_empty() {
            let detail = "Set MUSONYM_WEBHOOK_SECRET (`whsec_` and base64 of 24 to 64 bytes) on the server first.";
            return Err(ApiError::new(Code::WebhooksNotConfigured, detail));
        }
        let id = delivery_id(headers)?;
        let timestamp = timestamp(headers)?;
        let signatures = text(headers, HEADER_WEBHOOK_SIGNATURE)?;
        if timestamp.abs_diff(now) > TOLERANCE_SECONDS {
            let detail =
                "The webhook-timestamp is over 300 s away from the server's clock; sign it anew, check clocks.";
            return Err(ApiError::new(Code::StaleWebhook, detail));
        }
        if !self.secrets.iter().any(|secret| signed_by(secret, id, timestamp, body, signatures)) {
            let detail = "No v1 signature verifies with the server's secrets; sign `{id}.{timestamp}.{raw body}`.";
            return Err(ApiError::new(Code::InvalidSignature, detail));
        }
        Ok(Delivery { id })
    }
}

/// Whether one of the space-separated `signatures` is that of `secret`, compared in constant time.
fn signed_by(secret: &Webhook, id: &str, timestamp: i64, body: &[u8], signatures: &str) -> bool {
    // `Webhook::verify` reads the clock itself and subtracts without checking; `sign` is all that is needed of it.
    let Ok(expected) = secret.sign(id, timestamp, body) else { return false };
    signatures.split(' ').any(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
}

fn delivery_id(headers: &HeaderMap) -> Result<&str, ApiError> {
    let id = text(headers, HEADER_WEBHOOK_ID)?;
    if id.is_empty() || id.contains('.') || id.chars().count() > MAX_ID_CHARS {
        let detail = format!("webhook-id has 1 to {MAX_ID_CHARS} characters and no dot.");
        return Err(ApiError::new(Code::InvalidWebhookHeaders, detail));
    }
    Ok(id)
}

fn timestamp(headers: &HeaderMap) -> Result<i64, ApiError> {
    let timestamp = text(headers, HEADER_WEBHOOK_TIMESTAMP)?;
    let digits = timestamp.bytes().all(|b| b.is_ascii_digit());
    timestamp.parse().ok().filter(|_| digits).ok_or_else(|| {
        ApiError::new(Code::InvalidWebhookHeaders, "webhook-timestamp is the Unix time of this attempt in seconds.")
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, ApiError> {
    headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| {
        let detail = format!("The header {name} is missing or not ASCII; see https://www.standardwebhooks.com.");
        ApiError::new(Code::InvalidWebhookHeaders, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The specification's own example.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const TIMESTAMP: i64 = 1_649_367_553;
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    const OTHER_SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

    fn verifier(secrets: &[&str]) -> WebhookVerifier {
        WebhookVerifier::new(&secrets.iter().map(|&secret| secret.into()).collect::<Vec<_>>()).unwrap()
    }

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        [(HEADER_WEBHOOK_ID, id), (HEADER_WEBHOOK_TIMESTAMP, timestamp), (HEADER_WEBHOOK_SIGNATURE, signature)]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn verify(verifier: &WebhookVerifier, headers: &HeaderMap, body: &[u8], now: i64) -> Result<String, Code> {
        verifier.verify(headers, body, now).map(|delivery| delivery.id.to_owned()).map_err(|error| error.code())
    }

    fn example() -> HeaderMap {
        headers(ID, &TIMESTAMP.to_string(), SIGNATURE)
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        assert_eq!(verify(&verifier(&[SECRET]), &example(), BODY, TIMESTAMP), Ok(ID.to_owned()));
    }

    #[test]
    fn any_secret_and_any_signature_of_the_list_is_enough() {
        let rotated = verifier(&[OTHER_SECRET, SECRET]);
        assert!(verify(&rotated, &example(), BODY, TIMESTAMP).is_ok());
        let several = headers(ID, &TIMESTAMP.to_string(), &format!("v1a,x v1,AAAA {SIGNATURE}"));
        assert!(verify(&verifier(&[SECRET]), &several, BODY, TIMESTAMP).is_ok());
    }

    #[test]
    fn what_was_changed_does_not_verify() {
        let ours = verifier(&[SECRET]);
        let refused = Err(Code::InvalidSignature);
        assert_eq!(verify(&verifier(&[OTHER_SECRET]), &example(), BODY, TIMESTAMP), refused);
        assert_eq!(verify(&ours, &example(), b"{}", TIMESTAMP), refused);
        assert_eq!(verify(&ours, &example(), b"\xff", TIMESTAMP), refused);
        let stamp = TIMESTAMP.to_string();
        for changed in [
            headers("msg_other", &stamp, SIGNATURE),
            headers(ID, &(TIMESTAMP + 1).to_string(), SIGNATURE),
            headers(ID, &stamp, &SIGNATURE[..20]),
            headers(ID, &stamp, &SIGNATURE.replace("v1,", "v2,")),
            headers(ID, &stamp, ""),
            headers(ID, &stamp, "v1,"),
        ] {
            assert_eq!(verify(&ours, &changed, BODY, TIMESTAMP), refused, "{changed:?}");
        }
    }

    #[test]
    fn three_hundred_seconds_either_way_are_tolerated() {
        let ours = verifier(&[SECRET]);
        for (now, expected) in [
            (TIMESTAMP + 300, Ok(ID.to_owned())),
            (TIMESTAMP - 300, Ok(ID.to_owned())),
            (TIMESTAMP + 301, Err(Code::StaleWebhook)),
            (TIMESTAMP - 301, Err(Code::StaleWebhook)),
        ] {
            assert_eq!(verify(&ours, &example(), BODY, now), expected);
        }
    }

    #[test]
    fn missing_and_malformed_headers_are_named() {
        let ours = verifier(&[SECRET]);
        let refused = Err(Code::InvalidWebhookHeaders);
        for name in [HEADER_WEBHOOK_ID, HEADER_WEBHOOK_TIMESTAMP, HEADER_WEBHOOK_SIGNATURE] {
            let mut headers = example();
            headers.remove(name);
            assert_eq!(verify(&ours, &headers, BODY, TIMESTAMP), refused, "{name}");
        }
        let long = "x".repeat(201);
        for (id, stamp) in [("a.b", "1"), ("", "1"), (long.as_str(), "1")] {
            assert_eq!(verify(&ours, &headers(id, stamp, SIGNATURE), BODY, TIMESTAMP), refused, "{id}");
        }
        for stamp in ["", "now", "-9223372036854775808", "+1649367553", "1649367553.0", "99999999999999999999"] {
            assert_eq!(verify(&ours, &headers(ID, stamp, SIGNATURE), BODY, TIMESTAMP), refused, "{stamp}");
        }
    }

    #[test]
    fn without_a_secret_webhooks_are_refused() {
        assert_eq!(verify(&verifier(&[]), &example(), BODY, TIMESTAMP), Err(Code::WebhooksNotConfigured));
    }

    #[test]
    fn a_bad_secret_stops_the_start_and_is_not_printed() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for bad in ["whsec_not base64!", "", &short, &long] {
            let secrets = [SecretString::from(SECRET), SecretString::from(bad)];
            let error = WebhookVerifier::new(&secrets).err().unwrap();
            assert!(error.contains("secret 2"), "{error}");
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }
}
