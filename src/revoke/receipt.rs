//! The receipt of a revoke: each step, as far as it has come. Changes nothing.

pub use super::store::{Out, Task};

use super::store;
use crate::Broker;
use crate::clock::Timestamp;
use crate::connection::status::{Cause, Status};
use crate::db;

#[derive(Clone, Debug)]
pub struct Receipt {
    /// Since when nothing is handed out.
    pub stopped_at: Timestamp,
    pub issuer: AtIssuer,
    pub out: Out,
}

/// What the issuer knows of it.
#[derive(Clone, Debug)]
pub enum AtIssuer {
    Confirmed(Timestamp),
    /// Not yet told, or it did not confirm; None when that is not known any more.
    Waiting(Option<Task>),
    /// It has no revocation.
    Unsupported,
    /// Not told: another live connection would have ended with this one.
    Withheld,
    /// It was told for a month and never confirmed.
    Unconfirmed,
}

/// What a connection's row says of its end.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    pub id: &'a str,
    pub status: Status,
    pub cause: Option<Cause>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_upstream_at: Option<Timestamp>,
}

/// None while the connection is live.
///
/// # Errors
/// When the database does not answer.
pub async fn receipt(broker: &Broker, ended: Ended<'_>) -> Result<Option<Receipt>, db::Error> {
    let Some(stopped_at) = ended.revoked_at else { return Ok(None) };
    let issuer = match (ended.status, ended.revoked_upstream_at, ended.cause) {
        (_, Some(at), _) => AtIssuer::Confirmed(at),
        (Status::Revoking, None, _) => AtIssuer::Waiting(store::task(&broker.db, ended.id).await?),
        (_, None, Some(Cause::SharedGrant)) => AtIssuer::Withheld,
        (_, None, Some(Cause::Unconfirmed)) => AtIssuer::Unconfirmed,
        (_, None, _) => AtIssuer::Unsupported,
    };
    let out = store::out(&broker.db, ended.id).await?;
    Ok(Some(Receipt { stopped_at, issuer, out }))
}
