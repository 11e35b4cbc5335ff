//! The one HTTP client toward issuers and platforms: capped bodies, no redirects, deadlines, no proxy from
//! the environment, and no connection to an address that is not public unless its origin was named.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, redirect};
use url::{Host, Url};

use super::blot::quote;
use super::{IssuerFault, deadline};
use crate::clock::{Clock, Timestamp};
use crate::{load, torture};

/// Larger than any honest answer, small enough to hold. Counted after decoding.
const BODY_CAP: usize = 256 * 1024;
/// Seconds. Who names more can hardly mean it.
const RETRY_AFTER_CAP: i64 = 3600;

/// Where we may go beyond public https.
#[derive(Clone, Debug)]
pub struct Egress {
    allow_origins: Arc<Vec<Url>>,
}

impl Egress {
    #[must_use]
    pub fn new(allow_origins: Vec<Url>) -> Self {
        Self { allow_origins: Arc::new(allow_origins) }
    }

    fn names(&self, url: &Url) -> bool {
        self.allow_origins.iter().any(|origin| origin.origin() == url.origin())
    }

    fn names_host(&self, host: &str) -> bool {
        self.allow_origins.iter().any(|origin| origin.host_str() == Some(host))
    }

    /// Judges scheme and literal addresses; names are judged after resolution, by the address that is dialled.
    fn judge(&self, url: &Url) -> Result<(), IssuerFault> {
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

/// A whole answer, read and capped.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
    /// Seconds, 1 to 3600, whether it was told as seconds or as a date. RFC 9110 section 10.2.3.
    pub retry_after: Option<i64>,
    /// What time it was there. RFC 9110 section 6.6.1.
    pub date: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    egress: Egress,
    clock: Clock,
    deadline: Duration,
}

impl Http {
    /// # Panics
    /// When the TLS library cannot be started: nothing can be asked of anybody then.
    #[must_use]
    pub fn new(egress: Egress, deadline: Duration, clock: Clock) -> Self {
        // Compressed answers are decoded all the same, though none is asked for: some servers compress whatever they send.
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let client = Client::builder()
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(deadline.min(Duration::from_secs(5)))
            .user_agent(torture::user_agent(concat!("attache/", env!("CARGO_PKG_VERSION"))))
            .dns_resolver(Arc::new(PublicOnly { egress: egress.clone() }))
            .build()
            .expect("the TLS library starts");
        Self { client, egress, clock, deadline }
    }

    /// # Errors
    /// When the URL is not one we go to.
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, IssuerFault> {
        self.egress.judge(url)?;
        Ok(self.client.request(method, url.clone()))
    }

    /// Sends, and reads the whole answer whatever its status. Meanwhile the request that this is done for takes no
    /// place: an issuer that hangs slows nobody else down.
    ///
    /// # Errors
    /// [`IssuerFault::Unavailable`] when nothing was sent, [`IssuerFault::Unanswered`] when no whole answer came,
    /// [`IssuerFault::Odd`] when it is too large.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, IssuerFault> {
        let _waiting = load::waiting();
        let late = || IssuerFault::Unanswered("no whole answer came in time".to_owned());
        deadline::within(self.deadline, self.exchange(request)).await.unwrap_or_else(|| Err(late()))
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, IssuerFault> {
        let mut response = request.send().await.map_err(|error| unavailable(&error))?;
        let status = response.status().as_u16();
        let header =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let content_type = header("content-type").unwrap_or_default();
        let date = header("date").and_then(|value| Timestamp::from_http_date(value.trim()));
        let now = date.unwrap_or_else(|| self.clock.now());
        let retry_after = header("retry-after").and_then(|value| retry_after(value.trim(), now));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unavailable(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_CAP {
                return Err(IssuerFault::Odd("the answer is larger than any honest one".to_owned()));
            }
        }
        Ok(Answer { status, content_type, body, retry_after, date })
    }

    /// GET, and the answer as JSON if its status is 200.
    ///
    /// # Errors
    /// As [`Http::send`], and for another status or a body that is not JSON.
    pub async fn get_json(&self, url: &Url) -> Result<serde_json::Value, IssuerFault> {
        let request = self.request(Method::GET, url)?.header("accept", "application/json");
        let answer = self.send(request).await?;
        // It may be of the issuer's own metadata.
        let path = quote(url.path(), &[]);
        if answer.status != 200 {
            let sentence = format!("{path} answered with status {}", answer.status);
            return Err(IssuerFault::Unavailable(sentence, answer.retry_after));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| IssuerFault::Odd(format!("{path} did not answer with JSON")))
    }
}

/// Seconds or a date, as the server's own clock has it. None for what is neither.
fn retry_after(value: &str, now: Timestamp) -> Option<i64> {
    let seconds = value.parse::<i64>().ok();
    let until = || Timestamp::from_http_date(value).map(|until| until.seconds_from(now));
    seconds.or_else(until).map(|seconds| seconds.clamp(1, RETRY_AFTER_CAP))
}

/// reqwest's own words may hold a URL with a query; ours hold none.
fn unavailable(error: &reqwest::Error) -> IssuerFault {
    if error.is_connect() {
        return IssuerFault::Unavailable("no connection could be made".to_owned(), None);
    }
    let sentence = if error.is_timeout() {
        "no whole answer came in time"
    } else {
        "the connection broke before the answer was whole"
    };
    IssuerFault::Unanswered(sentence.to_owned())
}

/// Resolves names, and leaves out every address that is not public unless the name was allowed.
struct PublicOnly {
    egress: Egress,
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
                return Err("the name has no public address".into());
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
    use super::{RETRY_AFTER_CAP, is_public, retry_after};
    use crate::clock::Timestamp;

    #[test]
    fn a_time_to_come_back_is_read_as_seconds_or_as_a_date_and_is_an_hour_at_most() {
        let now = Timestamp::from_http_date("Mon, 30 Nov 2026 12:00:00 GMT").expect("a date");
        let told = [
            ("120", Some(120)),
            ("Mon, 30 Nov 2026 12:02:00 GMT", Some(120)),
            ("Mon, 30 Nov 2026 11:00:00 GMT", Some(1)),
            ("0", Some(1)),
            ("86400", Some(RETRY_AFTER_CAP)),
            ("Tue, 01 Dec 2026 12:00:00 GMT", Some(RETRY_AFTER_CAP)),
            ("soon", None),
            ("", None),
        ];
        for (value, seconds) in told {
            assert_eq!(retry_after(value, now), seconds, "{value}");
        }
    }

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
