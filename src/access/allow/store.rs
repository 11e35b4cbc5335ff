//! The SQL of who was handed an access token, and what decides whether they may still use it.

use std::sync::Arc;

use crate::access::judge::Holder;
use crate::connection::Connection;
use crate::db::{self, Constants, Db, sql};
use crate::freeze::store::{COVER, cover};

/// The callers that were handed the access token of a connection's generation. The same statement on both databases: no
/// memory holds who was handed what. A row for each of a caller's freezes.
pub(super) async fn holders(
    db: &Db,
    connection: &Connection,
    generation: i64,
) -> Result<Vec<Holder>, db::Error> {
    let select = Constants(format!(
        "SELECT h.caller_id, ca.status AS caller_status, \
            (SELECT COUNT(*) FROM api_keys k WHERE k.caller_id = h.caller_id AND k.revoked_at IS NULL) AS live_keys, \
            {COVER} \
        FROM (SELECT DISTINCT l.caller_id FROM ledger l WHERE l.connection_id = $1 AND l.generation = $2 \
            AND l.action = 'hand_out' AND l.environment_id IS NULL) h \
        LEFT JOIN callers ca ON ca.id = h.caller_id \
        LEFT JOIN freezes f ON f.scope = 'caller' AND f.target = h.caller_id ORDER BY h.caller_id"
    ));
    let rows = sql(select).bind(&connection.id).bind(generation).all(db).await?;
    let mut holders: Vec<Holder> = Vec::new();
    for row in &rows {
        let caller_id: Option<String> = row.get("caller_id")?;
        let caller_id = caller_id.unwrap_or_default();
        if holders.last().is_none_or(|last| last.caller_id != caller_id) {
            let status: Option<String> = row.get("caller_status")?;
            holders.push(Holder {
                caller_id,
                is_active: status.as_deref() == Some("active"),
                live_keys: row.get("live_keys")?,
                freezes: Vec::new(),
            });
        }
        if let (Some(cover), Some(holder)) = (cover(row)?, holders.last_mut()) {
            holder.freezes.push(Arc::new(cover));
        }
    }
    Ok(holders)
}
