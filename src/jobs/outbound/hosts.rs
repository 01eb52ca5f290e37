//! Where a subscriber's name may lead. A name of the internet that one day resolves to an address of this network would carry signed
//! news to a neighbour who was never meant: such an answer is not used, unless the configuration names the host.

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Ends of names that are private by what they are.
const PRIVATE_ENDS: [&str; 7] = [".local", ".lan", ".home", ".home.arpa", ".internal", ".localhost", ".localdomain"];

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Resolves names as the system does, and leaves out what they must not lead to.
pub(super) struct GuardedResolver {
    /// Hosts that may be in this network, in lower case.
    allowed: Arc<HashSet<String>>,
}

impl GuardedResolver {
    /// With these hosts that may be in this network, too.
    pub(super) fn new(allowed: &[String]) -> Self {
        Self { allowed: Arc::new(allowed.iter().map(|host| host.to_ascii_lowercase()).collect()) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let may_be_private = is_private_name(&host) || allowed.contains(&host);
            let addresses: Addrs = Box::new(usable(&host, found, may_be_private)?.into_iter());
            Ok::<Addrs, BoxError>(addresses)
        })
    }
}

/// The addresses of a host that may be used.
fn usable(host: &str, mut found: Vec<SocketAddr>, may_be_private: bool) -> io::Result<Vec<SocketAddr>> {
    let any = !found.is_empty();
    if !may_be_private {
        found.retain(|address| !is_private(address.ip()));
    }
    if any && found.is_empty() {
        let text = format!("{host} leads into a private network: name it in webhooks.allowed_hosts if that is meant");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(found)
}

/// Whether a name says by itself that it is one of this network: without a dot, or with an end that the internet does not have.
fn is_private_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    !host.contains('.') || PRIVATE_ENDS.iter().any(|end| host.ends_with(end))
}

/// Whether an address is of this machine or this network.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
                || is_shared(address)
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
        }
    }
}

/// 100.64.0.0/10, behind the translation of a provider (RFC 6598) and in overlay networks.
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && (64..128).contains(&second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn a_name_of_the_internet_does_not_lead_into_this_network() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.9",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            let refused = usable("library.example", addresses(&[private]), false).unwrap_err();
            assert!(refused.to_string().contains("webhooks.allowed_hosts"), "{refused}");
            assert_eq!(usable("library.example", addresses(&[private]), true).unwrap().len(), 1);
        }
        let mixed = usable("library.example", addresses(&["10.0.0.1", "198.51.100.7", "2001:db8::7"]), false).unwrap();
        assert_eq!(mixed, addresses(&["198.51.100.7", "2001:db8::7"]));
        assert!(usable("nowhere.example", Vec::new(), false).unwrap().is_empty());
    }

    #[test]
    fn names_of_this_network_say_so() {
        for private in ["localhost", "app", "music.local", "nas.home.arpa", "hooks.internal."] {
            assert!(is_private_name(private), "{private}");
        }
        for public in ["library.example", "local.example", "notlocal.lan.example"] {
            assert!(!is_private_name(public), "{public}");
        }
    }
}
