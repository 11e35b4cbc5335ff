//! What was asked of a token endpoint and what it answered, for whoever must find out why: the names of parameters and
//! never a value, the issuer's own words with our secrets blotted out, and what is most likely wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fault::IssuerFault;
use super::http::Response;
use super::redact::quote;
use super::token_set::{Member, TokenSet};

/// One request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// Method, address without its query, `grant_type`, the names of the other parameters, how the client
    /// authenticated.
    pub asked: String,
    /// The HTTP status; None when no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What came, in a sentence.
    pub answered: String,
    /// What is most likely wrong, and the cure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How the client showed its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    InTheHeader,
    InTheBody,
    Nowhere,
}

impl Transcript {
    /// Of a form that is about to be sent. `basic` is whether an `Authorization` header goes with it.
    #[must_use]
    pub fn of(address: &str, basic: bool, form: &[u8]) -> Self {
        let address = quote(address.split('?').next().unwrap_or_default(), &[]);
        let mut names = Vec::new();
        let mut shown = if basic { Shown::InTheHeader } else { Shown::Nowhere };
        for (name, value) in url::form_urlencoded::parse(form) {
            match name.as_ref() {
                "grant_type" => names.insert(0, format!("grant_type={value}")),
                "client_secret" => shown = Shown::InTheBody,
                other => names.push(other.to_owned()),
            }
        }
        let client = match shown {
            Shown::InTheHeader => "the client secret in the header",
            Shown::InTheBody => "the client secret in the body",
            Shown::Nowhere => "no client secret",
        };
        Self { asked: format!("POST {address} with {}; {client}", names.join(", ")), ..Self::default() }
    }

    /// Adds what came of it. `answer` is None when none came.
    pub fn note(&mut self, answer: Option<&Response>, outcome: &Result<TokenSet, IssuerFault>) {
        self.status = answer.map(|answer| answer.status);
        self.answered = match outcome {
            Ok(tokens) => what_came(tokens),
            Err(fault) => fault.to_string(),
        };
        self.hint = self.guess(answer, outcome).map(str::to_owned);
    }

    fn guess(
        &self,
        answer: Option<&Response>,
        outcome: &Result<TokenSet, IssuerFault>,
    ) -> Option<&'static str> {
        let of_code = self.asked.contains("grant_type=authorization_code");
        let fault = match outcome {
            Ok(tokens) if of_code && tokens.refresh_token.is_absent() => {
                return Some(
                    "No refresh token came, so the connection ends with this access token. The app most likely needs the \
                     scope `offline_access`, and at Auth0 the API must allow offline access.",
                );
            }
            Ok(_) => return None,
            Err(fault) => fault,
        };
        match fault {
            IssuerFault::InvalidClient(_) if self.asked.ends_with("in the body") => Some(
                "The client id or secret is wrong, or the issuer wants the secret in the header: client_auth = \"basic\".",
            ),
            IssuerFault::InvalidClient(_) if self.asked.ends_with("in the header") => Some(
                "The client id or secret is wrong, or the issuer wants the secret in the body: client_auth = \"body\".",
            ),
            IssuerFault::InvalidClient(_) => Some(
                "The client id is wrong, or the issuer wants a secret from this client: set client_secret.",
            ),
            IssuerFault::InvalidGrant(_) if of_code => Some(
                "The code was spent or too old, or the redirect URI at the issuer is not letter by letter the app's.",
            ),
            IssuerFault::InvalidGrant(_) => Some(
                "The grant is over at the issuer: ended there, too old, unused for too long, or its refresh token was \
                 presented twice.",
            ),
            IssuerFault::Refused { error, .. } if error == "invalid_scope" => {
                Some("The issuer does not know a scope of the app, or does not grant it to this client.")
            }
            IssuerFault::Refused { error, .. } if error == "unsupported_grant_type" => {
                Some("The client may not use this grant: allow it at the issuer.")
            }
            IssuerFault::Unavailable(..) if answer.is_none() => {
                Some("The issuer was not reached: its name, its address or the network between is at fault.")
            }
            _ => by_its_form(answer?),
        }
    }
}

fn by_its_form(answer: &Response) -> Option<&'static str> {
    match answer.status {
        300..=399 => Some("The token endpoint sends us elsewhere: its address is not the right one."),
        404 | 405 => Some("Nothing answers to this at that address: it is not the token endpoint."),
        429 => Some("The issuer is asked more than it allows: lower calls_at_once."),
        _ if answer.content_type.starts_with("text/html") => {
            Some("A page came instead of JSON: a firewall or a gateway answers in the issuer's place.")
        }
        _ => None,
    }
}

fn what_came(tokens: &TokenSet) -> String {
    let access = match (&tokens.access_token, tokens.expires_in) {
        (Member::Token(_), Some(seconds)) => format!("an access token for {seconds} s"),
        (Member::Token(_), None) => "an access token without an end".to_owned(),
        (Member::Absent, _) => "no access token".to_owned(),
        (Member::Unusable(why), _) => format!("an access token that cannot be handed out (it {why})"),
    };
    let refresh = match &tokens.refresh_token {
        Member::Token(_) => "a refresh token".to_owned(),
        Member::Absent => "no refresh token".to_owned(),
        Member::Unusable(why) => format!("a refresh token that cannot be kept (it {why})"),
    };
    let of_type = tokens.token_type.as_ref().map(|named| format!(" of type {named}")).unwrap_or_default();
    let identity =
        tokens.id_token.unusable().map(|why| format!(", an ID token that cannot be read (it {why})"));
    let scope = tokens.scope.as_ref().map(|scope| format!(", for {}", quote(&scope.to_string(), &[])));
    format!(
        "{access}{of_type}, {refresh}{}{scope}",
        identity.unwrap_or_default(),
        scope = scope.unwrap_or_default()
    )
}

impl fmt::Display for Transcript {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "asked {}; answered ", self.asked)?;
        if let Some(status) = self.status {
            write!(formatter, "{status}, ")?;
        }
        write!(formatter, "{}", self.answered)?;
        if let Some(hint) = &self.hint {
            write!(formatter, ". {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::issuer::token_answer::read;

    fn answer(status: u16, content_type: &str, body: &str) -> Response {
        Response {
            status,
            content_type: content_type.to_owned(),
            body: body.as_bytes().to_vec(),
            retry_after: None,
            date: None,
        }
    }

    #[test]
    fn a_transcript_names_what_was_sent_and_shows_none_of_it() {
        let form = b"grant_type=refresh_token&refresh_token=s3cret-one&client_id=me&client_secret=s3cret-two";
        let mut transcript = Transcript::of("https://issuer.test/token?key=s3cret-three", false, form);
        let said = answer(
            401,
            "application/json",
            r#"{"error":"invalid_client","error_description":"Bad s3cret-two"}"#,
        );
        transcript.note(Some(&said), &read(&said, &BTreeSet::new(), &["s3cret-one", "s3cret-two"]));
        assert_eq!(
            transcript.to_string(),
            "asked POST https://issuer.test/token with grant_type=refresh_token, refresh_token, client_id; the client \
             secret in the body; answered 401, the issuer refuses the client: invalid_client, Bad …. The client id or \
             secret is wrong, or the issuer wants the secret in the header: client_auth = \"basic\"."
        );
    }

    #[test]
    fn what_came_is_told_by_its_kind() {
        let mut transcript =
            Transcript::of("https://issuer.test/token", true, b"grant_type=authorization_code&code=c");
        let said =
            answer(200, "application/json", r#"{"access_token":"a","expires_in":60,"scope":"one two"}"#);
        transcript.note(Some(&said), &read(&said, &BTreeSet::new(), &[]));
        assert_eq!(transcript.answered, "an access token for 60 s, no refresh token, for one two");
        assert!(transcript.hint.as_deref().is_some_and(|hint| hint.contains("offline_access")));
    }
}
