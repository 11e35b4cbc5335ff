//! The SQL of `connections`. Each change of state is one statement; outbox and ledger rows follow it in the
//! same transaction, and only if it changed its one row.

use strum::VariantArray;

use super::allowed::Allowed;
use super::due;
use super::held::{changed, identity_changed};
use super::status::Status;
use super::{Connection, ExternalIdentity, SealedTokens};
use crate::Broker;
use crate::clock::Timestamp;
use crate::db::write::Transaction;
use crate::db::{self, Constants, Db, Row, Sql, moment, named, sql};
use crate::issuer::scope::Scopes;
use crate::secret::TokenHash;
use crate::vault::{Sealed, WrappedKey};

pub(crate) const COLUMNS: &str = "c.id, c.account_id, c.app_id, c.external_issuer, c.external_subject, c.direct, c.status, c.cause, \
    c.access_token, c.access_token_hash, c.access_expires_at, c.access_generation, c.previous_access_token_hash, \
    c.previous_access_expires_at, c.previous_access_generation, c.refresh_token, c.token_type, c.granted_scopes, c.consent_expires_at, \
    c.environments AS allowed_environments, c.generation, c.lease_until, c.intent_at, c.retry_at, c.failures, c.refusals, \
    c.refused_since, c.refresh_expires_at, c.connected_at, c.last_stop_at, c.account_pseudonym, c.pseudonym, \
    c.consented_at, c.consent_version, c.refreshed_at, c.last_used_at, c.revoked_at, c.revoked_upstream_at, \
    v.kid, v.master_kid, v.wrapped";
pub(crate) const FROM: &str = "FROM connections c LEFT JOIN vault_keys v ON v.kid = c.data_kid";
/// Of connection `c`.
pub(crate) const LIVE: &str = "c.status NOT IN ('revoking', 'revoked')";

// Only constants of this file are joined into these texts.
fn select(condition: &str) -> Constants {
    Constants(format!("SELECT {COLUMNS} {FROM} {condition}"))
}

pub async fn by_id(db: &Db, id: &str) -> Result<Option<Connection>, db::Error> {
    let row = sql(select("WHERE c.id = $1")).bind(id).optional(db).await?;
    row.as_ref().map(read).transpose()
}

pub async fn exist(db: &Db) -> Result<bool, db::Error> {
    Ok(sql("SELECT id FROM connections LIMIT 1").optional(db).await?.is_some())
}

/// A person's own connection, live or not.
pub async fn of_account(db: &Db, account_id: &str, id: &str) -> Result<Option<Connection>, db::Error> {
    if !super::is_id(id) {
        return Ok(None);
    }
    let select = select("WHERE c.id = $1 AND c.account_id = $2");
    let row = sql(select).bind(id).bind(account_id).optional(db).await?;
    row.as_ref().map(read).transpose()
}

pub async fn by_identity(
    db: &Db,
    app_id: &str,
    who: &ExternalIdentity,
) -> Result<Vec<Connection>, db::Error> {
    let condition = format!(
        "WHERE c.app_id = $1 AND c.external_issuer = $2 AND c.external_subject = $3 \
        AND {LIVE}"
    );
    let rows = sql(select(&condition)).bind(app_id).bind(&who.issuer).bind(&who.subject).all(db).await?;
    rows.iter().map(read).collect()
}

/// The ids of [`by_identity`].
pub async fn ids_by_identity(
    db: &Db,
    app_id: &str,
    who: &ExternalIdentity,
) -> Result<Vec<String>, db::Error> {
    let select = Constants(format!(
        "SELECT c.id FROM connections c WHERE c.app_id = $1 AND c.external_issuer = $2 AND c.external_subject = $3 \
        AND {LIVE} ORDER BY c.id"
    ));
    let rows = sql(select).bind(app_id).bind(&who.issuer).bind(&who.subject).all(db).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// The live connection that a consent of this identity renews, if there is one.
pub async fn live_of(
    db: &Db,
    account_id: &str,
    app_id: &str,
    who: &ExternalIdentity,
) -> Result<Option<Connection>, db::Error> {
    let condition = format!(
        "WHERE c.account_id = $1 AND c.app_id = $2 AND c.external_issuer = $3 \
        AND c.external_subject = $4 AND {LIVE}"
    );
    let row = sql(select(&condition))
        .bind(account_id)
        .bind(app_id)
        .bind(&who.issuer)
        .bind(&who.subject)
        .optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// What was asked for at the last consent.
pub async fn requested_scopes(db: &Db, id: &str) -> Result<Scopes, db::Error> {
    let select = "SELECT requested_scopes FROM connections WHERE id = $1";
    let row = sql(select).bind(id).optional(db).await?;
    let scopes: Option<String> = row.map(|row| row.get("requested_scopes")).transpose()?;
    Ok(Scopes::lenient(scopes.as_deref().unwrap_or_default()))
}

/// The ids of an app's live connections.
pub async fn live_ids(db: &Db, app_id: &str) -> Result<Vec<String>, db::Error> {
    let select =
        Constants(format!("SELECT c.id FROM connections c WHERE c.app_id = $1 AND {LIVE} ORDER BY c.id"));
    let rows = sql(select).bind(app_id).all(db).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// The live connections of an account.
pub async fn live_of_account(db: &Db, account_id: &str) -> Result<Vec<Connection>, db::Error> {
    let condition = format!("WHERE c.account_id = $1 AND c.consented_at >= 0 AND {LIVE} ORDER BY c.id");
    sql(select(&condition)).bind(account_id).all(db).await?.iter().map(read).collect()
}

/// Counted no further than this.
pub(crate) const COUNTED: i64 = 1_000;

/// The connections of an app in these states, up to [`COUNTED`].
pub async fn count(db: &Db, app_id: &str, counted: impl Fn(Status) -> bool) -> Result<i64, db::Error> {
    // Named one by one, each is a range of the index, and the many that may be revoked are none.
    let statuses = Status::VARIANTS.iter().filter(|status| counted(**status));
    let statuses: Vec<String> = statuses.map(|status| format!("'{status}'")).collect();
    let select = Constants(format!(
        "SELECT COUNT(*) AS counted FROM (SELECT c.id FROM connections c WHERE c.app_id = $1 AND c.status IN ({}) \
         LIMIT {COUNTED}) counted",
        statuses.join(", ")
    ));
    sql(select).bind(app_id).one(db).await?.get("counted")
}

/// How many ranges one statement merges; SQLite takes at most 500.
const MERGED: usize = 100;

/// The first `limit` rows of several ranges in the order `across` them. Each range is a SELECT that one index answers
/// in the order `within` it, and is read no further than the limit: the cost follows the page, and not the rows before
/// or behind it.
pub(crate) fn merged(ranges: &[String], within: &str, across: &str, limit: i64) -> String {
    let parts: Vec<String> = if ranges.len() > MERGED {
        ranges.chunks(MERGED).map(|some| merged(some, within, across, limit)).collect()
    } else {
        ranges.iter().map(|range| format!("{range} ORDER BY {within} LIMIT {limit}")).collect()
    };
    match parts.as_slice() {
        [only] => only.clone(),
        several => {
            let several: Vec<String> =
                several.iter().map(|part| format!("SELECT * FROM ({part}) part")).collect();
            format!("{} ORDER BY {across} LIMIT {limit}", several.join(" UNION ALL "))
        }
    }
}

/// What is stored of a consent beside its tokens.
pub struct Consented<'a> {
    pub requested: &'a Scopes,
    /// When it ends because the person said so.
    pub expires_at: Option<Timestamp>,
    pub allowed: Allowed,
    /// The end of every refresh token that comes of it, where the issuer has one.
    pub refresh_expires_at: Option<Timestamp>,
}

/// Stores a first consent. False when another live connection of the same identity was there first.
pub async fn insert(
    broker: &Broker,
    transaction: &mut Transaction,
    connection: &Connection,
    tokens: &SealedTokens,
    consent: &Consented<'_>,
    now: Timestamp,
) -> Result<bool, db::Error> {
    changed(broker, transaction, &connection.id, tokens.access_token_hash.as_ref());
    identity_changed(broker, transaction, &connection.app_id, &connection.external);
    let insert = "INSERT INTO connections (id, account_id, app_id, external_issuer, external_subject, status, \
            data_kid, access_token, access_token_hash, access_expires_at, refresh_token, granted_scopes, token_type, \
            requested_scopes, generation, fence, failures, connected_at, listed_at, updated_at, refresh_due_at, \
            refresh_expires_at, consent_expires_at, environments, consented_at, access_generation, direct) \
        VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 0, $15, $15, $15, $16, $17, \
            $18, $19, $20, $14, $21) \
        ON CONFLICT (account_id, app_id, external_issuer, external_subject) \
            WHERE status NOT IN ('revoking', 'revoked') DO NOTHING";
    let insert = sql(insert)
        .bind(&connection.id)
        .bind(&connection.account_id)
        .bind(&connection.app_id)
        .bind(&connection.external.issuer)
        .bind(&connection.external.subject)
        .bind(connection.data_key.as_ref().map(|key| key.kid.clone()));
    let done = bind_tokens(insert, tokens)
        .bind(consent.requested.to_string())
        .bind(connection.generation)
        .bind(now.unix())
        .bind(due::due_at(&connection.id, connection.generation, tokens, now).map(Timestamp::unix))
        .bind(consent.refresh_expires_at.map(Timestamp::unix))
        .bind(consent.expires_at.map(Timestamp::unix))
        .bind(consent.allowed.text())
        .bind(connection.consented_at.unix())
        .bind(i64::from(connection.direct))
        .execute(&mut **transaction)
        .await?;
    Ok(done == 1)
}

/// Stores a renewed consent under the same id, as the next generation: a refresh still in flight is of the last one
/// and cannot be stored over it. From now on it is this identity's, and agreed to here. False when the row has moved on since it was read.
pub async fn renew(
    broker: &Broker,
    transaction: &mut Transaction,
    seen: &Connection,
    who: &ExternalIdentity,
    tokens: &SealedTokens,
    consent: &Consented<'_>,
    now: Timestamp,
) -> Result<bool, db::Error> {
    changed(broker, transaction, &seen.id, tokens.access_token_hash.as_ref());
    identity_changed(broker, transaction, &seen.app_id, who);
    transaction.count();
    // What another identity was given stands for nobody any more, nor what nobody knows whose it was. The same access
    // token as before is what was handed out before.
    let update = Constants(format!(
        "UPDATE connections AS c SET status = 'active', cause = NULL, direct = 0, \
            previous_access_token_hash = CASE WHEN external_issuer <> $15 OR external_subject <> $16 \
                OR external_subject = '' THEN NULL \
                WHEN access_token_hash = $4 THEN previous_access_token_hash ELSE access_token_hash END, \
            previous_access_expires_at = CASE WHEN access_token_hash = $4 THEN previous_access_expires_at \
                ELSE access_expires_at END, \
            previous_access_generation = CASE WHEN access_token_hash = $4 THEN previous_access_generation \
                ELSE access_generation END, \
            access_generation = CASE WHEN access_token_hash = $4 THEN access_generation ELSE generation + 1 END, \
            previous_refresh_token = NULL, access_token = $3, access_token_hash = $4, access_expires_at = $5, refresh_token = $6, \
            granted_scopes = $7, token_type = $8, requested_scopes = $9, generation = generation + 1, fence = fence + 1, \
            lease_until = NULL, intent_generation = NULL, intent_at = NULL, retry_at = NULL, failures = 0, \
            refusals = 0, refused_since = NULL, \
            refreshed_at = NULL, updated_at = $10, refresh_due_at = $11, refresh_expires_at = $12, \
            consent_expires_at = $13, environments = $14, external_issuer = $15, external_subject = $16, \
            consented_at = $10, consent_version = consent_version + 1 \
        WHERE id = $1 AND generation = $2 AND {LIVE}"
    ));
    let done = bind_tokens(sql(update).bind(&seen.id).bind(seen.generation), tokens)
        .bind(consent.requested.to_string())
        .bind(now.unix())
        .bind(due::due_at(&seen.id, seen.generation + 1, tokens, now).map(Timestamp::unix))
        .bind(consent.refresh_expires_at.map(Timestamp::unix))
        .bind(consent.expires_at.map(Timestamp::unix))
        .bind(consent.allowed.text())
        .bind(&who.issuer)
        .bind(&who.subject)
        .execute(&mut **transaction)
        .await?;
    Ok(done == 1)
}

pub(crate) fn read(row: &Row) -> Result<Connection, db::Error> {
    let scopes: String = row.get("granted_scopes")?;
    let kid: Option<String> = row.get("kid")?;
    let data_key = match kid {
        None => None,
        Some(kid) => {
            Some(WrappedKey { kid, master_kid: row.get("master_kid")?, wrapped: row.get("wrapped")? })
        }
    };
    let cause: Option<String> = row.get("cause")?;
    Ok(Connection {
        id: row.get("id")?,
        account_id: row.get("account_id")?,
        app_id: row.get("app_id")?,
        external: ExternalIdentity {
            issuer: row.get("external_issuer")?,
            subject: row.get("external_subject")?,
        },
        direct: row.get::<i64>("direct")? == 1,
        status: named::<Status>(row, "status")?,
        cause: cause.and_then(|cause| cause.parse().ok()),
        data_key,
        access_token: row.get::<Option<String>>("access_token")?.map(Sealed),
        access_expires_at: moment(row, "access_expires_at")?,
        access_token_hash: hash(row, "access_token_hash")?,
        access_generation: row.get("access_generation")?,
        previous_access_token_hash: hash(row, "previous_access_token_hash")?,
        previous_access_expires_at: moment(row, "previous_access_expires_at")?,
        previous_access_generation: row.get("previous_access_generation")?,
        refresh_token: row.get::<Option<String>>("refresh_token")?.map(Sealed),
        token_type: row.get("token_type")?,
        granted_scopes: Scopes::lenient(&scopes),
        consent_expires_at: moment(row, "consent_expires_at")?,
        allowed: Allowed::stored(row.get::<Option<String>>("allowed_environments")?.as_deref()),
        generation: row.get("generation")?,
        lease_until: moment(row, "lease_until")?,
        intent_at: moment(row, "intent_at")?,
        retry_at: moment(row, "retry_at")?,
        failures: row.get("failures")?,
        refusals: row.get("refusals")?,
        refused_since: moment(row, "refused_since")?,
        refresh_expires_at: moment(row, "refresh_expires_at")?,
        connected_at: Timestamp::from_unix(row.get("connected_at")?),
        last_stop_at: moment(row, "last_stop_at")?,
        account_pseudonym: row.get("account_pseudonym")?,
        pseudonym: row.get("pseudonym")?,
        consented_at: Timestamp::from_unix(row.get("consented_at")?),
        consent_version: row.get("consent_version")?,
        refreshed_at: moment(row, "refreshed_at")?,
        last_used_at: moment(row, "last_used_at")?,
        revoked_at: moment(row, "revoked_at")?,
        revoked_upstream_at: moment(row, "revoked_upstream_at")?,
    })
}

fn hash(row: &Row, column: &str) -> Result<Option<TokenHash>, db::Error> {
    Ok(row.get::<Option<String>>(column)?.map(TokenHash::stored))
}

/// The six columns of one set of tokens, always in this order: access token, its hash, its expiry, refresh token,
/// granted scopes, type.
pub(crate) fn bind_tokens(query: Sql, tokens: &SealedTokens) -> Sql {
    let hash = tokens.access_token_hash.as_ref().map(|hash| hash.as_str().to_owned());
    query
        .bind(text(tokens.access_token.as_ref()))
        .bind(hash)
        .bind(tokens.access_expires_at.map(Timestamp::unix))
        .bind(text(tokens.refresh_token.as_ref()))
        .bind(tokens.granted_scopes.to_string())
        .bind(tokens.token_type.clone())
}

pub(crate) fn text(sealed: Option<&Sealed>) -> Option<String> {
    sealed.map(|sealed| sealed.0.clone())
}
