//! Judges the origin of pages that may ask here or that people may be sent to: written as browsers write it, because it is
//! compared letter by letter. And whether an address is a page of such an origin.

use url::Url;

use crate::app::rules;

/// Bytes of an address that people are sent to, at the most.
const LONGEST: usize = 2048;

/// What is wrong with it; nothing where it is right.
pub(super) fn problem(text: &str) -> Option<String> {
    let named = Url::parse(text).ok().filter(rules::is_web);
    let Some(url) = named.filter(|_| !text.contains('*')) else {
        let sentence = "must hold origins such as https://app.example.com, each by its name";
        return Some(sentence.to_owned());
    };
    let origin = url.origin().ascii_serialization();
    if origin != text {
        return Some(format!("holds an origin that no browser writes so; write it as {origin}"));
    }
    (url.scheme() == "http" && !rules::is_loopback(&url)).then(|| {
        format!("must be https, because what its pages hear and send is not for others; {origin} is not")
    })
}

/// A page of one of these origins, if it is written as one: people may be sent there.
pub(super) fn page(origins: &[String], text: &str) -> Option<Url> {
    // Some parsers read a backslash, a tab or a space otherwise than others.
    let plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // A `blob:` address has the origin of the page that made it, and is no page to go to.
    let url = Url::parse(text).ok().filter(|url| plain && rules::is_web(url))?;
    let is_bare = url.username().is_empty() && url.password().is_none();
    let origin = url.origin().ascii_serialization();
    (is_bare && origins.contains(&origin)).then_some(url)
}
