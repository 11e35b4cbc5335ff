//! `POST /oauth/revoke` (RFC 7009): one content token is revoked, by the caller that was given it or by the resource server of
//! its environment; a permanent one by the latter alone. The answer tells nothing of the token.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};

use super::token_request::TokenRequest;
use crate::Broker;
use crate::caller;
use crate::content;
use crate::content::revoked_tokens::{self, By};
use crate::credential::Kind;
use crate::error::Error;
use crate::permanent_token;
use crate::resource_server;
use crate::secret::Token;

pub(super) async fn answer(
    broker: &Broker,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Error> {
    let body = body.map_err(|_| Error::TooLarge)?;
    let mut request = TokenRequest::parse(headers, &body)?;
    let token = request.take("token").map(Token::new);
    let (id, secret) = (&request.client_id, &request.client_secret);
    if Kind::said(secret.expose()) == Some(Kind::ResourceServer) {
        let by = resource_server::authenticate::by_client(broker, id, secret).await?;
        let token = named(token)?;
        // Its session ends by signing out, and all tokens of it with that.
        let environment_id = by.protects.environment_id().ok_or(Error::UnsupportedTokenType)?;
        if Kind::said(token.expose()) == Some(Kind::PermanentToken) {
            permanent_token::revoke::revoke_shown(broker, environment_id, &token, &by.id).await?;
        } else {
            let environment = content::by_id(broker, environment_id).await?;
            let by = By::ResourceServer { id: &by.id, environment: environment.as_deref() };
            revoked_tokens::revoke(broker, &token, &by).await?;
        }
    } else {
        let by = caller::authenticate::by_client(broker, id, secret).await?;
        revoked_tokens::revoke(broker, &named(token)?, &By::Caller(&by.id)).await?;
    }
    Ok(StatusCode::OK)
}

/// Who asks is judged before what is asked.
fn named(token: Option<Token>) -> Result<Token, Error> {
    token.ok_or_else(|| Error::InvalidRequest("`token` is missing.".to_owned()))
}
