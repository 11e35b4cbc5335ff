//! Everything that decides an exchange for a client, seen at once: the facts of its connection, the environment, and the
//! token that was made before. From memory where this process is alone with its database, else by one statement.

mod store;

use std::sync::Arc;

use serde_json::Value;

use super::actors::Actors;
use super::exchange::{self, Kept, Target};
use super::may_act;
use super::opaque_subject::by_introspection;
use super::subject::{Subject, SubjectToken, by_jwt};
use super::{Environment, KeptToken, Requested};
use crate::Broker;
use crate::access::facts::{self, Asker, Facts, Question, Wanted, Which, Who};
use crate::access::judge::{self, judge};
use crate::caller::{Caller, authenticate};
use crate::error::Error;
use crate::issuer::jwt;
use crate::secret::{Token, TokenHash};

pub struct Sight {
    pub caller: Arc<Caller>,
    pub subject: Subject,
    /// Open to the subject.
    pub environment: Arc<Environment>,
    /// What is known of a token that was made for the same request before.
    pub kept: Kept,
}

/// What an exchange is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub key: &'a TokenHash,
    pub which: Which<'a>,
    pub target: Option<Target<'a>>,
    pub requested: Requested<'a>,
}

/// The facts, and the tokens that were made before, by the ids of their connections; None where these were not looked for.
pub struct Seen {
    pub facts: Facts,
    pub kept: Option<Vec<(String, KeptToken)>>,
}

impl<'a> Asked<'a> {
    const fn question(&self) -> Question<'a> {
        Question { who: Who::Key(self.key), which: self.which, wanted: Wanted::Environment }
    }
}

/// For a client by its caller's id and one of its keys (RFC 6749 section 2.3.1).
///
/// # Errors
/// [`Error::InvalidClient`] before anything else; [`Error::RateLimited`]; [`Error::SubjectTokenRefused`], the same for
/// every reason; [`Error::Frozen`]; [`Error::RestoredCopy`]; [`Error::InvalidTarget`].
pub async fn of_client(
    broker: &Broker,
    client_id: &str,
    client_secret: &Token,
    token: &SubjectToken,
    target: Option<Target<'_>>,
    requested: Requested<'_>,
) -> Result<Sight, Error> {
    let seen = look(broker, client_id, client_secret, token, target, requested).await;
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
    requested: Requested<'_>,
) -> Result<Sight, Error> {
    let key = authenticate::recognise(client_secret).map_err(|_| Error::InvalidClient)?;
    let asked = |which| Asked { key: &key, which, target, requested };
    let admit = |asker: &Asker| {
        let shown = authenticate::admit(broker, client_secret, asker);
        let caller = authenticate::as_client(client_id, shown)?;
        broker.limits.admit_subject_token(&caller.id)
    };
    let lets_act = |claim: Option<Value>| {
        let parties = [Some(client_id), requested.acts_for.map(Actors::newest)].into_iter().flatten();
        match claim {
            Some(claim) if !may_act::lets(&claim, &broker.issuer_identifier(), parties) => {
                Err(Error::subject_token_refused("its `may_act` names another actor"))
            }
            _ => Ok(()),
        }
    };
    let (seen, may_act) = match token {
        SubjectToken::Connection(id) => (load(broker, asked(Which::Id(id)), admit).await?, None),
        SubjectToken::AccessToken { token, issuer } => {
            let hash = token.hash();
            let seen = load(broker, asked(Which::AccessToken(&hash)), admit).await?;
            if judge::stands(&seen.facts, broker.clock.now()) {
                (seen, may_act::said_by(token))
            } else {
                // What was handed out here and stands for nobody any more is not asked about anywhere.
                let is_known = !seen.facts.found.is_empty();
                let meant = if is_known || jwt::looks_like_one(token.expose()) {
                    // Before it connects anything: what is refused leaves nothing behind.
                    lets_act(may_act::said_by(token))?;
                    by_jwt(broker, token, seen.facts).await?
                } else {
                    by_introspection(broker, client_id, token, issuer.as_deref()).await?
                };
                let which = Which::Verified { id: &meant.id, times: meant.times };
                let seen = load(broker, asked(which), |_| Ok(())).await?;
                (seen, meant.may_act)
            }
        }
    };
    let now = broker.clock.now();
    let allowed = judge(&seen.facts, now).map_err(|refusal| match refusal.error_of_subject(broker) {
        Error::InvalidAuth => Error::InvalidClient,
        other => other,
    })?;
    let caller = Arc::clone(allowed.caller.ok_or(Error::InvalidClient)?);
    lets_act(may_act)?;
    let subject = Subject::of(allowed.found, now)?;
    let kept = match seen.kept {
        None => Kept::Unknown,
        Some(kept) => kept
            .into_iter()
            .find_map(|(id, kept)| (id == subject.connection.id).then_some(Kept::Token(kept)))
            .unwrap_or(Kept::Nothing),
    };
    let environment = seen.facts.environment.ok_or(Error::InvalidTarget)?;
    Ok(Sight { caller, subject, environment, kept })
}

async fn load(
    broker: &Broker,
    asked: Asked<'_>,
    admit: impl FnOnce(&Asker) -> Result<(), Error>,
) -> Result<Seen, Error> {
    if broker.db.is_alone() {
        return in_memory(broker, asked, admit).await;
    }
    let seen = by_statement(broker, asked).await?;
    admit(&seen.facts.asker)?;
    Ok(seen)
}

/// Each fact from where it is held; see [`facts::in_memory`].
///
/// # Errors
/// Those of `admit`; when the database does not answer.
pub async fn in_memory(
    broker: &Broker,
    asked: Asked<'_>,
    admit: impl FnOnce(&Asker) -> Result<(), Error>,
) -> Result<Seen, Error> {
    let mut facts = facts::in_memory(broker, &asked.question(), admit).await?;
    if let (Some(target), false) = (asked.target, matches!(facts.asker, Asker::Key(None))) {
        facts.environment = exchange::find(broker, target).await?;
    }
    Ok(Seen { facts, kept: None })
}

/// Everything by one statement.
///
/// # Errors
/// When the database does not answer.
pub async fn by_statement(broker: &Broker, asked: Asked<'_>) -> Result<Seen, Error> {
    Ok(store::look(broker, asked).await?)
}
