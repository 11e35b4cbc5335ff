//! Seals and opens the tokens of a connection. Each is bound to (connection, account, app, field, generation),
//! so that no token can come out under another name.

use super::{Connection, SealedTokens};
use crate::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::issuer::scope::Scopes;
use crate::issuer::token_answer::TokenSet;
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
    let access_token = tokens.access_token.as_ref();
    let refresh_token = tokens.refresh_token.as_ref().or(kept);
    Ok(SealedTokens {
        access_token: access_token
            .map(|token| key.seal(&binding.place("access_token"), token))
            .transpose()?,
        access_token_hash: access_token.map(Token::hash),
        access_expires_at: tokens.expires_in.map(|seconds| now.plus(seconds)),
        refresh_token: refresh_token
            .map(|token| key.seal(&binding.place("refresh_token"), token))
            .transpose()?,
        granted_scopes: tokens.scope.clone().unwrap_or_else(|| asked_scopes.clone()),
    })
}

/// The data key of a connection.
///
/// # Errors
/// When the secrets were destroyed, or the key does not unwrap.
pub fn data_key(app: &App, connection: &Connection) -> Result<DataKey, Error> {
    let wrapped = connection.data_key.as_ref().ok_or(VaultError::KeysMissing)?;
    Ok(app.vault.unwrap(wrapped)?)
}

/// # Errors
/// When it does not open where it stands.
pub fn open_access_token(app: &App, connection: &Connection) -> Result<Option<Token>, Error> {
    let Some(sealed) = &connection.access_token else { return Ok(None) };
    let place = connection.binding().place("access_token");
    Ok(Some(data_key(app, connection)?.open(&place, sealed)?))
}

/// # Errors
/// When it does not open where it stands.
pub fn open_refresh_token(app: &App, connection: &Connection) -> Result<Option<Token>, Error> {
    let Some(sealed) = &connection.refresh_token else { return Ok(None) };
    let place = connection.binding().place("refresh_token");
    Ok(Some(data_key(app, connection)?.open(&place, sealed)?))
}

/// The refresh token of the generation before.
///
/// # Errors
/// When it does not open where it stands.
pub fn open_previous_refresh_token(
    app: &App,
    connection: &Connection,
    sealed: &Sealed,
) -> Result<Token, Error> {
    let before = Binding { generation: connection.generation - 1, ..connection.binding() };
    Ok(data_key(app, connection)?.open(&before.place("refresh_token"), sealed)?)
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
