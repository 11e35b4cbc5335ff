//! Carries out one refresh as its protocol says: a lease with a fence and a durable intent, the call, and a commit that
//! counts only for the generation that was spent. Runs in a flight's task, never in a handler. Decides nothing; see
//! [`protocol`].

use super::asking::call_lasts;
use super::protocol::{Effect, Event, Next, Outcome, Row, Terms, advance, begin, urgency};
use super::set_back::{Setback, is_refused_for_good};
use super::storing::Storing;
use super::under_way::Refresh;
use super::{rescue, store};
use crate::Broker;
use crate::clock::Timestamp;
use crate::connection;
use crate::connection::Connection;
use crate::connection::due;
use crate::connection::seal::open_refresh_token;
use crate::connection::status::Status;
use crate::error::Error;
use crate::issuer::calls::{Call, TurnedAway};
use crate::issuer::discovery;
use crate::issuer::profile::Profile;
use crate::ledger::{Action, Entry};
use crate::revoke::tell;
use crate::revoke::unused_refresh_token;
use crate::secret::{Token, same};
use crate::torture;

/// Seconds until an issuer whose endpoints cannot be found is looked for again.
const UNREACHABLE_WAIT: i64 = 5;

/// `place` is one at the issuer, for whoever has one already; else it is waited for.
///
/// # Errors
/// When the database does not answer, or a stored secret does not open; nothing was sent then.
pub async fn refresh(broker: &Broker, seen: &Connection, place: Option<Call>) -> Result<Outcome, Error> {
    let app = crate::app::by_id(broker, &seen.app_id).await?.ok_or(Error::AppNotFound)?;
    let client = crate::app::client(broker, &app)?;
    let Some(spent) = open_refresh_token(broker, seen)? else { return Ok(Outcome::Done) };
    if seen.external.issuer != app.issuer.external_name() {
        // The app was moved to another issuer: this token is not that one's to see.
        return Err(Error::Internal("The connection is of another issuer than its app.".to_owned()));
    }
    let profile = &app.issuer.profile;
    // Whatever may take its time comes before the lease: only the calls stand between it and its end.
    let urgency = urgency(seen, profile, broker.clock.now());
    let mut call = match place {
        Some(call) => call,
        None => match broker.issuers.calls.enter(&app.issuer, urgency).await {
            Ok(call) => call,
            // Nothing was sent and nothing is known: the row stays as it is.
            Err(TurnedAway { .. }) => return Ok(Outcome::Done),
        },
    };
    let endpoints = match discovery::endpoints(&broker.issuers, &app.issuer).await {
        Ok(endpoints) => endpoints,
        Err(fault) => {
            call.report(&Err::<(), _>(fault.clone()));
            tracing::warn!(connection = seen.id, issuer = app.issuer.key, %fault, "an issuer is not to be found");
            store::postpone(broker, seen, broker.clock.now(), UNREACHABLE_WAIT).await?;
            return Ok(Outcome::Done);
        }
    };
    let terms = Terms {
        overlap: profile.has_overlap(),
        repeats: profile.repeats(call_lasts(broker)),
        ask_again_after: None,
        reach: profile.revocation_reach,
        refused_for_good: is_refused_for_good(seen.refusals, seen.refused_since, broker.clock.now())
            && seen
                .refused_since
                .is_some_and(|since| broker.issuers.calls.has_given_since(&app.issuer, since)),
        run_out: has_run_out(seen, profile, broker.clock.now()),
        live_for: lives_for(seen, broker.clock.now()),
    };
    let mut refresh = Refresh {
        broker,
        seen,
        current: seen.clone(),
        app: &app,
        client: &client,
        endpoints: &endpoints,
        call,
        asked: 0,
        spent,
        fence: 0,
        over: None,
        overlap_ends: None,
        lock: None,
        leased: None,
        spent_at: None,
        tokens: None,
        is_another: false,
        transcript: None,
        storing: None,
        fault: None,
        trouble: None,
    };
    let (mut state, mut effect) = begin();
    loop {
        let event = refresh.carry_out(effect).await;
        let terms = Terms { ask_again_after: refresh.ask_again_after(), ..terms };
        match advance(state, &event, terms) {
            Next::Go(next, then) => (state, effect) = (next, then),
            Next::Over(Outcome::Failed) => {
                let unknown = || Error::Internal("A refresh could not be begun.".to_owned());
                return Err(refresh.trouble.unwrap_or_else(unknown));
            }
            Next::Over(outcome) => return Ok(outcome),
        }
    }
}

/// Whether the issuer would have ended the refresh token by itself: it is too old, or was not used for too long.
fn has_run_out(seen: &Connection, profile: &Profile, now: Timestamp) -> bool {
    let used_at = seen.refreshed_at.unwrap_or(seen.connected_at);
    let idle = profile.refresh_idle_seconds.is_some_and(|idle| used_at.plus(i64::from(idle)) <= now);
    idle || seen.refresh_expires_at.is_some_and(|ends| ends <= now)
}

/// Seconds that the access token is taken to live on. Nobody knows the end of one of which the issuer said nothing.
fn lives_for(seen: &Connection, now: Timestamp) -> i64 {
    match seen.access_expires_at {
        Some(ends) => ends.seconds_from(now).max(0),
        None if seen.access_token.is_some() => due::UNKNOWN_LIFE,
        None => 0,
    }
}

impl Refresh<'_> {
    async fn carry_out(&mut self, effect: Effect) -> Event {
        let done = match effect {
            Effect::Lease => self.lease(None).await,
            Effect::TakeOver => self.lease(self.over).await,
            Effect::Ask => Ok(self.ask(None).await),
            Effect::AskPrevious => self.ask_previous().await,
            Effect::Read => self.read().await.map(Event::Row),
            Effect::Pause(pause) => {
                tokio::time::sleep(pause).await;
                Ok(Event::Done)
            }
            Effect::Store => self.store().await,
            Effect::Rescue => self.rescue().await,
            Effect::Tidy => self.tidy().await,
            Effect::KeepLate => self.keep_late().await,
            Effect::RevokeLate => self.revoke_late().await,
            Effect::SetBack(setback) => self.set_back(&setback).await,
            Effect::Release => self.release().await,
        };
        done.unwrap_or_else(|error| {
            tracing::error!(connection = self.seen.id, %error, "a step of a refresh failed");
            self.trouble = Some(error);
            Event::Failed
        })
    }

    /// The row as it is now, which the answer is stored on if it still holds the spent token.
    async fn read(&mut self) -> Result<Row, Error> {
        let Some(row) = connection::store::by_id(&self.broker.db, &self.seen.id).await? else {
            return Ok(Row::Gone);
        };
        if row.is_live() {
            let held = open_refresh_token(self.broker, &row)?;
            let holds = |token: &Token| held.as_ref().is_some_and(|held| same(held.expose(), token.expose()));
            if self.successor().is_some_and(holds) {
                return Ok(Row::HoldsOurs);
            }
            if holds(&self.spent) {
                self.current = row;
                return Ok(Row::HoldsTheSpent);
            }
            return Ok(if row.refreshed_at.is_some() { Row::Refreshed } else { Row::Renewed });
        }
        if row.status != Status::Revoking || row.generation != self.seen.generation {
            return Ok(Row::Gone);
        }
        self.current = row;
        Ok(Row::Revoking)
    }

    async fn store(&mut self) -> Result<Event, Error> {
        let storing = if let Some(storing) = self.storing.take() {
            storing
        } else {
            torture::pass("before-store", &self.seen.id)?;
            let Some(sealed) = self.seal()? else { return Ok(Event::Done) };
            Storing::begin(self.broker, &self.current, self.fence, sealed, self.entry())
        };
        match storing.wait().await {
            Ok(stored) => {
                if stored? {
                    torture::pass("stored", &self.seen.id)?;
                    return Ok(Event::Stored);
                }
                self.read().await.map(Event::Row)
            }
            Err(storing) => {
                self.storing = Some(storing);
                Ok(Event::Slow)
            }
        }
    }

    async fn rescue(&mut self) -> Result<Event, Error> {
        let Some(sealed) = self.seal()? else { return Ok(Event::Done) };
        rescue::append(self.broker, &self.current, self.fence, &sealed).await?;
        torture::pass("rescued", &self.seen.id)?;
        tracing::error!(
            connection = self.seen.id,
            "a refreshed grant is in the rescue journal until it can be stored"
        );
        Ok(Event::Done)
    }

    async fn tidy(&mut self) -> Result<Event, Error> {
        rescue::remove(self.broker, &self.seen.id, self.current.generation).await?;
        torture::pass("tidied", &self.seen.id)?;
        Ok(Event::Done)
    }

    fn entry(&self) -> Entry {
        let entry = Entry::of(self.seen, "attache");
        if self.is_another {
            return entry.saying("The answer's ID token is of another identity, or cannot be believed.");
        }
        let said = self.fault.as_ref().map(ToString::to_string);
        match (&self.transcript, said) {
            (Some(transcript), _) => entry.recording(transcript),
            (None, Some(said)) => entry.saying(&said),
            (None, None) => entry,
        }
    }

    /// Kept in the row, so that the outbox revokes it until the issuer confirms.
    async fn keep_late(&mut self) -> Result<Event, Error> {
        tracing::warn!(connection = self.seen.id, "a refresh came back after its connection was revoked");
        let sealed = if self.successor().is_some() { self.seal()? } else { None };
        let late = sealed.as_ref().and_then(|sealed| sealed.refresh_token.as_ref());
        if store::keep_late(self.broker, &self.current, late).await? {
            tell::in_a_task(self.broker, self.seen.id.clone());
            return Ok(Event::Done);
        }
        self.read().await.map(Event::Row)
    }

    async fn revoke_late(&mut self) -> Result<Event, Error> {
        tracing::warn!(connection = self.seen.id, "a refresh came back after its connection had moved on");
        if let Some(late) = self.successor() {
            unused_refresh_token::give_up_late(self.broker, self.app, self.seen, late).await?;
        }
        Ok(Event::Done)
    }

    async fn set_back(&mut self, setback: &Setback) -> Result<Event, Error> {
        torture::pass("before-set-back", &self.seen.id)?;
        let said = self.fault.as_ref().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(
            connection = self.seen.id,
            issuer = self.app.issuer.key,
            status = %setback.status,
            fault = said,
            "a refresh failed"
        );
        let dead = setback.status == Status::NeedsReconnect;
        let action = if dead { Action::NeedsReconnect } else { Action::RefreshFailed };
        let entry = self.entry();
        store::fail_refresh(
            self.broker,
            self.seen,
            self.fence,
            setback,
            action,
            &entry,
            self.broker.clock.now(),
        )
        .await?;
        Ok(Event::Done)
    }

    /// A revoke waits for a refresh that was under way; now there is nothing to wait for.
    async fn release(&mut self) -> Result<Event, Error> {
        if store::keep_late(self.broker, self.seen, None).await? {
            tell::in_a_task(self.broker, self.seen.id.clone());
        }
        Ok(Event::Done)
    }
}
