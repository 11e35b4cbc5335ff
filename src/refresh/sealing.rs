//! Seals what a refresh brought, as it is to be stored: whole, or what can be kept of it. Stores nothing.

use super::under_way::Refresh;
use crate::connection::SealedTokens;
use crate::connection::seal::{Binding, data_key, open_access_token, seal};
use crate::connection::status::Flaw;
use crate::error::Error;
use crate::issuer::scope;
use crate::issuer::token_set::{Member, TokenSet};
use crate::secret::Token;

impl Refresh<'_> {
    /// The refresh token that the answer brought.
    pub(crate) fn successor(&self) -> Option<&Token> {
        self.tokens.as_ref().and_then(|tokens| tokens.refresh_token.token())
    }

    /// The answer, sealed for the generation after the row's. Of another identity's only the refresh token is kept, so
    /// that it can be revoked. Where nothing came that can be handed out, what was given before is, while it lives.
    pub(crate) fn seal(&self) -> Result<Option<SealedTokens>, Error> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let (broker, current) = (self.broker, &self.current);
        let now = broker.clock.now();
        let binding = Binding { generation: current.generation + 1, ..current.binding() };
        let key = data_key(broker, current)?;
        let separator = self.app.issuer.profile.scope_separator;
        let scope = scope::granted(tokens.scope.as_ref(), &current.granted_scopes, separator, true);
        let mut tokens = TokenSet { scope, ..tokens.clone() };
        let mut lives_until = None;
        if self.is_another {
            tokens.access_token = Member::Absent;
        } else if tokens.access_token.token().is_none() && current.outlives(now, 0) {
            tokens.token_type.clone_from(&current.token_type);
            tokens.access_token = open_access_token(broker, current)?.into();
            lives_until = Some(current.access_expires_at);
        }
        let mut sealed = seal(&key, binding, &tokens, Some(&self.spent), &current.granted_scopes, now)?;
        if let Some(until) = lives_until {
            sealed.access_expires_at = until;
            sealed.flaw = sealed.flaw.or(Some(Flaw::AccessToken));
        }
        if self.is_another {
            sealed.flaw = Some(Flaw::Identity);
        }
        Ok(Some(sealed))
    }
}
