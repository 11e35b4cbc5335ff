//! Whom a subject token stands for: always a live connection, which gives account and app. Without one there
//! is nothing, so a revoke ends every kind of subject token.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::Broker;
use crate::access::allow;
use crate::access::facts::{self, Facts, Found, OfApp, Question, Wanted, Which, Who};
use crate::access::judge::{self, judge};
use crate::account::Account;
use crate::clock::Timestamp;
use crate::connection::look_up;
use crate::connection::{Connection, ExternalIdentity};
use crate::error::Error;
use crate::issuer::{access_token, claims};
use crate::secret::Token;

/// A connection with the account and the app that it gives.
pub struct Subject {
    pub connection: Arc<Connection>,
    pub account: Arc<Account>,
    pub app: OfApp,
    /// When it was found out.
    pub at: Timestamp,
}

/// What stands for a person in an exchange.
#[derive(Debug)]
pub enum SubjectToken {
    AccessToken {
        token: Token,
        /// Whose it is said to be, by the issuer's identifier. Counts only where the token says nothing by itself.
        issuer: Option<String>,
    },
    /// A connection's id.
    Connection(String),
}

impl Subject {
    /// Of what was judged.
    ///
    /// # Errors
    /// [`Error::SubjectTokenRefused`] when nobody asked for its account.
    pub(super) fn of(found: &Found, at: Timestamp) -> Result<Self, Error> {
        let account =
            found.account.as_ref().ok_or_else(|| Error::subject_token_refused("its account is gone"))?;
        Ok(Self {
            connection: Arc::clone(&found.connection),
            account: Arc::clone(account),
            app: found.app.clone(),
            at,
        })
    }
}

/// By an access token: one that we stored, or a JWT of an app's issuer for one of the app's audiences.
///
/// # Errors
/// [`Error::SubjectTokenRefused`], the same for every reason; [`Error::Frozen`]; [`Error::RestoredCopy`].
pub async fn by_access_token(broker: &Broker, token: &Token) -> Result<Subject, Error> {
    let hash = token.hash();
    let mut facts = load(broker, Which::AccessToken(&hash)).await?;
    if !judge::stands(&facts, broker.clock.now()) {
        let connection = by_jwt(broker, token).await?;
        facts = load(broker, Which::Id(&connection.id)).await?;
    }
    let now = broker.clock.now();
    let allowed = judge(&facts, now).map_err(|refusal| refusal.error_of_subject(broker))?;
    let subject = Subject::of(allowed.found, now)?;
    allow::refuse_stopped_holders(broker, &subject.connection, &hash).await?;
    Ok(subject)
}

async fn load(broker: &Broker, which: Which<'_>) -> Result<Facts, Error> {
    let question = Question { who: Who::Nobody, which, wanted: Wanted::Content };
    facts::load(broker, &question, |_| Ok(())).await
}

/// The two claims by which a token says whose it is; believed only after its signature.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
    azp: Option<String>,
    client_id: Option<String>,
}

pub(super) async fn by_jwt(broker: &Broker, token: &Token) -> Result<Arc<Connection>, Error> {
    let refused = |why: &str| Err(Error::subject_token_refused(why));
    let Some(claimed) = peek(token.expose()) else {
        return refused("it is neither one that was handed out and still lives here, nor a JWT");
    };
    let Some(client_id) = claimed.azp.or(claimed.client_id) else {
        return refused("it has neither `azp` nor `client_id`, so that its app is not known");
    };
    let apps = crate::app::by_client(broker, &claimed.iss, &client_id).await?;
    if apps.is_empty() {
        return refused("no app here has the client of its `azp` or `client_id` at the issuer of its `iss`");
    }
    let (mut found, mut why) = (Vec::new(), "nobody has connected the app as its `sub`");
    for app in apps {
        let issuer = &app.issuer;
        let verified = access_token::verify_once(&broker.issuers, issuer, token, &client_id).await;
        let verified = match verified {
            Ok(verified) => verified,
            Err(fault) => {
                tracing::info!(issuer = issuer.key, app = app.key, %fault, "a subject token is not verified");
                why = "it could not be verified; the line before says why";
                continue;
            }
        };
        let audiences = claims::audiences(&verified.claims);
        if !app.accepted_audiences.iter().any(|accepted| audiences.contains(&accepted.as_str())) {
            why = "no `aud` of it is among the app's accepted_audiences";
            continue;
        }
        let identity = ExternalIdentity { issuer: issuer.external_name(), subject: verified.subject.clone() };
        let connected = look_up::by_identity(broker, &app.id, &identity).await?;
        let issued_at = verified.issued_at;
        found.extend(connected.into_iter().map(|connection| Identified { connection, issued_at }));
    }
    only(found, why)
}

/// A connection that a token stands for, and what it says of who may act (RFC 8693 section 4.4).
pub(super) struct Meant {
    pub connection: Arc<Connection>,
    pub may_act: Option<Value>,
}

/// A connection of the identity that a token names.
pub(super) struct Identified {
    pub connection: Connection,
    /// When the token was issued; None when it does not say.
    pub issued_at: Option<Timestamp>,
}

/// The one that is meant; `why` is told where there is none.
pub(super) fn only(mut found: Vec<Identified>, why: &str) -> Result<Arc<Connection>, Error> {
    let refused = |why: &str| Err(Error::subject_token_refused(why));
    // Two accounts may have connected the same identity: then the token does not say for which it stands.
    match found.pop() {
        Some(Identified { connection, issued_at: Some(issued_at) })
            if found.is_empty() && is_of(&connection, issued_at) =>
        {
            Ok(Arc::new(connection))
        }
        Some(Identified { issued_at: None, .. }) => refused("it does not say when it was issued (`iat`)"),
        Some(_) if found.is_empty() => {
            refused("it is from before the person connected, or from before they last stopped the app")
        }
        Some(_) => refused("two people have connected the app as its `sub`"),
        None => refused(why),
    }
}

/// Whether a token of this moment can be of this connection, and not of one that was stopped before. Seconds are the finest
/// that a token says: one of the second of a stop may be from before it.
fn is_of(connection: &Connection, issued_at: Timestamp) -> bool {
    issued_at.plus(claims::SKEW) >= connection.connected_at
        && connection.last_stop_at.is_none_or(|stop| issued_at > stop)
}

fn peek(token: &str) -> Option<Claimed> {
    let payload = token.split('.').nth(1)?;
    let claimed: Claimed = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let texts = [Some(&claimed.iss), claimed.azp.as_ref(), claimed.client_id.as_ref()];
    let odd = texts.into_iter().flatten().any(|text| text.contains(char::is_control));
    (!odd).then_some(claimed)
}
