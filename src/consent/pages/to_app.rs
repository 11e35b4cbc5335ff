//! The way back to an app that sent the person: with an OAuth error where there is no connection (RFC 6749 section
//! 4.1.2.1), and as a link on the page where the person stays here. Nobody is sent to an address that is not registered.

use url::Url;

use crate::app::App;
use crate::consent::attempt::ReturnToApp;
use crate::error::{ConnectFault, Error};
use crate::issuer::authorization_error::AuthorizationError;
use crate::request_id;
use crate::web::encode;
use crate::web::failure::PageFailure;
use crate::web::view::Link;

/// The app's word for what failed.
const fn code(error: &Error) -> AuthorizationError {
    match error {
        Error::ConnectFailed(fault) => match fault {
            ConnectFault::Refused(code, _) => *code,
            ConnectFault::Denied
            | ConnectFault::OtherIdentity { .. }
            | ConnectFault::OtherPerson { .. }
            | ConnectFault::ScopeMismatch
            | ConnectFault::Foreign
            | ConnectFault::StateUnknown => AuthorizationError::AccessDenied,
            ConnectFault::AppClosed => AuthorizationError::UnauthorizedClient,
            ConnectFault::WrongIssuer | ConnectFault::Issuer(_) => AuthorizationError::ServerError,
        },
        Error::InvalidRequest(_) => AuthorizationError::InvalidRequest,
        Error::InvalidScope(_) => AuthorizationError::InvalidScope,
        Error::IssuerUnavailable { .. }
        | Error::RateLimited { .. }
        | Error::Overloaded
        | Error::TakesLonger
        | Error::Database(_)
        | Error::Unwritten => AuthorizationError::TemporarilyUnavailable,
        _ => AuthorizationError::ServerError,
    }
}

/// Whether the person stays here with a page: they can mend it now, it goes on, or it is not sure who spoke.
const fn stays_here(error: &Error) -> bool {
    matches!(
        error,
        Error::TakesLonger
            | Error::ConnectFailed(
                ConnectFault::OtherIdentity { .. }
                    | ConnectFault::OtherPerson { .. }
                    | ConnectFault::WrongIssuer
            )
    )
}

/// Where the person goes with a consent that ended without a connection; None when they stay here.
pub(crate) fn with_error(error: &Error, back: Option<&ReturnToApp>) -> Option<Url> {
    let back = back.filter(|_| !stays_here(error))?;
    let code = <&str>::from(code(error));
    if matches!(error, Error::ConnectFailed(ConnectFault::Denied)) {
        return Some(back.with(&[("error", code)]));
    }
    error.report();
    tracing::info!(code, %error, "an app was told of a consent that failed");
    // Printable ASCII, RFC 6749 appendix A.8; nothing of what an issuer said.
    let id = request_id::current().unwrap_or_default();
    let description =
        format!("The account was not connected. The log of the connection service explains it under {id}.");
    Some(back.with(&[("error", code), ("error_description", &description)]))
}

/// The page of a consent that failed: trying again begins where it began, and there is a way back to the app.
pub(crate) fn failed(error: Error, app: &App, again: String, back: Option<&ReturnToApp>) -> PageFailure {
    let worth_trying = match &error {
        Error::ConnectFailed(fault) => *fault != ConnectFault::AppClosed,
        Error::IssuerUnavailable { .. }
        | Error::RateLimited { .. }
        | Error::Overloaded
        | Error::Conflict(_)
        | Error::Database(_)
        | Error::Unwritten => true,
        _ => false,
    };
    let again = match &error {
        // It asks which account is meant: the one that the issuer knows already would come again.
        Error::ConnectFailed(ConnectFault::OtherIdentity { .. }) => {
            let more = if again.contains('?') { '&' } else { '?' };
            format!("{again}{more}prompt=select_account")
        }
        Error::ConnectFailed(ConnectFault::OtherPerson { .. }) => {
            format!("/sign-in?prompt=select_account&return_to={}", encode(&again))
        }
        _ => again,
    };
    let told = back.map(|back| back.with(&[("error", <&str>::from(code(&error)))]).to_string());
    let home = || crate::pages::in_words::home_page(app).map(|home| home.href);
    let label = format!("Back to {}", app.name);
    let to_app = told.or_else(home).map(|href| Link { label, href });
    PageFailure { error, again: worth_trying.then_some(again), to_app }
}

/// The connect page once more, as it was asked for.
pub(crate) fn connect_link(key: &str, connection: Option<&str>, back: Option<&ReturnToApp>) -> String {
    let uri = back.map(|back| back.uri.as_str());
    let state = back.and_then(|back| back.state.as_deref());
    let asked = [("connection", connection), ("redirect_uri", uri), ("state", state)];
    let pairs = asked.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(value?))));
    let query = pairs.collect::<Vec<_>>().join("&");
    if query.is_empty() { format!("/connect/{key}") } else { format!("/connect/{key}?{query}") }
}
