//! Reads the token endpoint's answer: lenient about what is odd but harmless, because a grant lost to a
//! parser is lost for good; strict about what goes on into headers and pages.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use oauth2::http::HeaderValue;
use oauth2::http::header::{AUTHORIZATION, CONTENT_TYPE};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;

use super::http::{Answer, Http};
use super::scope::Scopes;
use super::transcript::Transcript;
use super::{IssuerFault, address, blot};
use crate::secret::Token;

const LONGEST_TOKEN: usize = 16 * 1024;
const TEN_YEARS: i64 = 315_360_000;

/// A successful answer. RFC 6749 section 5.1.
#[derive(Clone, Debug)]
pub struct TokenSet {
    /// None when what stood there can't be sent in a header; the refresh token beside it is still good.
    pub access_token: Option<Token>,
    pub refresh_token: Option<Token>,
    /// Seconds; None when the issuer did not say.
    pub expires_in: Option<i64>,
    /// None when it is what was asked for.
    pub scope: Option<Scopes>,
    pub id_token: Option<Token>,
}

/// Carries one request of the `oauth2` crate. The crate writes the request; the answer is read here,
/// because the crate's reader gives up the whole answer, refresh token and all, over one odd member.
pub(super) struct TokenRequest {
    http: Http,
    /// Secrets of the request, blotted out of whatever the issuer says about it.
    secrets: Vec<Token>,
    answer: Mutex<Option<Result<Answer, IssuerFault>>>,
    /// What is sent.
    transcript: Mutex<Transcript>,
}

/// The outcome of a token request, and what was asked and answered.
pub type Told = (Result<TokenSet, IssuerFault>, Transcript);

impl<'c> AsyncHttpClient<'c> for TokenRequest {
    type Error = IssuerFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, IssuerFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}

impl TokenRequest {
    pub fn new(http: &Http, secrets: Vec<Token>) -> Self {
        Self { http: http.clone(), secrets, answer: Mutex::default(), transcript: Mutex::default() }
    }

    /// Tells the crate nothing of what came of it: that is for us to read.
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, IssuerFault> {
        let answer = self.send(request).await;
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        let told = json!({ "access_token": "read by us", "token_type": "bearer" });
        let mut response = HttpResponse::new(told.to_string().into_bytes());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    /// What the issuer answered, as we read it, and the record of it.
    pub fn outcome(self) -> Told {
        let Self { secrets, answer, transcript, .. } = self;
        let secrets: Vec<&str> = secrets.iter().map(Token::expose).collect();
        let answer = taken(answer);
        let outcome = answer.as_ref().map_err(Clone::clone).and_then(|answer| read(answer, &secrets));
        let mut transcript = transcript.into_inner().unwrap_or_else(PoisonError::into_inner);
        transcript.note(answer.as_ref().ok(), &outcome);
        (outcome, transcript)
    }

    /// What the issuer answered, for whoever judges how it speaks.
    pub fn answer(self) -> Result<Answer, IssuerFault> {
        taken(self.answer)
    }

    async fn send(&self, request: HttpRequest) -> Result<Answer, IssuerFault> {
        let url = Url::parse(&request.uri().to_string())
            .map_err(|_| IssuerFault::Odd("the token endpoint is no URL".to_owned()))?;
        let (parts, body) = request.into_parts();
        let form: Vec<_> = url::form_urlencoded::parse(&body).collect();
        let url = address::without(&url, &form.iter().map(|(name, _)| &**name).collect::<Vec<_>>());
        let transcript = Transcript::of(url.as_str(), parts.headers.contains_key(AUTHORIZATION), &body);
        let outgoing = self.http.request(Method::POST, &url)?.headers(parts.headers).body(body);
        *self.transcript.lock().unwrap_or_else(PoisonError::into_inner) = transcript;
        self.http.send(outgoing).await
    }
}

fn taken(answer: Mutex<Option<Result<Answer, IssuerFault>>>) -> Result<Answer, IssuerFault> {
    let answer = answer.into_inner().unwrap_or_else(PoisonError::into_inner);
    answer.unwrap_or_else(|| Err(IssuerFault::Odd("the request could not be written".to_owned())))
}

/// Reads one answer. `secrets` are blotted out of the issuer's description.
///
/// # Errors
/// By the issuer's error word, at any status; without one, [`IssuerFault::Unavailable`] or [`IssuerFault::Odd`].
pub fn read(answer: &Answer, secrets: &[&str]) -> Result<TokenSet, IssuerFault> {
    let members = members(answer);
    if let Some(error) = members.as_ref().and_then(|members| text(members, "error")) {
        let description =
            members.as_ref().and_then(|members| text(members, "error_description")).unwrap_or_default();
        return Err(refusal(&tidy(&error, secrets), &tidy(&description, secrets), answer.retry_after));
    }
    if !(200..300).contains(&answer.status) {
        // A firewall's page or a gateway's is not the issuer's word: nothing is dead because of it.
        let sentence = format!("the token endpoint answered with status {}", answer.status);
        // Behind a server that failed or a gateway that gave up, the request may have been carried out.
        return Err(match answer.status {
            500 | 502 | 504 => IssuerFault::Unanswered(sentence),
            _ => IssuerFault::Unavailable(sentence, answer.retry_after),
        });
    }
    let Some(members) = members else {
        return Err(IssuerFault::Odd("the token endpoint's answer is neither JSON nor a form".to_owned()));
    };
    let set = TokenSet {
        access_token: token(&members, "access_token"),
        refresh_token: token(&members, "refresh_token"),
        expires_in: members.get("expires_in").and_then(seconds),
        scope: scope(&members, secrets),
        id_token: token(&members, "id_token"),
    };
    if set.access_token.is_none() && set.refresh_token.is_none() {
        return Err(IssuerFault::Odd(
            "the token endpoint's answer holds no token that can be used".to_owned(),
        ));
    }
    Ok(set)
}

/// What an answer says is wrong: a word, as RFC 6749 section 5.2 has them, or a sentence in its place, which may quote
/// what we sent and is not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Word(String),
    Sentence,
}

/// What the answer says is wrong, at any status. None when it says nothing.
#[must_use]
pub fn said(answer: &Answer) -> Option<Said> {
    let error = text(&members(answer)?, "error")?;
    Some(if is_word(&error) { Said::Word(error) } else { Said::Sentence })
}

fn is_word(error: &str) -> bool {
    let in_a_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&error.len()) && error.bytes().all(in_a_word)
}

/// The words for a dead grant that everybody's profile knows. The last two are Slack's and GitHub's, which say it
/// with status 200.
pub const DEAD_WORDS: [&str; 3] = ["invalid_grant", "invalid_refresh_token", "bad_refresh_token"];

fn refusal(error: &str, description: &str, retry_after: Option<i64>) -> IssuerFault {
    let error = if is_word(error) { error.to_owned() } else { "an error without a word".to_owned() };
    match error.as_str() {
        dead if DEAD_WORDS.contains(&dead) => IssuerFault::InvalidGrant(description.to_owned()),
        "invalid_client" | "unauthorized_client" | "incorrect_client_credentials" => {
            let said = if description.is_empty() { error } else { format!("{error}, {description}") };
            IssuerFault::InvalidClient(said)
        }
        "temporarily_unavailable" | "server_error" | "too_many_requests" | "slow_down" => {
            IssuerFault::Unavailable(format!("the issuer says {error}"), retry_after)
        }
        _ => IssuerFault::Refused { error, description: description.to_owned() },
    }
}

/// JSON whatever the content type says; else a form, as some issuers answer.
fn members(answer: &Answer) -> Option<Map<String, Value>> {
    if let Ok(Value::Object(members)) = serde_json::from_slice(&answer.body) {
        return Some(members);
    }
    let form = answer.content_type.starts_with("application/x-www-form-urlencoded")
        || answer.body.starts_with(b"access_token=");
    form.then(|| {
        let pairs = url::form_urlencoded::parse(&answer.body);
        pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
    })
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Printable ASCII without spaces, bounded: what a header and a column can hold. RFC 6749 appendix A.12.
fn token(members: &Map<String, Value>, name: &str) -> Option<Token> {
    let value = members.get(name)?.as_str()?;
    let printable = value.bytes().all(|byte| byte.is_ascii_graphic());
    (printable && !value.is_empty() && value.len() <= LONGEST_TOKEN).then(|| Token::new(value))
}

/// A number, or a number written as text, or a fraction; in whole seconds.
fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a saturating cast, clamped below")]
    let whole = |float: f64| float.is_finite().then_some(float as i64);
    let seconds = match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok().or_else(|| text.trim().parse().ok().and_then(whole)),
        _ => None,
    };
    seconds.map(|seconds| seconds.clamp(0, TEN_YEARS))
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
    use super::{Answer, read};
    use crate::issuer::IssuerFault;

    fn answer(status: u16, body: &str) -> Answer {
        let body = body.as_bytes().to_vec();
        Answer { status, content_type: String::new(), body, retry_after: None, date: None }
    }

    #[test]
    fn an_odd_expiry_does_not_lose_the_refresh_token() {
        for (written, understood) in [
            (r#""3600""#, Some(3600)),
            ("3600.7", Some(3600)),
            ("1e99", Some(315_360_000)),
            ("-5", Some(0)),
            (r#""soon""#, None),
            ("null", None),
            ("[]", None),
        ] {
            let body = format!(r#"{{"access_token":"a","refresh_token":"r","expires_in":{written}}}"#);
            let set = read(&answer(200, &body), &[]).expect("a token answer");
            assert_eq!(set.expires_in, understood, "{written}");
            assert_eq!(set.refresh_token.expect("kept").expose(), "r");
        }
    }

    #[test]
    fn an_access_token_that_would_break_a_header_is_dropped_and_the_refresh_token_kept() {
        let set = read(&answer(200, r#"{"access_token":"a\r\nb: c","refresh_token":"r"}"#), &[])
            .expect("an answer");
        assert!(set.access_token.is_none());
        assert!(set.refresh_token.is_some());
    }

    #[test]
    fn only_the_issuers_own_word_kills_a_grant() {
        let dead = read(&answer(403, r#"{"error":"invalid_grant","error_description":"Unknown"}"#), &[]);
        assert!(matches!(dead, Err(IssuerFault::InvalidGrant(_))));
        let slack = read(&answer(200, r#"{"ok":false,"error":"invalid_refresh_token"}"#), &[]);
        assert!(matches!(slack, Err(IssuerFault::InvalidGrant(_))));
        for (status, body) in [(403, "<html>blocked</html>"), (400, ""), (503, "{"), (429, "{}"), (401, "no")]
        {
            assert!(
                matches!(read(&answer(status, body), &[]), Err(IssuerFault::Unavailable(..))),
                "{status}"
            );
        }
        for status in [500, 502, 504] {
            assert!(matches!(read(&answer(status, "{"), &[]), Err(IssuerFault::Unanswered(_))), "{status}");
        }
        let client = read(&answer(401, r#"{"error":"invalid_client"}"#), &[]);
        assert!(matches!(client, Err(IssuerFault::InvalidClient(_))));
    }

    #[test]
    fn what_the_issuer_says_about_a_secret_is_blotted_out() {
        let body = r#"{"error":"invalid_grant","error_description":"token s3cret is\u0007 unknown"}"#;
        let Err(IssuerFault::InvalidGrant(said)) = read(&answer(400, body), &["s3cret"]) else {
            panic!("not an invalid grant");
        };
        assert_eq!(said, "token … is unknown");
        let body = r#"{"error":"unknown token s3cret"}"#;
        let fault = read(&answer(400, body), &["s3cret"]).expect_err("no tokens");
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }

    #[test]
    fn a_form_answer_is_read() {
        let set =
            read(&answer(200, "access_token=a&scope=repo%2Cgist&token_type=bearer"), &[]).expect("an answer");
        assert_eq!(set.scope.expect("scopes").to_string(), "repo,gist");
    }
}
