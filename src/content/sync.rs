//! Brings the environments, and the templates that they name, in line with the configuration file at boot. What is gone from the file is
//! suspended, never deleted.

use super::environment::{Environment, Signing};
use super::look_up::changed;
use super::{store, template};
use crate::Broker;
use crate::error::Error;
use crate::secret::random_id;

/// # Errors
/// When the database refuses.
pub async fn sync(broker: &Broker) -> Result<(), Error> {
    let now = broker.clock.now();
    let named = broker.config.environments.values();
    let kept: Vec<_> = named.map(|config| (config.project.as_str(), config.environment.as_str())).collect();
    let mut transaction = broker.db.begin().await?;
    changed(broker, &mut transaction);
    template::sync::sync(broker, &mut transaction).await?;
    store::suspend_all_but(&mut transaction, &kept, now).await?;
    for (key, config) in &broker.config.environments {
        // The configuration's judge refuses what can't be filled in.
        let Ok(content_api_url) = config.content_api_url() else { continue };
        let environment = Environment {
            id: format!("en_{}", random_id::<20>()),
            key: key.clone(),
            project: config.project.clone(),
            environment: config.environment.clone(),
            content_api_url,
            management_api_url: config.management_api_url.clone(),
            strategy: config.strategy,
            apps: config.apps.clone(),
            accounts: config.accounts.clone(),
            lifetime: config.lifetime_seconds,
            settings: config.settings(),
            public_defaults: false,
            signing: Signing { algorithm: config.algorithm.unwrap_or_default(), before: None },
            template: config.template.clone(),
        };
        store::put(&mut transaction, &environment, now).await?;
    }
    Ok(transaction.commit().await?)
}
