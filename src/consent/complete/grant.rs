//! A grant that a person has just given: finds out who consented, and stores it sealed: as a first one, as a renewal, or
//! in the place of another identity's. Spends no code, see [`super`]; asks the person nothing, see [`super::another_identity`].

use super::another_identity;
use crate::Broker;
use crate::account::{self, Account, sign_in};
use crate::app::{App, IdentityRule, ScopeRule};
use crate::clock::Timestamp;
use crate::connection::allowed::Allowed;
use crate::connection::identity;
use crate::connection::seal::{Binding, data_key, open_refresh_token, seal};
use crate::connection::status::Cause;
use crate::connection::store::{self, Consented};
use crate::connection::{Connection, ExternalIdentity};
use crate::consent::attempt;
use crate::consent::attempt::store::Attempt;
use crate::consent::choice::Choice;
use crate::consent::issuer_fault::issuer_fault;
use crate::db;
use crate::db::write::Transaction;
use crate::error::{ConnectFault, Error};
use crate::issuer::discovery::endpoints;
use crate::issuer::fault::untrusted;
use crate::issuer::id_token::{self, Expected};
use crate::issuer::identity::identify;
use crate::issuer::profile::Reach;
use crate::issuer::token_set::{Member, TokenSet};
use crate::issuer::transcript::Transcript;
use crate::issuer::{IssuerFault, access_token, jwt};
use crate::ledger::{self, Action, Entry};
use crate::revoke::unused_refresh_token;
use crate::secret::{Token, TokenHash};
use crate::vault::Purpose;

/// What came of a grant.
pub enum Outcome {
    /// In the connection of this id.
    Stored(String),
    /// It is of another identity than the connection that was to be renewed, and kept under this name until the person
    /// decides.
    Kept(TokenHash),
}

/// Everything that is known of a grant beside its tokens.
pub struct Grant {
    pub broker: Broker,
    pub account: Account,
    pub app: App,
    pub attempt: Attempt,
    /// Names the attempt.
    pub state: TokenHash,
    /// What was asked for it, and answered.
    pub transcript: Transcript,
}

impl Grant {
    /// # Errors
    /// With a sentence for the person; then nothing is stored, and the issuer is told.
    pub(crate) async fn judge_and_store(&self, tokens: &TokenSet) -> Result<Outcome, Error> {
        let identity = match self.judge(tokens).await {
            Ok(identity) => identity,
            Err(error) => {
                tracing::warn!(app = self.app.key, %error, "a consent was refused");
                self.record_refusal(&self.entry(None).saying(&error.to_string())).await;
                self.revoke_unwanted(tokens.refresh_token.token(), None).await;
                return Err(error);
            }
        };
        if let Some(pinned) = &self.attempt.connection_id {
            let live = self.live_of(&identity).await?;
            if live.is_none_or(|live| live.id != *pinned) {
                let kept = another_identity::keep(self, tokens, &identity).await;
                if kept.is_err() {
                    self.revoke_unwanted(tokens.refresh_token.token(), Some(&identity)).await;
                }
                return kept.map(|()| Outcome::Kept(self.state.clone()));
            }
        }
        let stored = self.store(tokens, &identity).await;
        // Of another error than the database's it is certain that nothing was stored.
        if let Err(error) = &stored
            && !matches!(error, Error::Database(_))
        {
            self.revoke_unwanted(tokens.refresh_token.token(), Some(&identity)).await;
        }
        stored.map(Outcome::Stored)
    }

    async fn judge(&self, tokens: &TokenSet) -> Result<ExternalIdentity, Error> {
        let app = &self.app;
        // The person is here, and what they had before is not touched: better no connection than half of one.
        let unusable = tokens
            .access_token
            .unusable()
            .map(|why| format!("its access token cannot be handed out: it {why}"));
        let unusable = unusable.or_else(|| {
            tokens.refresh_token.unusable().map(|why| format!("its refresh token cannot be kept: it {why}"))
        });
        if let Some(why) = unusable {
            return Err(issuer_fault(app, IssuerFault::Odd(why)));
        }
        if let (ScopeRule::Exact, Some(granted)) = (app.scope_rule, &tokens.scope)
            && !app.scopes.is_subset(granted)
        {
            return Err(ConnectFault::ScopeMismatch.into());
        }
        let (identity, shown) = self.identity(tokens).await.map_err(|fault| issuer_fault(app, fault))?;
        let own = identity.issuer == self.account.issuer && identity.subject == self.account.subject;
        if app.identity_rule == IdentityRule::Same && !own {
            let came = shown.unwrap_or_else(|| identity.subject.clone());
            return Err(ConnectFault::OtherIdentity { expected: self.account.in_words(), came }.into());
        }
        Ok(identity)
    }

    /// Who consented: the verified ID token; else the identity endpoint; else a verified access token; else
    /// nobody's name. And what to call them, where the ID token says.
    async fn identity(&self, tokens: &TokenSet) -> Result<(ExternalIdentity, Option<String>), IssuerFault> {
        let (broker, issuer) = (&self.broker, &self.app.issuer);
        let named =
            |subject: String| (ExternalIdentity { issuer: issuer.external_name(), subject }, None::<String>);
        let client_id = &self.app.client_id;
        let id_token = match &tokens.id_token {
            Member::Token(id_token) => Some(id_token).filter(|_| issuer.identifier().is_some()),
            Member::Unusable(why) if self.attempt.scopes.contains("openid") => {
                return Err(untrusted(&format!("its ID token cannot be read: it {why}")));
            }
            Member::Absent | Member::Unusable(_) => None,
        };
        if let Some(id_token) = id_token {
            let access_token = tokens.access_token.token();
            let expected = Expected { client_id, nonce: &self.attempt.nonce, access_token };
            let claims = id_token::verify(&broker.issuers, issuer, id_token, &expected).await?;
            account::claims::follow(broker, &self.account.id, &issuer.external_name(), &claims).await;
            let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default();
            let answered = [&tokens.access_token, &tokens.refresh_token, &tokens.id_token];
            let answered: Vec<&str> =
                answered.into_iter().filter_map(Member::token).map(Token::expose).collect();
            let shown =
                ["email", "name"].into_iter().find_map(|name| sign_in::shown(&claims, name, &answered));
            return Ok((named(subject.to_owned()).0, shown));
        }
        let Some(access_token) = tokens.access_token.token() else { return Ok(named(String::new())) };
        let identity_config = self.app.identity_config.clone().or_else(|| issuer.identity_config());
        if let Some(config) = identity_config {
            return identify(&broker.issuers.http, &config, access_token).await.map(named);
        }
        let publishes_keys = endpoints(&broker.issuers, issuer).await?.jwks.is_some();
        if issuer.identifier().is_none() || !publishes_keys || !jwt::looks_like_one(access_token.expose()) {
            // An opaque token names nobody, and that is no fault.
            return Ok(named(String::new()));
        }
        // One that could name somebody must: taken for nobody's, it could replace another identity's grant.
        let verified =
            access_token::verify(&broker.issuers, issuer, access_token.expose(), client_id).await?;
        Ok(named(verified.subject))
    }

    pub(crate) async fn live_of(&self, identity: &ExternalIdentity) -> Result<Option<Connection>, Error> {
        Ok(store::live_of(&self.broker.db, &self.account.id, &self.app.id, identity).await?)
    }

    /// On the live connection of this identity, else as a new one; its id.
    ///
    /// # Errors
    /// [`Error::Conflict`] when others are quicker again and again.
    pub(crate) async fn store(
        &self,
        tokens: &TokenSet,
        identity: &ExternalIdentity,
    ) -> Result<String, Error> {
        // Twice would do: whoever else stores this identity at the same time leaves a row to renew.
        for _ in 0..5 {
            let stored = match self.live_of(identity).await? {
                Some(live) => self.renew(&live, identity, tokens).await?,
                None => self.insert(identity, tokens).await?,
            };
            if let Some(id) = stored {
                return Ok(id);
            }
        }
        Err(Error::Conflict("Somebody else is connecting this app right now. Try again.".to_owned()))
    }

    async fn insert(&self, identity: &ExternalIdentity, tokens: &TokenSet) -> Result<Option<String>, Error> {
        let broker = &self.broker;
        let now = broker.clock.now();
        let (key, wrapped) = broker.vault.new_data_key()?;
        let (account_id, app_id) = (&self.account.id, &self.app.id);
        let connection = Connection::beginning(account_id, app_id, identity, wrapped.clone(), now);
        let id = connection.id.clone();
        let sealed = seal(&key, connection.binding(), tokens, None, &self.attempt.scopes, now)?;
        let mut transaction = broker.db.begin().await?;
        let consent = self.consent(tokens, None, now);
        if !store::insert(broker, &mut transaction, &connection, &sealed, &consent, now).await? {
            return Ok(None);
        }
        self.settle(&mut transaction, &id, identity, Some(now)).await?;
        crate::vault::insert(&mut transaction, &wrapped, Purpose::Connection, now).await?;
        attempt::store::forget_kept(&mut transaction, &self.state).await?;
        let entry = self.entry(Some(&id)).recording(&self.transcript);
        ledger::append(&mut transaction, &broker.ledger, Action::Connected, &entry, now).await?;
        transaction.commit().await?;
        let _ = broker.events.send(crate::Event::Connected { connection_id: id.clone() });
        self.tell_of_the_cap(identity).await?;
        Ok(Some(id))
    }

    /// Beyond its cap the issuer ends the oldest grant without a word: whoever wonders later finds why in the log.
    async fn tell_of_the_cap(&self, identity: &ExternalIdentity) -> Result<(), Error> {
        let issuer = &self.app.issuer;
        let most = issuer.profile.live_refresh_tokens.filter(|_| identity.is_pinned());
        let Some(most) = most else { return Ok(()) };
        let live = store::by_identity(&self.broker.db, &self.app.id, identity).await?.len();
        if u32::try_from(live).is_ok_and(|live| live >= most) {
            let (app, issuer) = (&self.app.key, &issuer.key);
            tracing::warn!(app, issuer, live, "one identity has as many grants as its issuer keeps alive");
        }
        Ok(())
    }

    /// What is stored beside the tokens.
    fn consent(&self, tokens: &TokenSet, renewed: Option<&Connection>, now: Timestamp) -> Consented<'_> {
        let life = self.app.issuer.profile.refresh_life_seconds.map(i64::from);
        let life = [life, tokens.refresh_expires_in].into_iter().flatten().min();
        // A refresh token that is kept from before ends when it would have ended: nobody knows when that is.
        let life = life.filter(|_| tokens.refresh_token.token().is_some());
        // What was chosen for one connection is not meant for another that is there already.
        let pinned = self.attempt.connection_id.as_ref();
        let another = renewed.is_some_and(|renewed| pinned.is_some_and(|pinned| *pinned != renewed.id));
        let choice = if another { Choice::default() } else { self.attempt.choice.clone() };
        Consented {
            requested: &self.attempt.scopes,
            expires_at: choice.lasts.end(renewed.and_then(|renewed| renewed.consent_expires_at), now),
            allowed: choice.places.over(renewed.map_or(&Allowed::default(), |renewed| &renewed.allowed)),
            refresh_expires_at: life.map(|seconds| now.plus(seconds)),
        }
    }

    /// Under the id of a live connection, which from now on is this identity's; None when it has moved on.
    pub(crate) async fn renew(
        &self,
        live: &Connection,
        identity: &ExternalIdentity,
        tokens: &TokenSet,
    ) -> Result<Option<String>, Error> {
        let broker = &self.broker;
        let now = broker.clock.now();
        let key = data_key(broker, live)?;
        let superseded = match open_refresh_token(broker, live) {
            // What does not open any more is replaced like any other.
            Err(Error::Damaged) => None,
            opened => opened?,
        };
        let binding = Binding { generation: live.generation + 1, ..live.binding() };
        let same = live.external == *identity;
        // Some issuers give a refresh token only with the first consent; then the old one is still the one. Whoever is
        // not named may be anybody, and is left nothing of whoever was not named before. What a refresh brought for somebody
        // else is nobody's to go on with.
        let crossed = live.cause == Some(Cause::IdentityChanged);
        let kept = superseded.as_ref().filter(|_| same && identity.is_pinned() && !crossed);
        let stored = tokens.refresh_token.token().or(kept);
        let replaced =
            superseded.as_ref().filter(|old| stored.is_none_or(|stored| old.expose() != stored.expose()));
        let sealed = seal(&key, binding, tokens, kept, &self.attempt.scopes, now)?;
        let mut transaction = broker.db.begin().await?;
        let consent = self.consent(tokens, Some(live), now);
        if !store::renew(broker, &mut transaction, live, identity, &sealed, &consent, now).await? {
            return Ok(None);
        }
        self.settle(&mut transaction, &live.id, identity, (!same).then_some(now)).await?;
        let given_up = match replaced {
            // Of one that nobody can tell, nothing need be kept.
            Some(old) if self.app.issuer.profile.revocation_reach != Reach::None => {
                let id =
                    unused_refresh_token::keep(broker, &mut transaction, &key, live, &live.external, old)
                        .await?;
                Some((id, old))
            }
            _ => None,
        };
        attempt::store::forget_kept(&mut transaction, &self.state).await?;
        let entry = self.entry(Some(&live.id)).recording(&self.transcript);
        let action = if same { Action::Reconnected } else { Action::Switched };
        ledger::append(&mut transaction, &broker.ledger, action, &entry, now).await?;
        transaction.commit().await?;
        if let Some((id, old)) = given_up {
            unused_refresh_token::tell_if_alone(broker, &self.app, &id, old).await;
        }
        let _ = broker.events.send(crate::Event::Connected { connection_id: live.id.clone() });
        Ok(Some(live.id.clone()))
    }

    async fn settle(
        &self,
        transaction: &mut Transaction,
        id: &str,
        identity: &ExternalIdentity,
        since: Option<Timestamp>,
    ) -> Result<(), db::Error> {
        let of = (&self.account, self.app.id.as_str(), identity);
        identity::settle(&self.broker, transaction, id, of, since).await.map(drop)
    }

    /// Best effort: that it cannot be written changes nothing for the person.
    pub(crate) async fn record_refusal(&self, entry: &Entry) {
        let now = self.broker.clock.now();
        let written = async {
            let mut transaction = self.broker.db.begin().await?;
            ledger::append(&mut transaction, &self.broker.ledger, Action::ConnectRefused, entry, now).await?;
            transaction.commit().await
        };
        if let Err(error) = written.await {
            tracing::error!(%error, "a refused consent is not in the ledger");
        }
    }

    pub(crate) fn entry(&self, connection_id: Option<&str>) -> Entry {
        Entry {
            actor: self.account.id.clone(),
            account_id: Some(self.account.id.clone()),
            app_id: Some(self.app.id.clone()),
            connection_id: connection_id.map(str::to_owned),
            caller_id: None,
            detail: None,
        }
    }
}
