//! `GET /v1/environments`: which environments a backend's apps may reach, where they are, and with which permissions; with
//! `connection`, those of that connection's person.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::Broker;
use crate::caller::authenticate;
use crate::content::Environment;
use crate::content::overview::{self, Overview};
use crate::content::permission::Permissions;
use crate::dialect::authorization_header::bearer_token;
use crate::error::Error;

pub async fn list(
    State(broker): State<Broker>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let key = bearer_token(&headers).ok_or(Error::NotAuthed)?;
    let found = match connection(query.as_deref().unwrap_or_default()) {
        Ok(Some(id)) => overview::of_connection(&broker, &key, &id).await?,
        Ok(None) => overview::of_caller(&broker, &key).await?,
        // Who asks is judged before what is asked.
        Err(error) => {
            authenticate::by_key(&broker, &key).await?;
            return Err(error.into());
        }
    };
    let items: Vec<Value> = found.iter().map(item).collect();
    Ok(Json(json!({ "environments": items })))
}

/// The connection that is asked about.
fn connection(query: &str) -> Result<Option<String>, Error> {
    let refuse = |sentence: &str| Err(Error::InvalidRequest(sentence.to_owned()));
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    match (parameters.next(), parameters.next()) {
        (None, _) => Ok(None),
        (Some((name, id)), None) if name == "connection" => Ok(Some(id.into_owned())),
        _ => refuse("The only parameter is `connection`, a connection's id, and it stands once."),
    }
}

/// What is not known is not there.
fn item(overview: &Overview) -> Value {
    let Environment { project, environment, content_api_url, settings, strategy, lifetime, .. } =
        overview.environment.as_ref();
    let mut item = json!({
        "project": project,
        "environment": environment,
        "endpoints": { "content": content_api_url },
        "default_stage": settings.default_stage,
        "strategy": <&str>::from(*strategy),
        "public": overview.environment.public_permissions(),
    });
    let names = [
        ("project_name", &settings.project_name),
        ("environment_name", &settings.environment_name),
        ("region", &settings.region),
    ];
    for (member, name) in names {
        if let Some(name) = name {
            item[member] = json!(name);
        }
    }
    if let Some(url) = &settings.high_performance_url {
        item["endpoints"]["high_performance"] = json!(url);
    }
    let app = |(key, permissions): &(String, Option<Permissions>)| match permissions {
        Some(permissions) => json!({ "app": key, "permissions": permissions, "token_lifetime": lifetime }),
        None => json!({ "app": key }),
    };
    item["apps"] = overview.apps.iter().map(app).collect();
    item
}
