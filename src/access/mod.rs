//! Who may use a connection, and what they are handed.
//!
//! | who comes in | which file decides | where it ends |
//! | --- | --- | --- |
//! | a caller asks for a token | [`judge`], then [`hand_out`] | a token, noted in the ledger |
//! | a page wants a content token for whoever is signed in | [`judge`], by the facts of [`by_session`] | what they may do there |
//! | a content request brings an access token | [`judge`] | the connection that it stands for |
//! | a caller names another one for whom it acts | [`judge::actor`] | a name in its content token |
//! | what is due is refreshed early | [`judge`] | the connection, or nothing is spent |
//! | a caller reads its connections | [`read`] | states and times |
//!
//! What is judged are [`facts`], from memory or by one statement; [`allow`] has them judged for most who come in. Asks no
//! issuer itself: what has run out is refreshed by [`crate::refresh`].

pub mod allow;
pub mod by_itself;
pub mod by_session;
pub mod decide;
pub mod facts;
pub mod hand_out;
pub mod judge;
pub mod read;
