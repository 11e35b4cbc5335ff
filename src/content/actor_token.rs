//! The token of an actor for whom a caller acts (RFC 8693 section 2.1): a content token that was issued here. Recognised by
//! our own keys, and held against what is so now. It adds a name to what is issued, and never a permission.

use std::sync::Arc;

use super::actors::{Actors, LONGEST};
use super::environment::Environment;
use super::issued_token::IssuedToken;
use super::subject::Subject;
use super::{recognise, revoked_tokens};
use crate::Broker;
use crate::access::by_itself;
use crate::access::facts::{self, Question, Wanted, Which, Who};
use crate::access::judge::actor::{ActorFacts, actor};
use crate::access::judge::issued::OfToken;
use crate::error::Error;
use crate::secret::Token;

/// What was shown as an actor's token.
#[derive(Debug)]
pub enum Shown {
    Nothing,
    /// One that we issued, and whose it is.
    Token(Arc<IssuedToken>, Actors),
    Refused,
}

impl Shown {
    /// By its signature alone: who asks is not known yet.
    #[must_use]
    pub fn recognise(broker: &Broker, token: Option<&Token>) -> Self {
        let Some(token) = token else { return Self::Nothing };
        let issued = recognise::read(broker, token).and_then(|read| read.verified(broker, token));
        let with_actors = issued.and_then(|issued| Actors::of_token(&issued).map(|actors| (issued, actors)));
        with_actors.map_or(Self::Refused, |(issued, actors)| Self::Token(issued, actors))
    }

    /// For whom the caller would act, beside the person.
    #[must_use]
    pub const fn actors(&self) -> Option<&Actors> {
        match self {
            Self::Token(_, actors) => Some(actors),
            Self::Nothing | Self::Refused => None,
        }
    }

    /// Whether the caller may act for it now, for this subject and at this environment.
    ///
    /// # Errors
    /// [`Error::ActorTokenRefused`], the same for every reason; [`Error::InvalidRequest`] where no actor can be named, or too
    /// many were.
    pub async fn judge(
        &self,
        broker: &Broker,
        caller_id: &str,
        subject: &Subject,
        environment: &Arc<Environment>,
    ) -> Result<(), Error> {
        let judged = self.judge_one(broker, caller_id, subject, environment).await;
        if let Err(Error::ActorTokenRefused) = judged {
            broker.limits.count_subject_failure(caller_id);
        }
        judged
    }

    async fn judge_one(
        &self,
        broker: &Broker,
        caller_id: &str,
        subject: &Subject,
        environment: &Arc<Environment>,
    ) -> Result<(), Error> {
        let (token, actors) = match self {
            Self::Nothing => return Ok(()),
            Self::Refused => {
                return Err(Error::actor_token_refused("it is no content token of ours with an actor"));
            }
            Self::Token(token, actors) => (token, actors),
        };
        if !environment.strategy.mints() {
            let sentence = "This environment's own platform gives its tokens, and they name no actor; leave out `actor_token`.";
            return Err(Error::InvalidRequest(sentence.to_owned()));
        }
        let facts = facts(broker, token, actors, environment).await?;
        let of_token = OfToken {
            is_revoked: revoked_tokens::is_revoked(broker, &token.jti).await?,
            is_key_withdrawn: !broker.signing_keys.publishes(&token.kid),
        };
        actor(&facts, token, of_token, &subject.account.id, broker.clock.now())
            .map_err(|inactive| Error::actor_token_refused(inactive.why()))?;
        if Actors::of(caller_id, Some(actors)).are_too_many() {
            return Err(Error::InvalidRequest(format!(
                "No more than {LONGEST} callers may act one for another; bring the token of an earlier actor, or none."
            )));
        }
        Ok(())
    }
}

async fn facts(
    broker: &Broker,
    token: &IssuedToken,
    actors: &Actors,
    environment: &Arc<Environment>,
) -> Result<ActorFacts, Error> {
    let Some(connection_id) = token.connection_id() else {
        return Ok(ActorFacts::Own(by_itself::load(broker, actors.newest(), environment).await?));
    };
    let question = Question {
        who: Who::Caller(actors.newest()),
        which: Which::Id(connection_id),
        wanted: Wanted::Environment,
    };
    let mut facts = facts::load(broker, &question, |_| Ok(())).await?;
    facts.environment = Some(Arc::clone(environment));
    Ok(ActorFacts::OfPerson(facts))
}
