//! `GET /v1/environments`: which environments a backend's apps may reach, where they are, and with which permissions; with
//! `connection`, those of that connection's person.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::Broker;
use crate::caller::authenticate;
use crate::content::Environment;
use crate::content::overview::{self, Overview};
use crate::content::permission::{Permission, Permissions};
use crate::content::rules::Strategy;
use crate::dialect::authorization_header::bearer_token;
use crate::error::Error;

pub async fn list(
    State(broker): State<Broker>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
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
    let environments = found.iter().map(EnvironmentOfApps::of).collect();
    Ok(Json(EnvironmentList { environments }).into_response())
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

/// The environments that a backend's apps may reach.
#[derive(Serialize, ToSchema)]
pub struct EnvironmentList<'a> {
    environments: Vec<EnvironmentOfApps<'a>>,
}

/// One environment of a content platform. What is not known is not there.
#[derive(Serialize, ToSchema)]
struct EnvironmentOfApps<'a> {
    project: &'a str,
    environment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    project_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    environment_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    region: Option<&'a str>,
    endpoints: Endpoints<'a>,
    /// Meant by a request that names no stage.
    default_stage: &'a str,
    strategy: Strategy,
    /// What a request without a token may do.
    #[schema(value_type = Vec<Permission>)]
    public: Permissions,
    apps: Vec<AppThere<'a>>,
}

/// Where its content API is.
#[derive(Serialize, ToSchema)]
struct Endpoints<'a> {
    #[schema(format = "uri")]
    content: &'a str,
    /// The one for much reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    high_performance: Option<&'a str>,
}

/// What the content tokens of an app may do there. Where another platform decides, only the app is told.
#[derive(Serialize, ToSchema)]
struct AppThere<'a> {
    /// The app's key.
    app: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Vec<Permission>>)]
    permissions: Option<&'a Permissions>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token_lifetime: Option<i64>,
}

impl<'a> EnvironmentOfApps<'a> {
    fn of(overview: &'a Overview) -> Self {
        let Environment { project, environment, content_api_url, settings, strategy, lifetime, .. } =
            overview.environment.as_ref();
        let app = |(key, permissions): &'a (String, Option<Permissions>)| AppThere {
            app: key,
            permissions: permissions.as_ref(),
            token_lifetime: permissions.as_ref().map(|_| *lifetime),
        };
        Self {
            project,
            environment,
            project_name: settings.project_name.as_deref(),
            environment_name: settings.environment_name.as_deref(),
            region: settings.region.as_deref(),
            endpoints: Endpoints {
                content: content_api_url.as_str(),
                high_performance: settings.high_performance_url.as_ref().map(Url::as_str),
            },
            default_stage: &settings.default_stage,
            strategy: *strategy,
            public: overview.environment.public_permissions(),
            apps: overview.apps.iter().map(app).collect(),
        }
    }
}
