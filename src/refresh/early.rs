//! Refreshes before anybody has to wait for them: of connections in use, when 60 to 80 % of their token's life are over;
//! of others, only where the issuer ends what is not used, or where a lost answer left a doubt. Finds what is due and
//! begins flights within the issuer's early places; refreshes nothing itself.

pub mod doubts;
pub(crate) mod store;

use std::time::{Duration, Instant};

use super::{flight, run_out};
use crate::Broker;
use crate::access::allow;
use crate::app::App;
use crate::clock::Timestamp;
use crate::connection::held;
use crate::db;
use crate::error::Error;
use crate::issuer::calls::{self, Urgency};

/// Of an issuer's idle time, what an unused connection lets pass: four fifths.
const IDLE_PER_MILLE: i64 = 800;
/// Connections that are claimed together for each place of an issuer: soon done, and rarely asked for.
const CLAIMED_PER_PLACE: usize = 8;
/// Seconds by which a clock may waver, as one does that follows the database's, and has not gone back.
const WAVERS: i64 = 1;
/// How often it is looked for what is due, while nothing is, or no place comes free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Has connections whose client was refused tried again now: the operator may have corrected the secret.
///
/// # Errors
/// When the database does not answer.
pub async fn try_refused_clients_again(broker: &Broker) -> Result<(), db::Error> {
    let mut transaction = broker.db.begin().await?;
    held::all_changed(broker, &mut transaction);
    store::try_refused_clients_again(&mut transaction).await?;
    transaction.commit().await
}

/// Begins refreshes of what is due, until the server drains.
pub async fn run(broker: Broker) {
    let mut line = Line::default();
    if let Err(error) = doubts::look_now(&broker).await {
        tracing::warn!(%error, "what is in doubt is looked at later; nothing is lost");
    }
    loop {
        if let Err(error) = line.begin_due(&broker).await {
            tracing::error!(%error, "it could not be found out what is to be refreshed; nothing is lost");
        }
        let next = async {
            if line.is_done() {
                tokio::time::sleep(LOOK_EVERY).await;
            } else {
                let _ = tokio::time::timeout(LOOK_EVERY, broker.issuers.calls.freed()).await;
            }
        };
        tokio::select! {
            () = broker.draining.cancelled() => return,
            () = next => {}
        }
    }
}

/// Connections that this process has claimed and that wait for a place at their issuer.
#[derive(Debug, Default)]
pub struct Line {
    waiting: Vec<Claimed>,
    /// Whether more was due than was claimed.
    more: bool,
    /// When it was last looked for more.
    looked_at: Option<Instant>,
    /// What the clock said last.
    said: Option<Timestamp>,
}

#[derive(Debug)]
struct Claimed {
    id: String,
    app_id: String,
    urgency: Urgency,
    generation: i64,
    /// From then on it may be another process's.
    until: Timestamp,
}

impl Line {
    /// Whether nobody waits, and nothing more was due.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.waiting.is_empty() && !self.more
    }

    /// Begins as many refreshes as the issuers have places for, each in a task of its own; how many those are. Looks for
    /// more when nobody waits any more, and each second, for the places of other issuers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_due(&mut self, broker: &Broker) -> Result<usize, Error> {
        let now = broker.clock.now();
        if self.said.is_some_and(|said| now.plus(WAVERS) < said) {
            doubts::look_now(broker).await?;
        }
        self.said = Some(now);
        let mut begun = self.begin_waiting(broker).await?;
        if self.waiting.is_empty() || self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            (self.looked_at, self.more) = (Some(Instant::now()), false);
            for app_id in store::apps_with_due(&broker.db, broker.clock.now()).await? {
                self.claim(broker, &app_id).await?;
            }
            begun += self.begin_waiting(broker).await?;
        }
        Ok(begun)
    }

    async fn begin_waiting(&mut self, broker: &Broker) -> Result<usize, Error> {
        let (mut begun, mut failed) = (0, None);
        // Apps whose issuer has no place: found out once, not for each that waits. What is in doubt may have one still.
        let mut full: Vec<(String, Urgency)> = Vec::new();
        for claimed in std::mem::take(&mut self.waiting) {
            let kind = (claimed.app_id.clone(), claimed.urgency);
            if failed.is_some() || full.contains(&kind) {
                self.waiting.push(claimed);
                continue;
            }
            match begin(broker, &claimed).await {
                Ok(Begun::Yes) => begun += 1,
                Ok(Begun::NoPlace) => {
                    full.push(kind);
                    self.waiting.push(claimed);
                }
                Ok(Begun::NotWanted) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(begun), Err)
    }

    /// Claims what is due of an app, a few for each place of its issuer.
    async fn claim(&mut self, broker: &Broker, app_id: &str) -> Result<(), Error> {
        let Some(app) = crate::app::by_id(broker, app_id).await? else { return Ok(()) };
        // No issuer is asked for this.
        run_out::end_due(broker, app_id).await?;
        let issuer = &app.issuer;
        // Nothing is claimed for an issuer that has its hands full; for one that is left alone, what cannot wait.
        let waits = self.waiting.iter().any(|claimed| claimed.app_id == app_id);
        let calls = &broker.issuers.calls;
        if !waits && calls.has_early_place(issuer, Urgency::Usual) {
            return self.claim_as(broker, &app, Urgency::Usual).await;
        }
        self.more = true;
        if issuer.profile.overlap_third().is_some() && calls.has_early_place(issuer, Urgency::InDoubt) {
            self.claim_as(broker, &app, Urgency::InDoubt).await?;
        }
        Ok(())
    }

    async fn claim_as(&mut self, broker: &Broker, app: &App, urgency: Urgency) -> Result<(), Error> {
        let (app_id, issuer) = (&app.id, &app.issuer);
        let idle = issuer.profile.refresh_idle_seconds.map(|idle| i64::from(idle) * IDLE_PER_MILLE / 1000);
        let look = issuer.profile.looked_at_after().map_or(store::LOOK, |after| after.min(store::LOOK));
        let limit = CLAIMED_PER_PLACE * calls::early_places(issuer);
        let before = self.waiting.len();
        loop {
            let now = broker.clock.now();
            let since = issuer.profile.haste_since(now).filter(|_| urgency == Urgency::InDoubt);
            let due = store::claim(&broker.db, app_id, since, limit, (idle, look), now).await?;
            let all = due.len() < limit;
            let wanted = due.into_iter().filter(|due| due.wanted);
            self.waiting.extend(wanted.map(|due| Claimed {
                id: due.id,
                app_id: app_id.clone(),
                urgency,
                generation: due.generation,
                until: now.plus(store::CLAIM),
            }));
            // What nobody uses delays nobody who waits behind it.
            if all || self.waiting.len() > before {
                self.more |= !all;
                return Ok(());
            }
        }
    }
}

enum Begun {
    Yes,
    NoPlace,
    /// Not to be used any more, so that its refresh token must not be spent; refreshed meanwhile; or no longer this
    /// process's.
    NotWanted,
}

async fn begin(broker: &Broker, claimed: &Claimed) -> Result<Begun, Error> {
    if claimed.until <= broker.clock.now() {
        return Ok(Begun::NotWanted);
    }
    let app = crate::app::by_id(broker, &claimed.app_id).await?;
    let Some(app) = app.filter(|app| app.status.is_approved()) else {
        return Ok(Begun::NotWanted);
    };
    let issuer = &app.issuer;
    let Some(place) = broker.issuers.calls.enter_early(issuer, claimed.urgency) else {
        return Ok(Begun::NoPlace);
    };
    let connection = match allow::for_nobody(broker, &claimed.id).await {
        Ok(connection) if connection.generation == claimed.generation => connection,
        Ok(_) | Err(Error::Frozen | Error::RestoredCopy { .. } | Error::ConnectionNotFound) => {
            return Ok(Begun::NotWanted);
        }
        Err(error) => return Err(error),
    };
    flight::begin(broker, &connection, place);
    Ok(Begun::Yes)
}
