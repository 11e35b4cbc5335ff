//! `/connect/{app}/callback`: the app's one redirect URI at its issuer.

use axum::extract::{Path, RawQuery, State};
use axum::http::Method;
use axum::response::Response;

use super::to_app;
use crate::Broker;
use crate::consent::complete::grant::Outcome;
use crate::consent::complete::{Completed, Ended, complete};
use crate::consent::start::app_to_connect;
use crate::error::{ConnectFault, Error};
use crate::issuer::callback::Callback;
use crate::web::failure::PageFailure;
use crate::web::{SignedInBrowser, see_other};

/// GET only: a HEAD, as a link checker sends it, must not use up a state.
pub async fn callback(
    State(broker): State<Broker>,
    method: Method,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    signed_in: SignedInBrowser,
) -> Result<Response, PageFailure> {
    if method != Method::GET {
        return Err(Error::MethodNotAllowed.into());
    }
    let app = app_to_connect(&broker, &key).await?;
    let malformed = |_| {
        let sentence = "The answer was not one that an authorization service gives.".to_owned();
        to_app::failed(ConnectFault::Issuer(sentence).into(), &app, format!("/connect/{key}"), None)
    };
    let callback = Callback::parse(query.as_deref().unwrap_or_default()).map_err(malformed)?;
    let completed = complete(&broker, &signed_in.account, &signed_in.binding, &app, callback).await;
    let Ended { error, return_to_app, connection_id } = match completed {
        Ok(completed) => return Ok(see_other(&onward(&completed, &key))),
        Err(ended) => ended,
    };
    let back = return_to_app.as_ref();
    if let Some(told) = to_app::with_error(&error, back) {
        return Ok(see_other(told.as_str()));
    }
    let again = to_app::connect_link(&key, connection_id.as_deref(), back);
    Err(to_app::failed(error, &app, again, back))
}

/// Where the person goes on.
pub(crate) fn onward(completed: &Completed, app_key: &str) -> String {
    match (&completed.outcome, &completed.return_to_app) {
        (Outcome::Kept(state), _) => format!("/connect/{app_key}/identity/{}", state.as_str()),
        (Outcome::Stored(id), Some(back)) => back.with(&[("connection", id)]).into(),
        (Outcome::Stored(id), None) => format!("/account/connected-apps?connected={id}"),
    }
}
