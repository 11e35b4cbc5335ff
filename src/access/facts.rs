//! The facts by which the use of a connection is judged, as plain values: from memory where this process is alone with
//! its database, else by one statement. Both bring the same. Judges nothing; see [`super::judge`].

pub(crate) mod store;

use std::sync::Arc;

use crate::Broker;
use crate::account::Account;
use crate::app::{App, AppStatus};
use crate::cache::Weigh;
use crate::caller::{self, Key};
use crate::connection::token_times::TokenTimes;
use crate::connection::{Connection, held, is_id};
use crate::content::environment::Environment;
use crate::content::permission::Permissions;
use crate::db;
use crate::error::Error;
use crate::freeze::freezes;
use crate::freeze::selection::{Cover, Use};
use crate::secret::TokenHash;

/// Everything that decides who may use a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub asker: Asker,
    /// The access token that was shown; None where the connection was named.
    pub token: Option<TokenHash>,
    pub proof: Proof,
    /// The connection that was named, or each that has the token as its current or its previous one.
    pub found: Vec<Found>,
    pub wanted: Wanted,
    /// The one that was asked for; None also when there is none.
    pub environment: Option<Arc<Environment>>,
}

/// What shows that the connection is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Only its name.
    Name,
    /// An access token that it has.
    Held,
    /// A token of the app's issuer, which was verified.
    Verified(TokenTimes),
    /// A content token that was issued for it here.
    Issued,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Whoever shows a key; None when there is no such key.
    Key(Option<Arc<Key>>),
    /// A caller that has shown its key already.
    Caller {
        id: String,
        is_active: bool,
        /// Whether any of its keys is still good.
        has_a_key: bool,
    },
    /// No caller: the access token itself, or this process.
    Nobody,
}

/// A connection, and all that decides its use.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub connection: Arc<Connection>,
    pub app: OfApp,
    /// Whether the app is among those that the caller is allowed.
    pub is_allowed: bool,
    /// None when the person is gone, and where nobody asked.
    pub account: Option<Arc<Account>>,
    /// What those freezes cover that name this use, however old the consent is.
    pub freezes: Vec<Arc<Cover>>,
}

/// What decides of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfApp {
    pub key: String,
    pub status: AppStatus,
    pub issuer_id: String,
    /// What it may do at any environment at the most; None for no bound of its own.
    pub permissions: Option<Arc<Permissions>>,
    /// Whether it may show its own tokens of people who have not agreed here.
    pub may_be_direct: bool,
}

impl OfApp {
    #[must_use]
    pub fn of(app: &App) -> Self {
        Self {
            key: app.key.clone(),
            status: app.status,
            issuer_id: app.issuer.id.clone(),
            permissions: app.permissions.clone(),
            may_be_direct: app.direct.is_some(),
        }
    }
}

/// What the connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Itself: its access token, a refresh, its end.
    Connection,
    /// To speak for its person at a content platform.
    Content,
    /// A content token for one environment.
    Environment,
}

/// Who asks for which connection, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub who: Who<'a>,
    pub which: Which<'a>,
    pub wanted: Wanted,
}

/// How it is said who asks.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    Key(&'a TokenHash),
    /// A caller's id.
    Caller(&'a str),
    Nobody,
}

/// How a connection is named.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    Id(&'a str),
    AccessToken(&'a TokenHash),
    /// By its id, because a token of the app's issuer was verified that stands for it.
    Verified {
        id: &'a str,
        times: TokenTimes,
    },
    /// By its id, because a content token names it that was issued here.
    Issued(&'a str),
}

impl Asker {
    /// A caller's id, whether its key is good or not.
    #[must_use]
    pub fn caller_id(&self) -> Option<&str> {
        match self {
            Self::Key(key) => key.as_ref().map(|key| key.caller.id.as_str()),
            Self::Caller { id, .. } => Some(id),
            Self::Nobody => None,
        }
    }
}

impl Found {
    /// The use that is judged.
    #[must_use]
    pub fn used_by<'a>(&'a self, asker: &'a Asker) -> Use<'a> {
        Use::of(&self.connection, &self.app.issuer_id, asker.caller_id())
    }
}

impl Wanted {
    /// Whether the person counts, beside the connection.
    #[must_use]
    pub fn needs_account(self) -> bool {
        self != Self::Connection
    }
}

impl<'a> Which<'a> {
    fn token(self) -> Option<TokenHash> {
        match self {
            Self::AccessToken(hash) => Some(hash.clone()),
            Self::Id(_) | Self::Verified { .. } | Self::Issued(_) => None,
        }
    }

    const fn proof(self) -> Proof {
        match self {
            Self::Id(_) => Proof::Name,
            Self::AccessToken(_) => Proof::Held,
            Self::Verified { times, .. } => Proof::Verified(times),
            Self::Issued(_) => Proof::Issued,
        }
    }

    /// None where the connection is not named by its id.
    pub(crate) const fn id(self) -> Option<&'a str> {
        match self {
            Self::AccessToken(_) => None,
            Self::Id(id) | Self::Verified { id, .. } | Self::Issued(id) => Some(id),
        }
    }
}

impl Facts {
    /// The facts in one order, whoever brings them.
    pub(crate) fn new(question: &Question<'_>, asker: Asker, mut found: Vec<Found>) -> Self {
        for found in &mut found {
            found.freezes.sort_unstable();
            found.freezes.dedup();
        }
        found.sort_unstable_by(|one, other| one.connection.id.cmp(&other.connection.id));
        let (token, proof) = (question.which.token(), question.which.proof());
        Self { asker, token, proof, found, wanted: question.wanted, environment: None }
    }
}

/// Calls `admit` as soon as it is known who asks: whoever is refused there has nothing looked for.
///
/// # Errors
/// Those of `admit`; when the database does not answer.
pub async fn load(
    broker: &Broker,
    question: &Question<'_>,
    admit: impl FnOnce(&Asker) -> Result<(), Error>,
) -> Result<Facts, Error> {
    if broker.db.is_alone() {
        return in_memory(broker, question, admit).await;
    }
    let facts = by_statement(broker, question).await?;
    admit(&facts.asker)?;
    Ok(facts)
}

/// Each fact from where it is held. Where this process is not alone nothing is, and each is read.
///
/// # Errors
/// As [`load`].
pub async fn in_memory(
    broker: &Broker,
    question: &Question<'_>,
    admit: impl FnOnce(&Asker) -> Result<(), Error>,
) -> Result<Facts, Error> {
    let callers = caller::all(broker).await?;
    let asker = match question.who {
        Who::Key(hash) => Asker::Key(callers.key(hash)),
        Who::Caller(id) => Asker::Caller {
            id: id.to_owned(),
            is_active: callers.is_active(id),
            has_a_key: callers.has_a_key(id),
        },
        Who::Nobody => Asker::Nobody,
    };
    admit(&asker)?;
    let connections = match question.which {
        // For nobody there is nothing to be found.
        _ if matches!(asker, Asker::Key(None)) => Vec::new(),
        Which::AccessToken(hash) => by_access_token(broker, hash).await?,
        which => match which.id().filter(|id| is_id(id)) {
            Some(id) => held::by_id(broker, id).await?.into_iter().collect(),
            None => Vec::new(),
        },
    };
    let mut all = Vec::with_capacity(connections.len());
    for connection in connections {
        let Some(app) = crate::app::by_id(broker, &connection.app_id).await? else { continue };
        let account = if question.wanted.needs_account() {
            crate::account::by_id(broker, &connection.account_id).await?
        } else {
            None
        };
        let is_allowed = asker.caller_id().is_some_and(|id| callers.is_allowed(id, &connection.app_id));
        let app = OfApp::of(&app);
        let mut found = Found { connection, app, is_allowed, account, freezes: Vec::new() };
        found.freezes = freezes::naming(broker, found.used_by(&asker)).await?;
        all.push(found);
    }
    Ok(Facts::new(question, asker, all))
}

/// Every fact by one statement.
///
/// # Errors
/// When the database does not answer.
pub async fn by_statement(broker: &Broker, question: &Question<'_>) -> Result<Facts, Error> {
    Ok(store::load(&broker.db, question).await?)
}

/// Which connections have an access token, as their current or their previous one.
#[derive(Debug)]
pub struct OfToken(Vec<String>);

impl Weigh for OfToken {
    fn weight(&self) -> u64 {
        (50 + 50 * self.0.len()) as u64
    }
}

/// Whoever gives a connection a token lets go of what was known of it. So no connection that has it is missing here; one
/// that has another by now may be among them.
async fn by_access_token(broker: &Broker, hash: &TokenHash) -> Result<Vec<Arc<Connection>>, db::Error> {
    let load = async || {
        let ids = store::ids_by_access_token(&broker.db, hash).await?;
        Ok::<_, db::Error>(Some(OfToken(ids)).filter(|of_token| !of_token.0.is_empty()))
    };
    let known = broker.held.by_access_token.get(&broker.db, hash.as_str(), load).await?;
    let mut connections = Vec::new();
    for id in known.iter().flat_map(|known| &known.0) {
        connections
            .extend(held::by_id(broker, id).await?.filter(|found| found.generation_of(hash).is_some()));
    }
    if connections.is_empty() {
        // Nobody has it any more, so it need not be remembered.
        broker.held.by_access_token.forget(hash.as_str());
    }
    Ok(connections)
}
