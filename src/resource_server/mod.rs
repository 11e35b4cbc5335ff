//! Resource servers (RFC 6749 section 1.1): content APIs that ask about the content tokens of one environment, and backends
//! that ask about the session tokens of pages of one origin. Each has a credential of its own. It is good for nothing else.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | `attache resource-server create`, `list`, `revoke` | `create.rs`, `look_up.rs`, `revoke.rs` | a secret that is shown once; its hash is stored |
//! | whoever shows such a secret | `authenticate.rs` | a [`ResourceServer`], or one refusal for every reason |
//! | a resource server with a content token or a permanent one | `sight.rs` (what decides), `introspect.rs`, judged in [`crate::access::judge::issued`] | an [`Active`](active::Active), or nothing |
//! | the same with a session token | `introspect.rs`; [`crate::session_token::issued`]: whether its session is there | what it says, or nothing |
//! | a proxy that asks before it lets a request through | `gate.rs`; `forwarded.rs`: what the request does; `from_browser.rs`: whether its cookie counts | who it is, or why not |
//! | the housekeeping | `last_use.rs` | when each was last used |

pub mod active;
pub mod authenticate;
pub mod create;
pub mod forwarded;
pub mod from_browser;
pub mod gate;
pub mod handshake;
pub mod introspect;
pub mod last_use;
mod look_up;
pub mod revoke;
mod row;
pub mod sight;
mod store;

pub use look_up::list;
pub use row::{Protects, ResourceServer, ResourceServers};
pub use store::Listed;
