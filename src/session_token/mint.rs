//! Mints the token of a session, and a template's token for whoever is signed in in it. Judges neither the session nor who
//! asks.

use serde_json::json;

use super::{Asked, Minted};
use crate::Broker;
use crate::content::template::render::About;
use crate::content::template::{look_up, mint as templated};
use crate::error::Error;
use crate::secret::random_id;
use crate::session;

/// Seconds by which a verifier's clock may be behind ours.
const CLOCK_SKEW: i64 = 5;

/// The session's own token. It never outlives the session.
///
/// # Errors
/// [`Error::KeyToCome`] while verifiers may not know the first key of its algorithm yet.
pub fn of_session(broker: &Broker, asked: &Asked<'_>) -> Result<Minted, Error> {
    signed(broker, asked, None)
}

/// The same for a browser that was sent here for it. `nonce` is of whoever sent it.
///
/// # Errors
/// As [`of_session`].
pub fn of_handshake(broker: &Broker, asked: &Asked<'_>, nonce: &str) -> Result<Minted, Error> {
    signed(broker, asked, Some(nonce))
}

fn signed(broker: &Broker, asked: &Asked<'_>, nonce: Option<&str>) -> Result<Minted, Error> {
    let (now, config) = (broker.clock.now(), &broker.config.session_tokens);
    let issuer = broker.issuer_identifier();
    let expires_at = now.plus(config.lifetime_seconds).min(asked.session_ends);
    let mut claims = json!({
        "iss": issuer,
        "aud": config.audience.as_ref().unwrap_or(&issuer),
        "sub": asked.account.id,
        "sid": session::sid(asked.session),
        "azp": asked.origin,
        "iat": now.unix(),
        "nbf": now.plus(-CLOCK_SKEW).unix(),
        "exp": expires_at.unix(),
        "jti": format!("st_{}", random_id::<20>()),
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    Ok(Minted { jwt: broker.signing_keys.sign(config.algorithm, "JWT", &claims)?, expires_at })
}

/// A token with the claims of a template. It names no session, as the template says for how long it is good.
///
/// # Errors
/// [`Error::TemplateNotFound`], [`Error::TemplateRefused`], [`Error::KeyToCome`].
pub async fn of_template(broker: &Broker, asked: &Asked<'_>, name: &str) -> Result<Minted, Error> {
    let template = look_up::by_name(broker, name).await?.ok_or(Error::TemplateNotFound)?;
    let about = About { account: asked.account, actor: None };
    let (jwt, expires_at) = templated::mint(broker, &template, about, asked.origin)?;
    Ok(Minted { jwt, expires_at })
}
