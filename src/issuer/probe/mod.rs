//! Finds out the habits of an issuer by asking it, for `attache check --issuer`. What it finds is data: sentences with
//! their cures, and a profile; others print. Sends only what is made up, unless a person consents to more.

mod clients;
mod clock;
pub mod consent;
mod leeway;
mod metadata;
mod reach;
mod refusal;
mod report;
mod revocation;

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::discovery;
use super::endpoints::Endpoints;
use super::scope::{self, Scopes};
use super::{Client, Issuer, Issuers};
pub use report::{Finding, Leeway, Measured, Report, Verdict};

/// Who is asked, and as whom.
#[derive(Clone, Copy)]
pub struct Probe<'a> {
    pub issuers: &'a Issuers,
    pub issuer: &'a Issuer,
    /// Without one, as a client that nobody registered.
    pub registration: Option<&'a Registration>,
}

/// An app's client as it is registered at the issuer, and what the app asks for.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Where the configuration file has it, such as `apps.content-writer`.
    pub section: String,
    /// Our own, by which people sign in.
    pub is_sign_in: bool,
    pub client: Client,
    pub redirect_uri: Url,
    pub scopes: Scopes,
    pub audience: Option<String>,
    pub extras: BTreeMap<String, String>,
}

/// What the issuer is asked with once it is known where and by whom.
pub struct Known {
    pub endpoints: Arc<Endpoints>,
    /// The client, sent as the issuer wants it; None when it is made up, or the issuer refuses it.
    pub client: Option<Client>,
}

/// Whether it is our own client that is asked with, which needs no refresh and no revocation.
fn signs_in(probe: Probe<'_>) -> bool {
    probe.registration.is_some_and(|registration| registration.is_sign_in)
}

/// Whether the issuer knows the client: asks that alone.
pub async fn client(probe: Probe<'_>, report: &mut Report) -> bool {
    let Ok(endpoints) = discovery::endpoints(probe.issuers, probe.issuer).await else { return false };
    refusal::probe(probe, &endpoints, report).await.is_some()
}

/// Why what an app is given may not last; None where nothing speaks for that. Nobody refreshes what signing in gave.
pub async fn lasts(probe: Probe<'_>) -> Option<&'static str> {
    let registration = probe.registration.filter(|registration| !registration.is_sign_in)?;
    let endpoints = discovery::endpoints(probe.issuers, probe.issuer).await.ok()?;
    scope::ends_with_the_session(&registration.scopes, endpoints.offers_offline_access)
}

/// Asks everything that needs nobody's consent. None when the issuer cannot be asked at all.
pub async fn ask(probe: Probe<'_>, report: &mut Report) -> Option<Known> {
    if let Some(registration) = probe.registration
        && let Some(refusal) = probe.issuer.profile.refuses(&registration.scopes, &registration.extras)
    {
        let cure = format!("Change [{}].", registration.section);
        report.problem("request", refusal, cure);
    }
    let endpoints = metadata::probe(probe, report).await?;
    let client = refusal::probe(probe, &endpoints, report).await;
    if let (Some(warning), Some(registration)) = (lasts(probe).await, probe.registration) {
        report.unproven("scopes", format!("[{}] {warning}", registration.section));
    }
    // Nothing that signing in gave is ever refreshed or revoked.
    if !signs_in(probe) {
        revocation::probe(probe, &endpoints, client.as_ref(), report).await;
    }
    Some(Known { endpoints, client })
}
