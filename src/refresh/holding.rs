//! The lease of a connection: takes it, makes sure that it is still ours, and looks at whose it is when it is not. What
//! follows is decided by [`super::protocol`].

use std::time::{Duration, Instant};

use super::protocol::{Event, Held};
use super::store;
use super::store::Leasing;
use super::under_way::Refresh;
use crate::Broker;
use crate::connection::Connection;
use crate::error::Error;
use crate::issuer::profile::Profile;
use crate::replicas::holders::{self, Holder};
use crate::torture;

/// How often another process's refresh is looked at; one poller for all waiters of this process.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// From when on it is looked at less often: many may be waiting for a process that does not come back.
const SOON: Duration = Duration::from_secs(2);
const LATER_EVERY: Duration = Duration::from_millis(500);
/// No overlap that is longer need be watched.
const LONGEST_OVERLAP: Duration = Duration::from_hours(1);

/// Seconds of a lease beside two calls to the issuer, so that a live holder is never overtaken.
const LEASE_BESIDE_CALLS: u64 = 30;

impl Refresh<'_> {
    /// Takes the lease, or says who holds it; `over` is the fence of one that is taken over.
    pub(crate) async fn lease(&mut self, over: Option<i64>) -> Result<Event, Error> {
        let broker = self.broker;
        torture::pass("before-lease", &self.seen.id)?;
        let begins = broker.db.lease_now_in_millis(&broker.clock).await?;
        let now = begins.second();
        let lasts = lease_lasts(broker);
        // Counted from before it is written, so that this process never takes it for longer than others do.
        let at = Instant::now();
        let profile = &self.app.issuer.profile;
        let leasing = Leasing {
            now: begins,
            until: now.plus(lasts.as_secs().cast_signed()),
            looked_at: profile.looked_at_after().map(|seconds| now.plus(seconds)),
            // To be overtaken harms nothing where there is an overlap. Elsewhere whoever can't hold its lock names none, and
            // the lease lasts its time.
            lock: if profile.has_overlap() { broker.replica.number() } else { broker.replica.lock() },
            over,
        };
        if let Some((lease, spent_at)) = store::lease(broker, self.seen, &leasing).await? {
            self.fence = lease.fence;
            self.lock = leasing.lock;
            self.leased = Some((at, lasts));
            self.spent_at = at.checked_sub(begins.since(spent_at));
            torture::pass("leased", &self.seen.id)?;
            return Ok(Event::Leased(lease));
        }
        let Some(other) = look(broker, self.seen, profile).await? else { return Ok(Event::Done) };
        (self.over, self.overlap_ends) = (Some(other.fence), other.overlap_ends);
        Ok(Event::Held(other.held))
    }

    /// Seconds after which a lost answer is asked for again, as long as that heals its loss.
    pub(crate) fn ask_again_after(&self) -> Option<i64> {
        self.app.issuer.profile.ask_again_after(self.spent_at?.elapsed())
    }

    /// Whether nobody else can have begun to refresh, nor begins before a call that is begun now has ended.
    pub(crate) async fn holds_the_lease(&self, deadline: Duration) -> bool {
        if self.leased.is_none_or(|(at, lasts)| at.elapsed() + deadline > lasts) {
            return false;
        }
        if self.broker.replica.is_only() {
            return true;
        }
        // What was taken over because the overlap lasts is shown while it does.
        if self.asked == 0 && self.overlap_ends.is_some_and(|ends| Instant::now() > ends) {
            return false;
        }
        // Without its lock it looks dead to the others, which wait for the end of a call only where there is no overlap.
        let overlaps = self.app.issuer.profile.has_overlap();
        let seen_to_live = overlaps || self.lock.is_none() || self.broker.replica.lock() == self.lock;
        // After a pause it may have been overtaken.
        seen_to_live && store::bears(&self.broker.db, &self.seen.id, self.fence).await.unwrap_or(false)
    }
}

/// For how long nobody else refreshes a connection.
fn lease_lasts(broker: &Broker) -> Duration {
    Duration::from_secs(2 * broker.config.outbound.deadline_seconds + LEASE_BESIDE_CALLS)
}

/// A lease that is not ours.
struct Other {
    fence: i64,
    held: Held,
    /// None when there is no overlap any more.
    overlap_ends: Option<Instant>,
}

/// Whose lease it is; None when nobody refreshes what was seen.
async fn look(broker: &Broker, seen: &Connection, profile: &Profile) -> Result<Option<Other>, Error> {
    let now = broker.db.lease_now_in_millis(&broker.clock).await?;
    let Some(lease) = store::leased(&broker.db, seen, now.second()).await? else { return Ok(None) };
    let left = profile.overlap_left(now.since(lease.intent_at)).min(LONGEST_OVERLAP);
    let overlap_ends = (!left.is_zero()).then(|| Instant::now() + left);
    let holder = holders::look(broker, lease.holder).await;
    let held = Held { holder, overlap_lasts: overlap_ends.is_some() };
    Ok(Some(Other { fence: lease.fence, held, overlap_ends }))
}

/// Until the row has moved on, the lease has run out, or it may be taken over, which is true; never for longer than a
/// lease lasts, whatever a clock says. `takes_long` is told while its holder does not answer: nobody need wait with us.
pub(crate) async fn wait(broker: &Broker, seen: &Connection, takes_long: impl Fn()) -> Result<bool, Error> {
    let began = Instant::now();
    let app = crate::app::by_id(broker, &seen.app_id).await?.ok_or(Error::AppNotFound)?;
    while began.elapsed() < lease_lasts(broker) {
        let every = if began.elapsed() < SOON { POLL_EVERY } else { LATER_EVERY };
        tokio::time::sleep(every).await;
        match look(broker, seen, &app.issuer.profile).await? {
            None => return Ok(false),
            Some(other) if other.held.may_be_taken_over() => return Ok(true),
            Some(other) if other.held.holder == Holder::Answers => {}
            Some(_) => takes_long(),
        }
    }
    Ok(false)
}
