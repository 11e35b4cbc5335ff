//! Says where the issuer of an imported app revokes, and how far a revoke reaches there: a manifest has no word for it.
//! Changes only what the command line made; an issuer of the configuration file is changed in the file.

use serde::{Deserialize, Serialize};
use url::Url;

use super::change::put_issuer;
use super::{App, Source, store};
use crate::Broker;
use crate::error::Error;
use crate::issuer::Whereabouts;
use crate::issuer::profile::Reach;

/// What is said of an app's issuer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Revocation {
    pub app: String,
    /// As before when nothing is said.
    pub url: Option<Url>,
    /// As before when nothing is said.
    pub reach: Option<Reach>,
}

/// # Errors
/// [`Error::AppNotFound`]; [`Error::InvalidRequest`] for an address that nothing is sent to, [`Error::Conflict`] when the
/// issuer stands in the configuration file.
pub async fn say(broker: &Broker, said: Revocation) -> Result<App, Error> {
    let mut app = super::by_key(broker, &said.app).await?.ok_or(Error::AppNotFound)?;
    let issuer = &mut app.issuer;
    let key = issuer.key.clone();
    let in_the_file =
        || Error::Conflict(format!("The issuer `{key}` stands in the configuration file; change it there."));
    let Whereabouts::Explicit(urls) = &mut issuer.whereabouts else { return Err(in_the_file()) };
    if let Some(url) = said.url {
        let named = broker.config.outbound.allow_origins.iter().any(|origin| origin.origin() == url.origin());
        if url.scheme() != "https" && !named {
            return Err(Error::InvalidRequest(
                "The address is not https; for development name its origin in outbound.allow_origins."
                    .to_owned(),
            ));
        }
        urls.revocation = Some(url);
    }
    issuer.profile.revocation_reach = said.reach.unwrap_or(issuer.profile.revocation_reach);
    if broker.config.issuers.contains_key(&issuer.key) || !put_issuer(broker, issuer, Source::Cli).await? {
        return Err(in_the_file());
    }
    // As it is stored now.
    store::by_key(&broker.db, &said.app).await?.ok_or(Error::AppNotFound)
}
