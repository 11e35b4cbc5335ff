//! Load: clients that ask as fast as they are answered (closed), or as fast as they were told to (open).

pub mod client;
pub mod closed;
pub mod open;

use crate::seed::layout::mix;

/// One kind of request and how its answers are judged. Shared by all clients.
pub trait Job: Send + Sync {
    /// The next request, and which row it is about. None when there is nothing more to ask.
    fn request<'a>(&'a self, draw: &mut Draw, scratch: &'a mut Vec<u8>) -> Option<(u64, &'a [u8])>;

    /// Judged for every answer, so it must be cheap.
    fn looks_right(&self, status: u16, body: &[u8]) -> bool;

    /// Judged for one answer in [`SAMPLE`].
    fn is_right(&self, _row: u64, _body: &[u8]) -> bool {
        true
    }

    /// Called before each round with about how many requests will be made.
    fn prepare(&self, _expected: u64) {}
}

pub const SAMPLE: u64 = 64;

/// Random enough for load; each client has its own.
pub struct Draw(u64);

impl Draw {
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Below `end`, which must not be 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.0 = mix(self.0);
        self.0 % end
    }
}
