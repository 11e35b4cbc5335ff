//! A consent by another identity than the one of the connection that was to be renewed. Nothing is changed by it: it is
//! kept, sealed, until the person says on purpose what it was for, and dropped after ten minutes.

use serde::{Deserialize, Serialize};
use tracing::Instrument;

use super::Completed;
use super::grant::{Grant, Outcome};
use crate::Broker;
use crate::account::Account;
use crate::app::App;
use crate::clock::Timestamp;
use crate::connection::{Connection, ExternalIdentity};
use crate::consent::attempt::store;
use crate::consent::attempt::store::{Claimant, Kept};
use crate::error::{ConnectFault, Error};
use crate::issuer::scope::Scopes;
use crate::issuer::token_set::{Member, TokenSet};
use crate::issuer::transcript::Transcript;
use crate::secret::{Token, TokenHash};
use crate::vault::{Place, VaultError};

/// Seconds that a person has to decide.
const KEPT_FOR: i64 = 600;
/// Seconds for which an issuer that is away is asked to take back what was not kept.
const GIVEN_UP_AFTER: i64 = 86_400;

/// What the person makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A connection of its own, or the one that this identity already has.
    Add,
    /// The connection is this identity's from now on, under the same id.
    Switch,
    /// It was a mistake.
    Drop,
}

/// What the person is asked about.
pub struct Question {
    /// Whose consent it is.
    pub given_by: ExternalIdentity,
    /// The connection that was to be renewed, while it is live.
    pub pinned: Option<Connection>,
    /// Whether that identity has a connection of its own, which rules a switch out.
    pub has_its_own: bool,
}

#[derive(Serialize, Deserialize)]
struct Tokens {
    #[serde(with = "crate::secret::exposed_option")]
    access_token: Option<Token>,
    #[serde(with = "crate::secret::exposed_option")]
    refresh_token: Option<Token>,
    expires_at: Option<i64>,
    scope: Option<String>,
    #[serde(default)]
    token_type: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    issuer: String,
    subject: String,
}

/// # Errors
/// When the database does not answer.
pub(crate) async fn keep(grant: &Grant, tokens: &TokenSet, identity: &ExternalIdentity) -> Result<(), Error> {
    let broker = &grant.broker;
    let now = broker.clock.now();
    let kept = Tokens {
        access_token: tokens.access_token.token().cloned(),
        refresh_token: tokens.refresh_token.token().cloned(),
        expires_at: tokens.expires_in.map(|seconds| now.plus(seconds).unix()),
        scope: tokens.scope.as_ref().map(ToString::to_string),
        token_type: tokens.token_type.clone(),
    };
    let text = serde_json::to_string(&kept).map_err(|_| VaultError::DoesNotOpen)?;
    let sealed = broker.house_key.seal(&place(&grant.state), &Token::new(text))?;
    let identity = Identity { issuer: identity.issuer.clone(), subject: identity.subject.clone() };
    let identity = serde_json::to_string(&identity).unwrap_or_default();
    if !store::keep(&broker.db, &grant.state, &sealed, &identity, now.plus(KEPT_FOR)).await? {
        return Err(ConnectFault::StateUnknown.into());
    }
    let said = "The consent was given by another identity; the person is asked.";
    grant.record_refusal(&grant.entry(grant.attempt.connection_id.as_deref()).saying(said)).await;
    Ok(())
}

/// # Errors
/// [`ConnectFault::StateUnknown`] when nothing is kept by this name for this person in this browser.
pub async fn question(
    broker: &Broker,
    account: &Account,
    browser: &TokenHash,
    app: &App,
    state: &TokenHash,
) -> Result<Question, Error> {
    let claimant = Claimant { account_id: &account.id, browser, app_id: &app.id };
    let kept = store::kept(&broker.db, state, &claimant, broker.clock.now()).await?;
    let kept = kept.ok_or(ConnectFault::StateUnknown)?;
    let (grant, _, given_by) = open(broker, account, app, state, kept)?;
    let has_its_own = grant.live_of(&given_by).await?.is_some();
    Ok(Question { pinned: pinned(&grant).await?, given_by, has_its_own })
}

/// # Errors
/// [`ConnectFault::StateUnknown`] as above, or when it was decided already; [`Error::Conflict`] when a switch is not
/// possible any more. Then nothing is stored.
pub async fn decide(
    broker: &Broker,
    account: &Account,
    browser: &TokenHash,
    app: &App,
    state: &TokenHash,
    decision: Decision,
) -> Result<Option<Completed>, Error> {
    let now = broker.clock.now();
    let claimant = Claimant { account_id: &account.id, browser, app_id: &app.id };
    let kept = store::kept(&broker.db, state, &claimant, now).await?;
    let kept = kept.ok_or(ConnectFault::StateUnknown)?;
    let (grant, tokens, given_by) = open(broker, account, app, state, kept)?;
    if decision == Decision::Switch && grant.live_of(&given_by).await?.is_some() {
        let sentence = "That account has a connection of its own already. Nothing was changed.";
        return Err(Error::Conflict(sentence.to_owned()));
    }
    if !store::take_kept(&broker.db, state, now, now.plus(KEPT_FOR)).await? {
        return Err(ConnectFault::StateUnknown.into());
    }
    let deciding = async move {
        let decided = grant.decide(decision, &tokens, &given_by).await;
        if !matches!(decided, Ok(Some(_)) | Err(Error::Database(_))) {
            grant.give_back(&tokens, &given_by, None).await?;
        }
        store::end(&grant.broker.db, &grant.state).await?;
        let completed =
            |id| Completed { outcome: Outcome::Stored(id), return_to_app: grant.attempt.return_to_app };
        decided.map(|stored| stored.map(completed))
    };
    // As with a consent: a closed browser loses nothing.
    broker.see_through(&app.issuer.external_name(), deciding).await
}

/// Gives back to the issuer what nobody decided about in time, and what a crash left undecided: each in a task of its own,
/// so that an issuer that hangs holds up nothing else.
///
/// # Errors
/// When the database does not answer.
pub async fn drop_forgotten(broker: &Broker) -> Result<(), Error> {
    let now = broker.clock.now();
    for (state, kept) in store::forgotten(&broker.db, now).await? {
        // It is tried again later should this be cut off, or the issuer be away.
        if !store::take_forgotten(&broker.db, &state, now, now.plus(KEPT_FOR)).await? {
            continue;
        }
        let dropper = broker.clone();
        let dropping = async move {
            if let Err(error) = drop_one(&dropper, &state, kept).await {
                tracing::error!(%error, "what is kept of a consent could not be given back yet");
            }
        };
        broker.tasks.spawn(dropping.in_current_span());
    }
    Ok(())
}

async fn drop_one(broker: &Broker, state: &TokenHash, kept: Kept) -> Result<(), Error> {
    // Also of somebody who is gone: what was kept of them is to be given back first of all.
    let account = crate::account::by_id_even_deleted(broker, &kept.attempt.account_id).await?;
    let app = crate::app::by_id(broker, &kept.attempt.app_id).await?;
    let (Some(account), Some(app)) = (account, app) else { return Ok(()) };
    let until = kept.created_at.plus(GIVEN_UP_AFTER);
    match open(broker, &account, &app, state, kept) {
        Ok((grant, tokens, given_by)) => {
            grant.give_back(&tokens, &given_by, Some(until)).await?;
            Ok(store::end(&broker.db, state).await?)
        }
        Err(error) => {
            tracing::error!(app = app.key, %error, "what is kept of a consent does not open");
            forget(broker, state).await
        }
    }
}

async fn forget(broker: &Broker, state: &TokenHash) -> Result<(), Error> {
    let mut transaction = broker.db.begin().await?;
    store::forget_kept(&mut transaction, state).await?;
    Ok(transaction.commit().await?)
}

impl Grant {
    /// What will not be kept goes back to the issuer; what it does not take now is tried again, for a day.
    async fn give_back(
        &self,
        tokens: &TokenSet,
        given_by: &ExternalIdentity,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let told = self.revoke_unwanted(tokens.refresh_token.token(), Some(given_by)).await;
        if told || until.is_some_and(|until| until <= self.broker.clock.now()) {
            return forget(&self.broker, &self.state).await;
        }
        Ok(())
    }

    /// The id of the connection that holds it; None when it was dropped.
    async fn decide(
        &self,
        decision: Decision,
        tokens: &TokenSet,
        given_by: &ExternalIdentity,
    ) -> Result<Option<String>, Error> {
        match decision {
            Decision::Drop => Ok(None),
            Decision::Add => self.store(tokens, given_by).await.map(Some),
            Decision::Switch => {
                let gone = "The connection has changed meanwhile. Look at it again; nothing was changed.";
                let pinned = pinned(self).await?.ok_or_else(|| Error::Conflict(gone.to_owned()))?;
                let stored = self.renew(&pinned, given_by, tokens).await?;
                stored.map(Some).ok_or_else(|| Error::Conflict(gone.to_owned()))
            }
        }
    }
}

async fn pinned(grant: &Grant) -> Result<Option<Connection>, Error> {
    let Some(id) = &grant.attempt.connection_id else { return Ok(None) };
    let connection = crate::connection::look_up::by_id(&grant.broker, id).await?;
    Ok(connection.filter(|found| found.is_live() && found.account_id == grant.account.id))
}

fn open(
    broker: &Broker,
    account: &Account,
    app: &App,
    state: &TokenHash,
    kept: Kept,
) -> Result<(Grant, TokenSet, ExternalIdentity), Error> {
    let unreadable = |_| Error::from(VaultError::DoesNotOpen);
    let clear = broker.house_key.open(&place(state), &kept.tokens)?;
    let tokens: Tokens = serde_json::from_str(clear.expose()).map_err(unreadable)?;
    let identity: Identity = serde_json::from_str(&kept.identity).map_err(unreadable)?;
    let now = broker.clock.now();
    let tokens = TokenSet {
        access_token: tokens.access_token.into(),
        refresh_token: tokens.refresh_token.into(),
        token_type: tokens.token_type,
        expires_in: tokens.expires_at.map(|at| Timestamp::from_unix(at).seconds_from(now)),
        scope: tokens.scope.as_deref().map(Scopes::lenient),
        id_token: Member::Absent,
        refresh_expires_in: None,
    };
    let grant = Grant {
        broker: broker.clone(),
        account: account.clone(),
        app: app.clone(),
        attempt: kept.attempt,
        state: state.clone(),
        transcript: Transcript::default(),
    };
    Ok((grant, tokens, ExternalIdentity { issuer: identity.issuer, subject: identity.subject }))
}

/// Where what is kept is sealed to.
#[must_use]
pub fn place(state: &TokenHash) -> Place {
    Place::new("connect_attempts", "kept_tokens", state.as_str(), &[])
}
