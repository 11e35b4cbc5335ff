//! The first exchange of an app that signs people in by itself. Whoever asks is judged as if the connection were there, and
//! only then it is made: what is refused leaves nothing behind. Verifies no token; see [`super::subject`].

use std::sync::Arc;

use crate::Broker;
use crate::access::facts::{Facts, Found, OfApp, Proof};
use crate::access::judge::judge;
use crate::account::{self, Account};
use crate::app::App;
use crate::connection::allowed::Access;
use crate::connection::token_times::TokenTimes;
use crate::connection::{Connection, ExternalIdentity, look_up};
use crate::consent::direct::{self, Outcome};
use crate::error::Error;
use crate::freeze::freezes;

/// A verified token of such an app, of somebody who has no connection with it.
pub(super) struct FirstSight {
    pub app: Arc<App>,
    /// What the operator lets the app do for whoever has not agreed here.
    pub access: Access,
    pub identity: ExternalIdentity,
    pub times: TokenTimes,
}

/// Connects the app; the connection's id. `facts` say who asks, and what for.
///
/// # Errors
/// [`Error::SubjectTokenRefused`] when the person has no account here, or has stopped the app since they signed in at it;
/// those of the judge.
pub(super) async fn connect(broker: &Broker, first: &FirstSight, mut facts: Facts) -> Result<String, Error> {
    let FirstSight { app, access, identity, times } = first;
    if !broker.config.signs_in_at(&identity.issuer) {
        return Err(Error::subject_token_refused("its app is at another issuer than people sign in at"));
    }
    // An account is made by a sign-in here, and by nothing else: one that was deleted does not come back by itself.
    let account = account::by_subject(broker, &identity.issuer, &identity.subject).await?;
    let account = account.ok_or_else(|| Error::subject_token_refused("its `sub` has no account here"))?;
    let connection = direct::connection(broker, app, *access, &account, identity, *times).await?;
    let found = found(broker, &facts, app, &account, &connection).await?;
    (facts.token, facts.proof, facts.found) = (None, Proof::Verified(*times), vec![found]);
    judge(&facts, broker.clock.now()).map_err(|refusal| refusal.error_of_subject(broker))?;
    match direct::store(broker, &account, &connection, *times).await? {
        Outcome::Stored => Ok(connection.id),
        Outcome::Existed => {
            // Read anew: memory may hear of it a moment later.
            let all = look_up::by_identity(broker, &app.id, identity).await?;
            let own = all.into_iter().find(|found| found.account_id == account.id);
            own.map(|own| own.id).ok_or_else(stopped)
        }
        Outcome::Stopped => Err(stopped()),
    }
}

fn stopped() -> Error {
    Error::subject_token_refused("its app was stopped at this very moment")
}

/// What is not there yet, with everything that decides its use.
async fn found(
    broker: &Broker,
    facts: &Facts,
    app: &App,
    account: &Account,
    connection: &Connection,
) -> Result<Found, Error> {
    let is_allowed = match facts.asker.caller_id() {
        Some(caller_id) => crate::caller::is_allowed(broker, caller_id, &app.id).await?,
        None => false,
    };
    let mut found = Found {
        connection: Arc::new(connection.clone()),
        app: OfApp::of(app),
        is_allowed,
        account: Some(Arc::new(account.clone())),
        freezes: Vec::new(),
    };
    found.freezes = freezes::naming(broker, found.used_by(&facts.asker)).await?;
    Ok(found)
}
