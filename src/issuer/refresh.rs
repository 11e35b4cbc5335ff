//! Asks for a new access token with a refresh token. RFC 6749 section 6.

use oauth2::RefreshToken;

use super::client::Client;
use super::endpoints::Endpoints;
use super::issuers::Issuers;
use super::profile::Profile;
use super::token_request::{TokenOutcome, TokenRequest, oauth2_client};
use crate::secret::Token;

/// Sent once, never again by itself: a rotating issuer may take a second use for theft. The endpoints are known
/// before, so that nothing but this one call stands between a lease and its answer.
/// Beside the tokens, or what the issuer said instead, is the record of it.
pub async fn refresh(
    issuers: &Issuers,
    endpoints: &Endpoints,
    profile: &Profile,
    client: &Client,
    refresh_token: &Token,
) -> TokenOutcome {
    ask(issuers, endpoints, client, refresh_token).await.outcome(&profile.dead_words)
}

/// The request, sent once; it holds the answer.
pub(super) async fn ask(
    issuers: &Issuers,
    endpoints: &Endpoints,
    client: &Client,
    refresh_token: &Token,
) -> TokenRequest {
    let request = TokenRequest::new(&issuers.http, client.secrets(&[refresh_token]));
    let oauth2 = oauth2_client(client, &endpoints.token);
    let token = RefreshToken::new(refresh_token.expose().to_owned());
    // What the crate makes of it is of no account: the answer is with the carrier.
    let _ = oauth2.exchange_refresh_token(&token).request_async(&request).await;
    request
}
