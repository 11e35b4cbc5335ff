//! What a browser says of a request beside its bearer: a cookie, and which page made it. Pure. A browser sends a cookie along
//! with requests that other pages make, so it counts alone only where none did.

use crate::secret::Token;

#[derive(Debug, Default)]
pub struct FromBrowser<'a> {
    /// A session token that the platform's pages keep.
    pub cookie: Option<Token>,
    /// `Sec-Fetch-Site`, which no page can write.
    pub site: Option<&'a str>,
    /// `Sec-Fetch-Dest`.
    pub destination: Option<&'a str>,
    pub origin: Option<&'a str>,
    /// That this browser had a session.
    pub has_hint: bool,
    /// What it keeps while it is on the way to renew one; see [`super::handshake`].
    pub nonce: Option<&'a str>,
    /// `Accept` and `User-Agent`, for browsers of before.
    pub accepts_html: bool,
    pub has_user_agent: bool,
    /// `X-Forwarded-Host`, and `X-Forwarded-Proto` or `CloudFront-Forwarded-Proto`, of the proxy that asks.
    pub forwarded_host: Option<&'a str>,
    pub forwarded_scheme: Option<&'a str>,
}

impl FromBrowser<'_> {
    /// Whether a person opens a page, as far as anybody says.
    #[must_use]
    pub fn opens_a_page(&self) -> bool {
        match self.destination {
            Some(destination) => destination == "document",
            None => self.site.is_none() && self.accepts_html && self.has_user_agent,
        }
    }

    /// Whether nothing that the proxy says speaks against this origin.
    #[must_use]
    pub fn is_at(&self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        self.forwarded_host.is_none_or(|said| said.eq_ignore_ascii_case(host))
            && self.forwarded_scheme.is_none_or(|said| said.eq_ignore_ascii_case(scheme))
    }

    /// Whether the cookie counts by itself. `own` is the origin of the platform's pages.
    #[must_use]
    pub fn counts(&self, own: &str, is_safe: bool) -> bool {
        let is_own = match (self.site, self.origin) {
            (Some("same-origin"), origin) => origin.is_none_or(|origin| origin == own),
            (None | Some("none"), None) => is_safe,
            (None, Some(origin)) => origin == own,
            (Some(_), _) => false,
        };
        // Somebody followed a link.
        let is_page = is_safe && self.destination == Some("document");
        is_own || is_page
    }
}

#[cfg(test)]
mod tests {
    use super::FromBrowser;

    const OWN: &str = "https://app.example.com";
    const OTHER: &str = "https://evil.example";

    #[test]
    fn a_cookie_counts_where_no_other_page_made_the_request() {
        // (Sec-Fetch-Site, Sec-Fetch-Dest, Origin), whether it counts to read, and to change something.
        let table = [
            ((Some("same-origin"), Some("empty"), None), true, true),
            ((Some("same-origin"), Some("empty"), Some(OWN)), true, true),
            ((Some("same-origin"), Some("document"), None), true, true),
            ((Some("same-origin"), Some("empty"), Some(OTHER)), false, false),
            ((Some("none"), Some("document"), None), true, false),
            ((Some("none"), None, None), true, false),
            ((Some("same-site"), Some("empty"), Some("https://api.example.com")), false, false),
            ((Some("same-site"), Some("document"), None), true, false),
            ((Some("same-site"), Some("image"), None), false, false),
            ((Some("cross-site"), Some("document"), None), true, false),
            ((Some("cross-site"), Some("document"), Some(OTHER)), true, false),
            ((Some("cross-site"), Some("iframe"), None), false, false),
            ((Some("cross-site"), Some("empty"), Some(OWN)), false, false),
            ((Some("cross-site"), Some("empty"), Some("null")), false, false),
            // Browsers of before send no Sec-Fetch headers.
            ((None, None, None), true, false),
            ((None, None, Some(OWN)), true, true),
            ((None, None, Some(OTHER)), false, false),
            ((None, None, Some("null")), false, false),
        ];
        for ((site, destination, origin), reads, changes) in table {
            let browser = FromBrowser { site, destination, origin, ..FromBrowser::default() };
            assert_eq!(browser.counts(OWN, true), reads, "{browser:?}, to read");
            assert_eq!(browser.counts(OWN, false), changes, "{browser:?}, to change");
        }
    }
}
