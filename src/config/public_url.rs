//! `public_url`: where browsers and callers reach us. An origin of our own, or a path of the app's origin, behind which the
//! app's proxy passes everything on to us. Judges itself; every address of ours is made here.

use std::fmt::{self, Display};
use std::ops::Deref;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::app::rules;

/// Ends with a slash, so that what is ours begins with it.
#[derive(Clone, Debug)]
pub struct PublicUrl {
    url: Url,
    /// What is wrong with the text that it was read from. A `Url` has tidied that up already.
    problem: Option<&'static str>,
}

const SHAPE: &str = "must be an origin such as https://attache.example.com, or a path of one such as \
    https://app.example.com/.attache/, without query or fragment";
const PATH: &str = "has a path that proxies and browsers may read in two ways; write it by letters, digits, `.`, `-`, `_` and `~` \
    between single slashes, such as https://app.example.com/.attache/";
const PLAIN: &str = "must be https, because cookies and codes travel over it";

impl TryFrom<String> for PublicUrl {
    type Error = url::ParseError;

    fn try_from(text: String) -> Result<Self, url::ParseError> {
        let mut url = Url::parse(&text)?;
        let problem = problem(&text, &url);
        if !url.cannot_be_a_base() && !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self { url, problem })
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Deref for PublicUrl {
    type Target = Url;

    fn deref(&self) -> &Url {
        &self.url
    }
}

impl Display for PublicUrl {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(to)
    }
}

impl PublicUrl {
    pub(super) const fn problem(&self) -> Option<&'static str> {
        self.problem
    }

    /// An address of ours. Inside, every path counts from here.
    #[must_use]
    pub fn at(&self, path_and_query: &str) -> Url {
        let inside = path_and_query.trim_start_matches('/');
        self.url.join(&format!("./{inside}")).unwrap_or_else(|_| self.url.clone())
    }

    /// The path that we live behind, without a slash at its end; None where the origin is our own.
    #[must_use]
    pub fn behind(&self) -> Option<&str> {
        Some(self.url.path().trim_end_matches('/')).filter(|path| !path.is_empty())
    }

    /// As browsers write it. Behind a path, the app's pages have the same.
    #[must_use]
    pub fn origin_text(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Our issuer identifier (RFC 8414 section 2): the whole, without a slash at its end.
    #[must_use]
    pub fn identifier(&self) -> String {
        format!("{}{}", self.origin_text(), self.behind().unwrap_or_default())
    }
}

fn problem(text: &str, url: &Url) -> Option<&'static str> {
    let bare = url.username().is_empty() && url.password().is_none();
    if !rules::is_web(url) || !bare || url.query().is_some() || url.fragment().is_some() {
        return Some(SHAPE);
    }
    if url.scheme() == "http" && !rules::is_loopback(url) {
        return Some(PLAIN);
    }
    let Some((_, rest)) = text.split_once("://") else { return Some(SHAPE) };
    let path = rest.find(['/', '\\']).map_or("", |begin| &rest[begin..]);
    let inside = path.strip_prefix('/').unwrap_or(path);
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    let is_plain = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte))
    };
    (!matches!(path, "" | "/") && !inside.split('/').all(is_plain)).then_some(PATH)
}

#[cfg(test)]
mod tests {
    use super::PublicUrl;

    fn read(text: &str) -> PublicUrl {
        PublicUrl::try_from(text.to_owned()).expect("a URL")
    }

    #[test]
    fn every_address_of_ours_begins_with_it() {
        let own = read("https://attache.example.com");
        assert_eq!(own.at("/sign-in?a=b").as_str(), "https://attache.example.com/sign-in?a=b");
        assert_eq!((own.behind(), own.identifier().as_str()), (None, "https://attache.example.com"));
        for text in ["https://app.example.com/.attache", "https://app.example.com/.attache/"] {
            let behind = read(text);
            assert_eq!(behind.problem(), None);
            assert_eq!(behind.behind(), Some("/.attache"));
            assert_eq!(behind.identifier(), "https://app.example.com/.attache");
            assert_eq!(behind.origin_text(), "https://app.example.com");
            for (path, address) in [
                ("/", "https://app.example.com/.attache/"),
                ("/connect/a?b=/c", "https://app.example.com/.attache/connect/a?b=/c"),
                ("//elsewhere.example/", "https://app.example.com/.attache/elsewhere.example/"),
            ] {
                assert_eq!(behind.at(path).as_str(), address);
            }
        }
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_refused() {
        for path in [
            "//",
            "/a//b",
            "/a//",
            "/../a",
            "/a/..",
            "/./a",
            "/%2e%2e/a",
            "/a%2fb",
            "/a%20b",
            "/a b",
            "/ä",
            "/a\\b",
            "/a;b",
            "/a?b",
            "/a#b",
            "\\a",
            "/a:b",
            "/a\"b",
        ] {
            assert!(read(&format!("https://app.example.com{path}")).problem().is_some(), "{path}");
        }
        for text in [
            "http://app.example.com/a",
            "https://user@app.example.com/",
            "ftp://app.example.com/",
            "mailto:a@b.example",
        ] {
            assert!(read(text).problem().is_some(), "{text}");
        }
        for good in [
            "https://a.example",
            "https://a.example/",
            "https://a.example/a/b-c_d~e.f",
            "http://127.0.0.1:8080/a/",
        ] {
            assert_eq!(read(good).problem(), None, "{good}");
        }
    }
}
