//! Asks an issuer what an access token is that says nothing by itself (RFC 7662), and judges the answer as strictly as a JWT.
//! Only where the profile says so: whoever is asked is given the token. What was answered is good for seconds, so that a
//! revoke at the issuer is soon seen, and nonsense is not asked about again and again.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::address;
use super::asked_before::{AskedBefore, Introspection};
use super::authorization_server::Issuer;
use super::claims::{self, Claims};
use super::client::Client;
use super::discovery::endpoints;
use super::fault::{IssuerFault, untrusted};
use super::http::Response;
use super::issuers::Issuers;
use super::token_answer::{Said, said};
use crate::clock::Timestamp;
use crate::load;
use crate::secret::Token;

/// What the issuer says to this client about a token; None for one that is not active.
///
/// # Errors
/// [`IssuerFault::Untrusted`] when the answer must not be believed; [`IssuerFault::InvalidClient`];
/// [`IssuerFault::Unavailable`] and others when nobody can tell now.
pub async fn introspect(
    issuers: &Issuers,
    issuer: &Issuer,
    client: &Client,
    token: &Token,
) -> Result<Option<Arc<Introspection>>, IssuerFault> {
    let key = format!("{} {} {}", token.hash().as_str(), issuer.external_name(), client.id);
    let now = issuers.clock.now();
    match issuers.introspected.find(&key) {
        Some(before) if before.until > now => return Ok(before.active.clone()),
        Some(_) => issuers.introspected.forget(&key),
        // Perhaps it is asked about already: then that question is waited for.
        None => {}
    }
    // Whoever waits for the question of another waits as well.
    let _waiting = load::waiting_for(&issuer.external_name())?;
    let load = async || {
        let active = ask(issuers, issuer, client, token).await?;
        Ok::<_, IssuerFault>(Some(AskedBefore::new(active, now)))
    };
    let asked = issuers.introspected.get(&key, load).await?;
    Ok(asked.and_then(|asked| asked.active.clone()))
}

async fn ask(
    issuers: &Issuers,
    issuer: &Issuer,
    client: &Client,
    token: &Token,
) -> Result<Option<Introspection>, IssuerFault> {
    if let Some(left_alone) = issuers.calls.closed_for(issuer) {
        return Err(busy("the issuer is left alone for now", left_alone.retry_after));
    }
    let _place = issuers
        .calls
        .enter_to_introspect(issuer)
        .ok_or_else(|| busy("as many tokens are asked about there as may", 1))?;
    let url = endpoint(issuers, issuer).await?;
    let mut form = vec![("token", token.expose()), ("token_type_hint", "access_token")];
    let url = address::without(&url, &["token", "token_type_hint", "client_id", "client_secret"]);
    let request = client.authenticate(issuers.http.request(Method::POST, &url)?, &mut form);
    let request = request.header("accept", "application/json").form(&form);
    let answer = issuers.http.send(request).await?;
    let members = read(&answer)?;
    judge(members, issuer, issuers.clock.now().unix())
}

fn busy(why: &str, retry_after: i64) -> IssuerFault {
    IssuerFault::Unavailable(why.to_owned(), Some(retry_after))
}

async fn endpoint(issuers: &Issuers, issuer: &Issuer) -> Result<Url, IssuerFault> {
    let known = endpoints(issuers, issuer).await?;
    known
        .introspection
        .clone()
        .ok_or_else(|| IssuerFault::Odd("the issuer's metadata names no introspection endpoint".to_owned()))
}

fn read(answer: &Response) -> Result<Claims, IssuerFault> {
    match answer.status {
        200 => serde_json::from_slice(&answer.body).map_err(|_| {
            IssuerFault::Odd("the introspection endpoint did not answer with a JSON object".to_owned())
        }),
        401 | 403 => Err(refused_client()),
        400 if said(answer) == Some(Said::Word("invalid_client".to_owned())) => Err(refused_client()),
        status => {
            let sentence = format!("the introspection endpoint answered with status {status}");
            Err(IssuerFault::Unavailable(sentence, answer.retry_after))
        }
    }
}

fn refused_client() -> IssuerFault {
    IssuerFault::InvalidClient("the introspection endpoint refuses the client".to_owned())
}

/// Judges what is said of a token that is said to be active. Which clients and audiences are good is the caller's to say.
fn judge(members: Claims, issuer: &Issuer, now: i64) -> Result<Option<Introspection>, IssuerFault> {
    match members.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Ok(None),
        _ => return Err(untrusted("the answer does not say whether the token is active")),
    }
    if members.get("iss").is_some_and(|iss| iss.as_str() != issuer.identifier()) {
        return Err(untrusted("the answer is about another issuer's token"));
    }
    if !is_bearer_access_token(&members) {
        return Err(untrusted("the token is no bearer access token"));
    }
    claims::judge_dates_said(&members, now)?;
    let client_id = members.get("client_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if client_id.is_empty() {
        return Err(untrusted("the answer does not say to which client the token was issued"));
    }
    let subject = claims::subject(&members)?.to_owned();
    let issued_at = claims::numeric_date(&members, "iat")?.map(Timestamp::from_unix);
    Ok(Some(Introspection { claims: members, client_id, subject, issued_at }))
}

/// Refresh tokens may be told of as well (Hydra says `token_use`), and tokens that are bound to a key (`cnf`) prove nothing
/// without it.
fn is_bearer_access_token(members: &Claims) -> bool {
    let text = |name: &str| members.get(name).map(|value| value.as_str().unwrap_or_default());
    text("token_use").is_none_or(|using| using == "access_token")
        && text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"))
        && !members.contains_key("cnf")
}
