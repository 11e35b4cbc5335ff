//! What a caller may know of environments: which ones its apps may reach, and with which permissions. Hands nothing out.

use std::sync::Arc;

use super::environment::Environment;
use super::permission::Permissions;
use super::subject::Subject;
use super::{exchange, look_up};
use crate::Broker;
use crate::access::facts::{self, Asker, OfApp, Question, Wanted, Which, Who};
use crate::access::judge::{self, Refusal, judge};
use crate::access::read;
use crate::account::Account;
use crate::app::App;
use crate::caller::authenticate;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::error::Error;
use crate::secret::Token;

/// An environment, and what each app's tokens may do there; None where another platform decides.
#[derive(Debug)]
pub struct Overview {
    pub environment: Arc<Environment>,
    /// By the app's key.
    pub apps: Vec<(String, Option<Permissions>)>,
}

/// An environment that is open to somebody, and what a token may do there; None where another platform decides.
#[derive(Debug)]
pub struct Open {
    pub environment: Arc<Environment>,
    pub permissions: Option<Permissions>,
}

/// At the most, whoever it is for: what a person may do there is theirs.
///
/// # Errors
/// [`Error::InvalidAuth`]; when the database does not answer.
pub async fn of_caller(broker: &Broker, key: &Token) -> Result<Vec<Overview>, Error> {
    let caller = authenticate::by_key(broker, key).await?;
    let mut apps = Vec::new();
    for id in read::apps(broker, &caller.id).await? {
        apps.extend(crate::app::by_id(broker, &id).await?);
    }
    let apps: Vec<OfApp> = apps.iter().map(|app| OfApp::of(app)).collect();
    let of_environment = |environment: &Arc<Environment>| {
        let at_most = |app: &OfApp| judge::at_most(environment, app).map(|most| (app.key.clone(), most));
        of(environment, apps.iter().filter_map(at_most).collect())
    };
    Ok(look_up::all(broker).await?.iter().filter_map(of_environment).collect())
}

/// For the person of a connection, at this moment.
///
/// # Errors
/// As those of [`crate::access::allow::by_key`]; [`Error::Conflict`] when its person must connect the app again.
pub async fn of_connection(broker: &Broker, key: &Token, id: &str) -> Result<Vec<Overview>, Error> {
    let hash = authenticate::recognise(key)?;
    let question = Question { who: Who::Key(&hash), which: Which::Id(id), wanted: Wanted::Content };
    let admit = |asker: &Asker| authenticate::admit(broker, key, asker).map(drop);
    let facts = facts::load(broker, &question, admit).await?;
    let now = broker.clock.now();
    let allowed = judge(&facts, now).map_err(|refusal| match refusal {
        Refusal::NeedsReconnect | Refusal::AccountGone => {
            let sentence = "The connection speaks for nobody now; its person must connect the app again.";
            Error::Conflict(sentence.to_owned())
        }
        refusal => refusal.error(broker),
    })?;
    let found = allowed.found;
    let Some(account) = found.account.as_deref() else { return Ok(Vec::new()) };
    let of_environment = |environment: &Arc<Environment>| {
        let permissions = judge::permissions(environment, &found.app, account, &found.connection, now);
        of(environment, permissions.into_iter().map(|all| (found.app.key.clone(), all)).collect())
    };
    Ok(look_up::all(broker).await?.iter().filter_map(of_environment).collect())
}

/// For whoever an access token stands for, by project and name.
///
/// # Errors
/// When the database does not answer.
pub async fn of_subject(broker: &Broker, subject: &Subject) -> Result<Vec<Open>, Error> {
    open(broker, |environment| exchange::allowed(environment, subject)).await
}

/// What an app can be given for a person, who has not chosen yet; by project and name.
///
/// # Errors
/// When the database does not answer.
pub async fn of_person(broker: &Broker, app: &App, account: &Account) -> Result<Vec<Open>, Error> {
    let (app, now) = (OfApp::of(app), broker.clock.now());
    open(broker, |environment| judge::can_be_given(environment, &app, account, now)).await
}

async fn open(
    broker: &Broker,
    permissions: impl Fn(&Environment) -> Option<Permissions>,
) -> Result<Vec<Open>, Error> {
    let one = |environment: &Arc<Environment>| {
        let permissions = permissions(environment)?;
        let permissions = environment.strategy.mints().then_some(permissions);
        Some(Open { environment: Arc::clone(environment), permissions })
    };
    let mut all: Vec<_> = look_up::all(broker).await?.iter().filter_map(one).collect();
    all.sort_by_key(|one| one.environment.audience());
    Ok(all)
}

/// What the tokens of an app may do for a person there. None for nothing.
#[must_use]
pub fn permitted(
    environment: &Environment,
    app: &App,
    account: &Account,
    connection: &Connection,
    now: Timestamp,
) -> Option<Permissions> {
    judge::permissions(environment, &OfApp::of(app), account, connection, now)
}

/// None for an environment that nobody asks about.
fn of(environment: &Arc<Environment>, apps: Vec<(String, Permissions)>) -> Option<Overview> {
    let minted = environment.strategy.mints();
    let apps: Vec<_> = apps.into_iter().map(|(key, all)| (key, minted.then_some(all))).collect();
    (!apps.is_empty()).then(|| Overview { environment: Arc::clone(environment), apps })
}
