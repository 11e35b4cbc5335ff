//! Tries every sealed value of running consents, a page at a time; changes nothing.

use super::attempt::{self, verifier_place};
use super::complete::another_identity;
use crate::Broker;
use crate::error::Error;
use crate::vault::Verified;

/// The verifiers of `limit` running consents behind `after`, and what is kept of them.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(broker: &Broker, after: &str, limit: i64) -> Result<Verified, Error> {
    let rows = attempt::store::verifiers(&broker.db, after, limit).await?;
    let last = rows.last().map(|(hash, ..)| hash.as_str().to_owned());
    let mut verified = Verified::of_page(rows.len(), limit, last);
    for (hash, sealed, kept) in &rows {
        let opened = broker.house_key.open(&verifier_place(hash), sealed).map(drop);
        verified.value(("connect_attempts", "verifier", hash.as_str()), opened);
        if let Some(kept) = kept {
            let opened = broker.house_key.open(&another_identity::place(hash), kept).map(drop);
            verified.value(("connect_attempts", "kept_tokens", hash.as_str()), opened);
        }
    }
    Ok(verified)
}
