//! Makes a link for a platform's user. Opens none.

use url::Url;

use super::row::{ConnectSession, LIFETIME, Status};
use super::store;
use super::word::{self, Word, claimed_platform};
use crate::Broker;
use crate::caller::{self, Caller};
use crate::clock::Timestamp;
use crate::config::PlatformConfig;
use crate::error::{ConnectFault, Error};
use crate::ledger::{self, Action, Entry};
use crate::secret::{Token, random_id};

/// What a backend asks for.
pub struct Wish {
    pub user_token: Token,
    /// The key of the app that is to be connected.
    pub app: Option<String>,
    pub return_to: Option<String>,
}

/// The one moment at which a link is in clear.
pub struct Made {
    pub id: String,
    pub url: Url,
    pub expires_at: Timestamp,
}

/// # Errors
/// [`Error::PlatformNotFound`], the same where it is not there and where it does not list this caller; [`Error::AppNotFound`];
/// [`Error::InvalidRequest`]; [`Error::UserTokenRefused`].
pub async fn make(broker: &Broker, caller: &Caller, wish: Wish) -> Result<Made, Error> {
    let named = claimed_platform(broker, &wish.user_token);
    let (key, platform) =
        named.filter(|(_, platform)| platform.callers.contains(&caller.id)).ok_or(Error::PlatformNotFound)?;
    if let Some(app) = &wish.app {
        judge_app(broker, caller, app).await?;
    }
    let return_to = wish.return_to.map(|page| judge_page(key, platform, &page)).transpose()?;
    let Word { person, jti } = word::judge(broker, (key, platform), &wish.user_token).await?;
    let (secret, now) = (Token::random(), broker.clock.now());
    let session = ConnectSession {
        secret: secret.hash(),
        id: format!("cs_{}", random_id::<20>()),
        person,
        app_key: wish.app,
        return_to,
        caller_id: caller.id.clone(),
        status: Status::Open,
        expires_at: now.plus(LIFETIME),
    };
    let mut transaction = broker.db.begin().await?;
    if !store::insert(&mut transaction, &session, &jti, now).await? {
        return Err(Error::UserTokenRefused("its `jti` was used before; sign a new one".to_owned()));
    }
    let entry = Entry { actor: caller.id.clone(), caller_id: Some(caller.id.clone()), ..Entry::default() };
    let entry = entry.saying(&session.id);
    ledger::append(&mut transaction, &broker.ledger, Action::ConnectSessionMade, &entry, now).await?;
    transaction.commit().await?;
    let url = broker.url(&format!("/connect-sessions/{}", secret.expose()));
    Ok(Made { id: session.id, url, expires_at: session.expires_at })
}

/// Not the caller's and not there are the same answer.
async fn judge_app(broker: &Broker, caller: &Caller, key: &str) -> Result<(), Error> {
    let app = crate::app::by_key(broker, key).await?.ok_or(Error::AppNotFound)?;
    if !caller::is_allowed(broker, &caller.id, &app.id).await? {
        return Err(Error::AppNotFound);
    }
    if !app.status.is_approved() {
        return Err(ConnectFault::AppClosed.into());
    }
    Ok(())
}

fn judge_page(key: &str, platform: &PlatformConfig, page: &str) -> Result<Url, Error> {
    platform.page(page).ok_or_else(|| {
        let sentence = format!("`return_to` is no page of an origin in `platforms.{key}.return_origins`.");
        Error::InvalidRequest(sentence)
    })
}
