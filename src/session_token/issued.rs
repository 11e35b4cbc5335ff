//! A session token that comes back: what it says, if it is ours, and whether its session is still there. Judges nobody's
//! rights.

use serde_json::{Map, Value};

use crate::Broker;
use crate::error::Error;
use crate::secret::{Token, TokenHash};
use crate::session;

/// What a session token says, whose signature and time are right.
#[derive(Debug)]
pub struct SessionToken {
    /// The account's id.
    pub subject: String,
    /// Of the pages that it was given to.
    pub origin: String,
    pub claims: Map<String, Value>,
    session: TokenHash,
}

/// None for what is not a session token of ours that is good by its own word.
#[must_use]
pub fn recognise(broker: &Broker, token: &Token) -> Option<SessionToken> {
    let signed = broker.signing_keys.verify(token)?;
    let text = |name: &str| Some(signed.claims.get(name)?.as_str()?.to_owned());
    // Tokens of templates have the same type. They name no session.
    if signed.typ != "JWT" || text("iss")? != broker.issuer_identifier() {
        return None;
    }
    let session = session::of_sid(&text("sid")?)?;
    let (subject, origin) = (text("sub")?, text("azp")?);
    Some(SessionToken { subject, origin, claims: signed.claims, session })
}

/// None once its session has ended, at once and on every server.
///
/// # Errors
/// When the database does not answer.
pub async fn active(broker: &Broker, token: &Token) -> Result<Option<SessionToken>, Error> {
    let Some(said) = recognise(broker, token) else { return Ok(None) };
    let now = broker.clock.now();
    let is_there = session::is_of(&broker.db, &said.session, &said.subject, now).await?;
    Ok(is_there.then_some(said))
}
