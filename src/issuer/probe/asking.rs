//! What a consent is measured with: who asks whom, the person in front of the probe, and a refresh whose failure is judged.

use url::Url;

use super::refusal::{dead_words, tells_of_a_dead_token};
use super::report::Report;
use super::target::{Probe, Registration};
use crate::issuer::client::Client;
use crate::issuer::endpoints::Endpoints;
use crate::issuer::fault::IssuerFault;
use crate::issuer::refresh::refresh;
use crate::issuer::token_set::TokenSet;
use crate::secret::Token;

/// Why the person is asked, and in which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    First,
    /// In the same browser, which is still signed in at the issuer, to see whether that or its revoke ends the first. May be
    /// left out.
    Beside,
    /// In a browser where nobody is signed in there: the same question. May be left out.
    Elsewhere,
    /// All consents are dead, and the leeway is not known yet. May be left out.
    Again,
}

/// Whoever sits in front of the probe.
pub trait Person {
    /// Opens the address, consents, and brings back the address of the page that they were sent to; None when they
    /// leave it out.
    fn consent(&mut self, round: Round, url: &Url) -> impl Future<Output = Option<String>>;

    /// Is told that nothing will happen for so long.
    fn waits(&mut self, seconds: u32);
}

/// Who asks whom, from here on with a client that the issuer knows.
pub(super) struct Asking<'a> {
    pub probe: Probe<'a>,
    pub endpoints: &'a Endpoints,
    pub client: &'a Client,
    pub registration: &'a Registration,
}

impl Asking<'_> {
    pub async fn refresh(&self, token: &Token) -> Result<TokenSet, IssuerFault> {
        let Probe { issuers, issuer, .. } = self.probe;
        refresh(issuers, self.endpoints, &issuer.profile, self.client, token).await.0
    }
}

/// Whether a refresh that should fail failed for the reason that the token is dead: the same request was taken while it
/// lived. A word of the issuer's own for that is kept.
pub(super) fn is_dead(fault: &IssuerFault, report: &mut Report) -> bool {
    match fault {
        IssuerFault::InvalidGrant(_) => true,
        IssuerFault::Refused { error, .. } if tells_of_a_dead_token(error) && !error.contains(' ') => {
            if !report.measured.dead_words.contains(error) {
                dead_words(error, &format!("for a refresh token that is dead it says `{error}`"), report);
            }
            true
        }
        _ => false,
    }
}

/// The refresh token to go on with.
pub(super) fn next(presented: Token, answer: &TokenSet) -> Token {
    answer.refresh_token.token().cloned().unwrap_or(presented)
}
