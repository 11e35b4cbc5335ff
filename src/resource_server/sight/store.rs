//! The one statement that is asked about a content token. It brings the resource server, its environment, and the connection
//! with all that decides its use. It says whether the token was revoked by itself, or its key withdrawn.

use std::sync::Arc;

use super::{Asked, Seen};
use crate::access::facts::store::{columns, facts, filter, from, which, who};
use crate::access::judge::issued::OfToken;
use crate::content::{ALIASED_COLUMNS, read_environment};
use crate::db::{self, Constants, Db, Row, sql};
use crate::resource_server::store::{COLUMNS, read};

pub(super) async fn look(db: &Db, asked: Asked<'_>) -> Result<Seen, db::Error> {
    let question = asked.question();
    let who = who(&question);
    // Behind those of the facts.
    let jti = if who.is_some() { "$3" } else { "$2" };
    let kid = if who.is_some() { "$4" } else { "$3" };
    let secret = if who.is_some() { "$5" } else { "$4" };
    // Only constants of ours are joined here.
    let select = Constants(format!(
        "SELECT {COLUMNS}, {ALIASED_COLUMNS}, r.jti AS revoked_jti, s.kid AS signing_kid, used.* \
         FROM resource_servers rs LEFT JOIN environments e ON e.id = rs.environment_id AND e.status = 'active' \
         LEFT JOIN revoked_tokens r ON r.jti = {jti} \
         LEFT JOIN signing_keys s ON s.kid = {kid} AND s.status = 'active' \
         LEFT JOIN (SELECT {columns}, 1 AS is_used {from} {filter}) used ON 1 = 1 \
         WHERE rs.secret_hash = {secret}",
        columns = columns(&question),
        from = from(&question),
        filter = filter(&question),
    ));
    let mut query = sql(select).bind(which(&question));
    if let Some(who) = who {
        query = query.bind(who);
    }
    let mut rows = query.bind(asked.jti()).bind(asked.kid()).bind(asked.secret.as_str()).all(db).await?;
    let first = rows.first();
    let resource_server = first.map(read).transpose()?.map(Arc::new);
    let environment = first.map(read_environment).transpose()?.flatten().map(Arc::new);
    let of_token = first.map(of_token).transpose()?.unwrap_or_default();
    // Where nothing is used, the row tells of the resource server alone.
    rows.retain(|row| row.get::<Option<i64>>("is_used").is_ok_and(|used| used.is_some()));
    let mut facts = facts(&rows, &question)?;
    facts.environment = environment;
    Ok(Seen { resource_server, facts, of_token })
}

fn of_token(row: &Row) -> Result<OfToken, db::Error> {
    let is_there = |column: &str| Ok::<_, db::Error>(row.get::<Option<String>>(column)?.is_some());
    Ok(OfToken { is_revoked: is_there("revoked_jti")?, is_key_withdrawn: !is_there("signing_kid")? })
}
