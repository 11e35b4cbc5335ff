//! The machine wire formats. Each is a thin file over the verbs of the slices: it parses, calls one verb, and
//! answers in its own form.

pub mod authorization_header;
pub mod client_authentication;
pub mod cross_origin;
pub mod gate;
pub mod graphql;
pub mod oauth;
pub mod openapi;
pub mod protected_resource;
pub mod resource_server_secret;
pub mod slack;
pub mod v1;

use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::secret::Token;
use crate::web::failure::PageFailure;

/// Which wire an address belongs to: what a failure looks like there, before any verb is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Slack,
    OAuth,
    /// What anybody may read about us, answered like OAuth.
    WellKnown,
    GraphQl,
    V1,
    /// The part of `/v1` that pages of the platform ask, by a cookie.
    Session,
    Pages,
}

impl Wire {
    #[must_use]
    pub fn of(path: &str) -> Self {
        if path.starts_with("/api/") {
            Self::Slack
        } else if path.starts_with("/oauth/") {
            Self::OAuth
        } else if path.starts_with("/.well-known/") || path == "/openapi.json" {
            Self::WellKnown
        } else if path == "/graphql" {
            Self::GraphQl
        } else if path == "/v1/session" || path.starts_with("/v1/session/") {
            Self::Session
        } else if path.starts_with("/v1/") {
            Self::V1
        } else {
            Self::Pages
        }
    }

    /// Whether each request brings a credential of its own.
    #[must_use]
    pub const fn authenticates(self) -> bool {
        matches!(self, Self::Slack | Self::OAuth | Self::GraphQl | Self::V1)
    }

    /// Slack's `token`, and `client_secret` of RFC 6749 section 2.3.1.
    #[must_use]
    pub const fn takes_credentials_in_a_body(self) -> bool {
        matches!(self, Self::Slack | Self::OAuth)
    }
}

/// The credential in a body, where the wire takes one there.
#[must_use]
pub fn credential_in_body(wire: Wire, headers: &HeaderMap, body: &[u8]) -> Option<Token> {
    match wire {
        Wire::Slack => slack::credential_in_body(headers, body),
        Wire::OAuth => oauth::credential_in_body(headers, body),
        Wire::WellKnown | Wire::GraphQl | Wire::V1 | Wire::Session | Wire::Pages => None,
    }
}

/// A failure that no verb met, in the wire's own form; a page for people.
#[must_use]
pub fn refuse(wire: Wire, error: Error) -> Response {
    match wire {
        Wire::Slack => slack::refuse(error),
        Wire::OAuth | Wire::WellKnown => oauth::refuse(error),
        Wire::GraphQl => graphql::refuse(&error),
        Wire::V1 | Wire::Session => v1::refuse(error),
        Wire::Pages => PageFailure::from(error).into_response(),
    }
}

/// For an address that nothing answers to.
pub async fn not_found(uri: Uri) -> Response {
    refuse(Wire::of(uri.path()), Error::NotFound)
}

/// For a method that an address does not answer to.
pub async fn method_not_allowed(uri: Uri) -> Response {
    refuse(Wire::of(uri.path()), Error::MethodNotAllowed)
}
