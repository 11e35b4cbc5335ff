//! The parameters of a token exchange (RFC 8693 section 2.1), parsed once.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};

use super::token_type::{CONNECTION, TokenType};
use crate::content::subject::SubjectToken;
use crate::dialect::client_authentication;
use crate::error::Error;
use crate::secret::Token;

pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// Who says it is asking, and the rest still unjudged: a client is authenticated before anything else is told.
pub struct TokenRequest {
    pub client_id: String,
    pub client_secret: Token,
    parameters: BTreeMap<String, String>,
}

/// A request that makes sense.
pub enum Grant {
    TokenExchange(Exchange),
    ClientCredentials(Own),
}

/// A token for the client itself. RFC 6749 section 4.4.2, RFC 8707 section 2.
pub struct Own {
    pub resource: Option<String>,
    pub audience: Option<String>,
    pub scope: Option<String>,
    /// RFC 9396 section 6.
    pub authorization_details: Option<String>,
}

/// A token exchange that makes sense.
pub struct Exchange {
    pub subject: SubjectToken,
    /// A content token of whom the client acts for.
    pub actor: Option<Token>,
    pub requested_token_type: Option<TokenType>,
    pub resource: Option<String>,
    pub audience: Option<String>,
    pub scope: Option<String>,
    /// RFC 9396 section 6.
    pub authorization_details: Option<String>,
}

impl TokenRequest {
    pub fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Error> {
        let form =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|text| {
                text.split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        if !form {
            return Err(refuse("The request must be a form (application/x-www-form-urlencoded)."));
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            // RFC 6749 section 3.2: a parameter without a value is as if it were left out.
            if value.is_empty() {
                continue;
            }
            if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(match &*name {
                    // RFC 8693 allows several; we give a token for one environment at a time.
                    "resource" | "audience" => Error::InvalidTarget,
                    _ => refuse("A parameter stands twice."),
                });
            }
        }
        let (named, secret) = (parameters.remove("client_id"), parameters.remove("client_secret"));
        let (client_id, client_secret) =
            client_authentication::judge(headers, named, secret.map(Token::new))?;
        Ok(Self { client_id, client_secret, parameters })
    }

    /// A parameter of another endpoint than the token endpoint.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.parameters.remove(name)
    }

    pub fn judge(mut self) -> Result<Grant, Error> {
        let mut take = |name: &str| self.parameters.remove(name);
        match take("grant_type").as_deref() {
            Some(TOKEN_EXCHANGE) => {}
            Some(CLIENT_CREDENTIALS) => {
                return Ok(Grant::ClientCredentials(Own {
                    resource: take("resource"),
                    audience: take("audience"),
                    scope: take("scope"),
                    authorization_details: take("authorization_details"),
                }));
            }
            Some(_) => return Err(Error::UnsupportedGrantType),
            None => return Err(refuse("`grant_type` is missing.")),
        }
        let token = take("subject_token").ok_or_else(|| refuse("`subject_token` is missing."))?;
        let kind = take("subject_token_type").ok_or_else(|| refuse("`subject_token_type` is missing."))?;
        let subject = match (kind.as_str(), kind.parse::<TokenType>()) {
            (CONNECTION, _) => SubjectToken::Connection(token),
            (_, Ok(_)) => {
                SubjectToken::AccessToken { token: Token::new(token), issuer: take("subject_issuer") }
            }
            (_, Err(_)) => {
                return Err(refuse("That `subject_token_type` is not one that is accepted here."));
            }
        };
        let actor =
            match (take("actor_token"), take("actor_token_type").map(|kind| kind.parse::<TokenType>())) {
                (None, None) => None,
                (Some(token), Some(Ok(_))) => Some(Token::new(token)),
                (Some(_), Some(Err(_))) => {
                    return Err(refuse("That `actor_token_type` is not one that is accepted here."));
                }
                (Some(_), None) => return Err(refuse("`actor_token_type` is missing.")),
                (None, Some(_)) => {
                    return Err(refuse("There is no `actor_token`; leave out `actor_token_type`."));
                }
            };
        let requested_token_type = take("requested_token_type").map(|kind| kind.parse()).transpose();
        let requested_token_type = requested_token_type.map_err(|_| {
            refuse("That `requested_token_type` is not one that is given here; ask for an access token, or leave it out.")
        })?;
        Ok(Grant::TokenExchange(Exchange {
            subject,
            actor,
            requested_token_type,
            resource: take("resource"),
            audience: take("audience"),
            scope: take("scope"),
            authorization_details: take("authorization_details"),
        }))
    }
}

fn refuse(sentence: &str) -> Error {
    Error::InvalidRequest(sentence.to_owned())
}
