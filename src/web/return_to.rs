//! Where a person may be sent after signing in: a path of ours, or a page of the platform, and nowhere else.

use url::Url;

use crate::config::Config;

const LONGEST: usize = 2048;
/// Where a person goes who wanted nothing in particular: the Connected apps page.
pub const USUAL: &str = "/account/connected-apps";

/// The path if it is one of ours, else the usual one.
#[must_use]
pub fn parse(public_url: &Url, text: Option<&str>) -> String {
    let Some(text) = text else { return USUAL.to_owned() };
    let plain = text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.starts_with('/')
        && !text.starts_with("//")
        // Browsers take a backslash for a slash, also when it arrives encoded and is decoded on the way.
        && !text.contains('\\')
        && !text.to_ascii_lowercase().contains("%5c");
    if !plain {
        return USUAL.to_owned();
    }
    // What a browser would make of it must be ours.
    match public_url.join(text) {
        Ok(url) if url.origin() == public_url.origin() && !url.path().starts_with("//") => {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}{query}", url.path())
        }
        _ => USUAL.to_owned(),
    }
}

/// Where a link to sign in leads: also to pages of the origins that may ask for session tokens.
#[must_use]
pub fn of_link(config: &Config, text: Option<&str>) -> String {
    text.and_then(|text| platform_page(config, text))
        .map_or_else(|| parse(&config.public_url, text), String::from)
}

/// A page of an origin that may ask for session tokens.
#[must_use]
pub fn platform_page(config: &Config, text: &str) -> Option<Url> {
    page_of(text, |origin| config.session_tokens.allows(origin))
}

fn page_of(text: &str, allows: impl Fn(&str) -> bool) -> Option<Url> {
    // Some parsers read a backslash, a tab or a space otherwise than others.
    let plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let url = Url::parse(text).ok().filter(|_| plain)?;
    let is_bare = url.username().is_empty() && url.password().is_none();
    (is_bare && allows(&url.origin().ascii_serialization())).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::{page_of, parse};

    #[test]
    fn only_pages_of_allowed_origins_are_gone_on_to() {
        let page = |text: &str| page_of(text, |origin| origin == "https://app.example.com");
        for good in
            ["https://app.example.com/", "https://app.example.com/a?b=c#d", "https://app.example.com:443/a"]
        {
            assert!(page(good).is_some(), "{good}");
        }
        let zoo = [
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://user@app.example.com/",
            "https:\\\\app.example.com/",
            "https://app.example.com\\.evil.example/",
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "//app.example.com/",
            "blob:https://app.example.com/a",
            "javascript:alert(1)//https://app.example.com/",
            " https://app.example.com/",
            "https://app.example.com/\u{0}",
            "https://ev\til.example/",
        ];
        for bad in zoo {
            assert!(page(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn only_paths_of_ours_survive_the_zoo() {
        let public = "https://attache.example/".parse().expect("a URL");
        for good in ["/connect/writer", "/account/connected-apps?q=a%20b", "/connect/writer?connection=Et1"] {
            assert_eq!(parse(&public, Some(good)), good);
        }
        let long = format!("/{}", "a".repeat(8192));
        let zoo = [
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/%5cevil.example",
            "/%5C/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\u{2215}evil.example",
            "/\tevil",
            "/a\r\nb: c",
            "",
            "evil.example",
            "/..//evil.example",
            "/./%2e%2e//evil.example",
            &long,
            " /a",
            "/\u{0}",
        ];
        for bad in zoo {
            assert_eq!(parse(&public, Some(bad)), "/account/connected-apps", "{bad:?}");
        }
    }
}
