//! The token of an actor for whom a caller acts (RFC 8693 section 2.1): a content token that was issued here. Recognised by
//! our own keys, and held against what is so now. It adds a name to what is issued, and never a permission.

use std::sync::Arc;

use super::actors::{ActorToken, Actors, LONGEST};
use super::environment::Environment;
use super::signing_key::ACCESS_TOKEN;
use super::subject::Subject;
use crate::Broker;
use crate::access::facts::{self, Question, Wanted, Which, Who};
use crate::access::judge::actor::{Unfit, actor};
use crate::error::Error;
use crate::secret::Token;

/// What was shown as an actor's token.
#[derive(Debug)]
pub enum Shown {
    Nothing,
    /// One that we issued.
    Token(ActorToken),
    Refused,
}

impl Shown {
    /// By its signature and its time alone: who asks is not known yet.
    #[must_use]
    pub fn recognise(broker: &Broker, token: Option<&Token>) -> Self {
        let Some(token) = token else { return Self::Nothing };
        let verified = broker.signing_keys.verify(token).filter(|verified| verified.typ == ACCESS_TOKEN);
        match verified.and_then(|verified| ActorToken::read(&verified.claims)) {
            Some(token) => Self::Token(token),
            None => Self::Refused,
        }
    }

    /// For whom the caller would act, beside the person.
    #[must_use]
    pub const fn actors(&self) -> Option<&Actors> {
        match self {
            Self::Token(token) => Some(&token.actors),
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
        let token = match self {
            Self::Nothing => return Ok(()),
            Self::Refused => {
                return Err(Error::actor_token_refused("it is no content token of ours that lives"));
            }
            Self::Token(token) => token,
        };
        if !environment.strategy.mints() {
            let sentence = "This environment's own platform gives its tokens, and they name no actor; leave out `actor_token`.";
            return Err(Error::InvalidRequest(sentence.to_owned()));
        }
        let connection_id = token.of_person.as_ref().map_or(&subject.connection.id, |of| &of.connection_id);
        let question = Question {
            who: Who::Caller(token.actors.newest()),
            which: Which::Id(connection_id),
            wanted: Wanted::Environment,
        };
        let mut facts = facts::load(broker, &question, |_| Ok(())).await?;
        facts.environment = Some(Arc::clone(environment));
        actor(&facts, token, &subject.account.id, broker.clock.now())
            .map_err(|unfit: Unfit| Error::actor_token_refused(unfit.why()))?;
        if Actors::of(caller_id, Some(&token.actors)).are_too_many() {
            return Err(Error::InvalidRequest(format!(
                "No more than {LONGEST} callers may act one for another; bring the token of an earlier actor, or none."
            )));
        }
        Ok(())
    }
}
