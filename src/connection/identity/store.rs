//! The SQL of whose a connection is.

use super::Pseudonyms;
use crate::clock::Timestamp;
use crate::db::write::Transaction;
use crate::db::{self, sql};

/// A statement of its own after the one that stored the connection: only then is every stop of another one of the same
/// identity seen that was committed before.
pub async fn settle(
    transaction: &mut Transaction,
    id: &str,
    (account_id, app_id): (&str, &str),
    pseudonyms: &Pseudonyms,
    since: Option<Timestamp>,
) -> Result<(), db::Error> {
    let name = "UPDATE connections SET account_pseudonym = $2, pseudonym = $3 WHERE id = $1";
    let name = sql(name).bind(id).bind(&pseudonyms.account).bind(&pseudonyms.connection);
    name.execute(&mut **transaction).await?;
    let Some(since) = since else { return Ok(()) };
    // What another account of the same person had is over, whether or not all of it has been ended by now.
    let begin = "UPDATE connections SET connected_at = $2, last_stop_at = (SELECT MAX(stopped.at) FROM \
            (SELECT s.revoked_at AS at FROM connections s \
                WHERE s.account_id = $3 AND s.app_id = $4 AND s.consented_at >= 0 \
            UNION ALL SELECT COALESCE(s.revoked_at, CAST($2 AS BIGINT)) AS at FROM connections s \
                WHERE s.account_pseudonym = $5 AND s.app_id = $4 AND s.account_id <> $3) stopped) \
        WHERE id = $1";
    sql(begin)
        .bind(id)
        .bind(since.unix())
        .bind(account_id)
        .bind(app_id)
        .bind(&pseudonyms.account)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// Whom the revoked connections of an account were at their issuers: of no more use once those have been told. Which
/// connections those were.
pub async fn forget(transaction: &mut Transaction, account_id: &str) -> Result<Vec<String>, db::Error> {
    let update = "UPDATE connections SET external_subject = '', account_pseudonym = NULL, pseudonym = NULL \
        WHERE account_id = $1 AND consented_at >= 0 AND status = 'revoked' RETURNING id";
    let forgotten = sql(update).bind(account_id).all(&mut **transaction).await?;
    let update = "UPDATE outbox SET subject = NULL WHERE connection_id IN \
        (SELECT c.id FROM connections c WHERE c.account_id = $1 AND c.consented_at >= 0)";
    sql(update).bind(account_id).execute(&mut **transaction).await?;
    forgotten.iter().map(|row| row.get("id")).collect()
}
