//! What an operator is told of apps: how they are registered, whether their connections last, where a stop is told.

use std::time::Duration;

use tokio::time::timeout;

use super::output::Output;
use crate::Broker;
use crate::app::App;
use crate::app::revocation::{self, Revocation};
use crate::connection::allowed::Access;
use crate::error::Error;
use crate::issuer::discovery::endpoints;
use crate::issuer::revocation_endpoint::revocation_endpoint;
use crate::issuer::scope;

pub(super) async fn registered(broker: &Broker, app: &App) -> Vec<String> {
    let mut lines = vec![
        format!("{} {} is registered.", app.id, app.key),
        format!("  people connect it at {}", broker.url(&format!("/connect/{}", app.key))),
        format!("  its redirect URI at the issuer is {}", app.callback(broker)),
    ];
    lines.extend(app.direct.map(|access| {
        let may = match access {
            Access::Read => "read",
            Access::Write => "read and change",
        };
        format!("  its own tokens are taken, and for people who have not agreed here it may {may}")
    }));
    lines.extend(lasts(broker, app).await.map(|warning| format!("  {} {warning}", app.key)));
    lines
}

/// For so long an issuer is asked beside what an operator wants to know, who may be here because it hangs.
const ASIDE: Duration = Duration::from_secs(2);

/// Why an app's connections may not last; None where nothing speaks for that, or the issuer does not answer now.
pub(super) async fn lasts(broker: &Broker, app: &App) -> Option<&'static str> {
    let endpoints = timeout(ASIDE, endpoints(&broker.issuers, &app.issuer)).await.ok()?.ok()?;
    scope::ends_with_the_session(&app.scopes, endpoints.offers_offline_access)
}

pub(super) async fn revocation(broker: &Broker, said: Revocation) -> Result<Output, Error> {
    let app = revocation::say(broker, said).await?;
    let (key, issuer) = (&app.key, &app.issuer);
    let reach = issuer.profile.revocation_reach;
    let line = match revocation_endpoint(&broker.issuers, issuer).await {
        Ok(Some(url)) => format!("A stop of {key} is told at {url}; the reach of a revoke there is {reach}."),
        Ok(None) => format!("A stop of {key} ends here and is told nowhere: its issuer has no revocation."),
        Err(fault) => format!("Where a stop of {key} is told cannot be found out now: {fault}."),
    };
    Ok(Output::line(line))
}

pub(super) async fn list(broker: &Broker) -> Result<Output, Error> {
    let apps = crate::app::all(broker).await?;
    let line = |app: &App| {
        let App { key, status, source, issuer, name, .. } = app;
        format!("{key}\t{status}\t{source}\t{}\t{name}\t{}", issuer.key, app.callback(broker))
    };
    Ok(Output::of(apps.iter().map(line).collect()))
}
