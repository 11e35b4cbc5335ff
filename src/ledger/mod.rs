//! The ledger: who did what, who was handed what. A first hand-out is durable before the answer; its repeats
//! are counted in memory and written every second, and that second may be lost. Holds no secret.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | whoever changes something, in the same transaction | `entry.rs` | a row (`store.rs`, `append`) |
//! | whoever is about to hand a token out | `hand_out.rs` (`record`) | a row before the token leaves, or one more on a counter |
//! | the housekeeping, every second | `hand_out.rs` (`flush`) | the counters written, and each connection's last use |
//! | a page or the operator that shows a connection | `read.rs` | lines, and uses by day |

mod counted;
mod entry;
pub mod hand_out;
mod memory;
mod read;
mod store;

pub use entry::{Action, Entry};
pub use memory::Ledger;
pub use read::{newest_at, of_connection, use_by_day};
pub use store::{DayOfUse, Line, append};
