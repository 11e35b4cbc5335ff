//! Connections, the product: connect, hand out, refresh, revoke. A connection is account x app x external
//! identity; its row holds the sealed tokens, the lease with its fence, and the open intent.

pub mod allowed;
pub mod due;
pub mod held;
pub mod identity;
pub mod look_up;
pub mod seal;
pub mod status;
pub(crate) mod store;
pub mod token_times;
pub mod verify;

pub(crate) use store::LIVE;

use self::allowed::Allowed;
use self::status::{Cause, Flaw, Status};
use crate::Broker;
use crate::account::Account;
use crate::app::App;
use crate::clock::Timestamp;
use crate::issuer::scope::Scopes;
use crate::secret::{TokenHash, random_id};
use crate::vault::{Sealed, WrappedKey};

/// A connection as it is stored. Tokens are sealed; see [`seal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `Et…`, Slack's `external_token_id`.
    pub id: String,
    pub account_id: String,
    pub app_id: String,
    pub external: ExternalIdentity,
    /// Whether nobody agreed to it here: its app signs people in by itself, and there are no tokens to hand out.
    pub direct: bool,
    pub status: Status,
    pub cause: Option<Cause>,
    /// None once the secrets were destroyed.
    pub data_key: Option<WrappedKey>,
    pub access_token: Option<Sealed>,
    /// None when the issuer did not say.
    pub access_expires_at: Option<Timestamp>,
    pub access_token_hash: Option<TokenHash>,
    /// The generation that the access token came with: a refresh may bring the same one again.
    pub access_generation: i64,
    pub previous_access_token_hash: Option<TokenHash>,
    pub previous_access_expires_at: Option<Timestamp>,
    pub previous_access_generation: i64,
    pub refresh_token: Option<Sealed>,
    /// None for `Bearer`.
    pub token_type: Option<String>,
    pub granted_scopes: Scopes,
    /// When the person's consent runs out, if they said so.
    pub consent_expires_at: Option<Timestamp>,
    /// Where the person lets it be used.
    pub allowed: Allowed,
    /// Grows by one with each stored set of tokens; sealed values and content tokens are bound to it.
    pub generation: i64,
    pub lease_until: Option<Timestamp>,
    /// Since when its refresh token may have been spent, and nobody knows.
    pub intent_at: Option<Timestamp>,
    pub retry_at: Option<Timestamp>,
    /// Refreshes in a row that brought nothing to hand out.
    pub failures: i64,
    /// Of these, refusals by a word that nobody knows, and since when.
    pub refusals: i64,
    pub refused_since: Option<Timestamp>,
    /// When every refresh token of this consent has ended, where the issuer's profile says so.
    pub refresh_expires_at: Option<Timestamp>,
    /// Since when it is this identity's; of a direct one, when the first token that was seen was given.
    pub connected_at: Timestamp,
    /// When one of the same person and app was last stopped before that.
    pub last_stop_at: Option<Timestamp>,
    /// What a freeze knows its person by when the account is another one.
    pub account_pseudonym: Option<String>,
    /// What a freeze knows it by when its id is another one.
    pub pseudonym: Option<String>,
    /// When the person last agreed: when the grant was issued. Of a direct one, when they had last signed in at the app, as far
    /// as that is known.
    pub consented_at: Timestamp,
    /// Grows by one when they agree anew, or choose otherwise.
    pub consent_version: i64,
    pub refreshed_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_upstream_at: Option<Timestamp>,
}

/// Who consented, as the app's issuer names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIdentity {
    pub issuer: String,
    /// Empty when the issuer tells nobody's identity: then there is one connection per account and app.
    pub subject: String,
}

/// What is stored of one token answer.
#[derive(Clone, Debug)]
pub struct SealedTokens {
    pub access_token: Option<Sealed>,
    pub access_token_hash: Option<TokenHash>,
    pub access_expires_at: Option<Timestamp>,
    pub refresh_token: Option<Sealed>,
    /// When the refresh token ends, where the issuer says it.
    pub refresh_expires_at: Option<Timestamp>,
    /// None for `Bearer`.
    pub token_type: Option<String>,
    pub granted_scopes: Scopes,
    /// What is wrong with the answer, if anything is.
    pub flaw: Option<Flaw>,
}

impl ExternalIdentity {
    /// Whether it names anybody.
    #[must_use]
    pub const fn is_pinned(&self) -> bool {
        !self.subject.is_empty()
    }

    /// For the person, where the issuer tells an identity: by e-mail or name where it is their own.
    #[must_use]
    pub fn in_words(&self, account: &Account) -> Option<String> {
        let own = (&self.issuer, &self.subject) == (&account.issuer, &account.subject);
        let familiar = own.then(|| account.in_words());
        familiar.or_else(|| Some(self.subject.clone()).filter(|subject| !subject.is_empty()))
    }
}

impl Connection {
    /// One that begins at this moment, agreed to now, without any token.
    #[must_use]
    pub fn beginning(
        account_id: &str,
        app_id: &str,
        external: &ExternalIdentity,
        data_key: WrappedKey,
        now: Timestamp,
    ) -> Self {
        Self {
            id: format!("Et{}", random_id::<20>()),
            account_id: account_id.to_owned(),
            app_id: app_id.to_owned(),
            external: external.clone(),
            direct: false,
            status: Status::Active,
            cause: None,
            data_key: Some(data_key),
            access_token: None,
            access_expires_at: None,
            access_token_hash: None,
            access_generation: 1,
            previous_access_token_hash: None,
            previous_access_expires_at: None,
            previous_access_generation: 0,
            refresh_token: None,
            token_type: None,
            granted_scopes: Scopes::default(),
            consent_expires_at: None,
            allowed: Allowed::default(),
            generation: 1,
            lease_until: None,
            intent_at: None,
            retry_at: None,
            failures: 0,
            refusals: 0,
            refused_since: None,
            refresh_expires_at: None,
            connected_at: now,
            last_stop_at: None,
            account_pseudonym: None,
            pseudonym: None,
            consented_at: now,
            consent_version: 1,
            refreshed_at: None,
            last_used_at: None,
            revoked_at: None,
            revoked_upstream_at: None,
        }
    }

    /// Whether the access token lives for more than `margin` seconds from `now`.
    #[must_use]
    pub fn outlives(&self, now: Timestamp, margin: i64) -> bool {
        let lives = self.access_expires_at.is_none_or(|expires| expires > now.plus(margin));
        self.access_token.is_some() && lives
    }

    /// Whether an access token by its hash is this connection's, and has not run out.
    #[must_use]
    pub fn stands_for(&self, hash: &TokenHash, now: Timestamp) -> bool {
        let current = self.access_token_hash.as_ref() == Some(hash)
            && self.access_expires_at.is_none_or(|expires| expires > now);
        let previous = self.previous_access_token_hash.as_ref() == Some(hash)
            && self.previous_access_expires_at.is_some_and(|expires| expires > now);
        (current || previous) && self.status != Status::NeedsReconnect
    }

    /// The generation that an access token came with, by its hash.
    #[must_use]
    pub fn generation_of(&self, hash: &TokenHash) -> Option<i64> {
        if self.access_token_hash.as_ref() == Some(hash) {
            return Some(self.access_generation);
        }
        (self.previous_access_token_hash.as_ref() == Some(hash)).then_some(self.previous_access_generation)
    }

    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.status.is_live()
    }

    /// Whether the time is over for which the person agreed.
    #[must_use]
    pub fn consent_is_over(&self, now: Timestamp) -> bool {
        self.consent_expires_at.is_some_and(|ends| ends <= now)
    }

    /// Where its person agrees again.
    #[must_use]
    pub fn connect_url(&self, broker: &Broker, app: &App) -> String {
        broker.url(&self.connect_path(&app.key)).to_string()
    }

    /// The path of it, by the app's key.
    #[must_use]
    pub fn connect_path(&self, app_key: &str) -> String {
        format!("/connect/{app_key}?connection={}", self.id)
    }
}

/// Whether a text can be a connection's id; anything else need not be looked for.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() <= 64 && text.starts_with("Et") && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
