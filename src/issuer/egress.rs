//! Where our calls may go, and by which way. They go to public https addresses and the origins that were named. They
//! believe the system's authorities and those that were added, and take a proxy if there is no other way out. Through a proxy the address that is
//! judged is the proxy's own: it looks names up itself, and what it leads to is for it to say. Says why a connection could
//! not be made; makes none.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::{fmt, io};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Proxy};
use url::{Host, Url};

use super::fault::IssuerFault;

/// Where we may go beyond public https.
#[derive(Clone, Debug)]
pub struct Egress {
    allow_origins: Arc<Vec<Url>>,
    /// Beside the system's.
    authorities: Vec<Certificate>,
    proxy: Option<Way>,
}

/// A proxy that leads out (HTTP CONNECT), and to whom we go without it.
#[derive(Clone)]
pub struct Way {
    pub proxy: Proxy,
    pub host: String,
}

impl fmt::Debug for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy may hold a password.
        formatter.write_str(&self.host)
    }
}

impl Egress {
    #[must_use]
    pub fn new(allow_origins: Vec<Url>) -> Self {
        Self { allow_origins: Arc::new(allow_origins), authorities: Vec::new(), proxy: None }
    }

    /// As the configuration has it.
    #[must_use]
    pub fn with(mut self, authorities: Vec<Certificate>, proxy: Option<Way>) -> Self {
        self.authorities = authorities;
        self.proxy = proxy;
        self
    }

    pub(super) fn authorities(&self) -> Vec<Certificate> {
        self.authorities.clone()
    }

    pub(super) fn proxies(&self) -> Option<Proxy> {
        self.proxy.as_ref().map(|way| way.proxy.clone())
    }

    fn names(&self, url: &Url) -> bool {
        self.allow_origins.iter().any(|origin| origin.origin() == url.origin())
    }

    fn names_host(&self, host: &str) -> bool {
        let is_proxy = self.proxy.as_ref().is_some_and(|way| way.host == host);
        is_proxy || self.allow_origins.iter().any(|origin| origin.host_str() == Some(host))
    }

    /// Judges scheme and literal addresses; names are judged after resolution, by the address that is dialled.
    pub(super) fn judge(&self, url: &Url) -> Result<(), IssuerFault> {
        if self.names(url) {
            return Ok(());
        }
        let public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if url.scheme() == "https" && public && url.username().is_empty() {
            return Ok(());
        }
        let origin = url.origin().ascii_serialization();
        Err(IssuerFault::Odd(format!(
            "{origin} is not a public https address, nor in outbound.allow_origins"
        )))
    }
}

/// Resolves names, and leaves out every address that is not public unless the name was allowed.
pub(super) struct PublicOnly {
    egress: Egress,
}

impl PublicOnly {
    pub(super) const fn new(egress: Egress) -> Self {
        Self { egress }
    }
}

/// The name has addresses, and none of them is public.
#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
struct NotPublic;

/// Which of name, port, certificate, private address or proxy it was that kept a connection from being made. In our own
/// words: those of the libraries may hold a URL.
pub(super) fn why_unreached(error: &(dyn Error + 'static)) -> &'static str {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<NotPublic>() {
            return "its name leads to a private address; name its origin in outbound.allow_origins if that is meant";
        }
        let words = error.to_string();
        if words.contains("certificate") {
            return if words.contains("UnknownIssuer") {
                "its certificate is signed by an authority that is not known here; outbound.ca_file can name it"
            } else if words.contains("Expired") || words.contains("expired") {
                "its certificate has run out"
            } else if words.contains("NotValidForName") || words.contains("not valid for name") {
                "its certificate is for another name"
            } else {
                "its certificate is not accepted"
            };
        }
        if words.contains("failed to lookup address") {
            return "its name is not found";
        }
        if words.contains("tunnel") {
            return "the proxy of outbound.proxy does not lead there";
        }
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                return "nothing listens at its port (connection refused)";
            }
            Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
                return "there is no way to its address";
            }
            Some(io::ErrorKind::TimedOut) => return "its address did not answer in time",
            Some(io::ErrorKind::InvalidData) => return "it does not speak TLS as it should",
            _ => {}
        }
        next = error.source();
    }
    "its address did not answer in time"
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.egress.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let resolved = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed = egress.names_host(&host);
            let addresses: Vec<SocketAddr> =
                resolved.filter(|address| allowed || is_public(address.ip())).collect();
            if addresses.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is on the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => is_public_v4(embedded),
            // Only global unicast, 2000::/3, without documentation 2001:db8::/32.
            None => address.segments()[0] & 0xe000 == 0x2000 && address.segments()[..2] != [0x2001, 0xdb8],
        },
    }
}

/// IPv4 inside IPv6: mapped, compatible, NAT64 and 6to4 all lead to the IPv4 address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let low = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, h, l] | [0x64, 0xff9b, 0, 0, 0, 0, h, l] | [0x2002, h, l, ..] => {
            Some(low(h, l))
        }
        _ => None,
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && b & 0xc0 == 64;
    let benchmarking = a == 198 && b & 0xfe == 18;
    let protocol = a == 192 && b == 0 && c == 0;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || shared
        || benchmarking
        || protocol
        || a == 0
        || a >= 240)
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn addresses_that_are_not_public_are_known_in_every_spelling() {
        let private = [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "ff02::1",
            "2001:db8::1",
        ];
        for address in private {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
    }
}
