//! What a browser is called, in words that its owner knows it by: the family and the system, and nothing that tells two of
//! them apart. A library would know hundreds, with versions and devices that we do not want to keep. Nothing is decided by it.

use axum::http::{HeaderMap, header};
use tower_sessions::Session;

use super::broken;
use crate::error::Error;
use crate::session::BROWSER;

/// By what only they write. Most also write the names of those that stand below them.
const FAMILIES: [(&str, &str); 10] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Keeps the name with a session.
///
/// # Errors
/// When the session cannot be written.
pub async fn keep(session: &Session, headers: &HeaderMap) -> Result<(), Error> {
    let said = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    match said.and_then(name) {
        Some(name) => session.insert(BROWSER, name).await.map_err(|error| broken(&error)),
        None => Ok(()),
    }
}

fn name(user_agent: &str) -> Option<String> {
    let known = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    match (known(&FAMILIES), known(&SYSTEMS)) {
        (Some(family), Some(system)) => Some(format!("{family} on {system}")),
        (Some(family), None) => Some(family.to_owned()),
        (None, Some(system)) => Some(format!("A browser on {system}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_what_its_owner_calls_it() {
        for (said, called) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
                "Safari on Mac",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/140.0 Mobile Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
        ] {
            assert_eq!(name(said).as_deref(), Some(called), "{said}");
        }
        assert_eq!(name("Lynx (Linux)").as_deref(), Some("A browser on Linux"));
        assert_eq!((name("curl/8.0"), name("<script>")), (None, None));
    }
}
