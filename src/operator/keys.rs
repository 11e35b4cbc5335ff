//! What an operator does with the keys that are in the database: the house's and those that sign. Shows no secret.

use super::output::Output;
use crate::Broker;
use crate::clock::Timestamp;
use crate::content::algorithm::Algorithm;
use crate::content::signing_key::KEY_SET_LIFETIME;
use crate::content::signing_key::rotate::{self as signing_keys, Following, Role, Standing};
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
pub async fn rotate_signing(
    broker: &Broker,
    only: Option<Algorithm>,
    withdraw: bool,
) -> Result<Output, Error> {
    let following = signing_keys::rotate(broker, only, withdraw).await?;
    let line = |key: &Following| {
        format!("{} is published, and signs by {} {}.", key.kid, key.algorithm, from(broker, key.signs_from))
    };
    let mut lines: Vec<String> = following.iter().map(line).collect();
    lines.push(if withdraw {
        format!(
            "The keys before are withdrawn. Verifiers refuse what they signed as soon as they look at the key set again, after \
             {KEY_SET_LIFETIME} seconds at the latest."
        )
    } else {
        "A key before stays published until nothing that it signed is good any more.".to_owned()
    });
    lines.push("Running servers hear of it within seconds; none is to be restarted.".to_owned());
    Ok(Output::of(lines))
}

/// # Errors
/// When the database does not answer.
pub async fn list_signing(broker: &Broker) -> Result<Output, Error> {
    let all = signing_keys::standing(broker).await?;
    let line = |key: &Standing| {
        let made = key.created_at;
        format!("{}\t{}\t{}\tmade {made}", key.kid, key.algorithm, role(key.role))
    };
    Ok(Output::of(all.iter().map(line).collect()))
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
    for key in signing_keys::standing(broker).await? {
        lines.push(format!("signing key {} ({}): {}", key.kid, key.algorithm, role(key.role)));
    }
    Ok(lines)
}

fn role(role: Role) -> String {
    match role {
        Role::ToCome(moment) => format!("signs from {moment} on"),
        Role::Signs => "signs".to_owned(),
        Role::Followed(moment) => format!("is published for what it signed, until {moment}"),
    }
}

fn from(broker: &Broker, moment: Timestamp) -> String {
    if moment <= broker.clock.now() { "from now on".to_owned() } else { format!("from {moment} on") }
}
