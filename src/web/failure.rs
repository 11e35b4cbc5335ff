//! A failure as a page: what happened, whose turn it is, a way back, and an id to quote.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::html;
use super::view::{Link, MessagePage, Page};
use crate::edge::mark::Mark;
use crate::error::{ConnectFault, Error};
use crate::request_id;

/// An [`Error`] on its way to a person.
#[derive(Debug)]
pub struct PageFailure {
    pub error: Error,
    /// The sensible next step, where the failure alone does not tell.
    pub way_back: Option<Link>,
}

impl<E: Into<Error>> From<E> for PageFailure {
    fn from(error: E) -> Self {
        Self { error: error.into(), way_back: None }
    }
}

impl PageFailure {
    /// A failure of connecting an app: the next step is that app's link.
    #[must_use]
    pub fn of_connecting(error: Error, app_key: &str) -> Self {
        let again = matches!(
            error,
            Error::ConnectFailed(ref fault) if *fault != ConnectFault::AppClosed
        ) || matches!(error, Error::IssuerUnavailable { .. });
        let connect = format!("/connect/{app_key}");
        let href = match &error {
            // It asks which account is meant: the one that the issuer knows already would come again.
            Error::ConnectFailed(ConnectFault::OtherIdentity { .. }) => {
                format!("{connect}?prompt=select_account")
            }
            Error::ConnectFailed(ConnectFault::OtherPerson { .. }) => {
                format!("/sign-in?prompt=select_account&return_to={}", super::encode(&connect))
            }
            _ => connect,
        };
        let link = Link { label: "Try again".to_owned(), href };
        Self { error, way_back: again.then_some(link) }
    }

    /// A failure of signing in: the next step is to begin again, toward the same page.
    #[must_use]
    pub fn of_signing_in(error: Error, path: &str) -> Self {
        let link =
            Link { label: "Sign in".to_owned(), href: format!("/sign-in?return_to={}", super::encode(path)) };
        let usual = path == super::return_to::USUAL;
        Self { error, way_back: (!usual).then_some(link) }
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        let (status, _) = self.error.answer();
        self.error.report();
        let mut sentences = vec![sentence(&self.error)];
        sentences.extend(whose_turn(&self.error).map(str::to_owned));
        let home = Link { label: "Connected apps".to_owned(), href: "/account/connected-apps".to_owned() };
        let sign_in = Link { label: "Sign in".to_owned(), href: "/sign-in".to_owned() };
        let (primary, secondary) = match (&self.error, self.way_back) {
            // Who said no is not pressed to try again.
            (Error::ConnectFailed(ConnectFault::Denied), again) => (home, again),
            (_, Some(link)) => (link, Some(home)),
            (Error::SignInRequired | Error::SignInFailed(_), None) => (sign_in, None),
            (Error::IssuerUnavailable { .. } | Error::Misconfigured { .. }, None) => {
                (Link { label: "Back to the start".to_owned(), href: "/".to_owned() }, None)
            }
            _ => (home, None),
        };
        let heading = heading(&self.error, status);
        let page = MessagePage {
            page: Page::new(heading),
            heading: heading.to_owned(),
            sentences,
            said: None,
            primary,
            secondary,
            request_id: request_id::current().filter(|_| !status.is_success()),
        };
        let mut response = html(status, &page);
        Mark::put(&self.error, &mut response);
        if let Some(seconds) = self.error.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn heading(error: &Error, status: StatusCode) -> &'static str {
    match error {
        Error::NotFound | Error::ConnectionNotFound | Error::AppNotFound => "Nothing here",
        Error::SignInRequired => "Please sign in",
        Error::SignInFailed(_) => "Signing in did not work",
        Error::ConnectFailed(ConnectFault::Denied) => "Nothing was connected",
        Error::ConnectFailed(ConnectFault::OtherPerson { .. } | ConnectFault::OtherIdentity { .. }) => {
            "That was another account"
        }
        Error::ConnectFailed(_) => "Connecting did not work",
        Error::ForgedRequest => "That form was not ours",
        Error::IssuerUnavailable { .. } => "The other service does not answer",
        Error::Misconfigured { .. } => "Something is set up wrongly",
        Error::RateLimited { .. } | Error::Overloaded | Error::TakesLonger => "One moment, please",
        _ if status.is_server_error() => "Something went wrong here",
        _ => "That did not work",
    }
}

/// The error's own sentence, where that is not meant for a machine's keeper.
fn sentence(error: &Error) -> String {
    match error {
        Error::ConnectionNotFound => "No app of yours is connected under this address.".to_owned(),
        Error::ConnectFailed(fault) => fault.to_the_person(),
        error => error.to_string(),
    }
}

/// Beside the error's own sentence, for failures that are nobody's at the keyboard.
fn whose_turn(error: &Error) -> Option<&'static str> {
    match error {
        Error::IssuerUnavailable { .. } => {
            Some("This is the other service's fault, not yours. Nothing was changed here.")
        }
        Error::RateLimited { .. } | Error::Overloaded => Some("Nothing was changed. Reload this page then."),
        _ if error.is_the_operators() => {
            Some("This is not your fault. The operator of this place can mend it.")
        }
        _ => None,
    }
}

/// Dresses an answer that the framework made itself (a malformed path, a wrong method) as a page.
pub async fn dress(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_text = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || !is_text {
        return response;
    }
    let error = match status {
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Error::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        _ if status.is_server_error() => {
            Error::Internal("Something failed while this page was made.".to_owned())
        }
        _ => Error::InvalidRequest("The address or the form cannot be read.".to_owned()),
    };
    PageFailure::from(error).into_response()
}
