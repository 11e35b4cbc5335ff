//! One refresh per connection in this process, however many ask. The flight is a task of its own: a caller
//! that hangs up does not take down a refresh whose token the issuer may already have rotated.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::Instrument;

use super::refresh;
use super::refresh::protocol::Outcome;
use super::{Connection, store};
use crate::App;
use crate::error::Error;
use crate::issuer::calls::Call;

/// How often another process's refresh is looked at; one poller for all waiters of this process.
const POLL_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub struct Flights {
    running: Mutex<HashMap<String, watch::Receiver<bool>>>,
}

/// Waits until the connection's refresh, begun by this or an earlier call, has ended one way or the other.
/// What came of it is in the row.
pub async fn join(app: &App, connection: &Connection) {
    let mut landed = board(app, connection).unwrap_or_else(|slot| slot.take_off(app, connection, None));
    let _waiting = app.load.waiting();
    // An error means that the flight is over without a word, which is over all the same.
    let _ = landed.wait_for(|landed| *landed).await;
}

/// Begins a refresh that nobody waits for yet, unless one is under way.
pub fn begin(app: &App, connection: &Connection, place: Call) {
    if let Err(slot) = board(app, connection) {
        slot.take_off(app, connection, Some(place));
    }
}

/// The flight under way, or the place on the board for another one.
fn board(app: &App, connection: &Connection) -> Result<watch::Receiver<bool>, Slot> {
    let mut running = app.flights.running.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(receiver) = running.get(&connection.id) {
        return Ok(receiver.clone());
    }
    let (sender, receiver) = watch::channel(false);
    running.insert(connection.id.clone(), receiver.clone());
    Err(Slot { sender, receiver })
}

struct Slot {
    sender: watch::Sender<bool>,
    receiver: watch::Receiver<bool>,
}

impl Slot {
    fn take_off(self, app: &App, connection: &Connection, place: Option<Call>) -> watch::Receiver<bool> {
        let landing = Landing { app: app.clone(), id: connection.id.clone(), sender: self.sender };
        let (app, connection) = (app.clone(), connection.clone());
        let tasks = app.tasks.clone();
        let flight = async move {
            fly(&app, &connection, place).await;
            drop(landing);
        };
        tasks.spawn(flight.in_current_span());
        self.receiver
    }
}

/// Takes the flight off the board and tells the waiters, also when the task panics.
struct Landing {
    app: App,
    id: String,
    sender: watch::Sender<bool>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.app.flights.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        let _ = self.sender.send(true);
    }
}

async fn fly(app: &App, connection: &Connection, place: Option<Call>) {
    match refresh::refresh(app, connection, place).await {
        // What is damaged was named where it was found.
        Ok(Outcome::Done | Outcome::Failed) | Err(Error::Damaged) => {}
        Ok(Outcome::HeldElsewhere) => wait_for_the_holder(app, connection).await,
        Err(error) => {
            tracing::error!(connection = connection.id, %error, "a refresh could not be carried out");
        }
    }
}

/// Until the row has moved on or the lease has run out; never for longer than a lease lasts, whatever a clock says.
async fn wait_for_the_holder(app: &App, connection: &Connection) {
    let began = Instant::now();
    while began.elapsed() < refresh::lease_lasts(app) {
        tokio::time::sleep(POLL_EVERY).await;
        let Ok(now) = app.db.lease_now(&app.clock).await else { return };
        let Ok(Some(current)) = store::by_id(&app.db, &connection.id).await else { return };
        let held = current.lease_until.is_some_and(|until| until > now);
        if !held || current.generation != connection.generation {
            return;
        }
    }
}
