//! Who may use a connection, and what they are handed.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | a caller asks for a token | [`allow`], then [`hand_out`] | a token, noted in the ledger |
//! | a content request brings an access token | [`allow`] | the connection that it stands for |
//! | a caller reads its connections | [`read`] | states and times |
//!
//! Asks no issuer itself: what has run out is refreshed by [`crate::refresh`].

pub mod allow;
pub mod decide;
pub mod hand_out;
pub mod read;
