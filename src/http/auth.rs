//! Who may ask: one API key for everything but health and signed webhooks.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    AppState,
    error::{ApiError, Code},
    webhooks::WebhookVerifier,
};

/// The keys of this server, checked. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    /// SHA-256 of the API key: digests are of one length, so that comparing them tells nothing of the key's.
    key_digest: Option<[u8; 32]>,
    webhooks: Arc<WebhookVerifier>,
}

impl Auth {
    /// Checks the keys. Without `api_key` everybody who reaches the port may ask; without `webhook_secrets` webhooks
    /// are refused.
    ///
    /// # Errors
    /// A sentence that names the setting and its mend.
    pub fn new(api_key: Option<&SecretString>, webhook_secrets: &[SecretString]) -> Result<Self, String> {
        if api_key.is_some_and(|key| key.expose_secret().trim().is_empty()) {
            return Err("MUSONYM_API_KEY is empty: set a key, or unset it".to_owned());
        }
        Ok(Self {
            key_digest: api_key.map(|key| Sha256::digest(key.expose_secret()).into()),
            webhooks: Arc::new(WebhookVerifier::new(webhook_secrets)?),
        })
    }

    /// What verifies webhooks.
    pub fn webhooks(&self) -> &WebhookVerifier {
        &self.webhooks
    }

    /// Whether these headers carry the API key, if there is one.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(expected) = &self.key_digest else { return true };
        given_key(headers).is_some_and(|given| {
            let given: [u8; 32] = Sha256::digest(given).into();
            given.ct_eq(expected).into()
        })
    }
}

/// The key of `X-API-Key`, else of `Authorization: Bearer`.
fn given_key(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(value) = headers.get("x-api-key") {
        return Some(value.as_bytes());
    }
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key.trim_ascii())
}

/// Middleware: refuses who has no key.
pub(super) async fn require_key(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if state.auth.admits(request.headers()) {
        return next.run(request).await;
    }
    let detail = "Send the key of MUSONYM_API_KEY as `Authorization: Bearer <key>` or `X-API-Key: <key>`.";
    ApiError::new(Code::Unauthorized, detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(auth: &Auth, name: &'static str, value: &str) -> bool {
        auth.admits(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]))
    }

    #[test]
    fn the_key_opens_as_bearer_and_as_header() {
        let auth = Auth::new(Some(&"s3cret".into()), &[]).unwrap();
        assert!(admits(&auth, "authorization", "Bearer s3cret"));
        assert!(admits(&auth, "authorization", "bearer  s3cret"));
        assert!(admits(&auth, "x-api-key", "s3cret"));
        for (name, value) in [
            ("authorization", "Bearer s3cre"),
            ("authorization", "Bearer s3cret2"),
            ("authorization", "Bearer "),
            ("authorization", "Bear"),
            ("authorization", "Basic s3cret"),
            ("x-api-key", ""),
            ("x-api-key", "S3CRET"),
            ("cookie", "s3cret"),
        ] {
            assert!(!admits(&auth, name, value), "{name}: {value}");
        }
    }

    #[test]
    fn without_a_key_everybody_may_ask() {
        assert!(Auth::new(None, &[]).unwrap().admits(&HeaderMap::new()));
    }

    #[test]
    fn an_empty_key_is_refused_at_start() {
        assert!(Auth::new(Some(&" ".into()), &[]).is_err());
    }
}
