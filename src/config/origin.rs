//! Judges the origin of pages that may ask here: written as browsers write it, because it is compared letter by letter.

use url::Url;

use crate::app::rules;

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
    (url.scheme() == "http" && !rules::is_loopback(&url))
        .then(|| format!("must be https, because tokens are sent from its pages; {origin} is not"))
}
