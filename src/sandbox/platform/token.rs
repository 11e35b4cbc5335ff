//! `POST /oauth/token`: token exchange (RFC 8693). A person's access token becomes an opaque token for one environment, for
//! the one client that there is.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde_json::json;

use super::{Environment, LIFETIME, Platform, bearer};
use crate::sandbox::fault::through;
use crate::sandbox::locked;

/// The one client, and its secret.
pub const CLIENT: (&str, &str) = ("attache-at-platform", "platform-s3cret");
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

pub(super) async fn answer(
    State(platform): State<Platform>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    *locked(&platform.0.asked) += 1;
    let fault = platform.faults().management.take();
    through(fault, process(&platform, &form)).await
}

async fn process(platform: &Platform, form: &HashMap<String, String>) -> Response {
    let said = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if (said("client_id"), said("client_secret")) != CLIENT {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if said("grant_type") != GRANT_TYPE {
        return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let mut headers = HeaderMap::new();
    let value = format!("Bearer {}", said("subject_token")).parse();
    let Ok(value) = value else { return refused(StatusCode::BAD_REQUEST, "invalid_request") };
    headers.insert(axum::http::header::AUTHORIZATION, value);
    let Some((subject, client)) = bearer::at_management_api(platform, &headers).await else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request");
    };
    let Some(environment) = target(platform, said("resource"), said("audience")) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_target");
    };
    let token = platform.give(subject, client, environment);
    let body = json!({
        "access_token": token,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": LIFETIME,
    });
    Json(body).into_response()
}

fn target(platform: &Platform, resource: &str, audience: &str) -> Option<Environment> {
    let environments = &platform.0.settings.environments;
    let is_it = |environment: &&Environment| {
        platform.content_api_url(environment) == resource
            || format!("{}/{}", environment.project, environment.environment) == audience
    };
    environments.iter().find(is_it).cloned()
}

fn refused(status: StatusCode, word: &str) -> Response {
    (status, Json(json!({ "error": word }))).into_response()
}
