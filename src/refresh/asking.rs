//! Presents a refresh token to the issuer, once, and waits for the answer as long as it is worth it. What follows is decided
//! by [`super::protocol`].

use std::time::Duration;

use super::protocol::Event;
use super::under_way::Refresh;
use super::{judge, store};
use crate::Broker;
use crate::connection::seal::open_previous_refresh_token;
use crate::error::Error;
use crate::issuer::deadline::within;
use crate::issuer::token_set::{Member, TokenSet};
use crate::issuer::transcript::Transcript;
use crate::issuer::{self, IssuerFault};
use crate::secret::{Token, same};

impl Refresh<'_> {
    /// The token before this one is kept until this one has worked.
    pub(crate) async fn ask_previous(&mut self) -> Result<Event, Error> {
        let sealed = store::previous_refresh_token(&self.broker.db, self.seen).await?;
        let previous = sealed.map(|sealed| open_previous_refresh_token(self.broker, self.seen, &sealed));
        let previous = match previous.transpose() {
            // As good as none.
            Err(Error::Damaged) => None,
            opened => opened?,
        };
        match previous.filter(|previous| !same(previous.expose(), self.spent.expose())) {
            Some(previous) => Ok(self.ask(Some(previous)).await),
            None => Ok(Event::Refused(IssuerFault::InvalidGrant("no earlier token is held".to_owned()))),
        }
    }

    pub(crate) async fn ask(&mut self, previous: Option<Token>) -> Event {
        let deadline = call_lasts(self.broker);
        if !self.holds_the_lease(deadline).await {
            // Another process may hold the lease by now, and present the same token.
            let late =
                IssuerFault::Unavailable("the lease was over before the issuer was asked".to_owned(), None);
            self.fault = Some(late.clone());
            return Event::Refused(late);
        }
        let before = self.asked;
        self.asked += 1;
        // An issuer that refuses is well, and its word is to be confirmed at once, however many grants ended together.
        let refused = matches!(self.fault, Some(IssuerFault::InvalidGrant(_)));
        if let Some(fault) = &self.fault
            && before > 0
            && !refused
            && !self.call.may_repeat()
        {
            // Many are asking twice, so the issuer is in trouble, and asking more is what it needs least.
            return Event::Refused(fault.clone());
        }
        let profile = &self.app.issuer.profile;
        let presented = previous.as_ref().unwrap_or(&self.spent);
        // From here on the issuer may rotate at any moment.
        let asking =
            issuer::refresh::refresh(&self.broker.issuers, self.endpoints, profile, self.client, presented);
        let (answer, transcript) =
            match profile.overlap_third().filter(|_| before < profile.repeats(deadline)) {
                Some(first) => within(first, asking).await.unwrap_or_else(lost),
                None => asking.await,
            };
        self.call.report(&answer);
        self.transcript = Some(transcript);
        match answer {
            Ok(tokens) => {
                self.broker.metrics.refresh("ok");
                self.is_another = judge::is_another(self.broker, self.app, self.seen, &tokens).await;
                let refresh_token = match (tokens.refresh_token, previous) {
                    (Member::Absent, Some(previous)) => Member::Token(previous),
                    (given, _) => given,
                };
                self.tokens = Some(TokenSet { refresh_token, ..tokens });
                Event::Answered
            }
            Err(fault) => {
                self.broker.metrics.refresh("failed");
                self.fault = Some(fault.clone());
                Event::Refused(fault)
            }
        }
    }
}

/// For how long a call may take.
pub(crate) fn call_lasts(broker: &Broker) -> Duration {
    Duration::from_secs(broker.config.outbound.deadline_seconds)
}

/// No answer came while the overlap leaves time to ask once more.
fn lost() -> (Result<TokenSet, IssuerFault>, Transcript) {
    let sentence = "no answer came while the issuer still takes the token once more";
    (Err(IssuerFault::Unanswered(sentence.to_owned())), Transcript::default())
}
