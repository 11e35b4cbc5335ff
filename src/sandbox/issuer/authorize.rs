//! `/authorize`: who signs in, what they allow, and the way back to the client with a code.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::book::{Code, Grant, Session};
use super::params::Params;
use super::prompt::Prompt;
use super::{Issuer, pages};
use crate::secret::random_text;

/// The issuer's cookie. Ports share cookies, so the name must differ from every cookie of the broker.
pub(super) const COOKIE: &str = "sandbox_issuer_session";
/// How long a code waits for its exchange, in seconds.
const CODE_LIFETIME: i64 = 600;

/// An authorization request.
pub(super) async fn ask(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    begin(&issuer, &headers, Params::form(query.unwrap_or_default()))
}

/// An answer from one of our pages, or an authorization request in a form (OpenID Connect Core 3.1.2.1). The
/// cookie is `SameSite=Lax`, which is all the protection against forged answers that a sandbox needs.
pub(super) async fn answer(State(issuer): State<Issuer>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Params::form(&body);
    let Some(request) = form.get("request") else { return begin(&issuer, &headers, form) };
    let prompt = match Prompt::read(&issuer, Params::form(request)) {
        Ok(prompt) => prompt,
        Err(answer) => return answer.into_response(),
    };
    if let Some(subject) = form.get("person") {
        return sign_in(&issuer, &prompt, subject);
    }
    match (session(&issuer, &headers), form.get("decision")) {
        (None, _) => pages::who(&issuer, &prompt),
        (Some(session), Some("allow")) => {
            let grant = prompt.grant(&session);
            issuer.book().consent(&grant);
            finish(&issuer, &prompt, grant)
        }
        (Some(_), _) => prompt.way_back.error(&issuer, "access_denied", "User did not authorize the request"),
    }
}

fn begin(issuer: &Issuer, headers: &HeaderMap, params: Params) -> Response {
    let prompt = match Prompt::read(issuer, params) {
        Ok(prompt) => prompt,
        Err(answer) => return answer.into_response(),
    };
    let silent = prompt.wants("none");
    let again = prompt.wants("login") || prompt.wants("select_account");
    let session = session(issuer, headers).filter(|session| !again && !prompt.is_too_old(issuer, session));
    let Some(session) = session else {
        return if silent {
            prompt.way_back.error(issuer, "login_required", "Login required")
        } else {
            pages::who(issuer, &prompt)
        };
    };
    let grant = prompt.grant(&session);
    if issuer.book().consented(&grant) && !prompt.wants("consent") {
        return finish(issuer, &prompt, grant);
    }
    if silent {
        return prompt.way_back.error(issuer, "consent_required", "Consent required");
    }
    pages::consent(issuer, &prompt, &grant)
}

/// Remembers who it is, then asks for consent in the same answer: a redirect would meet `prompt=login` again.
fn sign_in(issuer: &Issuer, prompt: &Prompt, subject: &str) -> Response {
    if issuer.settings().person(subject).is_none() {
        return pages::refusal("Unknown person", "Nobody with this subject lives in the sandbox.");
    }
    let id = random_text::<32>();
    let session = Session { id: id.clone(), subject: subject.to_owned(), signed_in_at: issuer.now() };
    let grant = prompt.grant(&session);
    issuer.book().sessions.insert(id.clone(), session);
    let consented = issuer.book().consented(&grant) && !prompt.wants("consent");
    let mut answer =
        if consented { finish(issuer, prompt, grant) } else { pages::consent(issuer, prompt, &grant) };
    set_cookie(&mut answer, &format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax"));
    answer
}

fn finish(issuer: &Issuer, prompt: &Prompt, grant: Grant) -> Response {
    let code = issuer.book().code(Code {
        grant,
        redirect_uri: prompt.redirect_uri.clone(),
        challenge: prompt.challenge.clone(),
        expires_at: issuer.now().plus(CODE_LIFETIME),
        used_for: None,
    });
    prompt.way_back.code(issuer, &code)
}

/// The id in the browser's cookie.
pub(super) fn session_id(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split("; "))
        .find_map(|pair| pair.strip_prefix(COOKIE)?.strip_prefix('='))
}

fn session(issuer: &Issuer, headers: &HeaderMap) -> Option<Session> {
    let session = issuer.book().sessions.get(session_id(headers)?).cloned()?;
    issuer.settings().person(&session.subject).is_some().then_some(session)
}

pub(super) fn set_cookie(answer: &mut Response, cookie: &str) {
    match HeaderValue::from_str(cookie) {
        Ok(cookie) => {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Err(_) => *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
}
