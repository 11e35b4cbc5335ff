//! Faults that a promise asks for: the next statement that holds some words fails as if the database had failed. None is
//! ever asked for where somebody is served, and then it costs one look at a flag.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::{Cause, Error};

/// How a statement fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Busy,
    Lost,
    Refused,
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub struct Faults {
    armed: AtomicBool,
    next: Mutex<Vec<(String, Fault)>>,
}

impl Faults {
    /// The next statement whose text holds these words fails, and is not run.
    pub fn fail_next(&self, words: &str, fault: Fault) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.push((words.to_owned(), fault));
        self.armed.store(true, Ordering::Release);
    }

    /// How many have not come yet.
    #[must_use]
    pub fn left(&self) -> usize {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The error that was asked for, once.
    pub(super) fn strike(&self, text: &str) -> Result<(), Error> {
        if !self.armed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = next.iter().position(|(words, _)| text.contains(words)) else { return Ok(()) };
        let (_, fault) = next.remove(at);
        self.armed.store(!next.is_empty(), Ordering::Release);
        let cause = Cause::new("a fault that was asked for");
        Err(match fault {
            Fault::Busy => Error::Busy(cause),
            Fault::Lost => Error::Lost(cause),
            Fault::Refused => Error::Refused(cause),
        })
    }
}
