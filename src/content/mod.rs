//! Content tokens: short-lived bearers for one environment of a content platform, attributable to the account.
//! Mints them, or asks the platform's management API for them, and keeps them until shortly before expiry.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | a caller or a bearer with a subject token | `subject.rs`: whom it stands for | a live connection, its account and app |
//! | the first token of an app that signs people in by itself | `direct.rs` | a connection of its own, or nothing |
//! | a client of `/oauth/token`, all at once | `sight.rs` | the same, with the environment and a token that is kept |
//! | an access token that says nothing by itself | `opaque_subject.rs`: which issuer is asked | the same |
//! | an environment by its name or address | `look_up.rs`; who may reach it: `rules.rs`, `environment.rs` | an [`Environment`], or one refusal for every reason |
//! | the exchange for a content token | `requested.rs`: with which permissions; `exchange.rs`; `mint.rs`, `ask.rs` or `token_exchange.rs` makes a new one | a token, and one that is kept (`kept_token.rs`) |
//! | an actor for whom a caller acts | `actor_token.rs`; `actors.rs`: the chain of them | a name in the token, or one refusal for every reason |
//! | permissions, of roles, of an app, on the wire | `permission.rs`: what two sets have in common | never more than each |
//! | a content platform that verifies | `signing_key.rs` | the published key set |
//! | a caller, or the operator, who asks about environments | `overview.rs`; `public_access.rs` opens one without a token | what an app's tokens may do there |
//! | whoever was given a token that we signed | `signing_key.rs` (`verify`) | what it says, or nothing |
//! | `attache signing-key …`, the housekeeping | `signing_key/rotate.rs` | another key for a line, published before it signs |
//! | a minted token that comes back | `issued_token.rs`: what it says; `recognise.rs`: whether it is ours | an [`IssuedToken`](issued_token::IssuedToken), or nothing |
//! | a revoke of one token by itself | `revoked_tokens.rs` | its `jti`, kept until it runs out |
//! | a client of `/oauth/token` that asks for itself | `client_credentials.rs` | a token of nobody, within what the operator gave to that caller |
//! | a page of the platform, for whoever is signed in there | `for_session.rs` | a token of the person's own, by no app |
//! | a token whose claims the operator chose | `template.rs`, and its folder | its claims, beside ours |
//! | the configuration file at a start | `sync.rs` | environments stored as the file has them |
//! | `attache vault status` | `verify.rs` | a list of what does not open |

pub mod actor_token;
pub mod actors;
pub mod algorithm;
pub mod ask;
pub mod client_credentials;
mod direct;
pub mod environment;
pub mod exchange;
pub mod for_session;
pub mod issued_token;
mod kept_token;
mod look_up;
mod may_act;
pub mod mint;
mod opaque_subject;
pub mod overview;
pub mod permission;
pub mod public_access;
pub mod recognise;
mod requested;
pub mod revoked_tokens;
pub mod rules;
pub mod settings;
pub mod sight;
pub mod signing_key;
mod store;
pub mod subject;
pub mod sync;
pub mod template;
mod token_exchange;
pub mod url_pattern;
pub mod verify;

pub use environment::Environment;
pub use kept_token::KeptToken;
pub use look_up::{all, by_id, by_key};
pub use requested::Requested;
pub use rules::{AccountRule, AppRule, Strategy};
pub(crate) use store::{ALIASED_COLUMNS, aliased as read_environment};
pub use store::{forget, sweep, withdraw};
