//! Where a person may be sent after signing in: a path of ours, which counts from the public URL, or a page of the platform, and
//! nowhere else.

use crate::config::{Config, PublicUrl};

const LONGEST: usize = 2048;
/// Where a person goes who wanted nothing in particular: the Connected apps page.
pub const USUAL: &str = "/account/connected-apps";

/// The path if it is one of ours, else the usual one.
#[must_use]
pub fn parse(public_url: &PublicUrl, text: Option<&str>) -> String {
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
            format!("{}{query}", inside(public_url, url.path()))
        }
        _ => USUAL.to_owned(),
    }
}

/// Whoever writes the whole path, with the one that we live behind, means the same.
fn inside<'a>(public_url: &PublicUrl, path: &'a str) -> &'a str {
    let rest = public_url.behind().and_then(|behind| path.strip_prefix(behind));
    rest.filter(|rest| rest.starts_with('/') && !rest.starts_with("//")).unwrap_or(path)
}

/// Where a link to sign in leads: also to pages of the origins that may ask for session tokens.
#[must_use]
pub fn of_link(config: &Config, text: Option<&str>) -> String {
    text.and_then(|text| config.session_tokens.page(text))
        .map_or_else(|| parse(&config.public_url, text), String::from)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_paths_of_ours_survive_the_zoo() {
        let public = "https://attache.example/".to_owned().try_into().expect("a URL");
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
