//! Which pages may ask with somebody's cookie, and read the answer: our own, and those of the origins that the operator named
//! (CORS, Fetch standard section 3.2, with credentials). Knows nobody.
//!
//! Browsers send the cookie to us from pages of our site only (`SameSite=Lax`), so a page elsewhere would never be signed in.
//! It is told why.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Broker;
use crate::dialect::cross_origin::{MAX_AGE, is_preflight};
use crate::dialect::v1;
use crate::error::Error;

/// The origin of the page that asks, which may.
#[derive(Clone, Debug)]
pub struct AskingOrigin(pub String);

/// Lets pages of ours and of the platform through; tells others why not. What they may read of it, the edge says.
pub async fn judge(State(broker): State<Broker>, mut request: Request, next: Next) -> Response {
    match asking_of(&broker, request.headers()) {
        Err(error) => v1::refuse(error),
        Ok(_) if is_preflight(request.method(), request.headers()) => preflight(),
        Ok(asking) => {
            request.extensions_mut().insert(asking);
            next.run(request).await
        }
    }
}

/// The origin of the page that asks, where it is another than ours and may ask.
#[must_use]
pub fn allowed(broker: &Broker, headers: &HeaderMap) -> Option<HeaderValue> {
    let AskingOrigin(origin) = asking_of(broker, headers).ok()?;
    HeaderValue::from_str(&origin).ok().filter(|_| origin != broker.config.public_url.origin_text())
}

fn asking_of(broker: &Broker, headers: &HeaderMap) -> Result<AskingOrigin, Error> {
    let allows = |origin: &str| broker.config.session_tokens.allows(origin);
    asking(&broker.config.public_url.origin_text(), allows, headers)
}

/// `Origin` says which page it is, and browsers let no page write it. Some leave it out where a page reads from its own origin;
/// `Sec-Fetch-Site` says so then.
fn asking(own: &str, allows: impl Fn(&str) -> bool, headers: &HeaderMap) -> Result<AskingOrigin, Error> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = text("sec-fetch-site");
    let origin = match text("origin") {
        Some(origin) => origin,
        None if site == Some("same-origin") => own,
        None => return Err(Error::OriginNotAllowed(FROM_PAGES)),
    };
    let is_own = origin == own;
    if !is_own && !allows(origin) {
        return Err(Error::OriginNotAllowed(NOT_LISTED));
    }
    match site {
        Some("cross-site") => Err(Error::OriginNotAllowed(OTHER_SITE)),
        Some("same-site") if is_own => Err(Error::OriginNotAllowed(FROM_PAGES)),
        _ => Ok(AskingOrigin(origin.to_owned())),
    }
}

pub const FROM_PAGES: &str = "Only a page in a browser may ask this, by the cookie of whoever is signed in there. A backend asks \
    with an API key.";
const NOT_LISTED: &str =
    "Pages of this origin may not ask here. The operator lists it in `session_tokens.allowed_origins`.";
const OTHER_SITE: &str = "This page is of another site than Attaché, so browsers send no cookie along. Serve Attaché on a host \
    of the page's own site.";

/// With credentials `*` would be the name of a header.
fn preflight() -> Response {
    let told = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Traceparent, Tracestate"),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, told).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::asking;

    const OWN: &str = "https://attache.example.com";
    const LISTED: &str = "https://app.example.com";

    fn judged(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = headers.iter().map(pair).collect();
        asking(OWN, |origin| origin == LISTED, &headers).ok().map(|asking| asking.0)
    }

    #[test]
    fn only_our_own_pages_and_those_of_listed_origins_may_ask() {
        let allowed: [(&[_], _); 5] = [
            (&[("origin", OWN), ("sec-fetch-site", "same-origin")], OWN),
            (&[("origin", OWN)], OWN),
            (&[("sec-fetch-site", "same-origin")], OWN),
            (&[("origin", LISTED), ("sec-fetch-site", "same-site")], LISTED),
            (&[("origin", LISTED)], LISTED),
        ];
        for (headers, origin) in allowed {
            assert_eq!(judged(headers).as_deref(), Some(origin), "{headers:?}");
        }
        for origin in [
            "null",
            "",
            "https://app.example.com.evil.example",
            "https://evil-app.example.com",
            "https://app.example.com:8443",
            "http://app.example.com",
            "https://APP.example.com",
            "https://app.example.com/",
        ] {
            assert_eq!(judged(&[("origin", origin)]), None, "{origin}");
            assert_eq!(judged(&[("origin", origin), ("sec-fetch-site", "same-origin")]), None, "{origin}");
        }
        let refused: [&[_]; 6] = [
            &[],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("origin", LISTED), ("sec-fetch-site", "cross-site")],
            &[("origin", OWN), ("sec-fetch-site", "same-site")],
        ];
        for headers in refused {
            assert_eq!(judged(headers), None, "{headers:?}");
        }
    }
}
