//! Third-party apps: each is one OAuth client at one issuer, registered by the operator.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | the configuration file at a start | `sync.rs`, then `add.rs` | the app stored as the file has it; what is gone from the file suspended |
//! | `attache app add` | `add.rs` | a new app, or one of the same source overwritten |
//! | `attache app import`, with a Slack manifest | `import.rs`, then `add.rs` | an app and an issuer for each provider |
//! | `attache app remove` | `remove.rs` | the app suspended |
//! | `attache app revocation` | `revocation.rs` | the issuer's revocation address |
//! | a secret of the file that changed while the server runs | `sync.rs` (`carry_over`) | the new secret sealed |
//! | whoever needs an app or an issuer | `look_up.rs` | a row from memory or the database |
//! | whoever speaks to the issuer as the app | `client_secret.rs` | the client, its secret opened |
//! | `attache check` | `registration.rs` | the registration as the file has it |
//!
//! What may be said of an app is in `rules.rs`, its row in `row.rs`.

pub mod add;
mod change;
mod client_secret;
pub mod import;
pub mod logo;
mod look_up;
pub mod pages;
pub mod registration;
pub mod remove;
pub mod revocation;
mod row;
pub mod rules;
mod store;
pub mod sync;

pub use client_secret::{client, verify};
pub use look_up::{Apps, all, by_client, by_id, by_key, issuer_by_key, issuers, of_slack_app};
pub use row::App;
pub use rules::{AppKind, AppStatus, IdentityRule, ScopeRule, Source, is_web};
