//! Restored copies. An old copy of the database holds refresh tokens that were spent since it was made. An issuer that
//! rotates takes a spent one for theft and ends the whole grant. Nor does the copy know what was revoked since. So a copy is
//! recognised at the start. Until the operator says that it is to be used, nothing that existed then is handed out, and of
//! issuers that rotate nothing is refreshed. What was put in the wrong place can still be taken away, and has burnt nothing.
//!
//! On SQLite a file beside the database knows how far it had come ([`crate::db::sidecar`]); on PostgreSQL the cluster and
//! its timeline tell ([`crate::db::cluster`]). What neither can see, the operator says: `attache restore mark`.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | each start | `recognise.rs` (`judge`) | nothing, or a copy that waits for the operator |
//! | a server that runs on, with each beat | `recognise.rs` (`look_again`) | the same |
//! | `attache restore mark` | `recognise.rs` (`mark`) | a copy that waits |
//! | whoever is about to do what cannot be undone | `waiting.rs` | the copy that waits, if there is one |
//! | `attache restore done` | `done.rs` | everything in use again |

pub mod done;
pub mod recognise;
mod store;
mod waiting;

pub use store::Restore;
pub use waiting::open;
