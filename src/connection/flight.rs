//! One refresh per connection in this process, however many ask. The flight is a task of its own: a caller
//! that hangs up does not take down a refresh whose token the issuer may already have rotated.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tracing::Instrument;

use super::Connection;
use super::refresh;
use super::refresh::holding;
use super::refresh::protocol::Outcome;
use crate::App;
use crate::error::Error;
use crate::issuer::calls::Call;

#[derive(Debug, Default)]
pub struct Flights {
    /// Whether there is nothing to wait for: it has landed, or it waits itself for a process that is gone.
    running: Mutex<HashMap<String, watch::Receiver<bool>>>,
}

/// Waits until the connection's refresh, begun by this or an earlier call, has ended one way or the other, or waits for a
/// process that does not answer. What came of it is in the row.
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
            fly(&app, &connection, place, &landing.sender).await;
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

async fn fly(app: &App, connection: &Connection, mut place: Option<Call>, landed: &watch::Sender<bool>) {
    loop {
        let again = match refresh::refresh(app, connection, place.take()).await {
            // What is damaged was named where it was found.
            Ok(Outcome::Done | Outcome::Failed) | Err(Error::Damaged) => return,
            Ok(Outcome::HeldElsewhere) => {
                let over = holding::wait(app, connection, || {
                    landed.send_replace(true);
                })
                .await;
                landed.send_replace(false);
                over
            }
            Err(error) => Err(error),
        };
        match again {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(connection = connection.id, %error, "a refresh could not be carried out");
                return;
            }
        }
    }
}
