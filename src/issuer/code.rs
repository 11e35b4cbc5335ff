//! Exchanges the authorization code for tokens. RFC 6749 section 4.1.3, RFC 7636 section 4.5.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oauth2::basic::BasicClient;
use oauth2::{AuthType, AuthorizationCode, ClientId, ClientSecret, PkceCodeVerifier, RedirectUrl, TokenUrl};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::authorization_server::Issuer;
use super::client::{Client, ClientAuth};
use super::discovery::endpoints;
use super::issuers::Issuers;
use super::profile::Pkce;
use super::token_request::{TokenRequest, Told};
use super::transcript::Transcript;
use crate::secret::Token;

/// Sent once, never again by itself: a code is spent by its first use. Beside the tokens, or what the issuer said
/// instead, is the record of it.
pub async fn exchange_code(
    issuers: &Issuers,
    issuer: &Issuer,
    client: &Client,
    redirect_uri: &Url,
    code: &Token,
    verifier: &Token,
    pkce: Pkce,
) -> Told {
    let endpoints = match endpoints(issuers, issuer).await {
        Ok(endpoints) => endpoints,
        Err(fault) => return (Err(fault), Transcript::default()),
    };
    let request = TokenRequest::new(&issuers.http, secrets(client, &[code, verifier]));
    let oauth2 = oauth2_client(client, &endpoints.token);
    let oauth2 = oauth2.set_redirect_uri(RedirectUrl::from_url(redirect_uri.clone()));
    let mut exchange = oauth2.exchange_code(AuthorizationCode::new(code.expose().to_owned()));
    if pkce == Pkce::Always {
        exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()));
    }
    // What the crate makes of it is of no account: the answer was read by the carrier.
    let _ = exchange.request_async(&request).await;
    request.outcome(&issuer.profile.dead_words)
}

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

pub(super) type TokenClient = BasicClient<
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointSet,
>;

/// What is sent of a client and not to be repeated: its secret, as it is and in a Basic value, and these.
pub(super) fn secrets(client: &Client, others: &[&Token]) -> Vec<Token> {
    let secret = client.secret.clone();
    secret.into_iter().chain(basic_value(client)).chain(others.iter().copied().cloned()).collect()
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined.
fn basic_value(client: &Client) -> Option<Token> {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let secret = client.secret.as_ref().filter(|_| client.auth == ClientAuth::Basic)?;
    Some(Token::new(STANDARD.encode(format!("{}:{}", encode(&client.id), encode(secret.expose())))))
}
