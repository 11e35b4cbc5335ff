//! Callers: workflow functions and backends, each with API keys and the apps it may use.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | a request with an API key as its bearer | `authenticate.rs`: whose it is | a [`Caller`], or one refusal for every reason |
//! | a client of `/oauth/token` | `authenticate.rs` (`by_client`) | the same |
//! | `attache key create` | `create_key.rs` | a key that is shown once; its hash is stored |
//! | `attache key revoke` | `revoke_key.rs` | a key that nobody can use any more, on every server |
//! | `attache caller permit`, `forbid`, `list` | `permit.rs` | what a caller may do by itself at an environment, for nobody |
//! | whoever asks which apps a caller may use | `look_up.rs` | yes or no, from memory or the database |

pub mod authenticate;
pub mod create_key;
mod look_up;
pub mod permit;
pub mod revoke_key;
mod row;
mod store;

pub(crate) use look_up::{all, permitted};
pub use look_up::{id_of, is_allowed, list_keys, list_permitted};
pub use row::{Caller, Callers, Key, Permitted};
pub(crate) use store::{KEY_COLUMNS, is_active, read_key};
pub use store::{ListedKey, ListedPermitted};
