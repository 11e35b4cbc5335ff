//! The ledger: who did what, who was handed what. A first hand-out is durable before the answer; its repeats
//! are counted in memory and written every second, and that second may be lost. Holds no secret.

pub mod hand_out;
mod store;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use hashbrown::HashMap;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::db;
use crate::issuer::transcript::Transcript;
use crate::secret::random_bytes;
use hand_out::{Firsts, HandOutLine, Repeats};
pub use store::{DayOfUse, Line, append};

use crate::Broker;

/// What happened. The names are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    SignedIn,
    SignedOut,
    Connected,
    Reconnected,
    Switched,
    ConnectRefused,
    ConsentChanged,
    Refreshed,
    RefreshFailed,
    NeedsReconnect,
    HandOut,
    RevokeRequested,
    RevokeConfirmed,
    KeyCreated,
    KeyRevoked,
    Frozen,
    Unfrozen,
    MassRevokeBegun,
    MassRevokeEnded,
    AccountDeleted,
    /// Nothing personal is left of a deleted account.
    AccountErased,
}

impl Action {
    /// For an operator: what the word stands for.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SignedIn => "the person signed in here",
            Self::SignedOut => "the person signed out here",
            Self::Connected => "the person agreed, and the connection was made",
            Self::Reconnected => "the person agreed again; the connection and its id are the same",
            Self::Switched => "the person agreed as another account of theirs, which replaced the one before",
            Self::ConnectRefused => "the person agreed, and the grant was refused here; nothing was stored",
            Self::ConsentChanged => "the person changed for how long or where the app may act",
            Self::Refreshed => "the issuer gave new tokens",
            Self::RefreshFailed => "the issuer gave no new tokens; it is asked again",
            Self::NeedsReconnect => "the issuer gives nothing more; the person must connect the app again",
            Self::HandOut => "a token was handed out",
            Self::RevokeRequested => "the connection was ended here; nothing is handed out from then on",
            Self::RevokeConfirmed => "the issuer confirmed that it has ended the grant",
            Self::KeyCreated => "an API key was made for a caller",
            Self::KeyRevoked => "an API key of a caller was revoked",
            Self::Frozen => "it was frozen: nothing is handed out until that is lifted",
            Self::Unfrozen => "a freeze was lifted",
            Self::MassRevokeBegun => "a revoke of many connections began",
            Self::MassRevokeEnded => "a revoke of many connections came to its end",
            Self::AccountDeleted => "the account was deleted; its connections are being ended",
            Self::AccountErased => "the last of what was personal about the account was removed",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub actor: String,
    pub account_id: Option<String>,
    pub app_id: Option<String>,
    pub connection_id: Option<String>,
    pub caller_id: Option<String>,
    pub detail: Option<Value>,
}

impl Entry {
    /// Something that happened to a connection; `actor` is an account's or a caller's id, or `attache`.
    #[must_use]
    pub fn of(connection: &Connection, actor: &str) -> Self {
        Self {
            actor: actor.to_owned(),
            account_id: Some(connection.account_id.clone()),
            app_id: Some(connection.app_id.clone()),
            connection_id: Some(connection.id.clone()),
            caller_id: Some(actor.to_owned()).filter(|actor| actor.starts_with("ca_")),
            detail: None,
        }
    }

    /// With a sentence beside it: what the issuer said, or why we refused.
    #[must_use]
    pub fn saying(self, said: &str) -> Self {
        Self { detail: Some(json!({ "said": said })), ..self }
    }

    /// With the record of what an issuer was asked and answered.
    #[must_use]
    pub fn recording(self, transcript: &Transcript) -> Self {
        Self { detail: serde_json::to_value(transcript).ok(), ..self }
    }
}

/// What the process remembers between writes.
#[derive(Debug, Default)]
pub struct Ledger {
    last_seq: AtomicI64,
    repeats: Mutex<HashMap<HandOutLine, Repeats>>,
    firsts: Mutex<Firsts>,
}

impl Ledger {
    /// Orders entries by second, those of one process also within it. The rest is chance, which keeps replicas
    /// apart; whoever writes takes the next one should two meet all the same.
    fn next_seq(&self, now: Timestamp) -> i64 {
        let chance = i64::from(u32::from_be_bytes(random_bytes::<4>()) >> 2);
        let candidate = first_seq(now).saturating_add(chance);
        let next = |last: i64| Some(candidate.max(last.saturating_add(1)));
        let last = self.last_seq.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).unwrap_or_default();
        candidate.max(last.saturating_add(1))
    }
}

/// The least number of an entry of this second.
const fn first_seq(at: Timestamp) -> i64 {
    at.unix().saturating_mul(1 << 30)
}

/// When the last thing happened that is written down.
///
/// # Errors
/// When the database does not answer.
pub async fn newest_at(broker: &Broker) -> Result<Option<Timestamp>, db::Error> {
    store::newest_at(&broker.db).await
}

/// What happened to a connection, newest first; with `before`, only what stands before the line of that number.
///
/// # Errors
/// When the database does not answer.
pub async fn of_connection(
    broker: &Broker,
    connection_id: &str,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Line>, db::Error> {
    store::of_connection(&broker.db, connection_id, before.unwrap_or(i64::MAX), limit).await
}

/// How often a connection was used by whom on which day, from `since_day` (days since 1970) on.
///
/// # Errors
/// When the database does not answer.
pub async fn use_by_day(
    broker: &Broker,
    connection_id: &str,
    since_day: i64,
) -> Result<Vec<DayOfUse>, db::Error> {
    // A day more than is asked for: whoever wrote an entry may have had a clock that was put back since.
    let since_seq = first_seq(Timestamp::from_unix((since_day - 1) * 86_400));
    store::use_by_day(&broker.db, connection_id, since_day, since_seq).await
}
