//! The one HTTP client toward issuers and platforms: capped bodies, no redirects, deadlines, no proxy from
//! the environment, and no connection to where [`super::egress`] does not let us go.

use std::error::Error as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request, RequestBuilder, redirect};
use url::Url;

use super::deadline;
use super::egress::{Egress, PublicOnly, why_unreached};
use super::fault::IssuerFault;
use super::redact::quote;
use crate::clock::{Clock, Timestamp};
use crate::{load, torture};

/// Larger than any honest answer, small enough to hold. Counted after decoding.
const BODY_CAP: usize = 256 * 1024;
/// For how long a connection that nobody uses is kept. Many servers close theirs after five seconds (Node.js), and a request that
/// meets the close is lost: a code or a refresh token must not be sent twice.
const IDLE: Duration = Duration::from_secs(4);
/// Seconds. Who names more can hardly mean it.
const RETRY_AFTER_CAP: i64 = 3600;

/// A whole answer, read and capped.
pub struct Response {
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
    /// What may become another one while the server runs.
    way: Arc<RwLock<(Client, Egress)>>,
    clock: Clock,
    deadline: Duration,
}

impl Http {
    /// # Errors
    /// A sentence for the operator: this machine has no certificates by which an issuer could be known.
    pub fn new(egress: Egress, deadline: Duration, clock: Clock) -> Result<Self, String> {
        // Compressed answers are decoded all the same, though none is asked for: some servers compress whatever they send.
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let client = Client::builder()
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(deadline.min(Duration::from_secs(5)))
            .pool_idle_timeout(IDLE)
            .user_agent(torture::user_agent(concat!("attache/", env!("CARGO_PKG_VERSION"))))
            .tls_certs_merge(egress.authorities())
            .dns_resolver(Arc::new(PublicOnly::new(egress.clone())));
        let client = egress.proxies().into_iter().fold(client, reqwest::ClientBuilder::proxy);
        let client = client.build().map_err(|error| {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            format!(
                "outbound: this machine has no certificates by which issuers are known ({cause}). Install them (on Debian \
                 the package ca-certificates), or name a file of them in outbound.ca_file"
            )
        })?;
        Ok(Self { way: Arc::new(RwLock::new((client, egress))), clock, deadline })
    }

    /// # Errors
    /// When the URL is not one we go to.
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, IssuerFault> {
        let way = self.way.read().unwrap_or_else(PoisonError::into_inner);
        let (client, egress) = &*way;
        egress.judge(url)?;
        Ok(client.request(method, url.clone()))
    }

    /// New calls go the way of another one; those that are under way end as they began.
    pub fn become_like(&self, other: &Self) {
        let way = other.way.read().unwrap_or_else(PoisonError::into_inner).clone();
        *self.way.write().unwrap_or_else(PoisonError::into_inner) = way;
    }

    /// Sends, and reads the whole answer whatever its status. Meanwhile the request that this is done for takes no
    /// place: an issuer that hangs slows nobody else down, and of those who need it only so many wait.
    ///
    /// # Errors
    /// [`IssuerFault::Unavailable`] when nothing was sent, [`IssuerFault::Unanswered`] when no whole answer came,
    /// [`IssuerFault::Odd`] when it is too large.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, IssuerFault> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| unavailable(&error))?;
        let _waiting = load::waiting_for(&request.url().origin().ascii_serialization())?;
        let late = || IssuerFault::Unanswered("no whole answer came in time".to_owned());
        deadline::within(self.deadline, self.exchange(&client, request)).await.unwrap_or_else(|| Err(late()))
    }

    async fn exchange(&self, client: &Client, request: Request) -> Result<Response, IssuerFault> {
        let mut response = client.execute(request).await.map_err(|error| unavailable(&error))?;
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
        Ok(Response { status, content_type, body, retry_after, date })
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
        let why = why_unreached(error);
        return IssuerFault::Unavailable(format!("no connection could be made: {why}"), None);
    }
    let sentence = if error.is_timeout() {
        "no whole answer came in time"
    } else {
        "the connection broke before the answer was whole"
    };
    IssuerFault::Unanswered(sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{RETRY_AFTER_CAP, retry_after};
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
}
