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
}

impl FromBrowser<'_> {
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
            let browser = FromBrowser { cookie: None, site, destination, origin };
            assert_eq!(browser.counts(OWN, true), reads, "{browser:?}, to read");
            assert_eq!(browser.counts(OWN, false), changes, "{browser:?}, to change");
        }
    }
}
