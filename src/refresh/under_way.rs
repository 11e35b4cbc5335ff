//! One refresh that is under way: what its effects work on. Does nothing itself.

use std::time::{Duration, Instant};

use super::storing::Storing;
use crate::Broker;
use crate::app::App;
use crate::connection::Connection;
use crate::error::Error;
use crate::issuer::calls::Call;
use crate::issuer::endpoints::Endpoints;
use crate::issuer::token_set::TokenSet;
use crate::issuer::transcript::Transcript;
use crate::issuer::{Client, IssuerFault};
use crate::secret::Token;

/// What the effects of one refresh work on.
pub(super) struct Refresh<'a> {
    pub broker: &'a Broker,
    /// The row as it was when the refresh began.
    pub seen: &'a Connection,
    /// The row that the answer is to be stored on.
    pub current: Connection,
    pub app: &'a App,
    pub client: &'a Client,
    pub endpoints: &'a Endpoints,
    /// The place at the issuer.
    pub call: Call,
    /// How often the issuer was asked.
    pub asked: u8,
    /// The refresh token that the answer replaces.
    pub spent: Token,
    pub fence: i64,
    /// The fence of somebody else's lease, which may be taken over.
    pub over: Option<i64>,
    /// Until when that lease's token may be shown again.
    pub overlap_ends: Option<Instant>,
    /// The number of our lock that the lease names.
    pub lock: Option<i64>,
    /// Since when the lease runs, and for how long.
    pub leased: Option<(Instant, Duration)>,
    /// Since when the token may have been spent, by this one or one before.
    pub spent_at: Option<Instant>,
    /// What the issuer gave.
    pub tokens: Option<TokenSet>,
    /// It is of another identity than the connection's.
    pub is_another: bool,
    /// What was asked last, and answered.
    pub transcript: Option<Transcript>,
    /// The answer on its way into the database.
    pub storing: Option<Storing>,
    /// What it said instead.
    pub fault: Option<IssuerFault>,
    /// Why the last effect failed.
    pub trouble: Option<Error>,
}
