//! The SQL of whose a connection is.

use super::Pseudonyms;
use crate::clock::Timestamp;
use crate::db::write::Transaction;
use crate::db::{self, Constants, Db, moment, sql};

/// When somebody last stopped an app. `$1` is now, `$2` the account, `$3` the app, `$4` the person.
const LAST_STOP: &str = "SELECT MAX(stopped.at) FROM \
        (SELECT s.revoked_at AS at FROM connections s \
            WHERE s.account_id = $2 AND s.app_id = $3 AND s.consented_at >= 0 \
        UNION ALL SELECT COALESCE(s.revoked_at, CAST($1 AS BIGINT)) AS at FROM connections s \
            WHERE s.account_pseudonym = $4 AND s.app_id = $3 AND s.account_id <> $2 \
        UNION ALL SELECT e.stopped_at AS at FROM erased_stops e \
            WHERE e.app_id = $3 AND e.account_pseudonym = $4) stopped";

pub async fn last_stop(
    db: &Db,
    (account_id, app_id): (&str, &str),
    account_pseudonym: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, db::Error> {
    let select = Constants(format!("SELECT ({LAST_STOP}) AS last_stop_at"));
    let select = sql(select).bind(now.unix()).bind(account_id).bind(app_id).bind(account_pseudonym);
    moment(&select.one(db).await?, "last_stop_at")
}

/// A statement of its own after the one that stored the connection: only then is every stop of another one of the same
/// identity seen that was committed before.
pub async fn settle(
    transaction: &mut Transaction,
    id: &str,
    (account_id, app_id): (&str, &str),
    pseudonyms: &Pseudonyms,
    since: Option<Timestamp>,
) -> Result<Option<Timestamp>, db::Error> {
    let name = "UPDATE connections SET account_pseudonym = $2, pseudonym = $3 WHERE id = $1";
    let name = sql(name).bind(id).bind(&pseudonyms.account).bind(&pseudonyms.connection);
    name.execute(&mut **transaction).await?;
    let Some(since) = since else { return Ok(None) };
    // What another account of the same person had is over, whether or not all of it has been ended by now.
    let begin = Constants(format!(
        "UPDATE connections SET connected_at = $1, last_stop_at = ({LAST_STOP}) WHERE id = $5 RETURNING last_stop_at"
    ));
    let begin = sql(begin)
        .bind(since.unix())
        .bind(account_id)
        .bind(app_id)
        .bind(&pseudonyms.account)
        .bind(id)
        .one(&mut **transaction)
        .await?;
    moment(&begin, "last_stop_at")
}

/// Whom the revoked connections of an account were at their issuers: of no more use once those have been told. Which
/// connections those were. When each app was last stopped stays.
pub async fn forget(transaction: &mut Transaction, account_id: &str) -> Result<Vec<String>, db::Error> {
    let keep = "INSERT INTO erased_stops (app_id, account_pseudonym, stopped_at) \
        SELECT s.app_id, s.account_pseudonym, MAX(s.revoked_at) FROM connections s \
            WHERE s.account_id = $1 AND s.consented_at >= 0 AND s.status = 'revoked' \
                AND s.account_pseudonym IS NOT NULL AND s.revoked_at IS NOT NULL \
            GROUP BY s.app_id, s.account_pseudonym ORDER BY s.app_id \
        ON CONFLICT (app_id, account_pseudonym) DO UPDATE SET stopped_at = CASE \
            WHEN excluded.stopped_at > erased_stops.stopped_at THEN excluded.stopped_at ELSE erased_stops.stopped_at END";
    sql(keep).bind(account_id).execute(&mut **transaction).await?;
    let update = "UPDATE connections SET external_subject = '', account_pseudonym = NULL, pseudonym = NULL \
        WHERE account_id = $1 AND consented_at >= 0 AND status = 'revoked' RETURNING id";
    let forgotten = sql(update).bind(account_id).all(&mut **transaction).await?;
    let update = "UPDATE outbox SET subject = NULL WHERE connection_id IN \
        (SELECT c.id FROM connections c WHERE c.account_id = $1 AND c.consented_at >= 0)";
    sql(update).bind(account_id).execute(&mut **transaction).await?;
    forgotten.iter().map(|row| row.get("id")).collect()
}
