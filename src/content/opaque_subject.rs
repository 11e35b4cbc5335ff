//! Whom an access token stands for that says nothing by itself: its issuer is asked (RFC 7662), where its profile says so.
//! Such a token names no issuer, and whoever is asked is given it. So it is shown to one issuer only: the one that the caller
//! names, or the only one that its apps have.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::may_act::MAY_ACT;
use super::subject::{Meant, only};
use crate::Broker;
use crate::access::read;
use crate::app::{self, App};
use crate::connection::token_times::TokenTimes;
use crate::connection::{ExternalIdentity, held, is_id};
use crate::credential::Kind;
use crate::error::Error;
use crate::issuer::asked_before::Introspection;
use crate::issuer::introspect::introspect;
use crate::issuer::{ClientAuth, IssuerFault, claims};
use crate::secret::Token;

/// So many clients of ours ask about one token at the most: some issuers tell a client of its own tokens only.
const CLIENTS: usize = 3;
/// Bytes that such a token has, and characters of its own (RFC 6750 section 2.1 allows a few more letters than these).
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=4096;

/// # Errors
/// [`Error::SubjectTokenRefused`]; [`Error::IssuerUnavailable`] and [`Error::Misconfigured`] when nobody can tell now.
pub(super) async fn by_introspection(
    broker: &Broker,
    caller_id: &str,
    token: &Token,
    issuer: Option<&str>,
) -> Result<Meant, Error> {
    if !may_be_shown(token.expose()) {
        return Err(Error::subject_token_refused("it has not the form of an access token of an issuer"));
    }
    let apps = asking(broker, caller_id, issuer).await?;
    for asking in apps.iter().take(CLIENTS) {
        if let Some(said) = ask(broker, asking, token).await? {
            return found(broker, &apps, &said).await;
        }
    }
    let nobody = "it is neither one that was handed out and still lives here, nor a JWT, and no issuer knows it that is asked";
    Err(Error::subject_token_refused(nobody))
}

/// No credential that we make is shown to an issuer, well-formed or not, and no connection's id.
fn may_be_shown(token: &str) -> bool {
    let is_ours = Kind::said(token).is_some() || is_id(token);
    LENGTHS.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic()) && !is_ours
}

/// The caller's apps whose issuer is asked; all of one issuer.
async fn asking(broker: &Broker, caller_id: &str, issuer: Option<&str>) -> Result<Vec<Arc<App>>, Error> {
    let mut apps = Vec::new();
    for id in read::apps(broker, caller_id).await? {
        apps.extend(app::by_id(broker, &id).await?);
    }
    if let Some(named) = issuer {
        apps.retain(|app| app.issuer.identifier() == Some(named));
    }
    // Also those that are not asked: it may be theirs, and then it is nobody else's to see.
    let issuers: BTreeSet<String> = apps.iter().map(|app| app.issuer.external_name()).collect();
    if issuers.len() > 1 {
        let why = "its issuer may be any of several, and `subject_issuer` does not say which";
        return Err(Error::subject_token_refused(why));
    }
    apps.retain(|app| asks(app));
    apps.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(apps)
}

/// Whether an app can have its issuer asked, as a client that proves who it is.
fn asks(app: &App) -> bool {
    let proves = app.client_auth != ClientAuth::None && app.client_secret.is_some();
    app.issuer.profile.introspection && proves && !app.accepted_audiences.is_empty()
}

async fn ask(broker: &Broker, app: &App, token: &Token) -> Result<Option<Arc<Introspection>>, Error> {
    let client = app::client(broker, app)?;
    let fault = match introspect(&broker.issuers, &app.issuer, &client, token).await {
        Ok(said) => return Ok(said),
        Err(fault) => fault,
    };
    tracing::warn!(issuer = app.issuer.key, app = app.key, %fault, "a subject token could not be asked about");
    let name = app.issuer.name.clone();
    Err(match fault {
        IssuerFault::Untrusted(_) => {
            Error::subject_token_refused("what its issuer says of it is not believed")
        }
        IssuerFault::InvalidClient(_) => Error::Misconfigured { issuer: name },
        IssuerFault::Unavailable(_, Some(retry_after)) => {
            Error::IssuerUnavailable { issuer: name, retry_after }
        }
        _ => Error::IssuerUnavailable { issuer: name, retry_after: 5 },
    })
}

async fn found(broker: &Broker, apps: &[Arc<App>], said: &Introspection) -> Result<Meant, Error> {
    let refused = |why: &str| Err(Error::subject_token_refused(why));
    let Some(app) = apps.iter().find(|app| app.client_id == said.client_id) else {
        return refused("it was issued to another client than those of the caller's apps");
    };
    let audiences = claims::audiences(&said.claims);
    if !app.accepted_audiences.iter().any(|accepted| audiences.contains(&accepted.as_str())) {
        return refused("no `aud` of it is among the app's accepted_audiences");
    }
    let identity = ExternalIdentity { issuer: app.issuer.external_name(), subject: said.subject.clone() };
    let Some(times) = TokenTimes::of(&said.claims, said.issued_at) else {
        return refused("its issuer does not say when it was issued (`iat`)");
    };
    let connected = held::ids_by_identity(broker, &app.id, &identity).await?;
    let found = connected.into_iter().map(|id| (id, times)).collect();
    only(found, said.claims.get(MAY_ACT).cloned(), "nobody has connected the app as its `sub`")
}

#[cfg(test)]
mod tests {
    use super::may_be_shown;

    #[test]
    fn no_credential_of_ours_is_shown_to_an_issuer() {
        let ours = format!("rs_{}_{}_{}", "a".repeat(12), "b".repeat(52), "c".repeat(6));
        for token in [
            ours.as_str(),
            "ak_mistyped_and_short",
            "",
            "short",
            "with a blank",
            "a\u{0}bcdefgh",
            "ümläut-äöü",
        ] {
            assert!(!may_be_shown(token), "{token}");
        }
        assert!(!may_be_shown(&"a".repeat(4097)));
        for token in
            ["gho_16C7e42F292c6912E7710c838347Ae178B4a", "ory_at_abcdefgh.ijklmnop", "2YotnFZFEjr1zCsicMWpAA"]
        {
            assert!(may_be_shown(token), "{token}");
        }
    }
}
