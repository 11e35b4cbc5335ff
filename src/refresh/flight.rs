//! One refresh per connection in this process, however many ask. The flight is a task of its own: a caller
//! that hangs up does not take down a refresh whose token the issuer may already have rotated.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tracing::Instrument;

use super::carry_out;
use super::holding;
use super::protocol::Outcome;
use crate::Broker;
use crate::connection::Connection;
use crate::error::Error;
use crate::issuer::calls::Call;
use crate::load;

#[derive(Debug, Default)]
pub struct Flights {
    running: Mutex<HashMap<String, watch::Receiver<Option<Landed>>>>,
}

/// Why there is nothing to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Landed {
    /// It ended, and what came of it is in the row; or it waits itself for a process that is gone.
    There,
    /// Something failed here: the issuer is not to blame.
    Here,
}

/// Waits until the connection's refresh, begun by this or an earlier call, has ended one way or the other, or waits for a
/// process that does not answer. What came of it is in the row. Whoever waits does so in nobody's place.
///
/// # Errors
/// [`Error::Overloaded`] when as many wait for the issuer already as may; [`Error::TakesLonger`] when it could not be
/// carried out here.
pub async fn join(broker: &Broker, connection: &Connection) -> Result<(), Error> {
    let mut landed = board(broker, connection).unwrap_or_else(|slot| slot.take_off(broker, connection, None));
    let _waiting = load::waiting_for(&connection.external.issuer)?;
    match landed.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(Landed::Here)) => Err(Error::TakesLonger),
        // An error means that the flight is over without a word, which is over all the same.
        _ => Ok(()),
    }
}

/// Begins a refresh that nobody waits for yet, unless one is under way.
pub fn begin(broker: &Broker, connection: &Connection, place: Call) {
    if let Err(slot) = board(broker, connection) {
        slot.take_off(broker, connection, Some(place));
    }
}

/// The flight under way, or the place on the board for another one.
fn board(broker: &Broker, connection: &Connection) -> Result<watch::Receiver<Option<Landed>>, Slot> {
    let mut running = broker.flights.running.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(receiver) = running.get(&connection.id) {
        return Ok(receiver.clone());
    }
    let (sender, receiver) = watch::channel(None);
    running.insert(connection.id.clone(), receiver.clone());
    Err(Slot { sender, receiver })
}

struct Slot {
    sender: watch::Sender<Option<Landed>>,
    receiver: watch::Receiver<Option<Landed>>,
}

impl Slot {
    fn take_off(
        self,
        broker: &Broker,
        connection: &Connection,
        place: Option<Call>,
    ) -> watch::Receiver<Option<Landed>> {
        let mut landing = Landing {
            broker: broker.clone(),
            id: connection.id.clone(),
            sender: self.sender,
            landed: Landed::There,
        };
        let (broker, connection) = (broker.clone(), connection.clone());
        let tasks = broker.tasks.clone();
        let flight = async move {
            landing.landed = fly(&broker, &connection, place, &landing.sender).await;
            drop(landing);
        };
        tasks.spawn(flight.in_current_span());
        self.receiver
    }
}

/// Takes the flight off the board and tells the waiters, also when the task panics.
struct Landing {
    broker: Broker,
    id: String,
    sender: watch::Sender<Option<Landed>>,
    landed: Landed,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.broker.flights.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        let _ = self.sender.send(Some(self.landed));
    }
}

async fn fly(
    broker: &Broker,
    connection: &Connection,
    mut place: Option<Call>,
    landed: &watch::Sender<Option<Landed>>,
) -> Landed {
    loop {
        let again = match carry_out::refresh(broker, connection, place.take()).await {
            // What is damaged was named where it was found.
            Ok(Outcome::Done | Outcome::Failed) | Err(Error::Damaged) => return Landed::There,
            Ok(Outcome::HeldElsewhere) => {
                let over = holding::wait(broker, connection, || {
                    landed.send_replace(Some(Landed::There));
                })
                .await;
                landed.send_replace(None);
                over
            }
            Err(error) => Err(error),
        };
        match again {
            Ok(true) => {}
            Ok(false) => return Landed::There,
            Err(error) => {
                tracing::error!(connection = connection.id, %error, "a refresh could not be carried out");
                return Landed::Here;
            }
        }
    }
}
