//! Connect sessions: a platform's backend brings its signed word of who one of its users is, and is given a link for them. Whoever
//! opens it is asked whether they are that person, and goes on as an account that the platform vouches for. Signs nobody in by
//! itself, and connects nothing.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | a backend with a user token | `word.rs`: whether the platform said it, now, to us, once | who the platform says it is |
//! | the same, allowed by the platform and for the app | `make.rs` | a link that is good once, for ten minutes |
//! | a browser that opens the link | `pages.rs`; nothing is changed | the question whether they are that person |
//! | the same, with a yes | `answer.rs`: the first yes counts | an account of the platform, and a session of an hour |
//! | the same, with a no | `answer.rs` | a link that is over |
//!
//! What is stored of a link is in `row.rs`.

mod answer;
pub mod make;
pub mod pages;
mod row;
mod store;
mod word;

use crate::Broker;
use crate::db;
use crate::db::write::Transaction;

/// Forgets the links of a person who is deleted, with whatever else ends in this transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(
    broker: &Broker,
    transaction: &mut Transaction,
    issuer: &str,
    subject: &str,
) -> Result<(), db::Error> {
    store::forget(transaction, issuer, subject, broker.clock.now()).await
}

/// Deletes links whose time is over.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(broker: &Broker) -> Result<(), db::Error> {
    store::sweep(&broker.db, broker.clock.now()).await
}
