//! Sealing: master keys wrap data keys, data keys seal values, and every value is bound to where it lives.
//! Holds no connection to a database but through `store`; never prints what it opens.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | the start, with the master key of the configuration | `store.rs` (`unlock`) | the house's keys in memory (`house.rs`), or no start |
//! | whoever stores or serves a secret of an app or a connection | `master_keys.rs`, which opens the row's data key | a value sealed or opened (`seal.rs`) |
//! | a session, a consent that began, a signing key | `house.rs` | the same, by the house's own key |
//! | `attache vault rotate` | `rotate.rs` | every data key in the wrapping of the new master key |
//! | the housekeeping | `house.rs` (`count`), `house/retire.rs` | another house key in time; an old one destroyed |
//! | `attache vault status` | `damage.rs` | a list of what does not open, and what mends it |
//! | whoever must know an erased person again | `pseudonym.rs` | a keyed hash |

mod cipher;
pub mod damage;
pub mod error;
pub mod house;
pub mod master_keys;
pub mod pseudonym;
pub mod rotate;
pub mod seal;
mod store;

pub use damage::{Damage, Verified};
pub use error::VaultError;
pub use house::HouseKey;
pub use master_keys::{MasterKey, Vault, WrappedKey};
pub use pseudonym::Pseudonyms;
pub use seal::{DataKey, Place, Sealed};
pub use store::{Purpose, Wrapping, destroy, foreign, insert, under, unlock, verify, wrappings};
