//! Reads secrets and certificates anew while the server runs: client secrets, the authorities and the proxy of outgoing
//! calls. Everything else of the file waits for a start.

use crate::Broker;
use crate::app::sync;
use crate::config::Config;
use crate::error::Error;
use crate::refresh::early;

/// Takes the secrets and certificates of `fresh`, where the file has the same client as when this server began.
///
/// # Errors
/// When the certificates cannot be used, or the database does not answer.
pub async fn renew(broker: &Broker, fresh: &Config) -> Result<(), Error> {
    let http = fresh.outbound.http(broker.clock.clone()).map_err(Error::Internal)?;
    let mut config = broker.config.clone();
    for (key, issuer) in &mut config.issuers {
        if let Some(fresh) =
            fresh.issuers.get(key).filter(|fresh| fresh.management_client_id == issuer.management_client_id)
        {
            issuer.management_client_secret.clone_from(&fresh.management_client_secret);
        }
    }
    for (key, app) in &mut config.apps {
        if let Some(fresh) = fresh.apps.get(key).filter(|fresh| fresh.client_id == app.client_id) {
            app.client_secret.clone_from(&fresh.client_secret);
        }
    }
    sync::carry_over(broker, &config).await?;
    early::try_refused_clients_again(broker).await?;
    if fresh.sign_in.client_id == broker.config.sign_in.client_id {
        broker.sign_in_secret.replace(fresh.sign_in.client_secret.clone());
    }
    broker.issuers.http.become_like(&http);
    Ok(())
}
