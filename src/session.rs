//! Browser sessions in our database: the cookie's id is kept as a hash, the data sealed with the house key.
//! Speaks to tower-sessions; nothing else writes the `sessions` table. Nobody has one before they sign in.

mod store;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use time::OffsetDateTime;
use tower_sessions::cookie::SameSite;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore};

use crate::Broker;
use crate::clock::{Clock, Timestamp};
use crate::db::{self, Db, DbConnection, sql};
use crate::secret::{Token, TokenHash};
use crate::vault::{HouseKey, Place, Sealed, Verified};

pub use self::store::{Ending, Listed, end, of_account};

/// The key in a session's data of what its browser is called.
pub const BROWSER: &str = "browser";
/// Seconds from sign-in to the next one.
pub const LIFETIME: i64 = 12 * 3600;
/// The key in a session's data that names the signed-in account.
pub const ACCOUNT: &str = "account";
/// The key of the mark of the browser that it is in: what its forms and consents are bound to.
pub const MARK: &str = "mark";
/// The key of the ID token of its sign-in, which the issuer is shown when it ends.
pub const ID_TOKEN: &str = "id_token";

#[derive(Clone, Debug)]
pub struct Sessions {
    db: Db,
    clock: Clock,
    house_key: Arc<HouseKey>,
}

/// The cookie's name, and what our others begin with: `__Host-` on https; on loopback http, where browsers refuse that and
/// take all ports for one host, with the port.
#[must_use]
pub fn cookie_name(broker: &Broker) -> String {
    if is_secure(broker) {
        return "__Host-attache".to_owned();
    }
    format!("attache-{}", broker.config.public_url.port_or_known_default().unwrap_or_default())
}

/// Whether browsers may send our cookies over https only.
#[must_use]
pub fn is_secure(broker: &Broker) -> bool {
    broker.config.public_url.scheme() == "https"
}

#[must_use]
pub fn layer(broker: &Broker) -> SessionManagerLayer<Sessions> {
    let store = Sessions {
        db: broker.db.clone(),
        clock: broker.clock.clone(),
        house_key: Arc::clone(&broker.house_key),
    };
    SessionManagerLayer::new(store)
        .with_name(cookie_name(broker))
        .with_secure(is_secure(broker))
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(time::Duration::seconds(LIFETIME)))
}

/// Ends every session of an account.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all(db: &Db, account_id: &str) -> std::result::Result<u64, db::Error> {
    let delete = sql("DELETE FROM sessions WHERE account_id = $1").bind(account_id);
    delete.execute(db).await
}

/// The same, as part of something greater.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all_with(
    transaction: &mut DbConnection,
    account_id: &str,
) -> std::result::Result<(), db::Error> {
    let delete = sql("DELETE FROM sessions WHERE account_id = $1").bind(account_id);
    delete.execute(transaction).await.map(drop)
}

/// Deletes what has expired.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(db: &Db, now: Timestamp) -> std::result::Result<u64, db::Error> {
    let over = sql("SELECT id_hash FROM sessions WHERE expires_at <= $1").bind(now.unix());
    db.delete_each(over, "DELETE FROM sessions WHERE id_hash = $1 AND expires_at <= $2", now).await
}

/// Tries the data of `limit` sessions behind `after`, by the hash of their id.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(broker: &Broker, after: &str, limit: i64) -> std::result::Result<Verified, db::Error> {
    let select = "SELECT id_hash, data FROM sessions WHERE id_hash > $1 ORDER BY id_hash LIMIT $2";
    let rows = sql(select).bind(after).bind(limit).all(&broker.db).await?;
    let last = rows.last().map(|row| row.get("id_hash")).transpose()?;
    let mut verified = Verified::of_page(rows.len(), limit, last);
    for row in &rows {
        let (hash, data): (String, String) = (row.get("id_hash")?, row.get("data")?);
        let place = place(&TokenHash::stored(hash.clone()));
        let opened = broker.house_key.open(&place, &Sealed(data)).map(drop);
        verified.value(("sessions", "data", &hash), opened);
    }
    Ok(verified)
}

impl Sessions {
    fn seal(&self, hash: &TokenHash, data: &HashMap<String, Value>) -> Result<String> {
        let json = serde_json::to_string(data).map_err(|error| Error::Encode(error.to_string()))?;
        let sealed = self.house_key.seal(&place(hash), &Token::new(json));
        sealed.map(|sealed| sealed.0).map_err(|error| Error::Encode(error.to_string()))
    }
}

/// What is kept of a session's id.
#[must_use]
pub fn hash(id: Id) -> TokenHash {
    TokenHash::of(&id.to_string())
}

fn place(hash: &TokenHash) -> Place {
    Place::new("sessions", "data", hash.as_str(), &[])
}

fn account(record: &Record) -> Option<String> {
    text(record, ACCOUNT)
}

fn text(record: &Record, key: &str) -> Option<String> {
    record.data.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn backend(error: &db::Error) -> Error {
    Error::Backend(error.to_string())
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // 128 random bits: another session with this id is not expected, and the primary key refuses it.
        let (hash, now, account) = (hash(record.id), self.clock.now(), account(record));
        let signed_in_at = account.as_ref().map(|_| now.unix());
        sql("INSERT INTO sessions (id_hash, account_id, data, expires_at, signed_in_at, used_at, browser) \
                     VALUES ($1, $2, $3, $4, $5, $5, $6)")
        .bind(hash.as_str())
        .bind(account)
        .bind(self.seal(&hash, &record.data)?)
        .bind(now.plus(LIFETIME).unix())
        .bind(signed_in_at)
        .bind(text(record, BROWSER))
        .execute(&self.db)
        .await
        .map(drop)
        .map_err(|error| backend(&error))
    }

    /// An update only: a session that was ended meanwhile does not come back.
    async fn save(&self, record: &Record) -> Result<()> {
        let hash = hash(record.id);
        sql("UPDATE sessions SET account_id = $2, data = $3, expires_at = $4 WHERE id_hash = $1")
            .bind(hash.as_str())
            .bind(account(record))
            .bind(self.seal(&hash, &record.data)?)
            .bind(self.clock.now().plus(LIFETIME).unix())
            .execute(&self.db)
            .await
            .map(drop)
            .map_err(|error| backend(&error))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let hash = hash(*id);
        let now = self.clock.now();
        let select = "SELECT data, expires_at, used_at FROM sessions WHERE id_hash = $1 AND expires_at > $2";
        let row = sql(select)
            .bind(hash.as_str())
            .bind(now.unix())
            .optional(&self.db)
            .await
            .map_err(|error| backend(&error))?;
        let Some(row) = row else { return Ok(None) };
        let sealed: String = row.get("data").map_err(|error| backend(&error))?;
        let expires_at: i64 = row.get("expires_at").map_err(|error| backend(&error))?;
        let used_at: Option<i64> = row.get("used_at").map_err(|error| backend(&error))?;
        store::touch(&self.db, &hash, used_at, now).await;
        let opened = self.house_key.open(&place(&hash), &Sealed(sealed));
        let json = opened.map_err(|error| Error::Decode(error.to_string()))?;
        let data = serde_json::from_str(json.expose()).map_err(|error| Error::Decode(error.to_string()))?;
        let expiry_date =
            OffsetDateTime::from_unix_timestamp(expires_at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        sql("DELETE FROM sessions WHERE id_hash = $1")
            .bind(hash(*id).as_str())
            .execute(&self.db)
            .await
            .map(drop)
            .map_err(|error| backend(&error))
    }
}
