//! Consents: from the page that asks a person to the connection that is stored.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | a person opens the consent page | [`pages`], [`start`] | the issuer's authorization page |
//! | the issuer sends the browser back | [`complete`] | a connection, or a reason in words |
//! | another identity came back | [`complete::another_identity`] | the person's choice, or nothing after ten minutes |
//! | a person chooses how long and where | [`choice`], [`duration`], [`choose`] | columns of the connection |
//!
//! Refreshes nothing and hands nothing out.

pub mod attempt;
pub mod choice;
pub mod choose;
pub mod complete;
pub mod direct;
pub mod duration;
mod issuer_fault;
pub mod pages;
pub mod start;
pub mod verify;
