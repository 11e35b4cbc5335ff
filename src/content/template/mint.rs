//! Tokens by a template: what it makes of a person, and the claims that every token of ours has. These are set last, so that
//! no template is over them.

use serde_json::{Map, Value, json};

use super::Template;
use super::look_up::by_name;
use super::render::{About, render};
use crate::Broker;
use crate::clock::Timestamp;
use crate::content::environment::Environment;
use crate::error::Error;
use crate::secret::{Token, random_id};

/// A token of a template, and the moment it ends. `party` is the origin of the page that asks, its `azp`.
///
/// # Errors
/// [`Error::TemplateRefused`]; [`Error::KeyToCome`] while verifiers may not know the first key of its algorithm yet.
pub fn mint(
    broker: &Broker,
    template: &Template,
    about: About<'_>,
    party: &str,
) -> Result<(Token, Timestamp), Error> {
    let now = broker.clock.now();
    let mut claims = claims(broker, template, about, now)?;
    claims.insert("azp".to_owned(), json!(party));
    let token = broker.signing_keys.sign(template.algorithm, "JWT", &Value::Object(claims))?;
    Ok((token, now.plus(template.lifetime)))
}

/// What a token of a template would say that is signed at this moment.
///
/// # Errors
/// [`Error::TemplateRefused`]
pub fn claims(
    broker: &Broker,
    template: &Template,
    about: About<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>, Error> {
    let mut claims = render(template, about)?;
    let ours = [
        ("iss", json!(broker.issuer_identifier())),
        ("sub", json!(about.account.id)),
        ("iat", json!(now.unix())),
        ("nbf", json!(now.plus(-template.clock_skew).unix())),
        ("exp", json!(now.plus(template.lifetime).unix())),
        ("jti", json!(format!("tt_{}", random_id::<20>()))),
    ];
    let audience = template.audience.as_ref().map(|audience| ("aud", json!(audience)));
    claims.extend(ours.into_iter().chain(audience).map(|(name, value)| (name.to_owned(), value)));
    Ok(claims)
}

/// What the template of an environment adds to a content token; nothing where it has none.
///
/// # Errors
/// [`Error::TemplateRefused`]; when the template is not there any more.
pub async fn added(
    broker: &Broker,
    environment: &Environment,
    about: About<'_>,
) -> Result<Map<String, Value>, Error> {
    let Some(name) = &environment.template else { return Ok(Map::new()) };
    let gone =
        || Error::Internal(format!("The environment {} has no template {name} any more.", environment.key));
    let template = by_name(broker, name).await?.ok_or_else(gone)?;
    render(&template, about)
}
