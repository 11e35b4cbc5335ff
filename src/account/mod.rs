//! Accounts: who is signed in, known by (issuer, subject).
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | a browser that signs in | `sign_in.rs`, with the attempt that it kept (`attempt.rs`) | an account and a session |
//! | a person whom a platform vouches for | `vouched.rs`; their issuer is made in `platform.rs` | an account of that platform |
//! | a browser that signs out | `sign_out.rs` | the issuer's own sign-out, after ours |
//! | a person who looks at where they are signed in | `sessions.rs` | some of their sessions ended |
//! | a verified ID token of a consent or a refresh | `claims.rs` | the claims that it says, each with its age |
//! | a person or the operator who deletes an account | `delete.rs` | every connection ended, and nothing personal left |
//! | whoever needs an account | `look_up.rs` | a [`Account`] from memory or the database |
//!
//! The one sign-in issuer and our client there are in `our_client.rs`; what is stored of a person is in `person.rs`.

pub mod attempt;
pub mod claims;
pub mod delete;
mod look_up;
pub mod our_client;
pub mod pages;
mod person;
pub mod platform;
pub mod record;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;
mod store;
pub mod vouched;

pub use attempt::sweep;
pub use look_up::{by_id, by_id_even_deleted, by_id_or_subject, by_subject};
pub use person::{Account, KnownAs, is_id};
