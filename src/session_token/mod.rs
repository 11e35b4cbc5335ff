//! Session tokens: short-lived JWTs (RFC 7519) that say who is signed in in a browser, for the platform's own pages and what is
//! behind them. Each ends within a minute, and no new one is given once the session has ended. Nothing is stored of them.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | a page of the platform | `dialect/v1/session/origin.rs`: whether it is one | its origin, or a refusal |
//! | the same, for a signed-in person | `mint.rs` | a token of the session, or of a template |
//! | a resource server that was shown one | `issued.rs`, for `resource_server/introspect.rs` | what it says, while its session is there |

pub mod issued;
pub mod mint;
