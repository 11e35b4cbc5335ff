//! Accounts that a platform vouches for. Their issuer is the platform's key behind a word of ours, so none of them is ever taken
//! for one of an issuer where people sign in. Looks nobody up.

/// Issuers of ours begin with `http` (OpenID Connect Core 1.0 section 2; the configuration and the command line judge it).
const BEGIN: &str = "platform:";

/// The issuer of this platform's accounts.
#[must_use]
pub fn issuer_of(key: &str) -> String {
    format!("{BEGIN}{key}")
}

/// The platform's key, where the account is a platform's.
#[must_use]
pub fn key_of(issuer: &str) -> Option<&str> {
    issuer.strip_prefix(BEGIN)
}
