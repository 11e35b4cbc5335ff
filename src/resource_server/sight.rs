//! Everything that decides about a content token, seen at once: whose secret was shown, its environment, and the facts of
//! the connection that is named. From memory where this process is alone with its database, else by one statement.

mod store;

use std::sync::Arc;

use super::look_up;
use super::row::ResourceServer;
use crate::Broker;
use crate::access::facts::{self, Facts, Question, Wanted, Which, Who};
use crate::access::judge::issued::OfToken;
use crate::content;
use crate::content::issued_token::IssuedToken;
use crate::content::revoked_tokens;
use crate::error::Error;
use crate::secret::TokenHash;

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The resource server's.
    pub secret: &'a TokenHash,
    /// What the token says, believed or not; None for none.
    pub token: Option<&'a IssuedToken>,
}

/// What is there.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub resource_server: Option<Arc<ResourceServer>>,
    pub facts: Facts,
    pub of_token: OfToken,
}

impl<'a> Asked<'a> {
    fn question(&self) -> Question<'a> {
        let caller = self.token.and_then(|token| token.caller_id());
        let connection = self.token.and_then(|token| token.connection_id());
        Question {
            who: caller.map_or(Who::Nobody, Who::Caller),
            // No connection has an empty id.
            which: Which::Issued(connection.unwrap_or_default()),
            wanted: Wanted::Environment,
        }
    }

    fn jti(&self) -> &'a str {
        self.token.map_or("", |token| token.jti.as_str())
    }

    /// Of the key that is said to have signed.
    fn kid(&self) -> &'a str {
        self.token.map_or("", |token| token.kid.as_str())
    }
}

/// Calls `admit` as soon as it is known who asks: whoever is refused there has nothing looked for.
///
/// # Errors
/// Those of `admit`; when the database does not answer.
pub async fn load(
    broker: &Broker,
    asked: Asked<'_>,
    admit: impl FnOnce(Option<&Arc<ResourceServer>>) -> Result<(), Error>,
) -> Result<Seen, Error> {
    if look_up::held(broker).await?.is_some() {
        return in_memory(broker, asked, admit).await;
    }
    let seen = by_statement(broker, asked).await?;
    admit(seen.resource_server.as_ref())?;
    Ok(seen)
}

/// Each fact from where it is held; see [`facts::in_memory`].
///
/// # Errors
/// As [`load`].
pub async fn in_memory(
    broker: &Broker,
    asked: Asked<'_>,
    admit: impl FnOnce(Option<&Arc<ResourceServer>>) -> Result<(), Error>,
) -> Result<Seen, Error> {
    let resource_server = look_up::by_secret(broker, asked.secret).await?;
    admit(resource_server.as_ref())?;
    let mut facts = facts::in_memory(broker, &asked.question(), |_| Ok(())).await?;
    let environment_id = resource_server.as_ref().and_then(|found| found.protects.environment_id());
    if let Some(id) = environment_id {
        facts.environment = content::by_id(broker, id).await?;
    }
    let of_token = OfToken {
        is_revoked: revoked_tokens::is_revoked(broker, asked.jti()).await?,
        is_key_withdrawn: !broker.signing_keys.publishes(asked.kid()),
    };
    Ok(Seen { resource_server, facts, of_token })
}

/// Everything by one statement.
///
/// # Errors
/// When the database does not answer.
pub async fn by_statement(broker: &Broker, asked: Asked<'_>) -> Result<Seen, Error> {
    Ok(store::look(&broker.db, asked).await?)
}
