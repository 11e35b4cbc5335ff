//! Ends a consent: judges the answer, spends the code, finds out who consented, and stores the grant sealed.
//! What comes after the code is sent runs in a task of its own, so that a closed browser loses nothing.

use tracing::Instrument;

use super::seal::{Binding, data_key, seal};
use super::start::store::{Attempt, Claimant};
use super::start::{ReturnToApp, verifier_place};
use super::store::Consented;
use super::{Connection, ExternalIdentity, start, store};
use crate::App;
use crate::account::Account;
use crate::app::{IdentityRule, ScopeRule, ThirdPartyApp};
use crate::clock::Timestamp;
use crate::error::{ConnectFault, Error};
use crate::issuer::callback::{Answered, Callback};
use crate::issuer::code::exchange_code;
use crate::issuer::discovery::endpoints;
use crate::issuer::id_token::{self, Expected};
use crate::issuer::identity::identify;
use crate::issuer::profile::Reach;
use crate::issuer::revoke::Kind;
use crate::issuer::token_answer::TokenSet;
use crate::issuer::transcript::Transcript;
use crate::issuer::{self, IssuerFault, access_token, jwt};
use crate::ledger::{self, Action, Entry};
use crate::secret::{Token, TokenHash, random_id};
use crate::vault::Purpose;

/// What came of a consent.
pub struct Completed {
    pub connection_id: String,
    pub return_to_app: Option<ReturnToApp>,
}

/// A consent that ended without a connection, and where the app wants the person back all the same.
pub struct Ended {
    pub error: Error,
    pub return_to_app: Option<ReturnToApp>,
}

impl<E: Into<Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self { error: error.into(), return_to_app: None }
    }
}

/// # Errors
/// [`Ended`], with a sentence for the person; nothing is stored then.
pub async fn complete(
    app: &App,
    account: &Account,
    browser: &TokenHash,
    third_party: ThirdPartyApp,
    callback: &Callback,
) -> Result<Completed, Ended> {
    let state = callback.state().ok_or(ConnectFault::StateUnknown).map_err(Error::from)?;
    let hash = state.hash();
    let now = app.clock.now();
    let claimant = Claimant { account_id: &account.id, browser, app_id: &third_party.id };
    let Some(attempt) = start::store::take(&app.db, &hash, &claimant, now).await? else {
        let foreign = start::store::is_open(&app.db, &hash, now).await?;
        let fault = if foreign { ConnectFault::Foreign } else { ConnectFault::StateUnknown };
        return Err(Error::from(fault).into());
    };
    let return_to_app = attempt.return_to_app.clone();
    let ended = |error: Error| Ended { error, return_to_app: return_to_app.clone() };
    let known = endpoints(&app.issuers, &third_party.issuer)
        .await
        .map_err(|fault| ended(issuer_fault(&third_party, fault)))?;
    let code = match callback.answered(&known) {
        Answered::Code(code) => code,
        Answered::Denied => return Err(ended(ConnectFault::Denied.into())),
        Answered::WrongIssuer => return Err(ended(ConnectFault::WrongIssuer.into())),
        Answered::Error(said) => {
            let sentence = format!("{} says: {said}", third_party.issuer.name);
            return Err(ended(ConnectFault::Issuer(sentence).into()));
        }
        Answered::Nothing => {
            let sentence = "The answer held neither a code nor an error.".to_owned();
            return Err(ended(ConnectFault::Issuer(sentence).into()));
        }
    };
    let verifier = app.house_key.open(&verifier_place(&hash), &attempt.verifier)?;
    let consent = Consent {
        app: app.clone(),
        account: account.clone(),
        third_party,
        attempt,
        code,
        verifier,
        transcript: Transcript::default(),
    };
    let stored = app.tasks.spawn(consent.spend().in_current_span()).await;
    let stored = stored.map_err(|_| Error::Internal("The consent could not be completed.".to_owned()))?;
    let connection_id = stored.map_err(ended)?;
    Ok(Completed { connection_id, return_to_app })
}

/// Everything the task needs once the code is to be spent.
struct Consent {
    app: App,
    account: Account,
    third_party: ThirdPartyApp,
    attempt: Attempt,
    code: Token,
    verifier: Token,
    /// What was asked for the code, and answered.
    transcript: Transcript,
}

impl Consent {
    /// The id of the stored connection.
    async fn spend(mut self) -> Result<String, Error> {
        let (app, third_party) = (&self.app, &self.third_party);
        let client = crate::app::client(app, third_party)?;
        let redirect_uri = third_party.callback(app);
        let (outcome, transcript) = exchange_code(
            &app.issuers,
            &third_party.issuer,
            &client,
            &redirect_uri,
            &self.code,
            &self.verifier,
            third_party.pkce(),
        )
        .await;
        let tokens = match outcome {
            Ok(tokens) => tokens,
            Err(fault) => {
                let error = issuer_fault(third_party, fault);
                tracing::warn!(app = third_party.key, %transcript, "a code brought no tokens");
                self.record_refusal(&self.entry(None).recording(&transcript)).await;
                return Err(error);
            }
        };
        self.transcript = transcript;
        match self.judge_and_store(&tokens).await {
            Ok(id) => Ok(id),
            // The commit may have been carried out though its answer was lost: then the grant is in use.
            Err(error @ Error::Database(_)) => Err(error),
            Err(error) => {
                self.refuse(&tokens, &error).await;
                Err(error)
            }
        }
    }

    async fn judge_and_store(&self, tokens: &TokenSet) -> Result<String, Error> {
        let third_party = &self.third_party;
        if let (ScopeRule::Exact, Some(granted)) = (third_party.scope_rule, &tokens.scope)
            && *granted != third_party.scopes
        {
            return Err(ConnectFault::ScopeMismatch.into());
        }
        let identity = self.identity(tokens).await.map_err(|fault| issuer_fault(third_party, fault))?;
        if third_party.identity_rule == IdentityRule::Same
            && (identity.issuer != self.account.issuer || identity.subject != self.account.subject)
        {
            return Err(ConnectFault::OtherIdentity.into());
        }
        self.store(tokens, identity).await
    }

    /// Who consented: the verified ID token; else the identity endpoint; else a verified access token; else
    /// nobody's name.
    async fn identity(&self, tokens: &TokenSet) -> Result<ExternalIdentity, IssuerFault> {
        let (app, issuer) = (&self.app, &self.third_party.issuer);
        let named = |subject: String| ExternalIdentity { issuer: issuer.external_name(), subject };
        let client_id = &self.third_party.client_id;
        if let (Some(id_token), Some(_)) = (&tokens.id_token, issuer.identifier()) {
            let access_token = tokens.access_token.as_ref();
            let expected = Expected { client_id, nonce: &self.attempt.nonce, access_token };
            let claims = id_token::verify(&app.issuers, issuer, id_token, &expected).await?;
            let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default();
            return Ok(named(subject.to_owned()));
        }
        let Some(access_token) = &tokens.access_token else { return Ok(named(String::new())) };
        if let Some(config) = &self.third_party.identity_config {
            return identify(&app.issuers, config, access_token).await.map(named);
        }
        let publishes_keys = endpoints(&app.issuers, issuer).await?.jwks.is_some();
        if issuer.identifier().is_none() || !publishes_keys || !jwt::looks_like_one(access_token.expose()) {
            // An opaque token names nobody, and that is no fault.
            return Ok(named(String::new()));
        }
        // One that could name somebody must: taken for nobody's, it could replace another identity's grant.
        let verified = access_token::verify(&app.issuers, issuer, access_token.expose(), client_id).await?;
        Ok(named(verified.subject))
    }

    async fn store(&self, tokens: &TokenSet, identity: ExternalIdentity) -> Result<String, Error> {
        let app = &self.app;
        // Twice would do: whoever else stores this identity at the same time leaves a row to renew.
        for _ in 0..5 {
            let live = store::live_of(&app.db, &self.account.id, &self.third_party.id, &identity).await?;
            if let Some(pinned) = &self.attempt.connection_id
                && live.as_ref().map(|live| &live.id) != Some(pinned)
            {
                return Err(ConnectFault::NotThePinnedIdentity.into());
            }
            let stored = match live {
                Some(live) => self.renew(&live, tokens).await?,
                None => self.insert(&identity, tokens).await?,
            };
            if let Some(id) = stored {
                return Ok(id);
            }
        }
        Err(Error::Conflict("Somebody else is connecting this app right now. Try again.".to_owned()))
    }

    async fn insert(&self, identity: &ExternalIdentity, tokens: &TokenSet) -> Result<Option<String>, Error> {
        let app = &self.app;
        let now = app.clock.now();
        let (key, wrapped) = app.vault.new_data_key()?;
        let id = format!("Et{}", random_id::<20>());
        let connection = Connection {
            id: id.clone(),
            account_id: self.account.id.clone(),
            app_id: self.third_party.id.clone(),
            external: identity.clone(),
            status: super::state::Status::Active,
            cause: None,
            data_key: Some(wrapped.clone()),
            access_token: None,
            access_expires_at: None,
            access_token_hash: None,
            previous_access_token_hash: None,
            previous_access_expires_at: None,
            refresh_token: None,
            granted_scopes: self.attempt.scopes.clone(),
            consent_expires_at: None,
            generation: 1,
            lease_until: None,
            retry_at: None,
            refresh_expires_at: None,
            connected_at: now,
            consented_at: now,
            refreshed_at: None,
            last_used_at: None,
            revoked_at: None,
            revoked_upstream_at: None,
        };
        let sealed = seal(&key, connection.binding(), tokens, None, &self.attempt.scopes, now)?;
        let mut transaction = app.db.begin().await?;
        let consent = self.consent(tokens, now);
        if !store::insert(app, &mut transaction, &connection, &sealed, &consent, now).await? {
            return Ok(None);
        }
        crate::vault::insert(&mut transaction, &wrapped, Purpose::Connection, now).await?;
        let entry = self.entry(Some(&id)).recording(&self.transcript);
        ledger::append(&mut transaction, &app.ledger, Action::Connected, &entry, now).await?;
        transaction.commit().await?;
        let _ = app.events.send(crate::Event::Connected { connection_id: id.clone() });
        self.tell_of_the_cap(identity).await?;
        Ok(Some(id))
    }

    /// Beyond its cap the issuer ends the oldest grant without a word: whoever wonders later finds why in the log.
    async fn tell_of_the_cap(&self, identity: &ExternalIdentity) -> Result<(), Error> {
        let issuer = &self.third_party.issuer;
        let Some(most) = issuer.profile.live_refresh_tokens else { return Ok(()) };
        let live = store::by_identity(&self.app.db, &self.third_party.id, identity).await?.len();
        if u32::try_from(live).is_ok_and(|live| live >= most) {
            let (app, issuer) = (&self.third_party.key, &issuer.key);
            tracing::warn!(app, issuer, live, "one identity has as many grants as its issuer keeps alive");
        }
        Ok(())
    }

    fn consent(&self, tokens: &TokenSet, now: Timestamp) -> Consented<'_> {
        let life = self.third_party.issuer.profile.refresh_life_seconds;
        // A refresh token that is kept from before ends when it would have ended: nobody knows when that is.
        let life = life.filter(|_| tokens.refresh_token.is_some());
        Consented {
            requested: &self.attempt.scopes,
            refresh_expires_at: life.map(|seconds| now.plus(i64::from(seconds))),
        }
    }

    async fn renew(&self, live: &Connection, tokens: &TokenSet) -> Result<Option<String>, Error> {
        let app = &self.app;
        let now = app.clock.now();
        let key = data_key(app, live)?;
        let superseded = super::seal::open_refresh_token(app, live)?;
        let binding = Binding { generation: live.generation + 1, ..live.binding() };
        // Some issuers give a refresh token only with the first consent; then the old one is still the one.
        let sealed = seal(&key, binding, tokens, superseded.as_ref(), &self.attempt.scopes, now)?;
        let mut transaction = app.db.begin().await?;
        let consent = self.consent(tokens, now);
        if !store::renew(app, &mut transaction, live, &sealed, &consent, now).await? {
            return Ok(None);
        }
        let entry = self.entry(Some(&live.id)).recording(&self.transcript);
        ledger::append(&mut transaction, &app.ledger, Action::Reconnected, &entry, now).await?;
        transaction.commit().await?;
        if let (Some(old), Some(new)) = (&superseded, &tokens.refresh_token)
            && old.expose() != new.expose()
        {
            self.revoke_unwanted(old).await;
        }
        let _ = app.events.send(crate::Event::Connected { connection_id: live.id.clone() });
        Ok(Some(live.id.clone()))
    }

    /// A grant that was given and is not kept must not live on at the issuer.
    async fn refuse(&self, tokens: &TokenSet, error: &Error) {
        tracing::warn!(app = self.third_party.key, %error, "a consent was refused");
        self.record_refusal(&self.entry(None).saying(&error.to_string())).await;
        if let Some(unwanted) = &tokens.refresh_token {
            self.revoke_unwanted(unwanted).await;
        }
    }

    /// Best effort: that it cannot be written changes nothing for the person.
    async fn record_refusal(&self, entry: &Entry) {
        let now = self.app.clock.now();
        let written = async {
            let mut transaction = self.app.db.begin().await?;
            ledger::append(&mut transaction, &self.app.ledger, Action::ConnectRefused, entry, now).await?;
            transaction.commit().await
        };
        if let Err(error) = written.await {
            tracing::error!(%error, "a refused consent is not in the ledger");
        }
    }

    /// With the reach `grant` this would end the person's other grants of the app, so it is left to run out.
    async fn revoke_unwanted(&self, refresh_token: &Token) {
        let issuer = &self.third_party.issuer;
        if !matches!(issuer.profile.revocation_reach, Reach::Token | Reach::Family) {
            return;
        }
        let Ok(client) = crate::app::client(&self.app, &self.third_party) else { return };
        if let Err(fault) =
            issuer::revoke::revoke(&self.app.issuers, issuer, &client, refresh_token, Kind::RefreshToken)
                .await
        {
            tracing::warn!(issuer = issuer.key, %fault, "a grant that is not kept could not be revoked");
        }
    }

    fn entry(&self, connection_id: Option<&str>) -> Entry {
        Entry {
            actor: self.account.id.clone(),
            account_id: Some(self.account.id.clone()),
            app_id: Some(self.third_party.id.clone()),
            connection_id: connection_id.map(str::to_owned),
            caller_id: None,
            detail: None,
        }
    }
}

/// An issuer's failure during a consent, in words for the person.
pub(super) fn issuer_fault(third_party: &ThirdPartyApp, fault: IssuerFault) -> Error {
    let name = third_party.issuer.name.clone();
    tracing::warn!(app = third_party.key, issuer = third_party.issuer.key, %fault, "a consent failed at the issuer");
    match fault {
        IssuerFault::Unavailable(_, retry_after) => {
            Error::IssuerUnavailable { issuer: name, retry_after: retry_after.unwrap_or(10) }
        }
        IssuerFault::Unanswered(_) => Error::IssuerUnavailable { issuer: name, retry_after: 10 },
        IssuerFault::InvalidClient(_) => Error::Misconfigured { issuer: name },
        IssuerFault::Untrusted(why) | IssuerFault::Odd(why) => ConnectFault::Issuer(format!(
            "{name} gave an answer that cannot be used: {why}. Nothing was stored."
        ))
        .into(),
        refused => {
            ConnectFault::Issuer(format!("{name} did not accept the consent: {refused}. Try again.")).into()
        }
    }
}
