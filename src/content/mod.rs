//! Content tokens: short-lived bearers for one environment of a content platform, attributable to the account.
//! Mints them, or asks the platform's management API for them, and keeps them until shortly before expiry.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | a caller or a bearer with a subject token | `subject.rs`: whom it stands for | a live connection, its account and app |
//! | a client of `/oauth/token`, all at once | `sight.rs` | the same, with the environment and a token that is kept |
//! | an environment by its name or address | `look_up.rs`; who may reach it: `rules.rs`, `environment.rs` | an [`Environment`], or one refusal for every reason |
//! | a client of `/oauth/token` that asks for itself | `client_credentials.rs` | a token of nobody, within what the operator gave to that caller |
//! | the exchange for a content token | `exchange.rs`; `mint.rs` or `ask.rs` makes a new one | a token, and one that is kept (`kept_token.rs`) |
//! | a content platform that verifies | `signing_key.rs` | the published key set |
//! | a token whose claims the operator chose | `template.rs`, and its folder | its claims, beside ours |
//! | the configuration file at a start | `sync.rs` | environments stored as the file has them |
//! | `attache vault status` | `verify.rs` | a list of what does not open |

pub mod ask;
pub mod client_credentials;
pub mod environment;
pub mod exchange;
mod kept_token;
mod look_up;
pub mod mint;
pub mod permission;
pub mod rules;
pub mod sight;
pub mod signing_key;
mod store;
pub mod subject;
pub mod sync;
pub mod template;
pub mod verify;

pub use environment::Environment;
pub use kept_token::KeptToken;
pub(crate) use look_up::by_key;
pub use look_up::open_environments;
pub use rules::{AccountRule, AppRule, Strategy};
pub use store::{forget, sweep, withdraw};
