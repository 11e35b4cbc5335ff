//! Exchanges the authorization code for tokens. RFC 6749 section 4.1.3, RFC 7636 section 4.5.

use oauth2::{AuthorizationCode, PkceCodeVerifier, RedirectUrl};
use url::Url;

use super::authorization_server::Issuer;
use super::client::Client;
use super::discovery::endpoints;
use super::issuers::Issuers;
use super::profile::Pkce;
use super::token_request::{TokenOutcome, TokenRequest, oauth2_client};
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
) -> TokenOutcome {
    let endpoints = match endpoints(issuers, issuer).await {
        Ok(endpoints) => endpoints,
        Err(fault) => return (Err(fault), Transcript::default()),
    };
    let request = TokenRequest::new(&issuers.http, client.secrets(&[code, verifier]));
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
