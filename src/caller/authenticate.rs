//! Who a key belongs to. Unknown, revoked and mistyped are one answer.

use std::sync::Arc;

use super::{Caller, api_key, store};
use crate::App;
use crate::error::Error;
use crate::secret::{Token, same};

/// # Errors
/// [`Error::InvalidAuth`]; [`Error::RateLimited`].
pub async fn by_key(app: &App, key: &Token) -> Result<Arc<Caller>, Error> {
    let hash = api_key::recognise(key.expose()).ok_or(Error::InvalidAuth)?;
    let caller = if app.db.is_alone() {
        super::held(app).await?.by_key.get(&hash).cloned()
    } else {
        store::by_key(&app.db, &hash).await?.map(Arc::new)
    };
    let caller = caller.ok_or(Error::InvalidAuth)?;
    admit(app, key, &caller)?;
    Ok(caller)
}

/// For whoever found out by itself that a key is a live one: counts its use.
///
/// # Errors
/// [`Error::RateLimited`]
pub fn admit(app: &App, key: &Token, caller: &Caller) -> Result<(), Error> {
    app.limits.know(key);
    app.limits.admit_key(&caller.key_id)
}

/// As a confidential client of `/oauth/token`: the caller's id and one of its keys. RFC 6749 section 2.3.1.
///
/// # Errors
/// [`Error::InvalidClient`]; [`Error::RateLimited`].
pub async fn by_client(app: &App, client_id: &str, client_secret: &Token) -> Result<Arc<Caller>, Error> {
    match by_key(app, client_secret).await {
        Ok(caller) if same(&caller.id, client_id) => Ok(caller),
        Ok(_) | Err(Error::InvalidAuth) => Err(Error::InvalidClient),
        Err(error) => Err(error),
    }
}
