//! Revokes: final here at once, and told to the issuer until it has confirmed.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | a person, a caller or the operator ends a connection | [`begin`] | one statement; no token is handed out any more |
//! | an issuer is to be told | [`tell`] | confirmed, given up after thirty days, or nothing to tell |
//! | a refresh token that nobody will use | [`unused_refresh_token`] | told at once, or kept until the connection ends |
//! | somebody asks how far it has come | [`receipt`] | each step, to the second |

pub mod begin;
pub mod receipt;
pub mod tell;
pub mod unused_refresh_token;

pub mod shared;
mod store;
pub mod verify;
