//! Refreshes: a spent refresh token for a new one, so that no crash, race or lost answer loses the grant.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | a hand-out finds too little life | [`flight`] | one refresh for all who wait |
//! | a connection is due | [`early`] | a flight that nobody waits for |
//! | a flight begins | [`carry_out`], by [`protocol`] | the answer in the row, or in the rescue journal |
//! | another process holds the lease | [`holding`] | a wait, or its lease taken over |
//! | a process starts | [`rescue`] | what the journal holds, stored |
//! | no refresh token, and the time is over | [`run_out`] | the person is needed |

pub mod early;
pub mod flight;
pub mod protocol;
pub mod rescue;
pub mod run_out;

mod asking;
mod carry_out;
mod holding;
mod judge;
mod sealing;
pub mod set_back;
mod store;
mod storing;
mod under_way;
