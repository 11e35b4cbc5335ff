//! A failure as a page: what happened, whose turn it is, a way on, and an id to quote. Whoever is signed in stays in the
//! page's header. Decides no status, see [`crate::error`].

use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_sessions::Session;

use super::view::{Link, MessagePage, Page};
use super::{Browser, encode, html, return_to};
use crate::Broker;
use crate::config::{Config, PublicUrl};
use crate::edge::rejection::Rejection;
use crate::error::{ConnectFault, Error};
use crate::request_id;

/// An [`Error`] on its way to a person.
#[derive(Debug)]
pub struct PageFailure {
    pub error: Error,
    /// Where trying again begins, where the address that failed does not tell.
    pub again: Option<String>,
    /// The way back to an app that sent the person.
    pub to_app: Option<Link>,
}

impl<E: Into<Error>> From<E> for PageFailure {
    fn from(error: E) -> Self {
        Self { error: error.into(), again: None, to_app: None }
    }
}

/// A failure's page, told to the layer that knows who is signed in and which address failed.
#[derive(Clone)]
struct FailurePage {
    page: MessagePage,
    /// Whether the same may succeed when it is tried again, and nobody said where.
    may_succeed: bool,
    /// Whether the database can be asked who is there.
    may_ask: bool,
    /// Whether the page may hold what proves a form: whoever sent a forged one is shown nothing of it.
    may_prove: bool,
}

impl PageFailure {
    /// A failure of signing in: the next step is to begin again, toward the same page.
    #[must_use]
    pub fn of_signing_in(error: Error, path: &str) -> Self {
        let again = format!("/sign-in?return_to={}", encode(path));
        let usual = path == return_to::USUAL;
        Self { error, again: (!usual).then_some(again), to_app: None }
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        let (status, code) = self.error.answer();
        self.error.report();
        let quoted = is_logged(&self.error);
        if quoted && !status.is_server_error() {
            tracing::info!(code, error = %self.error, "a page told of a failure");
        }
        let heading = heading(&self.error, status);
        let mut sentences = vec![sentence(&self.error)];
        sentences.extend(whose_turn(&self.error).map(str::to_owned));
        let may_succeed = self.again.is_none() && may_succeed(&self.error);
        let may_ask = !matches!(self.error, Error::Database(_) | Error::TakesLonger);
        let may_prove = !matches!(self.error, Error::ForgedRequest);
        let (primary, secondary) = ways_on(&self.error, self.again, self.to_app);
        let page = MessagePage {
            page: Page::new(heading),
            heading: heading.to_owned(),
            sentences,
            said: None,
            primary,
            secondary,
            request_id: request_id::current().filter(|_| quoted && !status.is_success()),
        };
        let mut response = html(status, &page);
        Rejection::put(&self.error, &mut response);
        if let Some(seconds) = self.error.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(FailurePage { page, may_succeed, may_ask, may_prove });
        response
    }
}

fn ways_on(error: &Error, again: Option<String>, to_app: Option<Link>) -> (Link, Option<Link>) {
    let home = Link { label: "Connected apps".to_owned(), href: "/account/connected-apps".to_owned() };
    let again = again.map(try_again);
    match (error, again, to_app) {
        (Error::SignInRequired, again, _) => {
            let href = again.map_or_else(|| "/sign-in".to_owned(), |again| again.href);
            (Link { label: "Sign in".to_owned(), href }, None)
        }
        (Error::SignInFailed(_), None, _) => (try_again("/sign-in".to_owned()), None),
        // Who said no is not pressed to try again.
        (Error::ConnectFailed(ConnectFault::Denied), again, to_app) => (to_app.unwrap_or(home), again),
        (_, Some(again), to_app) => (again, Some(to_app.unwrap_or(home))),
        (_, None, Some(to_app)) => (to_app, Some(home)),
        (Error::IssuerUnavailable { .. } | Error::Misconfigured { .. }, None, None) => {
            (Link { label: "Back to the start".to_owned(), href: "/".to_owned() }, None)
        }
        (_, None, None) => (home, None),
    }
}

fn try_again(href: String) -> Link {
    Link { label: "Try again".to_owned(), href }
}

/// Whether the same may succeed a moment later, or from a fresh page.
const fn may_succeed(error: &Error) -> bool {
    matches!(
        error,
        Error::IssuerUnavailable { .. }
            | Error::RateLimited { .. }
            | Error::Overloaded
            | Error::TakesLonger
            | Error::TooSlow
            | Error::ForgedRequest
            | Error::Conflict(_)
            | Error::Database(_)
            | Error::Unwritten
            | Error::Vault(_)
            | Error::Internal(_)
    )
}

/// Whether the log explains it. Who is turned away is counted only: a log that grows with each refusal would be a load of
/// its own.
const fn is_logged(error: &Error) -> bool {
    !matches!(error, Error::Overloaded | Error::RateLimited { .. } | Error::TakesLonger)
}

/// Where somebody begins again who met a failure at this address: one that may be opened as often as one likes.
fn begins_again(public_url: &PublicUrl, method: &Method, uri: &Uri) -> String {
    let path = uri.path();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (method.is_safe(), segments.as_slice()) {
        // What an issuer answered is good for once.
        (_, ["sign-in", "callback"]) => "/sign-in".to_owned(),
        (_, ["connect", app, "callback"]) => format!("/connect/{app}"),
        // `//elsewhere` is a path here, and another host in a link.
        (true, _) => return_to::parse(public_url, uri.path_and_query().map(PathAndQuery::as_str)),
        // A form's own page.
        (false, ["account", "connected-apps", id, _]) => format!("/account/connected-apps/{id}"),
        (false, ["connect" | "connect-sessions", ..]) => path.to_owned(),
        (false, _) => "/account/connected-apps".to_owned(),
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
        Error::RateLimited { .. } | Error::Overloaded => Some("Nothing was changed."),
        _ if error.is_the_operators() => {
            Some("This is not your fault. The operator of this place can mend it.")
        }
        _ => None,
    }
}

/// The same page of a failure, as the operator's own. For what is refused before anything else of ours is reached.
#[must_use]
pub fn branded(config: &Config, response: Response) -> Response {
    let Some(FailurePage { mut page, .. }) = response.extensions().get().cloned() else { return response };
    page.page = page.page.branded(config);
    again_as(&page, response)
}

fn again_as(page: &MessagePage, response: Response) -> Response {
    let body = html(response.status(), page).into_body();
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, body)
}

/// Dresses an answer that the framework made itself (a malformed path, a wrong method) as a page.
pub async fn dress(request: Request, next: Next) -> Response {
    dressed(next.run(request).await)
}

/// The same within a session: whoever is signed in stays in the header, and who may try again is led to where.
pub async fn dress_for_the_signed_in(State(broker): State<Broker>, request: Request, next: Next) -> Response {
    let again = begins_again(&broker.config.public_url, request.method(), request.uri());
    let session = request.extensions().get::<Session>().cloned();
    let response = dressed(next.run(request).await);
    let Some(failure) = response.extensions().get::<FailurePage>().cloned() else { return response };
    let FailurePage { mut page, may_succeed, may_ask, may_prove } = failure;
    page.page = page.page.branded(&broker.config);
    if may_ask
        && let Some(session) = session
        && let Ok(browser) = Browser::of(session, &broker).await
    {
        page.page = browser.page(page.page.title);
        if !may_prove {
            page.page.csrf.clear();
        }
    }
    if may_succeed {
        let before = std::mem::replace(&mut page.primary, try_again(again));
        page.secondary = page.secondary.or(Some(before)).filter(|link| link.href != page.primary.href);
    }
    again_as(&page, response)
}

fn dressed(response: Response) -> Response {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leads_to_no_other_host_by_the_address_that_failed() {
        let ours = "https://attache.test/".to_owned().try_into().expect("a URL");
        let again = |address: &'static str| begins_again(&ours, &Method::GET, &Uri::from_static(address));
        assert_eq!(again("/connect/app?state=a%20b"), "/connect/app?state=a%20b");
        assert_eq!(again("//elsewhere.test/"), return_to::USUAL);
        assert_eq!(again("/connect/app/callback?code=c&state=s"), "/connect/app");
    }
}
