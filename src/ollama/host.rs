//! Where Ollama is: the forms that `OLLAMA_HOST` takes, read as Ollama's own command line reads them
//! (`envconfig/config.go`, `Host` and `ConnectableHost`).

use std::net::IpAddr;

use reqwest::Url;

/// Where Ollama listens when nobody says otherwise.
pub const DEFAULT_HOST: &str = "http://127.0.0.1:11434";

const DEFAULT_PORT: u16 = 11434;

/// Why a text does not say where Ollama is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Neither `host`, `host:port`, `:port` nor a URL. The text is not repeated: it may hold a password.
    #[error("OLLAMA_HOST is `host`, `host:port`, `:port` or a URL, for example {DEFAULT_HOST}: {0}")]
    Invalid(String),
    /// A URL of something that is not HTTP.
    #[error("OLLAMA_HOST is reached by http or https, not by `{0}`")]
    Scheme(String),
    /// No HTTP client can be made, for example because an `https` address is given and the system has no certificates.
    #[error("no HTTP client for Ollama: {0}")]
    Client(String),
}

/// The base URL, without a slash at its end, that a value of `OLLAMA_HOST` stands for: `host`, `host:port`, `:port`,
/// `http(s)://host[:port][/path]`. Nothing at all is [`DEFAULT_HOST`]; an address to listen on (`0.0.0.0`, `[::]`)
/// becomes the loopback address. Without a port it is 11434, but a URL has the port of its scheme (80, 443), as for
/// Ollama itself.
///
/// # Errors
/// [`HostError`] when the text is none of these.
pub fn parse_host(text: &str) -> Result<String, HostError> {
    // A value that was quoted in an environment file, as Ollama reads it too.
    let text = text.trim().trim_matches(['"', '\'']).trim();
    if text.is_empty() {
        return Ok(DEFAULT_HOST.to_owned());
    }
    let (scheme, rest, default_port) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest, None),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest, None),
        Some((scheme, _)) => return Err(HostError::Scheme(super::printable(scheme, 20))),
        None => ("http", text, Some(DEFAULT_PORT)),
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let authority = with_host(authority);
    let mut url =
        Url::parse(&format!("{scheme}://{authority}{path}")).map_err(|e| HostError::Invalid(e.to_string()))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(HostError::Invalid("it has no query and no fragment".to_owned()));
    }
    // `url` forgets a port that is its scheme's own, so the text is asked whether one was given.
    if let Some(port) = default_port
        && !has_port(&authority)
    {
        url.set_port(Some(port)).map_err(|()| HostError::Invalid("it has no port".to_owned()))?;
    }
    let loopback = match url.host_str().map(|host| host.trim_matches(['[', ']']).parse::<IpAddr>()) {
        Some(Ok(IpAddr::V4(address))) if address.is_unspecified() => Some("127.0.0.1"),
        Some(Ok(IpAddr::V6(address))) if address.is_unspecified() => Some("[::1]"),
        _ => None,
    };
    if let Some(loopback) = loopback {
        url.set_host(Some(loopback)).map_err(|e| HostError::Invalid(e.to_string()))?;
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The same authority with a host in it (`:8080` means this machine), an IPv6 address in brackets.
fn with_host(authority: &str) -> String {
    if authority.is_empty() || authority.starts_with(':') && authority.parse::<IpAddr>().is_err() {
        format!("127.0.0.1{authority}")
    } else if authority.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{authority}]")
    } else {
        authority.to_owned()
    }
}

fn has_port(authority: &str) -> bool {
    let after_address = authority.rsplit([']', '@']).next().unwrap_or(authority);
    after_address.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty())
}

/// The base URL as it may be shown and logged: without user name and password.
pub(super) fn without_credentials(base: &str) -> String {
    let Ok(mut url) = Url::parse(base) else { return String::new() };
    // These fail only for URLs that cannot have credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_ollama_host_are_read_as_ollama_reads_them() {
        for (text, expected) in [
            ("", "http://127.0.0.1:11434"),
            ("  ", "http://127.0.0.1:11434"),
            ("nas", "http://nas:11434"),
            ("nas.local:8080", "http://nas.local:8080"),
            ("nas:80", "http://nas"),
            (":8080", "http://127.0.0.1:8080"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:11435", "http://127.0.0.1:11435"),
            ("\"192.168.1.5\"", "http://192.168.1.5:11434"),
            ("::1", "http://[::1]:11434"),
            ("::", "http://[::1]:11434"),
            ("[::]:9000", "http://[::1]:9000"),
            ("[fe80::1]", "http://[fe80::1]:11434"),
            ("http://nas:11434/", "http://nas:11434"),
            ("http://nas", "http://nas"),
            ("https://llm.example.org", "https://llm.example.org"),
            ("https://llm.example.org/ollama/", "https://llm.example.org/ollama"),
            ("HTTP://0.0.0.0:11434", "http://127.0.0.1:11434"),
            ("http://:11434", "http://127.0.0.1:11434"),
            ("http://me:secret@nas:11434", "http://me:secret@nas:11434"),
        ] {
            assert_eq!(parse_host(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_refused_without_repeating_a_password() {
        for text in ["ftp://nas", "nas:port", "http://a b", "nas:99999", "http://me:secret@:x", "nas?x=1", "http://"] {
            match parse_host(text) {
                Ok(url) => assert_eq!((text, url.as_str()), ("http://", "http://127.0.0.1")),
                Err(error) => assert!(!error.to_string().contains("secret")),
            }
        }
        assert_eq!(without_credentials("http://me:secret@nas:11434"), "http://nas:11434");
    }
}
