//! Whom a subject token stands for: always a live connection, which gives account and app. Without one there
//! is nothing, so a revoke ends every kind of subject token.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::direct::{self, FirstSight};
use super::may_act;
use crate::Broker;
use crate::access::allow;
use crate::access::facts::{self, Facts, Found, OfApp, Question, Wanted, Which, Who};
use crate::access::judge::{self, judge};
use crate::account::Account;
use crate::clock::Timestamp;
use crate::connection::token_times::TokenTimes;
use crate::connection::{Connection, ExternalIdentity, held};
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
        let Meant { id, times, .. } = by_jwt(broker, token, facts).await?;
        facts = load(broker, Which::Verified { id: &id, times }).await?;
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

/// The connection that a JWT of an app's issuer names. One that is the first of an app that signs people in by itself makes it;
/// `facts` say who asks, and what for.
///
/// # Errors
/// [`Error::SubjectTokenRefused`]; those of [`direct::connect`].
pub(super) async fn by_jwt(broker: &Broker, token: &Token, facts: Facts) -> Result<Meant, Error> {
    let refused = |why: &str| Err(Error::subject_token_refused(why));
    let may_act = may_act::said_by(token);
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
    let (mut found, mut first) = (Vec::new(), Vec::new());
    let mut why = "nobody has connected the app as its `sub`";
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
        let Some(times) = TokenTimes::of(&verified.claims, verified.issued_at) else {
            why = "it does not say when it was issued (`iat`)";
            continue;
        };
        let identity = ExternalIdentity { issuer: issuer.external_name(), subject: verified.subject.clone() };
        let connected = held::ids_by_identity(broker, &app.id, &identity).await?;
        if let (true, Some(access)) = (connected.is_empty(), app.direct) {
            first.push(FirstSight { app, access, identity, times });
        }
        found.extend(connected.into_iter().map(|id| (id, times)));
    }
    match (found.is_empty(), first.pop()) {
        (true, Some(only)) if first.is_empty() => {
            let id = direct::connect(broker, &only, facts).await?;
            Ok(Meant { id, times: only.times, may_act })
        }
        (true, Some(_)) => refused("two apps here have the client of its `azp` or `client_id`"),
        _ => only(found, may_act, why),
    }
}

/// The connection that a verified token stands for, how old the token is, and what it says of who may act (RFC 8693 section
/// 4.4). Whether it stands for the connection is judged with everything else.
pub(super) struct Meant {
    pub id: String,
    pub times: TokenTimes,
    pub may_act: Option<Value>,
}

/// The one of these that is meant; `why` is told where there is none.
pub(super) fn only(
    mut found: Vec<(String, TokenTimes)>,
    may_act: Option<Value>,
    why: &str,
) -> Result<Meant, Error> {
    let refused = |why: &str| Err(Error::subject_token_refused(why));
    // Two accounts may have connected the same identity: then the token does not say for which it stands.
    match found.pop() {
        Some((id, times)) if found.is_empty() => Ok(Meant { id, times, may_act }),
        Some(_) => refused("two people have connected the app as its `sub`"),
        None => refused(why),
    }
}

fn peek(token: &str) -> Option<Claimed> {
    let payload = token.split('.').nth(1)?;
    let claimed: Claimed = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let texts = [Some(&claimed.iss), claimed.azp.as_ref(), claimed.client_id.as_ref()];
    let odd = texts.into_iter().flatten().any(|text| text.contains(char::is_control));
    (!odd).then_some(claimed)
}
