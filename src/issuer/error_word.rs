//! The words by which an issuer says what is wrong, wherever in its answer they stand, and what each of them means for
//! a grant. Reads no token; the status is judged beside it, in [`super::token_answer`].

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The words for a dead grant that every profile knows. The last two are Slack's and GitHub's, which say it with
/// status 200.
pub const DEAD_WORDS: [&str; 3] = ["invalid_grant", "invalid_refresh_token", "bad_refresh_token"];

/// Where issuers put the word: RFC 6749 section 5.2 has `error`, others have the rest.
const PLACES: [&str; 5] = ["error", "code", "errorType", "error_code", "status"];
/// And where they explain it.
const EXPLANATIONS: [&str; 4] = ["error_description", "message", "error_message", "description"];

/// What the issuer wants of the person before it gives anything more. OpenID Connect Core 1.0 section 3.1.2.6, and
/// Auth0's and Microsoft's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Need {
    InteractionRequired,
    LoginRequired,
    ConsentRequired,
    MfaRequired,
}

/// What a word means for a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The grant is no more.
    Dead,
    /// The person must do something at the issuer.
    Needed(Need),
    /// Our credentials are wrong.
    Client,
    /// Nothing is wrong for good.
    Later,
    /// The client is registered or asks wrongly, whatever the grant: the operator's to mend.
    Request,
    Unknown,
}

/// What a word means; `dead` are the profile's own words for a dead grant.
#[must_use]
pub fn meaning(word: &str, dead: &BTreeSet<String>) -> Meaning {
    if is_dead(word, dead) {
        return Meaning::Dead;
    }
    match word {
        "invalid_client" | "unauthorized_client" | "incorrect_client_credentials" => Meaning::Client,
        "temporarily_unavailable" | "server_error" | "too_many_requests" | "slow_down" => Meaning::Later,
        "unsupported_grant_type" | "invalid_scope" | "invalid_target" => Meaning::Request,
        other => other.parse().map_or(Meaning::Unknown, Meaning::Needed),
    }
}

fn is_dead(word: &str, dead: &BTreeSet<String>) -> bool {
    DEAD_WORDS.contains(&word) || dead.contains(word)
}

/// What an answer says is wrong: a word, as RFC 6749 section 5.2 has them, or a sentence in its place, which may quote
/// what we sent and is not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Word(String),
    Sentence,
}

/// Everything in the usual places, the first level first: `error`, `error.code`, `errors[].errorType` and so on.
fn candidates(members: &Map<String, Value>) -> Vec<String> {
    let mut found = texts(members);
    for value in members.values() {
        match value {
            Value::Object(inner) => found.extend(texts(inner)),
            Value::Array(list) => {
                found.extend(list.iter().filter_map(Value::as_object).flat_map(texts));
            }
            _ => {}
        }
    }
    found
}

fn texts(members: &Map<String, Value>) -> Vec<String> {
    let text = |name: &&str| match members.get(*name)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    PLACES.iter().filter_map(text).collect()
}

/// The word for a dead grant, if the answer has one in any place.
#[must_use]
pub fn dead_word(members: &Map<String, Value>, dead: &BTreeSet<String>) -> Option<String> {
    candidates(members).into_iter().find(|word| is_dead(word, dead))
}

/// What the answer says is wrong: the first word that means something, else the first that stands in the place of one.
/// A number, or a `status` that is none of a failure, says nothing by itself.
#[must_use]
pub fn said(members: &Map<String, Value>) -> Option<Said> {
    let words = candidates(members);
    let none = BTreeSet::new();
    let known = words.iter().find(|word| !matches!(meaning(word, &none), Meaning::Unknown));
    if let Some(known) = known {
        return Some(Said::Word(known.clone()));
    }
    let inner = members.get("error").and_then(Value::as_object);
    let listed = members.get("errors").and_then(Value::as_array).and_then(|list| list.first()?.as_object());
    let wrong = [Some(members), inner, listed].into_iter().flatten();
    let first = wrong.enumerate().find_map(|(level, members)| {
        // On the first level only `error` says that something is wrong; within an error everything does.
        let places = if level == 0 { &PLACES[..1] } else { &PLACES[..] };
        let text = |name: &&str| members.get(*name)?.as_str().map(str::trim).filter(|text| !text.is_empty());
        places.iter().find_map(text)
    })?;
    Some(if is_word(first) { Said::Word(first.to_owned()) } else { Said::Sentence })
}

/// The issuer's explanation, on the first level or within its error. Not tidied.
#[must_use]
pub fn explanation(members: &Map<String, Value>) -> String {
    let inner = members.get("error").and_then(Value::as_object);
    let listed = members.get("errors").and_then(Value::as_array).and_then(|list| list.first()?.as_object());
    let places = [Some(members), inner, listed].into_iter().flatten();
    let text = |members: &Map<String, Value>| {
        EXPLANATIONS.iter().find_map(|name| members.get(*name)?.as_str().map(str::to_owned))
    };
    places.into_iter().find_map(text).unwrap_or_default()
}

/// Whether a text is a word and no sentence: it is then safe to repeat.
#[must_use]
pub fn is_word(error: &str) -> bool {
    let in_a_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&error.len()) && error.bytes().all(in_a_word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn a_dead_word_is_found_in_every_place_where_issuers_put_it() {
        let own = BTreeSet::from(["token_gone".to_owned(), "80".to_owned()]);
        for answer in [
            json!({ "error": "token_gone" }),
            json!({ "error": { "code": "token_gone" } }),
            json!({ "errors": [{ "errorType": "token_gone", "message": "…" }], "success": false }),
            json!({ "status": "token_gone" }),
            json!({ "code": "token_gone" }),
            json!({ "code": 80 }),
            json!({ "meta": { "error": "token_gone" } }),
            json!({ "error": "invalid_grant" }),
            json!({ "error": { "code": "invalid_grant" } }),
        ] {
            assert!(dead_word(&members(&answer), &own).is_some(), "{answer}");
        }
        for answer in [
            json!({ "error": "another" }),
            json!({ "a": { "b": { "error": "token_gone" } } }),
            json!({ "scope": "token_gone" }),
            json!({ "error": null }),
        ] {
            assert!(dead_word(&members(&answer), &own).is_none(), "{answer}");
        }
    }

    #[test]
    fn presence_is_not_meaning() {
        for answer in [
            json!({ "error": null }),
            json!({ "error": "" }),
            json!({ "error": " " }),
            json!({ "error": false }),
            json!({ "error": {} }),
            json!({ "error": [] }),
            json!({ "errors": [] }),
            json!({ "status": "ok", "code": 0 }),
            json!({ "code": 200, "status": "success" }),
        ] {
            assert_eq!(said(&members(&answer)), None, "{answer}");
        }
    }

    #[test]
    fn what_is_said_is_a_word_or_is_not_repeated() {
        let word = |word: &str| Some(Said::Word(word.to_owned()));
        assert_eq!(said(&members(&json!({ "error": "odd_word" }))), word("odd_word"));
        assert_eq!(said(&members(&json!({ "error": { "code": 400, "status": "ODD" } }))), word("ODD"));
        assert_eq!(said(&members(&json!({ "errors": [{ "errorType": "odd" }] }))), word("odd"));
        assert_eq!(said(&members(&json!({ "status": "login_required" }))), word("login_required"));
        assert_eq!(said(&members(&json!({ "error": "no such token" }))), Some(Said::Sentence));
        let explained = json!({ "error": { "code": "x", "message": "gone" } });
        assert_eq!(explanation(&members(&explained)), "gone");
    }
}
