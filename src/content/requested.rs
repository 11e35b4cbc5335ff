//! With which permissions a content token is asked for: by `scope` (RFC 6749 section 3.3), by `authorization_details`
//! (RFC 9396), by both or by neither. Both only narrow.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::actors::Actors;
use super::environment::Environment;
use super::permission::{Permissions, details, scope};
use crate::connection::allowed::Access;
use crate::error::Error;
use crate::issuer::scope::Scopes;

/// As it was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requested<'a> {
    pub scope: Option<&'a str>,
    pub details: Option<&'a str>,
    /// For whom the caller acts, beside the person.
    pub acts_for: Option<&'a Actors>,
}

/// What a token is asked for, and what it is made with.
#[derive(Debug)]
pub struct Order<'a> {
    pub requested: Requested<'a>,
    pub permissions: Permissions,
}

/// What the token may carry at the most, and how much of that is the person's word.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    pub permissions: &'a Permissions,
    pub access: Option<Access>,
}

impl Requested<'_> {
    fn scope(&self) -> Option<&str> {
        self.scope.filter(|scope| !scope.trim().is_empty())
    }

    /// The same for the same request: a token that was made for one is kept for it. Of what is malformed, and refused
    /// later, it names nothing that was kept.
    #[must_use]
    pub fn key(&self) -> String {
        let scopes = self.scope().map(|scope| Scopes::parse(scope).unwrap_or_default().to_string());
        let scopes = scopes.unwrap_or_default();
        let permissions = match self.details {
            None => scopes,
            Some(details) => format!("{scopes} {}", fingerprint(details)),
        };
        match self.acts_for {
            None => permissions,
            // No scope that is given has such a name.
            Some(actors) => format!("{permissions} act:{}", fingerprint(&actors.claim().to_string())),
        }
    }

    /// What the token is made with.
    ///
    /// # Errors
    /// [`Error::InvalidScope`] and [`Error::InvalidAuthorizationDetails`], when more is asked for than is allowed.
    pub fn judge(&self, environment: &Environment, allowed: Allowed<'_>) -> Result<Permissions, Error> {
        if !environment.strategy.mints() {
            return self.judge_given(allowed);
        }
        let scoped = match self.scope() {
            None => allowed.permissions.clone(),
            Some(text) => scope::narrow(allowed.permissions, &judge_scope(text, allowed)?),
        };
        let Some(text) = self.details else { return Ok(scoped) };
        let refuse = |sentence: String| Err(Error::InvalidAuthorizationDetails(sentence));
        let detailed = match details::parse(text, &environment.addresses()) {
            Ok(detailed) => detailed,
            Err(fault) => return refuse(format!("{fault}.")),
        };
        if !allowed.permissions.cover(&detailed) {
            return refuse(
                "`authorization_details` asks for more than is allowed there; ask for less.".to_owned(),
            );
        }
        let both = scoped.meet(&detailed);
        if both.is_empty() {
            return refuse("`authorization_details` and `scope` leave nothing in common.".to_owned());
        }
        Ok(both)
    }

    /// What another platform gives is given as it is.
    fn judge_given(&self, allowed: Allowed<'_>) -> Result<Permissions, Error> {
        let sentence = |parameter| {
            format!(
                "This environment's own platform gives its tokens, and they cannot be narrowed; leave out `{parameter}`."
            )
        };
        if self.scope().is_some() {
            return Err(Error::InvalidScope(sentence("scope")));
        }
        if self.details.is_some() {
            return Err(Error::InvalidAuthorizationDetails(sentence("authorization_details")));
        }
        Ok(allowed.permissions.clone())
    }
}

/// The same for the same text, and short.
#[must_use]
pub(super) fn fingerprint(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

fn judge_scope(text: &str, allowed: Allowed<'_>) -> Result<Scopes, Error> {
    let refuse = |sentence: String| Err(Error::InvalidScope(sentence));
    let asked = match Scopes::parse(text) {
        Ok(asked) => asked,
        Err(fault) => return refuse(format!("In `scope`, {fault}.")),
    };
    let possible = scope::of(allowed.permissions);
    if asked.is_subset(&possible) {
        return Ok(asked);
    }
    if !asked.is_subset(&Scopes::lenient(scope::ALL)) {
        return refuse(format!("The scopes of a content token are `{}`.", scope::ALL));
    }
    if allowed.access == Some(Access::Read) {
        return refuse(format!(
            "The person lets this app read there and no more; ask for `{}`.",
            scope::READ
        ));
    }
    refuse(format!("No more than `{possible}` is allowed there; ask for that."))
}
