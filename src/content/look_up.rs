//! Finds environments: in memory where this process is alone with its database, else by a statement. Does not say who may
//! reach one; see [`super::environment`] and [`super::exchange`].

use std::sync::Arc;

use super::environment::Environment;
use super::store;
use crate::Broker;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;

/// The environment of this key in the configuration file.
///
/// # Errors
/// [`Error::InvalidRequest`] when there is none.
pub async fn by_key(broker: &Broker, key: &str) -> Result<Arc<Environment>, Error> {
    let all = all(broker).await?;
    let found = all.iter().find(|environment| environment.key == key).cloned();
    found.ok_or_else(|| {
        Error::InvalidRequest(format!(
            "There is no environment `{key}` in use; `attache environment list` shows them."
        ))
    })
}

/// Every environment there is; they are few.
///
/// # Errors
/// When the database does not answer.
pub async fn all(broker: &Broker) -> Result<Arc<Vec<Arc<Environment>>>, db::Error> {
    broker.held.environments.get(&broker.db, async || read_all(broker).await).await
}

/// Those that are held in memory; None where nothing is.
async fn held(broker: &Broker) -> Result<Option<Arc<Vec<Arc<Environment>>>>, db::Error> {
    broker.held.environments.held(&broker.db, async || read_all(broker).await).await
}

async fn read_all(broker: &Broker) -> Result<Vec<Arc<Environment>>, db::Error> {
    Ok(store::all(&broker.db).await?.into_iter().map(Arc::new).collect())
}

/// Environments are changed in this transaction, and the tokens for them may be dropped.
pub(super) fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || {
        broker.held.environments.forget();
        broker.held.permanent_tokens.forget();
        broker.held.content_tokens.forget_all();
    });
}

/// The environment of this name, open to anybody or not.
pub(super) async fn find(broker: &Broker, target: Target<'_>) -> Result<Option<Arc<Environment>>, db::Error> {
    match held(broker).await? {
        Some(held) => Ok(held.iter().find(|environment| target.names(environment)).cloned()),
        None => Ok(read(broker, target).await?.map(Arc::new)),
    }
}

/// The environment of this id, while it is in use.
///
/// # Errors
/// When the database does not answer.
pub async fn by_id(broker: &Broker, id: &str) -> Result<Option<Arc<Environment>>, db::Error> {
    Ok(all(broker).await?.iter().find(|environment| environment.id == id).cloned())
}

/// How an environment is named. RFC 8693 section 2.1.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// `project/environment`
    Audience(&'a str),
    /// The content API URL.
    Resource(&'a str),
    /// By both; they must name the same one.
    Both { audience: &'a str, resource: &'a str },
}

impl<'a> Target<'a> {
    /// By what a request says; None when it names none.
    #[must_use]
    pub const fn of(audience: Option<&'a str>, resource: Option<&'a str>) -> Option<Self> {
        match (audience, resource) {
            (Some(audience), None) => Some(Self::Audience(audience)),
            (None, Some(resource)) => Some(Self::Resource(resource)),
            (Some(audience), Some(resource)) => Some(Self::Both { audience, resource }),
            (None, None) => None,
        }
    }

    pub(super) fn names(&self, environment: &Environment) -> bool {
        match *self {
            Self::Audience(audience) => audience.split_once('/').is_some_and(|(project, name)| {
                project == environment.project && name == environment.environment
            }),
            Self::Resource(url) => url == environment.content_api_url.as_str(),
            Self::Both { audience, resource } => {
                Self::Audience(audience).names(environment) && Self::Resource(resource).names(environment)
            }
        }
    }
}

async fn read(broker: &Broker, target: Target<'_>) -> Result<Option<Environment>, db::Error> {
    let found = match target {
        // PostgreSQL stores no NUL, and no environment is named with one.
        Target::Audience(text) | Target::Resource(text) | Target::Both { audience: text, .. }
            if text.contains(char::is_control) =>
        {
            None
        }
        Target::Audience(audience) | Target::Both { audience, .. } => match audience.split_once('/') {
            Some((project, environment)) => store::by_name(&broker.db, project, environment).await?,
            None => None,
        },
        Target::Resource(url) => store::by_content_api_url(&broker.db, url).await?,
    };
    Ok(found.filter(|environment| target.names(environment)))
}
