//! Everything that decides an exchange for a client, seen at once: from memory where this process is alone with its
//! database, else by one statement. Decides nothing about the environment; see [`super::exchange`].

mod store;

use std::sync::Arc;

use self::store::By;
use super::exchange::{self, Kept, Target};
use super::subject::{self, Subject, SubjectToken, by_jwt};
use super::{Environment, KeptToken};
use crate::Broker;
use crate::caller::{Caller, api_key, authenticate};
use crate::connection::is_id;
use crate::connection::status::Status;
use crate::error::Error;
use crate::freeze::freezes;
use crate::issuer::scope::Scopes;
use crate::secret::{Token, same};

pub struct Sight {
    pub caller: Arc<Caller>,
    pub subject: Subject,
    pub environment: Option<Arc<Environment>>,
    kept: Kept,
    /// What [`Self::kept`] was looked for with.
    scopes: Scopes,
}

impl Sight {
    /// The environment, the scopes and what is known of a token that was made for them before.
    ///
    /// # Errors
    /// [`Error::InvalidTarget`]; [`Error::InvalidScope`].
    pub fn judge(&mut self, asked: Option<&str>) -> Result<(Arc<Environment>, Scopes, Kept), Error> {
        let environment = exchange::open(self.environment.take(), &self.subject)?;
        let scopes = exchange::scopes(asked, &environment, &self.subject)?;
        let kept = std::mem::replace(&mut self.kept, Kept::Unknown);
        // One for other scopes would let the app do more than the person does.
        let kept = if scopes == self.scopes { kept } else { Kept::Unknown };
        Ok((environment, scopes, kept))
    }
}

/// For a client by its caller's id and one of its keys (RFC 6749 section 2.3.1).
///
/// # Errors
/// [`Error::InvalidClient`] before anything else; [`Error::SubjectTokenRefused`], the same for every reason;
/// [`Error::Frozen`]; [`Error::RateLimited`].
pub async fn of_client(
    broker: &Broker,
    client_id: &str,
    client_secret: &Token,
    token: &SubjectToken,
    target: Option<Target<'_>>,
    scope: Option<&str>,
) -> Result<Sight, Error> {
    let seen = look(broker, client_id, client_secret, token, target, scope).await;
    if let Err(Error::SubjectTokenRefused) = seen {
        // The client is who it says, so that nobody else pays for it.
        broker.limits.count_subject_failure(client_id);
    }
    seen
}

async fn look(
    broker: &Broker,
    client_id: &str,
    client_secret: &Token,
    token: &SubjectToken,
    target: Option<Target<'_>>,
    scope: Option<&str>,
) -> Result<Sight, Error> {
    if broker.db.is_alone() {
        let caller = authenticate::by_client(broker, client_id, client_secret).await?;
        broker.limits.admit_subject_token(&caller.id)?;
        let subject = subject::for_caller(broker, &caller, token).await?;
        let environment = match target {
            Some(target) => exchange::find(broker, target).await?,
            None => None,
        };
        let scopes = Scopes::default();
        return Ok(Sight { caller, subject, environment, kept: Kept::Unknown, scopes });
    }
    let key = api_key::recognise(client_secret.expose()).ok_or(Error::InvalidClient)?;
    // What is malformed is refused later; it names no token that was kept.
    let scopes = Scopes::parse(scope.unwrap_or(exchange::SCOPES)).unwrap_or_default();
    let look = async |by: By<'_>| {
        let seen = store::look(broker, &key, by, target, &scopes).await?;
        let seen = seen.filter(|seen| same(&seen.caller.id, client_id)).ok_or(Error::InvalidClient)?;
        broker.limits.admit_subject_token(&seen.caller.id)?;
        Ok::<_, Error>(seen)
    };
    let seen = match token {
        SubjectToken::Connection(id) => look(By::Id(Some(id.as_str()).filter(|id| is_id(id)))).await?,
        SubjectToken::AccessToken(token) => {
            let seen = look(By::AccessToken(&token.hash())).await?;
            match seen.found {
                Some(_) => seen,
                None => look(By::Id(Some(&by_jwt(broker, token).await?.id))).await?,
            }
        }
    };
    authenticate::admit(broker, client_secret, &seen.caller)?;
    let found = seen.found.ok_or_else(|| Error::subject_token_refused(subject::NOT_ITS_OWN))?;
    if found.frozen {
        return Err(freezes::refusal(broker, &found.subject.connection).await);
    }
    if found.subject.connection.status == Status::NeedsReconnect {
        return Err(Error::subject_token_refused(subject::NEEDS_RECONNECT));
    }
    Ok(Sight {
        caller: Arc::new(seen.caller),
        subject: found.subject,
        environment: found.environment.map(Arc::new),
        kept: found.kept.map_or(Kept::Nothing, Kept::Token),
        scopes,
    })
}

/// What one statement brings.
struct Seen {
    caller: Caller,
    /// None when the caller may use no such connection.
    found: Option<Found>,
}

struct Found {
    subject: Subject,
    frozen: bool,
    environment: Option<Environment>,
    kept: Option<KeptToken>,
}
