//! Asks a content platform's management API for a content token, by the `_viewer` query and with the person's
//! own access token.

use reqwest::Method;
use serde_json::{Value, json};

use super::environment::Environment;
use super::subject::Subject;
use crate::Broker;
use crate::access::hand_out;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::issuer::IssuerFault;
use crate::issuer::jwt::claimed_expiry;
use crate::secret::Token;

/// A platform does not say how long its tokens live: they are kept five minutes at the most.
const KEPT_AT_MOST: i64 = 300;
pub(super) const RETRY_AFTER: i64 = 5;

const QUERY: &str = "query Viewer($project: ID!, $environment: String!) { _viewer { ... on UserViewer { id \
    project(id: $project) { environment(id: $environment) { authToken } } } } }";

/// A token, its end, and the generation of the connection that it was asked for with.
pub(super) type Asked = (Token, Timestamp, i64);

/// Until when it is kept. When it ends is not verified: that only shortens the time.
pub(super) fn kept_until(ends: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let at_most = now.plus(KEPT_AT_MOST);
    ends.filter(|ends| *ends > now).map_or(at_most, |ends| ends.min(at_most))
}

/// # Errors
/// [`Error::PlatformUnavailable`]; [`Error::InvalidTarget`] when the platform knows no such environment for the
/// person; the connection's own, when it has no token to ask with.
pub async fn ask(broker: &Broker, subject: &Subject, environment: &Environment) -> Result<Asked, Error> {
    let (access_token, generation) = hand_out::fresh_token(broker, &subject.connection).await?;
    let url = environment.management_api_url.as_ref();
    let url = url.ok_or_else(|| Error::Internal("The environment has no management API.".to_owned()))?;
    let variables = json!({ "project": environment.project, "environment": environment.environment });
    let unavailable = |fault: IssuerFault| {
        tracing::warn!(environment = environment.key, %fault, "the management API gave no answer");
        Error::PlatformUnavailable { retry_after: RETRY_AFTER }
    };
    let request = broker.issuers.http.request(Method::POST, url).map_err(unavailable)?;
    let request =
        request.bearer_auth(access_token.expose()).json(&json!({ "query": QUERY, "variables": variables }));
    let answer = broker.issuers.http.send(request).await.map_err(unavailable)?;
    if matches!(answer.status, 401 | 403) {
        tracing::warn!(
            environment = environment.key,
            answer.status,
            "the management API refuses the access token"
        );
        return Err(Error::InvalidTarget);
    }
    if answer.status != 200 {
        tracing::warn!(
            environment = environment.key,
            answer.status,
            "the management API does not answer as it should"
        );
        return Err(Error::PlatformUnavailable { retry_after: answer.retry_after.unwrap_or(RETRY_AFTER) });
    }
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| Error::PlatformUnavailable { retry_after: RETRY_AFTER })?;
    let token = body.pointer("/data/_viewer/project/environment/authToken").and_then(Value::as_str);
    let token = token.filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    let token = Token::new(token.ok_or(Error::InvalidTarget)?);
    let now = broker.clock.now();
    let ends = kept_until(claimed_expiry(token.expose()), now);
    Ok((token, ends, generation))
}
