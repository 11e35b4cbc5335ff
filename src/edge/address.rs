//! Whose address a request comes from: the peer's, or what a trusted proxy says of it. Counts nothing; nothing here
//! decides who somebody is.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use serde::Deserialize;

use crate::Broker;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection. The server puts it into each request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// A client's address, as far as clients can be told apart by it: an IPv6 host has a whole /64 to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

/// Addresses in one prefix: `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Prefix(IpNet);

impl TryFrom<String> for Prefix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let alone = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        match alone.or_else(|_| text.parse::<IpNet>()) {
            Ok(everybody) if everybody.prefix_len() == 0 => {
                Err("trusts everybody, so that anybody could write any address; name the proxy's own")
            }
            Ok(prefix) => Ok(Self(prefix)),
            Err(_) => Err("must be an IP address or a prefix such as 10.0.0.0/8"),
        }
    }
}

impl Prefix {
    #[must_use]
    pub fn holds(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Address {
    /// The /48 of an IPv6 address.
    #[must_use]
    pub fn site(self) -> Option<Self> {
        match self.0 {
            IpAddr::V6(network) => Some(Self(IpAddr::V6(Ipv6Addr::from_bits(network.to_bits() >> 80 << 80)))),
            IpAddr::V4(_) => None,
        }
    }

    /// The peer's own, unless the peer is a trusted proxy: then the rightmost address of `X-Forwarded-For`, or of
    /// `Forwarded` (RFC 7239) where there is no other, that is not a trusted proxy's. What stands further left, a
    /// client may have written itself. A text that cannot be read ends the search: the last address that was
    /// vouched for counts.
    #[must_use]
    pub fn of(peer: Peer, headers: &HeaderMap, trusted: &[Prefix]) -> Self {
        let mut nearest = peer.0.ip().to_canonical();
        let trusts = |address: IpAddr| trusted.iter().any(|prefix| prefix.holds(address));
        if !trusts(nearest) {
            return nearest.into();
        }
        let forwarded_for = headers.contains_key(X_FORWARDED_FOR);
        let name = if forwarded_for { X_FORWARDED_FOR } else { header::FORWARDED };
        let lines = headers.get_all(name).iter().rev();
        for line in lines {
            // A quoted comma would be no part of an address.
            let elements = line.to_str().unwrap_or("unreadable").rsplit(',');
            for element in elements {
                let said = if forwarded_for { Some(element) } else { node(element) };
                let Some(address) = said.and_then(without_port) else { return nearest.into() };
                nearest = address;
                if !trusts(nearest) {
                    return nearest.into();
                }
            }
        }
        nearest.into()
    }
}

impl FromRequestParts<Broker> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>().copied().unwrap_or(NOBODY);
        Ok(Self::of(peer, &parts.headers, &broker.config.listen.trusted_proxies))
    }
}

/// For requests that came over no connection.
pub const NOBODY: Peer = Peer(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0));

/// `for=` of one element of `Forwarded`.
fn node(element: &str) -> Option<&str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = named.next()?;
    let value = value.trim();
    Some(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn without_port(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let address = text.parse::<IpAddr>().ok().or_else(bracketed);
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        let trusted = ["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"];
        let trusted = trusted.map(|text| Prefix::try_from(text.to_owned()).expect("a prefix"));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let peer = Peer(SocketAddr::new(peer.parse().expect("an address"), 1));
        Address::of(peer, &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let said = [("x-forwarded-for", "203.0.113.9")];
        assert_eq!(of("198.51.100.1", &said), "198.51.100.1");
        assert_eq!(of("10.1.2.3", &said), "203.0.113.9");
        assert_eq!(of("::ffff:10.1.2.3", &said), "203.0.113.9");
        assert_eq!(of("192.0.2.7", &said), "203.0.113.9");
        assert_eq!(of("192.0.2.8", &said), "192.0.2.8");
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_of_ours_counts() {
        let chain =
            [("x-forwarded-for", "6.6.6.6, 203.0.113.9 , 10.9.9.9"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(of("10.1.2.3", &chain), "203.0.113.9");
        assert_eq!(of("10.1.2.3", &[("x-forwarded-for", "10.5.5.5")]), "10.5.5.5");
        assert_eq!(of("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn rfc_7239_is_read_where_it_is_alone() {
        let forwarded = [("forwarded", "for=6.6.6.6, proto=https;For=\"[2001:db8:2::1]:4711\";by=10.0.0.1")];
        assert_eq!(of("10.1.2.3", &forwarded), "2001:db8:2::");
        let both = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "203.0.113.9:80")];
        assert_eq!(of("10.1.2.3", &both), "203.0.113.9");
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        for text in ["", "unknown", "_hidden", "203.0.113.9 203.0.113.8", "for=203.0.113.9", "203.0.113.9, x"]
        {
            assert_eq!(of("10.1.2.3", &[("x-forwarded-for", text)]), "10.1.2.3", "{text}");
        }
        for text in ["", "for=unknown", "203.0.113.9", "for=\"203.0.113.9", "by=203.0.113.9"] {
            assert_eq!(of("10.1.2.3", &[("forwarded", text)]), "10.1.2.3", "{text}");
        }
        // The proxy's own word stands, whatever was written before it.
        assert_eq!(of("10.1.2.3", &[("x-forwarded-for", "x, 203.0.113.9")]), "203.0.113.9");
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        assert_eq!(of("2001:db8:2:3:4:5:6:7", &[]), of("2001:db8:2:3::1", &[]));
        assert_ne!(of("2001:db8:2:3::1", &[]), of("2001:db8:2:4::1", &[]));
    }

    #[test]
    fn what_one_site_has_is_a_48() {
        let site = |text: &str| Address::from(text.parse::<IpAddr>().expect("an address")).site();
        assert_eq!(site("2001:db8:2:3::1"), site("2001:db8:2:ffff::1"));
        assert_ne!(site("2001:db8:2::1"), site("2001:db8:3::1"));
        assert_eq!((site("203.0.113.9"), site("::ffff:203.0.113.9")), (None, None));
    }
}
