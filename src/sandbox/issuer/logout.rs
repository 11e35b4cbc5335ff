//! `GET /oidc/logout`: ends the browser's session here and returns to the client (RP-initiated logout).

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use url::Url;

use super::authorize::{COOKIE, session_id, set_cookie};
use super::params::Params;
use super::redirect::see_other;
use super::{Issuer, pages};
use crate::sandbox::jwt::{self, Parts};

/// A logout request. The client is `client_id`, or else the audience of the hint.
pub(super) async fn answer(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::form(query.unwrap_or_default());
    if let Some(id) = session_id(&headers) {
        issuer.book().sessions.remove(id);
    }
    let mut answer = way_out(&issuer, &params);
    set_cookie(&mut answer, &format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
    answer
}

fn way_out(issuer: &Issuer, params: &Params) -> Response {
    let Some(target) = params.get("post_logout_redirect_uri") else {
        return pages::notice("Signed out", "You are signed out of the sandbox issuer.");
    };
    let hinted = params.get("id_token_hint").and_then(Parts::parse);
    let hinted = hinted.as_ref().map(|token| jwt::text(&token.claims, "aud"));
    let id = params.get("client_id").or(hinted).unwrap_or_default();
    let registered = issuer
        .settings()
        .client(id)
        .is_some_and(|client| client.post_logout_redirect_uris.iter().any(|uri| uri == target));
    let Some(mut uri) = Url::parse(target).ok().filter(|_| registered) else {
        return pages::refusal("Unknown return address", "It is not among those registered for this client.");
    };
    if let Some(state) = params.get("state") {
        uri.query_pairs_mut().append_pair("state", state);
    }
    see_other(uri.as_str())
}
