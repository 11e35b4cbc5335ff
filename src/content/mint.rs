//! Mints a content token: a JWT signed with our key, for one environment and one person. RFC 9068, with the actor of
//! RFC 8693 section 4.1, the subject identifier of RFC 9493 and the permissions of RFC 9396.

use serde_json::{Map, Value, json};

use super::actors::Actors;
use super::algorithm::Algorithm;
use super::environment::{Environment, Signing};
use super::permission::{Permissions, details, scope};
use super::requested::Order;
use super::signing_key::ACCESS_TOKEN;
use super::subject::Subject;
use crate::Broker;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::secret::{Token, random_id};
use crate::session;
use crate::session_token::Asked;

/// The token and the moment it ends. `id` becomes its `jti`; what is `added` is never over our own claims.
///
/// # Errors
/// [`Error::KeyToCome`] while verifiers may not know the first key of the environment's algorithm yet.
pub fn mint(
    broker: &Broker,
    subject: &Subject,
    caller_id: Option<&str>,
    environment: &Environment,
    id: &str,
    order: &Order<'_>,
    added: Map<String, Value>,
) -> Result<(Token, Timestamp), Error> {
    let (now, permissions) = (broker.clock.now(), &order.permissions);
    let lives_until = now.plus(environment.lifetime);
    // Not beyond what the person consented to.
    let expires_at = subject.connection.consent_expires_at.map_or(lives_until, |ends| ends.min(lives_until));
    let mut claims = json!({
        "iss": broker.issuer_identifier(),
        "aud": environment.content_api_url.as_str(),
        "sub": subject.account.id,
        // Who asked for it: RFC 8693 section 4.3. Without a caller, the app itself.
        "client_id": caller_id.unwrap_or(&subject.connection.app_id),
        "app": subject.app.key,
        "connection": subject.connection.id,
        // Another when the person agrees anew or chooses otherwise.
        "consent": subject.connection.consent_version,
        "scope": scope::of(permissions).to_string(),
        "authorization_details": details::written(permissions, environment.content_api_url.as_str()),
        "iat": now.unix(),
        "exp": expires_at.unix(),
        "jti": id,
    });
    if let Some(caller_id) = caller_id {
        claims["act"] = Actors::of(caller_id, order.requested.acts_for).claim();
    }
    claims["sub_id"] = subject_identifier(subject);
    if let Value::Object(ours) = &mut claims {
        for (name, value) in added {
            ours.entry(name).or_insert(value);
        }
    }
    let token = broker.signing_keys.sign(algorithm(broker, environment), ACCESS_TOKEN, &claims)?;
    Ok((token, expires_at))
}

/// A caller's own token, of nobody: `sub` is the client (RFC 9068 section 2.2), and nobody acts for anybody.
///
/// # Errors
/// As [`mint`].
pub fn own(
    broker: &Broker,
    caller_id: &str,
    environment: &Environment,
    permissions: &Permissions,
) -> Result<(Token, Timestamp), Error> {
    let now = broker.clock.now();
    let expires_at = now.plus(environment.lifetime);
    let audience = environment.content_api_url.as_str();
    let claims = json!({
        "iss": broker.issuer_identifier(),
        "aud": audience,
        "sub": caller_id,
        "client_id": caller_id,
        "scope": scope::of(permissions).to_string(),
        "authorization_details": details::written(permissions, audience),
        "iat": now.unix(),
        "exp": expires_at.unix(),
        "jti": format!("ct_{}", random_id::<20>()),
    });
    let token = broker.signing_keys.sign(algorithm(broker, environment), ACCESS_TOKEN, &claims)?;
    Ok((token, expires_at))
}

/// A person's own token, for the page in which they are signed in: it is the client (RFC 8693 section 4.3), and no app and no
/// caller acts for anybody.
///
/// # Errors
/// As [`mint`].
pub fn of_session(
    broker: &Broker,
    asked: &Asked<'_>,
    environment: &Environment,
    permissions: &Permissions,
) -> Result<(Token, Timestamp), Error> {
    let now = broker.clock.now();
    let expires_at = now.plus(environment.lifetime).min(asked.session_ends);
    let Asked { account, session, origin, .. } = asked;
    let audience = environment.content_api_url.as_str();
    let claims = json!({
        "iss": broker.issuer_identifier(),
        "aud": audience,
        "sub": account.id,
        "client_id": origin,
        "azp": origin,
        "sid": session::sid(session),
        "scope": scope::of(permissions).to_string(),
        "authorization_details": details::written(permissions, audience),
        "iat": now.unix(),
        "exp": expires_at.unix(),
        "jti": format!("ct_{}", random_id::<20>()),
        "sub_id": { "format": "iss_sub", "iss": account.issuer, "sub": account.subject },
    });
    let token = broker.signing_keys.sign(algorithm(broker, environment), ACCESS_TOKEN, &claims)?;
    Ok((token, expires_at))
}

/// The environment's own, or the one before while verifiers may not know a key of its own yet.
fn algorithm(broker: &Broker, environment: &Environment) -> Algorithm {
    let Signing { algorithm, before } = environment.signing;
    before.filter(|_| !broker.signing_keys.can_sign(algorithm)).unwrap_or(algorithm)
}

/// How the platform knows the person: their identity at the app's issuer, or at sign-in when that names nobody.
fn subject_identifier(subject: &Subject) -> Value {
    let external = &subject.connection.external;
    let (iss, sub) = if external.subject.is_empty() {
        (&subject.account.issuer, &subject.account.subject)
    } else {
        (&external.issuer, &external.subject)
    };
    json!({ "format": "iss_sub", "iss": iss, "sub": sub })
}
