//! Seals and opens the tokens of a connection. Each is bound to (connection, account, app, field, generation),
//! so that no token can come out under another name.

use super::status::Flaw;
use super::{Connection, SealedTokens};
use crate::Broker;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::issuer::jwt;
use crate::issuer::scope::Scopes;
use crate::issuer::token_set::TokenSet;
use crate::secret::Token;
use crate::vault::{DataKey, Place, Sealed, VaultError};

/// Which connection, of whom, at which generation.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    pub connection_id: &'a str,
    pub account_id: &'a str,
    pub app_id: &'a str,
    pub generation: i64,
}

impl Binding<'_> {
    fn place(&self, field: &'static str) -> Place {
        let generation = self.generation.to_string();
        Place::new("connections", field, self.connection_id, &[self.account_id, self.app_id, &generation])
    }
}

/// Where a token of a connection lives, or lived in another generation.
pub(crate) fn place_of(connection: &Connection, field: &'static str, generation: i64) -> Place {
    Binding { generation, ..connection.binding() }.place(field)
}

/// Seals a token answer. `kept` is the refresh token to keep when the answer brought none (RFC 6749 section 6).
///
/// # Errors
/// When the cipher refuses.
pub fn seal(
    key: &DataKey,
    binding: Binding<'_>,
    tokens: &TokenSet,
    kept: Option<&Token>,
    asked_scopes: &Scopes,
    now: Timestamp,
) -> Result<SealedTokens, VaultError> {
    let access_token = tokens.access_token.token();
    let refresh_token = tokens.refresh_token.token().or(kept);
    Ok(SealedTokens {
        access_token: access_token
            .map(|token| key.seal(&binding.place("access_token"), token))
            .transpose()?,
        access_token_hash: access_token.map(Token::hash),
        access_expires_at: access_token.and_then(|token| end(token, tokens.expires_in, now)),
        refresh_token: refresh_token
            .map(|token| key.seal(&binding.place("refresh_token"), token))
            .transpose()?,
        refresh_expires_at: tokens
            .refresh_token
            .token()
            .and(tokens.refresh_expires_in)
            .map(|seconds| now.plus(seconds)),
        token_type: tokens.token_type.clone(),
        granted_scopes: tokens.scope.clone().unwrap_or_else(|| asked_scopes.clone()),
        flaw: flaw(tokens),
    })
}

/// When an access token ends: as it was told, or earlier, if it says so itself. None when neither says.
fn end(token: &Token, told: Option<i64>, now: Timestamp) -> Option<Timestamp> {
    let told = told.map(|seconds| now.plus(seconds));
    let claimed = jwt::claimed_expiry(token.expose());
    claimed.map_or(told, |claimed| Some(told.map_or(claimed, |told| told.min(claimed))))
}

/// What is wrong with the tokens themselves; whose they are is judged elsewhere.
fn flaw(tokens: &TokenSet) -> Option<Flaw> {
    if tokens.refresh_token.unusable().is_some() {
        return Some(Flaw::RefreshToken);
    }
    tokens.access_token.token().is_none().then_some(Flaw::AccessToken)
}

/// The data key of a connection.
///
/// # Errors
/// When the secrets were destroyed, or the key does not unwrap.
pub fn data_key(broker: &Broker, connection: &Connection) -> Result<DataKey, Error> {
    match &connection.data_key {
        Some(wrapped) => broker.vault.data_key(wrapped),
        None => Err(broker.vault.keyless("connections", &connection.id)),
    }
}

/// # Errors
/// [`Error::Damaged`] when it does not open where it stands.
pub fn open_access_token(broker: &Broker, connection: &Connection) -> Result<Option<Token>, Error> {
    open(broker, connection, "access_token", connection.access_token.as_ref())
}

/// # Errors
/// [`Error::Damaged`] when it does not open where it stands.
pub fn open_refresh_token(broker: &Broker, connection: &Connection) -> Result<Option<Token>, Error> {
    open(broker, connection, "refresh_token", connection.refresh_token.as_ref())
}

fn open(
    broker: &Broker,
    connection: &Connection,
    field: &'static str,
    sealed: Option<&Sealed>,
) -> Result<Option<Token>, Error> {
    let Some(sealed) = sealed else { return Ok(None) };
    let (key, place) = (data_key(broker, connection)?, connection.binding().place(field));
    broker.vault.open(("connections", field, &connection.id), &key, &place, sealed).map(Some)
}

/// The refresh token of the generation before.
///
/// # Errors
/// When it does not open where it stands.
pub fn open_previous_refresh_token(
    broker: &Broker,
    connection: &Connection,
    sealed: &Sealed,
) -> Result<Token, Error> {
    let before = Binding { generation: connection.generation - 1, ..connection.binding() };
    Ok(data_key(broker, connection)?.open(&before.place("refresh_token"), sealed)?)
}

impl Connection {
    #[must_use]
    pub fn binding(&self) -> Binding<'_> {
        Binding {
            connection_id: &self.id,
            account_id: &self.account_id,
            app_id: &self.app_id,
            generation: self.generation,
        }
    }
}
