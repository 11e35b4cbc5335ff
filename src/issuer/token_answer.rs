//! Reads the token endpoint's answer: lenient about what is odd but harmless, because a grant lost to a parser is lost for
//! good; strict about what goes on into headers and pages. The status is judged before the body, but for a word that
//! says that the grant is dead; see [`super::error_word`].
//!
//! ```text
//! 2xx with tokens ────────────────────────────> Ok; what is there and can't be used is named
//! a dead word, at any status ─────────────────> InvalidGrant
//! 429, 503 ───────────────────────────────────> Unavailable: later
//! any other 5xx; tokens beside another status ─> Unanswered: it may have been carried out
//! 2xx or 4xx with a word ─────────────────────> what the word means
//! 2xx without a word ─────────────────────────> Odd; the rest: Unavailable
//! ```

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error_word::{self, Meaning};
pub use super::error_word::{DEAD_WORDS, Said};
use super::http::Answer;
use super::scope::Scopes;
use super::{IssuerFault, blot};
use crate::secret::Token;

/// Bytes of the longest token that is kept or judged.
pub const LONGEST_TOKEN: usize = 64 * 1024;
const TEN_YEARS: i64 = 315_360_000;
/// Bytes of the longest `token_type`.
const LONGEST_TYPE: usize = 64;

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

/// Reads one answer. `dead_words` are the profile's own; `secrets` are blotted out of the issuer's description.
///
/// # Errors
/// By status and word, as the table above has them.
pub fn read(
    answer: &Answer,
    dead_words: &BTreeSet<String>,
    secrets: &[&str],
) -> Result<TokenSet, IssuerFault> {
    let members = members(answer);
    let succeeded = (200..300).contains(&answer.status);
    let mut set = members.as_ref().map(|members| token_set(members, secrets)).unwrap_or_default();
    let refused = members.as_ref().is_some_and(names_an_error);
    if succeeded && refused && !set.refresh_token.is_absent() {
        // It contradicts itself. The successor is kept; what is handed out must be beyond doubt.
        set.access_token = Member::Unusable("came with an error beside it");
    }
    let holds_tokens = !set.refresh_token.is_absent() || (!set.access_token.is_absent() && !refused);
    if succeeded && holds_tokens {
        return Ok(set);
    }
    let description = || {
        let explanation = members.as_ref().map(error_word::explanation).unwrap_or_default();
        tidy(&explanation, secrets)
    };
    if let Some(word) = members.as_ref().and_then(|members| error_word::dead_word(members, dead_words)) {
        return Err(refusal(&word, description(), answer, dead_words, secrets));
    }
    let sentence = format!("the token endpoint answered with status {}", answer.status);
    match answer.status {
        429 | 503 => return Err(IssuerFault::Unavailable(sentence, answer.retry_after)),
        // Behind a server that failed or a gateway that gave up, the request may have been carried out.
        500..=599 => return Err(IssuerFault::Unanswered(sentence)),
        200..=299 => {}
        _ if holds_tokens => return Err(IssuerFault::Unanswered(format!("{sentence} and tokens beside it"))),
        400..=499 => {}
        _ => return Err(IssuerFault::Unavailable(sentence, answer.retry_after)),
    }
    match members.as_ref().and_then(error_word::said) {
        Some(Said::Word(word)) => Err(refusal(&word, description(), answer, dead_words, secrets)),
        Some(Said::Sentence) => Err(refusal("", description(), answer, dead_words, secrets)),
        None if !succeeded => {
            // A firewall's page or a gateway's is not the issuer's word: nothing is dead because of it.
            Err(IssuerFault::Unavailable(sentence, answer.retry_after))
        }
        None if members.is_none() => {
            Err(IssuerFault::Odd("the token endpoint's answer is neither JSON nor a form".to_owned()))
        }
        None => Err(IssuerFault::Odd("the token endpoint's answer holds no token".to_owned())),
    }
}

fn refusal(
    word: &str,
    description: String,
    answer: &Answer,
    dead_words: &BTreeSet<String>,
    secrets: &[&str],
) -> IssuerFault {
    let repeatable = error_word::is_word(word) && !blot::holds(word, secrets);
    let error = if repeatable { word } else { "an error without a word" }.to_owned();
    let said = |error: String| {
        let plain = error == DEAD_WORDS[0];
        match (plain, description.is_empty()) {
            (true, _) => description.clone(),
            (false, true) => error,
            (false, false) => format!("{error}, {description}"),
        }
    };
    match error_word::meaning(word, dead_words) {
        Meaning::Dead => IssuerFault::InvalidGrant(said(error)),
        Meaning::Client => IssuerFault::InvalidClient(said(error)),
        Meaning::Needed(need) => IssuerFault::PersonNeeded { need, description },
        Meaning::Later => IssuerFault::Unavailable(format!("the issuer says {error}"), answer.retry_after),
        Meaning::Request => IssuerFault::Refused { error, description, of_the_grant: false },
        Meaning::Unknown => IssuerFault::Refused { error, description, of_the_grant: true },
    }
}

/// What the answer says is wrong, at any status. None when it says nothing.
#[must_use]
pub fn said(answer: &Answer) -> Option<Said> {
    error_word::said(&members(answer)?)
}

/// An `error` that is null, empty or no text says nothing.
fn names_an_error(members: &Map<String, Value>) -> bool {
    members.get("error").and_then(Value::as_str).is_some_and(|error| !error.trim().is_empty())
}

/// JSON whatever the content type says; else a form, as some issuers answer.
fn members(answer: &Answer) -> Option<Map<String, Value>> {
    let body = answer.body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&answer.body);
    if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
        return Some(members);
    }
    let form = answer.content_type.starts_with("application/x-www-form-urlencoded")
        || body.starts_with(b"access_token=");
    form.then(|| {
        let pairs = url::form_urlencoded::parse(body);
        pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
    })
}

fn token_set(members: &Map<String, Value>, secrets: &[&str]) -> TokenSet {
    let token_type = token_type(members).filter(|named| !blot::holds(named, secrets));
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
        Member::Unusable("is empty")
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
    let scopes = Scopes::lenient(&blot::words(&text, secrets).join(" "));
    (!scopes.is_empty()).then_some(scopes)
}

/// The issuer's words as data: one line, cut, without the secrets of the request.
#[must_use]
pub fn tidy(description: &str, secrets: &[&str]) -> String {
    blot::quote(description, secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let body = body.as_bytes().to_vec();
        Answer { status, content_type: String::new(), body, retry_after: None, date: None }
    }

    fn reading(status: u16, body: &str) -> Result<TokenSet, IssuerFault> {
        read(&answer(status, body), &BTreeSet::from(["gone".to_owned()]), &["s3cret"])
    }

    #[test]
    fn an_odd_expiry_does_not_lose_the_refresh_token() {
        for (written, understood) in [
            (r#""3600""#, Some(3600)),
            ("3600.7", Some(3600)),
            ("1e99", Some(315_360_000)),
            ("0", None),
            ("-5", None),
            (r#""soon""#, None),
            ("null", None),
            ("[]", None),
        ] {
            let body = format!(r#"{{"access_token":"a","refresh_token":"r","expires_in":{written}}}"#);
            let set = reading(200, &body).expect("a token answer");
            assert_eq!(set.expires_in, understood, "{written}");
            assert_eq!(set.refresh_token.token().expect("kept").expose(), "r");
        }
    }

    #[test]
    fn an_access_token_that_can_not_be_handed_out_is_named_and_the_refresh_token_kept() {
        let long = "a".repeat(LONGEST_TOKEN + 1);
        for access in [r#""a\r\nb: c""#, r#""a b""#, r#""""#, "7", "true", "{}", &format!("\"{long}\"")] {
            let set = reading(200, &format!(r#"{{"access_token":{access},"refresh_token":"r"}}"#));
            let set = set.expect("an answer");
            assert!(set.access_token.unusable().is_some(), "{access}");
            assert!(set.refresh_token.token().is_some(), "{access}");
        }
        for bound in ["DPoP", "dpop", "MAC"] {
            let body = format!(r#"{{"access_token":"a","token_type":"{bound}","refresh_token":"r"}}"#);
            assert!(reading(200, &body).expect("an answer").access_token.unusable().is_some(), "{bound}");
        }
    }

    #[test]
    fn a_refresh_token_is_any_text_without_control_characters() {
        let longest = "r".repeat(LONGEST_TOKEN);
        for good in ["r", "with a blank", " ", "ünïcode", &longest] {
            let set =
                reading(200, &serde_json::json!({ "access_token": "a", "refresh_token": good }).to_string());
            assert_eq!(set.expect("an answer").refresh_token.token().expect("kept").expose(), good);
        }
        for (odd, absent) in
            [("null", true), (r#""""#, true), ("7", false), ("[]", false), (r#""a\u0007b""#, false)]
        {
            let set = reading(200, &format!(r#"{{"access_token":"a","refresh_token":{odd}}}"#));
            let set = set.expect("an answer");
            assert_eq!(
                (set.refresh_token.is_absent(), set.refresh_token.token().is_none()),
                (absent, true),
                "{odd}"
            );
        }
    }

    #[test]
    fn a_type_is_told_as_it_is_and_bearer_where_none_is_said() {
        for (written, kept) in [
            (r#""bearer""#, None),
            (r#""Bearer""#, None),
            ("null", None),
            (r#""""#, None),
            ("7", None),
            (r#""N_A""#, Some("N_A")),
            (r#""user""#, Some("user")),
        ] {
            let set = reading(200, &format!(r#"{{"access_token":"a","token_type":{written}}}"#));
            let set = set.expect("an answer");
            assert_eq!(
                (set.token_type.as_deref(), set.access_token.token().is_some()),
                (kept, true),
                "{written}"
            );
        }
    }

    #[test]
    fn an_error_that_says_nothing_is_none_and_one_that_contradicts_the_tokens_costs_no_successor() {
        for error in ["null", r#""""#, "false", "{}", "0"] {
            let set = reading(200, &format!(r#"{{"error":{error},"access_token":"a","refresh_token":"r"}}"#));
            assert!(set.expect("an answer").access_token.token().is_some(), "{error}");
        }
        let set = reading(200, r#"{"error":"invalid_grant","access_token":"a","refresh_token":"r"}"#);
        let set = set.expect("an answer");
        assert!(set.access_token.unusable().is_some() && set.refresh_token.token().is_some());
        let set = reading(200, r#"{"error":"odd","access_token":"a"}"#);
        assert!(matches!(set, Err(IssuerFault::Refused { .. })));
    }

    #[test]
    fn the_status_is_judged_before_the_body_but_for_a_dead_word() {
        for (status, body) in [
            (403, r#"{"error":"invalid_grant","error_description":"Unknown"}"#),
            (200, r#"{"ok":false,"error":"invalid_refresh_token"}"#),
            (500, r#"{"error":"invalid_grant"}"#),
            (503, r#"{"errors":[{"errorType":"gone"}]}"#),
            (400, r#"{"error":{"code":"gone"}}"#),
        ] {
            assert!(matches!(reading(status, body), Err(IssuerFault::InvalidGrant(_))), "{status} {body}");
        }
        for body in ["<html>", "{}", "", r#"{"error":"invalid_request"}"#, r#"{"error":"invalid_client"}"#] {
            for status in [429, 503] {
                assert!(
                    matches!(reading(status, body), Err(IssuerFault::Unavailable(..))),
                    "{status} {body}"
                );
            }
            for status in [500, 502, 504, 520] {
                assert!(matches!(reading(status, body), Err(IssuerFault::Unanswered(_))), "{status} {body}");
            }
        }
        for (status, body) in
            [(403, "<html>blocked</html>"), (400, ""), (401, "no"), (302, "{}"), (404, "{}")]
        {
            assert!(matches!(reading(status, body), Err(IssuerFault::Unavailable(..))), "{status}");
        }
        let tokens = r#"{"access_token":"a","refresh_token":"r"}"#;
        assert!(matches!(reading(400, tokens), Err(IssuerFault::Unanswered(_))));
        for body in ["<html>", "{}", "[]", r#"{"access_token":null}"#, r#"{"access_token":"a"#] {
            assert!(matches!(reading(200, body), Err(IssuerFault::Odd(_))), "{body}");
        }
        let client = reading(401, r#"{"error":"invalid_client"}"#);
        assert!(matches!(client, Err(IssuerFault::InvalidClient(_))));
        let needed = reading(400, r#"{"error":"mfa_required"}"#);
        assert!(matches!(needed, Err(IssuerFault::PersonNeeded { need: error_word::Need::MfaRequired, .. })));
        let unknown = reading(400, r#"{"error":"invalid_request"}"#);
        assert!(matches!(unknown, Err(IssuerFault::Refused { of_the_grant: true, .. })));
        let ours = reading(400, r#"{"error":"unsupported_grant_type"}"#);
        assert!(matches!(ours, Err(IssuerFault::Refused { of_the_grant: false, .. })));
    }

    #[test]
    fn what_the_issuer_says_about_a_secret_is_blotted_out() {
        let body = r#"{"error":"invalid_grant","error_description":"token s3cret is\u0007 unknown"}"#;
        let Err(IssuerFault::InvalidGrant(said)) = reading(400, body) else {
            panic!("not an invalid grant");
        };
        assert_eq!(said, "token … is unknown");
        let fault = reading(400, r#"{"error":"unknown token s3cret"}"#).expect_err("no tokens");
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }

    #[test]
    fn a_form_answer_is_read() {
        let set = reading(200, "access_token=a&scope=repo%2Cgist&token_type=bearer").expect("an answer");
        assert_eq!(set.scope.expect("scopes").to_string(), "repo,gist");
    }
}
