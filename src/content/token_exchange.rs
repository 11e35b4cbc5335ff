//! Asks a content platform's token endpoint for a content token, in exchange for the person's own access token (RFC 8693).
//! As with [`super::ask`], the platform decides what the token may do.

use super::ask::{Asked, RETRY_AFTER, kept_until};
use super::environment::Environment;
use super::subject::Subject;
use crate::Broker;
use crate::access::hand_out;
use crate::error::Error;
use crate::issuer::exchange_token::{Exchange, exchange_token};
use crate::issuer::jwt::claimed_expiry;
use crate::issuer::{Client, ClientAuth, IssuerFault};

/// # Errors
/// [`Error::PlatformUnavailable`]; [`Error::InvalidTarget`] when the platform gives the person nothing; the connection's own,
/// when it has no token to ask with.
pub async fn exchange(broker: &Broker, subject: &Subject, environment: &Environment) -> Result<Asked, Error> {
    // The section is the file's alone, and so is its secret: nothing of it is stored.
    let section = broker.config.environments.get(&environment.key);
    let section = section.and_then(|section| section.token_exchange.as_ref());
    let section =
        section.ok_or_else(|| Error::Internal("The environment has no token endpoint.".to_owned()))?;
    let (access_token, generation) = hand_out::fresh_token(broker, &subject.connection).await?;
    let secret = section.client_secret.clone();
    let auth = ClientAuth::or_default(section.client_auth, secret.as_ref());
    let client = Client { id: section.client_id.clone(), secret, auth };
    let audience = section.audience.as_deref();
    let resource = audience.is_none().then_some(&environment.content_api_url);
    let exchange = Exchange { subject_token: &access_token, resource, audience };
    let answer = exchange_token(&broker.issuers.http, &section.token_url, &client, exchange).await;
    let set = answer.map_err(|fault| refusal(environment, &fault))?;
    let Some(token) = set.access_token.token().cloned() else {
        let fault =
            IssuerFault::Odd("the token endpoint's answer holds no token that can be used".to_owned());
        return Err(refusal(environment, &fault));
    };
    let now = broker.clock.now();
    let said = set.expires_in.map(|seconds| now.plus(seconds)).or_else(|| claimed_expiry(token.expose()));
    Ok((token, kept_until(said, now), generation))
}

fn refusal(environment: &Environment, fault: &IssuerFault) -> Error {
    tracing::warn!(environment = environment.key, %fault, "the platform's token endpoint gave no token");
    match fault {
        IssuerFault::InvalidGrant(_) | IssuerFault::PersonNeeded { .. } | IssuerFault::Refused { .. } => {
            Error::InvalidTarget
        }
        IssuerFault::Unavailable(_, retry_after) => {
            Error::PlatformUnavailable { retry_after: retry_after.unwrap_or(RETRY_AFTER) }
        }
        _ => Error::PlatformUnavailable { retry_after: RETRY_AFTER },
    }
}
