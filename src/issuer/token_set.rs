//! The tokens of an answer, and what each member of it is worth: lenient about what is odd but harmless, because a grant
//! lost to a parser is lost for good; strict about what goes on into headers and pages. Judges no status.

use serde_json::{Map, Value};

use super::redact;
use super::scope::Scopes;
use crate::secret::Token;

/// Bytes of the longest token that is kept or judged.
pub const LONGEST_TOKEN: usize = 64 * 1024;
const TEN_YEARS: i64 = 315_360_000;
/// Bytes of the longest `token_type`.
const LONGEST_TYPE: usize = 64;

/// Why a token without a character cannot be used.
pub const EMPTY: &str = "is empty";

/// A successful answer. RFC 6749 section 5.1.
#[derive(Clone, Debug, Default)]
pub struct TokenSet {
    /// Unusable when it can't be sent in a header, or not by whoever it is handed to; the refresh token beside it is
    /// still good.
    pub access_token: Member,
    pub refresh_token: Member,
    pub id_token: Member,
    /// None for `Bearer`.
    pub token_type: Option<String>,
    /// Seconds; None when the issuer did not say.
    pub expires_in: Option<i64>,
    /// Seconds until the refresh token beside it ends; None when the issuer did not say.
    pub refresh_expires_in: Option<i64>,
    /// None when it is what was asked for.
    pub scope: Option<Scopes>,
}

/// A token of an answer. What is there and can't be used is not taken for absent.
#[derive(Clone, Debug, Default)]
pub enum Member {
    #[default]
    Absent,
    /// And why, after «it».
    Unusable(&'static str),
    Token(Token),
}

impl Member {
    #[must_use]
    pub const fn token(&self) -> Option<&Token> {
        match self {
            Self::Token(token) => Some(token),
            Self::Absent | Self::Unusable(_) => None,
        }
    }

    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Why it can't be used, if that is so.
    #[must_use]
    pub const fn unusable(&self) -> Option<&'static str> {
        match self {
            Self::Unusable(why) => Some(why),
            Self::Absent | Self::Token(_) => None,
        }
    }
}

impl From<Option<Token>> for Member {
    fn from(token: Option<Token>) -> Self {
        token.map_or(Self::Absent, Self::Token)
    }
}

/// Reads them. `secrets` are what was sent: no word of the answer repeats one.
pub(super) fn token_set(members: &Map<String, Value>, secrets: &[&str]) -> TokenSet {
    let token_type = token_type(members).filter(|named| !redact::holds(named, secrets));
    let access_token = match token_type.as_deref() {
        Some(bound)
            if is_bound(bound) && members.get("access_token").is_some_and(|token| !token.is_null()) =>
        {
            Member::Unusable("is of a type that only its own client can show, such as DPoP")
        }
        _ => printable(members, "access_token"),
    };
    TokenSet {
        access_token,
        refresh_token: refresh_token(members),
        id_token: printable(members, "id_token"),
        token_type,
        expires_in: members.get("expires_in").and_then(seconds),
        // No standard has either; the first is Keycloak's, the second GitHub's. Keycloak's 0 means never.
        refresh_expires_in: ["refresh_expires_in", "refresh_token_expires_in"]
            .into_iter()
            .find_map(|name| members.get(name).and_then(seconds)),
        scope: scope(members, secrets),
    }
}

/// Printable ASCII without spaces, bounded: what a header and a column can hold. RFC 6749 appendix A.12.
fn printable(members: &Map<String, Value>, name: &str) -> Member {
    let token = match members.get(name) {
        None | Some(Value::Null) => return Member::Absent,
        Some(Value::String(token)) => token,
        Some(_) => return Member::Unusable("is no text"),
    };
    if token.is_empty() {
        Member::Unusable(EMPTY)
    } else if token.len() > LONGEST_TOKEN {
        Member::Unusable("is longer than 64 KiB")
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Member::Unusable("holds blanks or other characters that no token has")
    } else {
        Member::Token(Token::new(token.as_str()))
    }
}

/// Any text without control characters. RFC 6749 appendix A.17 allows blanks. Some issuers write null or nothing where
/// they mean that the old one stays.
fn refresh_token(members: &Map<String, Value>) -> Member {
    let token = match members.get("refresh_token") {
        None | Some(Value::Null) => return Member::Absent,
        Some(Value::String(token)) => token,
        Some(_) => return Member::Unusable("is no text"),
    };
    if token.is_empty() {
        Member::Absent
    } else if token.len() > LONGEST_TOKEN {
        Member::Unusable("is longer than 64 KiB")
    } else if token.contains(char::is_control) {
        Member::Unusable("holds control characters")
    } else {
        Member::Token(Token::new(token.as_str()))
    }
}

/// None for `Bearer`, which is also meant where nothing is said. RFC 6749 section 7.1.
fn token_type(members: &Map<String, Value>) -> Option<String> {
    let named = members.get("token_type")?.as_str()?.trim();
    let readable =
        (1..=LONGEST_TYPE).contains(&named.len()) && named.bytes().all(|byte| byte.is_ascii_graphic());
    (readable && !named.eq_ignore_ascii_case("bearer")).then(|| named.to_owned())
}

/// Whether a token of this type is worth nothing without a key of its client: RFC 9449, and the MAC of OAuth's drafts.
fn is_bound(token_type: &str) -> bool {
    ["dpop", "mac", "pop"].iter().any(|bound| token_type.eq_ignore_ascii_case(bound))
}

/// A number, or a number written as text, or a fraction; in whole seconds. What is not above 0 says nothing.
fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a saturating cast, clamped below")]
    let whole = |float: f64| float.is_finite().then_some(float as i64);
    let seconds = match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok().or_else(|| text.trim().parse().ok().and_then(whole)),
        _ => None,
    };
    seconds.filter(|seconds| *seconds > 0).map(|seconds| seconds.min(TEN_YEARS))
}

/// A text, or a list of texts; how the issuer separates scopes within one is its profile's to say. An empty one says
/// nothing, and what holds a secret is none.
fn scope(members: &Map<String, Value>, secrets: &[&str]) -> Option<Scopes> {
    let text = match members.get("scope")? {
        Value::String(text) => text.clone(),
        Value::Array(tokens) => tokens.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    let scopes = Scopes::lenient(&redact::words(&text, secrets).join(" "));
    (!scopes.is_empty()).then_some(scopes)
}
