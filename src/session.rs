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
use crate::db::{self, Db};
use crate::secret::{Token, TokenHash};
use crate::vault::{HouseKey, Place, Verified};

pub use self::store::{Ending, Listed, end, end_all, end_all_with, is_of, of_account, sweep};
use self::store::{Found, Stored};

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
/// The key of the moment at which it ends, in Unix seconds. It is the row's, put in at each reading: the library would count
/// from now.
pub const ENDS_AT: &str = "ends_at";
/// The key of the moment, in Unix seconds, at which it ends at the latest, where that is sooner than usual.
pub const UNTIL: &str = "until";

#[derive(Clone, Debug)]
pub struct Sessions {
    db: Db,
    clock: Clock,
    house_key: Arc<HouseKey>,
}

/// The cookie's name on https.
pub const ON_HTTPS: &str = "__Host-attache";

/// The cookie's name, and what our others begin with: `__Host-` on https; on loopback http, where browsers refuse that and
/// take all ports for one host, with the port. Behind a path `__Secure-`, because `__Host-` wants the path to be `/`.
#[must_use]
pub fn cookie_name(broker: &Broker) -> String {
    if is_secure(broker) {
        let is_beneath = broker.config.public_url.behind().is_some();
        return if is_beneath { "__Secure-attache" } else { ON_HTTPS }.to_owned();
    }
    format!("attache-{}", broker.config.public_url.port_or_known_default().unwrap_or_default())
}

/// Where browsers send our cookies: behind a path, not to the rest of the origin. The app's own server need not see them.
#[must_use]
pub fn cookie_path(broker: &Broker) -> String {
    broker.config.public_url.path().to_owned()
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
        .with_path(cookie_path(broker))
        .with_expiry(Expiry::OnInactivity(time::Duration::seconds(LIFETIME)))
}

/// Tries the data of `limit` sessions behind `after`, by the hash of their id.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(broker: &Broker, after: &str, limit: i64) -> std::result::Result<Verified, db::Error> {
    let rows = store::sealed(&broker.db, after, limit).await?;
    let last = rows.last().map(|(hash, _)| hash.as_str().to_owned());
    let mut verified = Verified::of_page(rows.len(), limit, last);
    for (hash, data) in &rows {
        let opened = broker.house_key.open(&place(hash), data).map(drop);
        verified.value(("sessions", "data", hash.as_str()), opened);
    }
    Ok(verified)
}

impl Sessions {
    /// What is stored of one.
    fn stored(&self, record: &Record) -> Result<Stored> {
        let usual = self.clock.now().plus(LIFETIME);
        let until = record.data.get(UNTIL).and_then(Value::as_i64).map(Timestamp::from_unix);
        let hash = hash(record.id);
        let json = serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
        let sealed = self.house_key.seal(&place(&hash), &Token::new(json));
        Ok(Stored {
            data: sealed.map_err(|error| Error::Encode(error.to_string()))?,
            account_id: text(record, ACCOUNT),
            browser: text(record, BROWSER),
            expires_at: until.map_or(usual, |until| until.min(usual)),
            id: hash,
        })
    }
}

/// What is kept of a session's id.
#[must_use]
pub fn hash(id: Id) -> TokenHash {
    TokenHash::of(&id.to_string())
}

/// What a session is called in tokens (`sid`). It leads to nobody's cookie, which is 128 random bits behind this hash.
#[must_use]
pub fn sid(session: &TokenHash) -> String {
    format!("{SID}{}", session.as_str())
}

/// The session that is called so; None for what has another form.
#[must_use]
pub fn of_sid(sid: &str) -> Option<TokenHash> {
    Some(TokenHash::stored(sid.strip_prefix(SID)?.to_owned()))
}

const SID: &str = "se_";

fn place(hash: &TokenHash) -> Place {
    Place::new("sessions", "data", hash.as_str(), &[])
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
        let stored = self.stored(record)?;
        store::insert(&self.db, &stored, self.clock.now()).await.map_err(|error| backend(&error))
    }

    /// An update only: a session that was ended meanwhile does not come back.
    async fn save(&self, record: &Record) -> Result<()> {
        let stored = self.stored(record)?;
        store::update(&self.db, &stored).await.map_err(|error| backend(&error))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let (hash, now) = (hash(*id), self.clock.now());
        let found = store::load(&self.db, &hash, now).await.map_err(|error| backend(&error))?;
        let Some(Found { data, expires_at, used_at }) = found else { return Ok(None) };
        store::touch(&self.db, &hash, used_at, now).await;
        let opened = self.house_key.open(&place(&hash), &data);
        let json = opened.map_err(|error| Error::Decode(error.to_string()))?;
        let mut data: HashMap<String, Value> =
            serde_json::from_str(json.expose()).map_err(|error| Error::Decode(error.to_string()))?;
        data.insert(ENDS_AT.to_owned(), expires_at.unix().into());
        let expiry_date =
            OffsetDateTime::from_unix_timestamp(expires_at.unix()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        store::delete(&self.db, &hash(*id)).await.map_err(|error| backend(&error))
    }
}
