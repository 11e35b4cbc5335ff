//! Finds out the habits of an issuer by asking it, for `attache check --issuer`. What it finds is data: sentences with
//! their cures, and a profile; others print. Sends only what is made up, unless a person consents to more.

mod asking;
mod clients;
mod clock;
pub mod consent;
mod leeway;
mod metadata;
mod reach;
mod refusal;
mod report;
mod revocation;
mod target;

use super::discovery;
use super::scope;
pub use report::{Finding, Leeway, Measured, Report, Verdict};
pub use target::{Contact, Probe, Registration};

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
pub async fn ask(probe: Probe<'_>, report: &mut Report) -> Option<Contact> {
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
    Some(Contact { endpoints, client })
}
