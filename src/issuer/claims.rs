//! The claims of a token (RFC 7519 section 4), read and judged one by one. Verifies no signature.

use serde_json::{Map, Value};

use super::fault::{IssuerFault, untrusted};

/// Seconds by which clocks may differ.
pub const SKEW: i64 = 60;

pub type Claims = Map<String, Value>;

/// A `NumericDate`, as a number: text is refused. RFC 7519 section 2.
///
/// # Errors
/// When it is there and no number.
pub fn numeric_date(claims: &Claims, name: &str) -> Result<Option<i64>, IssuerFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a saturating cast of an absurd date stays absurd"
            )]
            let seconds = number.as_i64().or_else(|| number.as_f64().map(|float| float as i64));
            seconds.map(Some).ok_or_else(|| untrusted("a date is out of range"))
        }
        Some(_) => Err(untrusted("a date in the token is not a number")),
    }
}

/// Judges `exp` (required), `nbf` and `iat` against `now`, both in Unix seconds.
///
/// # Errors
/// [`IssuerFault::Untrusted`] with the reason.
pub fn judge_dates(claims: &Claims, now: i64) -> Result<i64, IssuerFault> {
    judge_dates_within(claims, now, SKEW)
}

/// The same where clocks may differ by another number of seconds.
///
/// # Errors
/// [`IssuerFault::Untrusted`] with the reason.
pub fn judge_dates_within(claims: &Claims, now: i64, skew: i64) -> Result<i64, IssuerFault> {
    judge_said(claims, now, skew)?;
    numeric_date(claims, "exp")?.ok_or_else(|| untrusted("the token has no expiry"))
}

/// The same for those that are there.
///
/// # Errors
/// [`IssuerFault::Untrusted`] with the reason.
pub fn judge_dates_said(claims: &Claims, now: i64) -> Result<(), IssuerFault> {
    judge_said(claims, now, SKEW)
}

fn judge_said(claims: &Claims, now: i64, skew: i64) -> Result<(), IssuerFault> {
    if numeric_date(claims, "exp")?.is_some_and(|expires| expires.saturating_add(skew) <= now) {
        return Err(untrusted("the token has expired"));
    }
    if numeric_date(claims, "nbf")?.is_some_and(|begins| begins > now + skew) {
        return Err(untrusted("the token is not valid yet"));
    }
    if numeric_date(claims, "iat")?.is_some_and(|issued| issued > now + skew) {
        return Err(untrusted("the token was issued in the future"));
    }
    Ok(())
}

/// The audiences: a text or a list of texts.
#[must_use]
pub fn audiences(claims: &Claims) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The subject: a text of 1 to 255 characters. OpenID Connect Core 1.0 section 2.
///
/// # Errors
/// When it is absent, empty, too long, or no text.
pub fn subject(claims: &Claims) -> Result<&str, IssuerFault> {
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    if subject.is_empty() || subject.chars().count() > 255 || subject.contains(char::is_control) {
        return Err(untrusted("the token has no subject that can be used"));
    }
    Ok(subject)
}
