//! Reads the token endpoint's answer. The status is judged before the body, but for a word that says that the grant is dead
//! (see [`super::error_word`]); what each member is worth is said in [`super::token_set`].
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
use super::fault::IssuerFault;
use super::http::Response;
use super::redact;
use super::token_set::{Member, TokenSet, token_set};

/// Reads one answer. `dead_words` are the profile's own; `secrets` are blotted out of the issuer's description.
///
/// # Errors
/// By status and word, as the table above has them.
pub fn read(
    answer: &Response,
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
    answer: &Response,
    dead_words: &BTreeSet<String>,
    secrets: &[&str],
) -> IssuerFault {
    let repeatable = error_word::is_word(word) && !redact::holds(word, secrets);
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
pub fn said(answer: &Response) -> Option<Said> {
    error_word::said(&members(answer)?)
}

/// An `error` that is null, empty or no text says nothing.
fn names_an_error(members: &Map<String, Value>) -> bool {
    members.get("error").and_then(Value::as_str).is_some_and(|error| !error.trim().is_empty())
}

/// JSON whatever the content type says; else a form, as some issuers answer.
fn members(answer: &Response) -> Option<Map<String, Value>> {
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

/// The issuer's words as data: one line, cut, without the secrets of the request.
#[must_use]
pub fn tidy(description: &str, secrets: &[&str]) -> String {
    redact::quote(description, secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::token_set::LONGEST_TOKEN;

    fn answer(status: u16, body: &str) -> Response {
        let body = body.as_bytes().to_vec();
        Response { status, content_type: String::new(), body, retry_after: None, date: None }
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
