//! Permanent tokens: bearers of nobody in particular, each for one environment, with permissions of its own. They are good at
//! the environment's content API alone, which asks here about them; nothing else here takes one.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | `attache permanent-token create`, `list`, `revoke` | `create.rs`, `look_up.rs`, `revoke.rs` | a token that is shown once; its hash is stored |
//! | a resource server that is shown one | `look_up.rs`; whether it stands: `row.rs` | a [`PermanentToken`], or nothing for every reason |
//! | the housekeeping | `last_use.rs` | when each was last used |

pub mod create;
pub mod last_use;
mod look_up;
pub mod revoke;
mod row;
mod store;

pub use look_up::{by_token, list, shown_at};
pub use row::{PermanentToken, PermanentTokens};
pub use store::Listed;
