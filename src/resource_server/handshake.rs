//! When somebody opens a page and its session token ran out: the way to `GET /v1/session/handshake` and back, one round and no more.
//! Pure. A nonce is kept in a cookie of the page's origin, so that nobody can make a link that signs others in as themselves.

use std::fmt::Write as _;

use super::from_browser::FromBrowser;

/// What comes back with the page's address: a session token, or the word below.
pub const RETURNED: &str = "__attache_handshake";
pub const SIGNED_OUT: &str = "signed_out";
/// The cookies of the page's origin: the session token, and that this browser had a session at all.
pub const TOKEN_COOKIE: &str = "attache_session";
pub const HINT_COOKIE: &str = "attache_client";
/// Holds the nonce on the way, and the word below for a moment after it.
pub const NONCE_COOKIE: &str = "attache_handshake";
const DONE: &str = "done";
/// Seconds that the way there and back may take.
const ON_THE_WAY: i64 = 120;
/// Seconds after which there may be another one. A browser that does not keep the cookie would go in a circle.
const PAUSE: i64 = 10;

/// A page that somebody opens, at the origin that the gate guards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    origin: &'a str,
    /// From `/` on, with its query as it was sent.
    target: &'a str,
}

/// Where the browser is sent, and the lines for `Set-Cookie` that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentOn {
    pub to: String,
    pub cookies: Vec<String>,
}

impl<'a> Opened<'a> {
    /// None where the request is no page that a person opens, or not at this origin. `targets` is all that is said of where it
    /// leads: a client may have written some of it.
    #[must_use]
    pub fn of(origin: &'a str, is_get: bool, targets: &[&'a str], browser: &FromBrowser<'_>) -> Option<Self> {
        let target = *targets.first()?;
        // Some parsers take a backslash for a slash, and two slashes for another host.
        let is_plain = target.starts_with('/')
            && !target.starts_with("//")
            && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_one = targets.iter().all(|other| *other == target);
        (is_get && browser.opens_a_page() && browser.is_at(origin) && is_plain && is_one)
            .then_some(Self { origin, target })
    }

    /// What came back with it.
    #[must_use]
    pub fn returned(&self) -> Option<&'a str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(RETURNED)?.strip_prefix('='))
    }

    /// To the broker, whose address for it this is. Two pages that open at once share the nonce. None a moment after the last
    /// round, and for a browser that had no session.
    #[must_use]
    pub fn away(&self, handshake: &str, browser: &FromBrowser<'_>, new_nonce: &str) -> Option<SentOn> {
        if browser.nonce == Some(DONE) || !(browser.has_hint || browser.cookie.is_some()) {
            return None;
        }
        let nonce = nonce(browser).unwrap_or(new_nonce);
        let mut to = format!("{handshake}?return_to=");
        to.extend(url::form_urlencoded::byte_serialize(self.clean().as_bytes()));
        let _ = write!(to, "&nonce={nonce}");
        let kept = self.cookie(NONCE_COOKIE, nonce, ON_THE_WAY, "; HttpOnly");
        Some(SentOn { to, cookies: vec![kept] })
    }

    /// To the page itself, with the token that came back.
    #[must_use]
    pub fn home(&self, token: &str, seconds: i64) -> SentOn {
        let kept = self.cookie(TOKEN_COOKIE, token, seconds.max(0), "");
        SentOn { to: self.clean(), cookies: vec![kept, self.done()] }
    }

    /// To the page itself, as a stranger.
    #[must_use]
    pub fn home_as_stranger(&self) -> SentOn {
        let cookies =
            vec![self.cookie(TOKEN_COOKIE, "", 0, ""), self.cookie(HINT_COOKIE, "", 0, ""), self.done()];
        SentOn { to: self.clean(), cookies }
    }

    /// To the page itself, with the cookies that it has: another tab was quicker.
    #[must_use]
    pub fn home_as_before(&self) -> SentOn {
        SentOn { to: self.clean(), cookies: Vec::new() }
    }

    fn done(&self) -> String {
        self.cookie(NONCE_COOKIE, DONE, PAUSE, "; HttpOnly")
    }

    /// The address without what came back. The rest stays as it was sent.
    fn clean(&self) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        let is_ours = |pair: &&str| pair.split('=').next() == Some(RETURNED);
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !is_ours(pair)).collect();
        let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        format!("{}{path}{query}", self.origin)
    }

    fn cookie(&self, name: &str, value: &str, seconds: i64, more: &str) -> String {
        let secure = if self.origin.starts_with("https:") { "; Secure" } else { "" };
        format!("{name}={value}; Max-Age={seconds}; Path=/; SameSite=Lax{secure}{more}")
    }
}

/// The nonce that this browser was sent away with.
#[must_use]
pub fn nonce<'a>(browser: &FromBrowser<'a>) -> Option<&'a str> {
    let is_one = |text: &&str| {
        *text != DONE
            && (16..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    browser.nonce.filter(is_one)
}

#[cfg(test)]
mod tests {
    use super::{FromBrowser, Opened};
    use crate::secret::Token;

    const OWN: &str = "https://app.example.com";
    const NONCE: &str = "abcdefghijklmnop";

    fn page() -> FromBrowser<'static> {
        FromBrowser { destination: Some("document"), has_hint: true, ..FromBrowser::default() }
    }

    #[test]
    fn only_a_page_that_somebody_opens_at_this_origin_is_sent_away() {
        let old = FromBrowser {
            has_hint: true,
            accepts_html: true,
            has_user_agent: true,
            ..FromBrowser::default()
        };
        let at = |scheme, host| FromBrowser { forwarded_scheme: scheme, forwarded_host: host, ..page() };
        let table: [(bool, &[&str], FromBrowser<'_>, bool); 17] = [
            (true, &["/a"], page(), true),
            (true, &["/a", "/a"], page(), true),
            (true, &["/a"], old, true),
            (true, &["/a"], at(Some("https"), Some("app.example.com")), true),
            (true, &["/a"], at(None, Some("app.example.com")), true),
            (false, &["/a"], page(), false),
            (true, &[], page(), false),
            (true, &["/a", "/b"], page(), false),
            (true, &["//evil.example/"], page(), false),
            (true, &["/\\evil.example/"], page(), false),
            (true, &["https://evil.example/"], page(), false),
            (true, &["/a b"], page(), false),
            (true, &["/a"], at(Some("http"), Some("app.example.com")), false),
            (true, &["/a"], at(Some("https"), Some("evil.example")), false),
            (true, &["/a"], FromBrowser { destination: Some("iframe"), ..page() }, false),
            (true, &["/a"], FromBrowser { destination: Some("empty"), accepts_html: true, ..page() }, false),
            (true, &["/a"], FromBrowser { destination: None, accepts_html: true, ..page() }, false),
        ];
        for (is_get, targets, browser, is_opened) in table {
            assert_eq!(
                Opened::of(OWN, is_get, targets, &browser).is_some(),
                is_opened,
                "{targets:?} {browser:?}"
            );
        }
    }

    #[test]
    fn it_goes_one_round_and_comes_back_to_the_same_address() {
        let target = "/a?b=c%20d&&e";
        let opened = Opened::of(OWN, true, &[target], &page()).expect("a page");
        let away =
            opened.away("https://attache.example.com/v1/session/handshake", &page(), NONCE).expect("a way");
        assert_eq!(
            away.to,
            "https://attache.example.com/v1/session/handshake?return_to=https%3A%2F%2Fapp.example.com%2Fa%3Fb%3Dc%2520d%26e\
             &nonce=abcdefghijklmnop"
        );
        assert_eq!(
            away.cookies,
            ["attache_handshake=abcdefghijklmnop; Max-Age=120; Path=/; SameSite=Lax; Secure; HttpOnly"]
        );
        let back = Opened::of(OWN, true, &["/a?b=c%20d&e&__attache_handshake=eyJ"], &page()).expect("a page");
        assert_eq!((opened.returned(), back.returned()), (None, Some("eyJ")));
        let home = back.home("eyJ", 59);
        assert_eq!(home.to, "https://app.example.com/a?b=c%20d&e");
        assert_eq!(home.cookies[0], "attache_session=eyJ; Max-Age=59; Path=/; SameSite=Lax; Secure");
        assert!(home.cookies[1].starts_with("attache_handshake=done; Max-Age=10;"));
        let done = FromBrowser { nonce: Some("done"), ..page() };
        assert_eq!(opened.away("https://attache.example.com/", &done, NONCE), None, "a moment ago");
    }

    #[test]
    fn who_had_no_session_is_not_sent_and_who_is_on_the_way_keeps_the_nonce() {
        let opened = Opened::of(OWN, true, &["/"], &page()).expect("a page");
        let stranger = FromBrowser { has_hint: false, ..page() };
        assert_eq!(opened.away("https://a.example/", &stranger, NONCE), None);
        let kept = FromBrowser { has_hint: false, cookie: Some(Token::new("old")), ..page() };
        assert!(opened.away("https://a.example/", &kept, NONCE).is_some());
        let under_way = FromBrowser { nonce: Some("ponmlkjihgfedcba"), ..page() };
        assert!(
            opened
                .away("https://a.example/", &under_way, NONCE)
                .expect("a way")
                .to
                .ends_with("ponmlkjihgfedcba")
        );
        for planted in ["short", "with space in the middle", "\"><script>alert(1)</script>"] {
            let planted = FromBrowser { nonce: Some(planted), ..page() };
            assert!(opened.away("https://a.example/", &planted, NONCE).expect("a way").to.ends_with(NONCE));
        }
    }
}
