//! How much room clients take, in all and from one address: open connections, and bodies that have begun to come and are not
//! whole. A trusted proxy speaks for many, so that only the sum counts there. Says no, and to nobody how.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::Limits;
use crate::edge::address::{Address, Prefix};

/// What a body takes at the least, once it is waited for: the request around it costs something too.
const LEAST: usize = 4096;
/// No address takes more than one in so many of the bytes.
const SHARES: usize = 4;

#[derive(Debug)]
pub struct Room {
    connections: usize,
    connections_per_address: usize,
    trusted: Arc<[Prefix]>,
    open: AtomicUsize,
    bodies: Pot,
    by_address: Mutex<HashMap<Address, Arc<Guest>>>,
}

/// A number of bytes that may be taken, and how many are.
#[derive(Debug)]
struct Pot {
    most: usize,
    taken: AtomicUsize,
}

impl Pot {
    const fn of(most: usize) -> Self {
        Self { most, taken: AtomicUsize::new(0) }
    }

    /// Taken before it is judged, so that no two take the last bytes.
    fn take(&self, bytes: usize) -> bool {
        let fits = self.taken.fetch_add(bytes, Relaxed).saturating_add(bytes) <= self.most;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Relaxed);
    }
}

/// An address, for as long as it has a connection.
#[derive(Debug)]
struct Guest {
    connections: AtomicUsize,
    bodies: Pot,
}

/// A connection's slot, given back when it is dropped.
#[derive(Debug)]
pub struct Slot {
    room: Arc<Room>,
    /// None for a trusted proxy.
    of: Option<(Address, Arc<Guest>)>,
}

impl Room {
    pub fn new(limits: &Limits) -> Self {
        Self {
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            trusted: Arc::clone(&limits.trusted_proxies),
            open: AtomicUsize::new(0),
            bodies: Pot::of(limits.body_bytes),
            by_address: Mutex::default(),
        }
    }

    /// None when there is no room for one connection more, or none for one more from there.
    pub fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Arc<Slot>> {
        if self.open.fetch_add(1, Relaxed) >= self.connections {
            self.open.fetch_sub(1, Relaxed);
            return None;
        }
        if self.trusted.iter().any(|proxy| proxy.holds(from)) {
            return Some(Arc::new(Slot { room: Arc::clone(self), of: None }));
        }
        let address = Address::from(from);
        let guest = {
            let mut guests = self.guests();
            let guest = guests.entry(address).or_insert_with(|| {
                Arc::new(Guest {
                    connections: AtomicUsize::new(0),
                    bodies: Pot::of(self.bodies.most / SHARES),
                })
            });
            guest.connections.fetch_add(1, Relaxed);
            Arc::clone(guest)
        };
        // Whoever is refused leaves by the same door.
        let most = self.connections_per_address;
        let fits = most == 0 || guest.connections.load(Relaxed) <= most;
        let slot = Slot { room: Arc::clone(self), of: Some((address, guest)) };
        fits.then(|| Arc::new(slot))
    }

    fn guests(&self) -> MutexGuard<'_, HashMap<Address, Arc<Guest>>> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.room.open.fetch_sub(1, Relaxed);
        let Some((address, guest)) = &self.of else { return };
        let mut guests = self.room.guests();
        if guest.connections.fetch_sub(1, Relaxed) == 1 {
            guests.remove(address);
        }
    }
}

/// What one body takes of the room, given back when it is whole or given up.
#[derive(Debug)]
pub struct Taken {
    slot: Arc<Slot>,
    came: usize,
    held: usize,
}

impl Taken {
    pub const fn nothing(slot: Arc<Slot>) -> Self {
        Self { slot, came: 0, held: 0 }
    }

    /// So many bytes more have come of a body. False when there is no room for them.
    pub fn grow(&mut self, bytes: usize) -> bool {
        self.came = self.came.saturating_add(bytes);
        let more = self.came.max(LEAST).saturating_sub(self.held);
        let fits = self.slot.take(more);
        if fits {
            self.held += more;
        }
        fits
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.slot.give_back(self.held);
    }
}

impl Slot {
    fn take(&self, bytes: usize) -> bool {
        let guest = self.of.as_ref().map(|(_, guest)| guest);
        if guest.is_some_and(|guest| !guest.bodies.take(bytes)) {
            return false;
        }
        let fits = self.room.bodies.take(bytes);
        if let Some(guest) = guest.filter(|_| !fits) {
            guest.bodies.give_back(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.room.bodies.give_back(bytes);
        if let Some((_, guest)) = &self.of {
            guest.bodies.give_back(bytes);
        }
    }
}
