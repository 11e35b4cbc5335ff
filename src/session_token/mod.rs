//! Session tokens: short-lived JWTs (RFC 7519) that say who is signed in in a browser, for the platform's own pages and what is
//! behind them. Each ends within a minute, and no new one is given once the session has ended. Nothing is stored of them.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | a page of the platform | `dialect/v1/session/origin.rs`: whether it is one | its origin, or a refusal |
//! | the same, for a signed-in person | `mint.rs` | a token of the session, or of a template |
//! | the same, for a content API | `content/for_session.rs` | a content token of the person's own |
//! | a resource server that was shown one | `issued.rs`, for `resource_server/introspect.rs` | what it says, while its session is there |

pub mod issued;
pub mod mint;

use crate::account::Account;
use crate::clock::Timestamp;
use crate::secret::{Token, TokenHash};

/// A session of somebody that a page asks about.
#[derive(Debug)]
pub struct Asked<'a> {
    pub account: &'a Account,
    pub session: &'a TokenHash,
    pub session_ends: Timestamp,
    /// Of the page that asks.
    pub origin: &'a str,
}

/// A token and the moment at which it ends.
pub struct Minted {
    pub jwt: Token,
    pub expires_at: Timestamp,
}
