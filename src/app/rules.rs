//! What the configuration file and the command line say of an app, and which texts may stand there. Imports nothing of ours.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// What an app is, RFC 6749 section 2.1.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum AppKind {
    #[default]
    Web,
    Native,
    Spa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum AppStatus {
    Pending,
    Approved,
    Rejected,
    Suspended,
}

impl AppStatus {
    /// Whether the app may be connected and used.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Approved)
    }
}

/// Which identity at the issuer a person may connect with.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum IdentityRule {
    /// Only the one they are signed in with.
    Same,
    Any,
}

/// How granted scopes are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum ScopeRule {
    /// Ask for the union with what was granted before; take what is given.
    Union,
    /// Ask for exactly the app's, and take nothing less; more is fine (Slack manifests).
    Exact,
}

/// Who wrote a row, and so who may change it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Source {
    Config,
    Cli,
}

/// Whether a link to this address leads to a page and nowhere else: `javascript:` would run in ours.
#[must_use]
pub fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "http") && url.host().is_some()
}

/// The path of an app's one redirect URI.
#[must_use]
pub fn callback_path(key: &str) -> String {
    format!("/connect/{key}/callback")
}

/// Whether a text can be an app's key, which stands in paths.
#[must_use]
pub fn is_key(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed)
}

/// Whether a person may be sent there: https, http on loopback, or a native app's own scheme. RFC 8252, RFC 9700.
#[must_use]
pub fn is_redirect_uri(uri: &Url) -> bool {
    if uri.fragment().is_some() {
        return false;
    }
    match uri.scheme() {
        "https" => uri.host().is_some(),
        "http" => is_loopback(uri),
        // RFC 8252 section 7.1: a private-use scheme is a reversed domain name, which keeps out javascript: and data:.
        scheme => scheme.contains('.'),
    }
}

#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
