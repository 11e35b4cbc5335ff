//! Carries one request of the `oauth2` crate to a token endpoint. The crate writes the request; the answer is read by
//! [`super::token_answer`], because the crate's reader gives up the whole answer, refresh token and all, over one odd
//! member. Sends once, never again by itself.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use oauth2::basic::BasicClient;
use oauth2::http::HeaderValue;
use oauth2::http::header::{AUTHORIZATION, CONTENT_TYPE};
use oauth2::{AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, TokenUrl};
use reqwest::Method;
use serde_json::json;
use url::Url;

use super::address;
use super::client::{Client, ClientAuth};
use super::fault::IssuerFault;
use super::http::{Http, Response};
use super::token_answer::read;
use super::token_set::TokenSet;
use super::transcript::Transcript;
use crate::secret::Token;

/// A client of the crate that writes token requests in the way this issuer was promised.
pub(super) fn oauth2_client(client: &Client, token_url: &Url) -> TokenClient {
    let mut oauth2 = BasicClient::new(ClientId::new(client.id.clone()))
        .set_token_uri(TokenUrl::from_url(token_url.clone()))
        .set_auth_type(match client.auth {
            ClientAuth::Basic => AuthType::BasicAuth,
            ClientAuth::Body | ClientAuth::None => AuthType::RequestBody,
        });
    if let Some(secret) = client.secret.as_ref().filter(|_| client.auth != ClientAuth::None) {
        oauth2 = oauth2.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
    }
    oauth2
}

type TokenClient = BasicClient<
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointSet,
>;

pub(super) struct TokenRequest {
    http: Http,
    /// Secrets of the request, blotted out of whatever the issuer says about it.
    secrets: Vec<Token>,
    answer: Mutex<Option<Result<Response, IssuerFault>>>,
    /// What is sent.
    transcript: Mutex<Transcript>,
}

/// The outcome of a token request, and what was asked and answered.
pub type TokenOutcome = (Result<TokenSet, IssuerFault>, Transcript);

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

    /// What the issuer answered, as we read it, and the record of it. `dead_words` are the profile's.
    pub fn outcome(self, dead_words: &BTreeSet<String>) -> TokenOutcome {
        let Self { secrets, answer, transcript, .. } = self;
        let secrets: Vec<&str> = secrets.iter().map(Token::expose).collect();
        let answer = taken(answer);
        let outcome =
            answer.as_ref().map_err(Clone::clone).and_then(|answer| read(answer, dead_words, &secrets));
        let mut transcript = transcript.into_inner().unwrap_or_else(PoisonError::into_inner);
        transcript.note(answer.as_ref().ok(), &outcome);
        (outcome, transcript)
    }

    /// What the issuer answered, for whoever judges how it speaks.
    pub fn answer(self) -> Result<Response, IssuerFault> {
        taken(self.answer)
    }

    async fn send(&self, request: HttpRequest) -> Result<Response, IssuerFault> {
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

fn taken(answer: Mutex<Option<Result<Response, IssuerFault>>>) -> Result<Response, IssuerFault> {
    let answer = answer.into_inner().unwrap_or_else(PoisonError::into_inner);
    answer.unwrap_or_else(|| Err(IssuerFault::Odd("the request could not be written".to_owned())))
}
