//! Sends the browser back to the client with an authorization response: a code or an error, always with the
//! client's own `state` and our `iss` (RFC 9207).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::params::Params;
use super::{AuthorizationFault, Issuer};

/// A request's way back, known to belong to the client.
pub(super) struct WayBack {
    pub uri: Url,
    pub state: Option<String>,
}

impl WayBack {
    pub(super) fn new(uri: Url, params: &Params) -> Self {
        Self { uri, state: params.get("state").map(str::to_owned) }
    }

    /// With an error.
    pub(super) fn error(&self, issuer: &Issuer, error: &str, description: &str) -> Response {
        self.answer(issuer, &[("error", error), ("error_description", description)])
    }

    /// With a code.
    pub(super) fn code(&self, issuer: &Issuer, code: &str) -> Response {
        self.answer(issuer, &[("code", code)])
    }

    fn answer(&self, issuer: &Issuer, what: &[(&str, &str)]) -> Response {
        let fault = issuer.faults().authorization.take();
        let mut uri = self.uri.clone();
        {
            let mut query = uri.query_pairs_mut();
            match &fault {
                Some(AuthorizationFault::Error(error)) => query.append_pair("error", error),
                _ => query.extend_pairs(what),
            };
            match (&fault, &self.state) {
                (Some(AuthorizationFault::WrongState), _) => {
                    query.append_pair("state", "another-state");
                }
                (_, Some(state)) => {
                    query.append_pair("state", state);
                }
                (_, None) => {}
            }
            match &fault {
                Some(AuthorizationFault::NoIss) => {}
                Some(AuthorizationFault::WrongIss) => {
                    query.append_pair("iss", "http://other-issuer.test/");
                }
                _ => {
                    query.append_pair("iss", issuer.url());
                }
            }
        }
        see_other(uri.as_str())
    }
}

/// 303, so that a form's body is not sent on.
pub(super) fn see_other(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(address) => {
            let headers =
                [(header::LOCATION, address), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
