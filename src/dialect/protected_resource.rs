//! Protected resource metadata (RFC 9728) of `/v1` and `/graphql`, and where whoever is refused there is told of it.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Wire;
use super::oauth::refuse;
use crate::Broker;
use crate::edge::rejection::Rejection;
use crate::error::Error;

const V1: &str = "/.well-known/oauth-protected-resource/v1";
const GRAPHQL: &str = "/.well-known/oauth-protected-resource/graphql";
/// Seconds that the metadata may be kept.
const LIFETIME: &str = "public, max-age=300";

pub fn router() -> Router<Broker> {
    Router::new().route(V1, get(v1)).route(GRAPHQL, get(graphql))
}

/// Its bearers are API keys, which the operator makes and no authorization server gives.
async fn v1(State(broker): State<Broker>) -> Response {
    told(&json!({
        "resource": broker.url("/v1"),
        "resource_name": "Attaché for backends",
        "bearer_methods_supported": ["header"],
    }))
}

/// Its bearers are access tokens of the apps' issuers.
async fn graphql(State(broker): State<Broker>) -> Response {
    let issuers = match crate::app::issuers(&broker).await {
        Ok(issuers) => issuers,
        Err(error) => return refuse(Error::from(error)),
    };
    let mut identifiers: Vec<&str> = issuers.iter().filter_map(|issuer| issuer.identifier()).collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    told(&json!({
        "resource": broker.url("/graphql"),
        "resource_name": "Attaché for content tokens",
        "authorization_servers": identifiers,
        "bearer_methods_supported": ["header"],
    }))
}

fn told(metadata: &Value) -> Response {
    ([(header::CACHE_CONTROL, LIFETIME)], Json(metadata)).into_response()
}

/// Adds where the metadata are to the challenge of a bearer that was refused (RFC 9728 section 5.1).
pub fn name(broker: &Broker, wire: Wire, response: &mut Response) {
    let path = match wire {
        Wire::V1 => V1,
        Wire::GraphQl => GRAPHQL,
        Wire::Slack | Wire::OAuth | Wire::WellKnown | Wire::Session | Wire::Pages => return,
    };
    // The gate refuses bearers of somebody else's resource, and marks none of them.
    let is_ours = response.extensions().get::<Rejection>() == Some(&Rejection::Credential);
    if response.status() != StatusCode::UNAUTHORIZED || !is_ours {
        return;
    }
    let challenge = response.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let Some(challenge) = challenge else { return };
    let separator = if challenge.contains('=') { "," } else { "" };
    let challenge = format!("{challenge}{separator} resource_metadata=\"{}\"", broker.url(path));
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
}
