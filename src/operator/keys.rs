//! What an operator does with the keys that are in the database: the house's and those that sign. Shows no secret.

use super::output::Output;
use crate::Broker;
use crate::clock::Timestamp;
use crate::content::signing_key;
use crate::error::Error;
use crate::vault::house;

/// # Errors
/// [`Error::Conflict`] when another key is to follow already.
pub async fn rotate_house(broker: &Broker) -> Result<Output, Error> {
    let (kid, seals_from) = house::rotate(broker).await?;
    Ok(Output::of(vec![
        format!("{kid} seals what belongs to the house, {}.", from(broker, seals_from)),
        "The key before it opens what it sealed, and is destroyed when nothing needs it any more.".to_owned(),
        "Running servers hear of it by themselves; none is to be restarted.".to_owned(),
    ]))
}

/// # Errors
/// [`Error::Conflict`] when another key is to follow already.
pub async fn rotate_signing(broker: &Broker, withdraw: bool) -> Result<Output, Error> {
    let (kid, signs_from) = signing_key::rotate(broker, withdraw).await?;
    let mut lines =
        vec![format!("{kid} is published, and signs content tokens {}.", from(broker, signs_from))];
    lines.push(if withdraw {
        format!(
            "The keys before it are withdrawn. Verifiers refuse what they signed as soon as they look at the key set \
             again, after {} seconds at the latest.",
            signing_key::KEY_SET_LIFETIME
        )
    } else {
        "The key before it stays published until nothing that it signed is good any more.".to_owned()
    });
    lines.push("Running servers hear of it by themselves; none is to be restarted.".to_owned());
    Ok(Output::of(lines))
}

/// How the keys stand, as lines.
pub(super) async fn status(broker: &Broker) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    let house = house::standing(broker).await?;
    let present = house.iter().position(|key| key.seals_from <= broker.clock.now());
    for (at, key) in house.iter().enumerate() {
        let role = match present {
            Some(present) if at > present => "opens what it sealed".to_owned(),
            _ => format!("seals {}", from(broker, key.seals_from)),
        };
        lines.push(format!("house key {}: {role}; at the most {} uses", key.kid, key.uses));
    }
    let signing = signing_key::standing(broker).await?;
    let present = signing.iter().position(|key| key.signs_from <= broker.clock.now());
    for (at, key) in signing.iter().enumerate() {
        let role = match present {
            Some(present) if at > present => "is published for what it signed".to_owned(),
            _ => format!("signs {}", from(broker, key.signs_from)),
        };
        lines.push(format!("signing key {}: {role}", key.kid));
    }
    Ok(lines)
}

fn from(broker: &Broker, moment: Timestamp) -> String {
    if moment <= broker.clock.now() { "from now on".to_owned() } else { format!("from {moment} on") }
}
