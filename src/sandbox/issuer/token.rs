//! `POST /oauth/token`: a code or a refresh token becomes tokens, with Auth0's words for what is wrong.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::book::{Grant, Refreshed, Rotation, Showing};
use super::params::{self, Params, Refusal, error};
use super::{AccessTokenFault, Client, Issuer, TokenShape, id_token, management, token_shape};
use crate::sandbox::fault::{Fault, through};
use crate::sandbox::jwt::{self, Object, encode};
use crate::secret::{random_text, same};

/// A token request. The fault is taken when the request arrives, so that orders are met in the same order.
pub(super) async fn answer(State(issuer): State<Issuer>, headers: HeaderMap, body: Bytes) -> Response {
    let params = Params::body(&headers, &body);
    match params.get("grant_type") {
        Some("authorization_code") => issuer.book().exchanges += 1,
        Some("refresh_token") => issuer.book().refreshes += 1,
        _ => {}
    }
    let fault = issuer.faults().token.take();
    let answered = !fault.as_ref().is_some_and(Fault::loses_the_answer);
    through(fault, async { process(&issuer, &headers, &params, answered).into_response() }).await
}

fn process(
    issuer: &Issuer,
    headers: &HeaderMap,
    params: &Params,
    answered: bool,
) -> Result<Response, Refusal> {
    let client = params::client(issuer, headers, params)?;
    match params.get("grant_type") {
        Some("authorization_code") => exchange(issuer, &client, params),
        Some("refresh_token") => {
            let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
            refresh(issuer, &client, params, agent.unwrap_or_default(), answered)
        }
        Some("client_credentials") => management::token(issuer, &client, params),
        Some(_) => Err(error(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Unsupported grant type")),
        None => {
            Err(error(StatusCode::BAD_REQUEST, "invalid_request", "Missing required parameter: grant_type"))
        }
    }
}

fn exchange(issuer: &Issuer, client: &Client, params: &Params) -> Result<Response, Refusal> {
    let refuse = |text: &str| error(StatusCode::BAD_REQUEST, "invalid_grant", text);
    let unknown = || refuse("Invalid authorization code");
    let text = params.get("code").unwrap_or_default();
    let (lifetime, one_alive) = {
        let settings = issuer.settings();
        (settings.refresh_lifetime, settings.one_live_refresh_token)
    };
    let now = issuer.now();
    let begun = {
        let mut book = issuer.book();
        let code = book.codes.get(text).filter(|code| code.grant.client == client.id).ok_or_else(unknown)?;
        if let Some(family) = code.used_for {
            book.end_family(family);
            return Err(unknown());
        }
        if code.expires_at <= now {
            return Err(unknown());
        }
        if params.get("redirect_uri") != Some(&code.redirect_uri) {
            return Err(refuse("The redirect URI is wrong."));
        }
        let verifier = params.get("code_verifier").unwrap_or_default();
        if !same(&encode(digest(&SHA256, verifier.as_bytes())), &code.challenge) {
            return Err(error(StatusCode::FORBIDDEN, "invalid_grant", "Failed to verify code verifier"));
        }
        let grant = code.grant.clone();
        if one_alive {
            book.end_earlier(&grant);
        }
        let begun = book.begin(grant, now, now.plus(lifetime));
        if let Some(code) = book.codes.get_mut(text) {
            code.used_for = Some(begun.family);
        }
        begun
    };
    let shape = issuer.faults().token_shape.take();
    Ok(success(issuer, begun, shape.as_ref()))
}

fn refresh(
    issuer: &Issuer,
    client: &Client,
    params: &Params,
    by: &str,
    answered: bool,
) -> Result<Response, Refusal> {
    let Some(token) = params.get("refresh_token") else {
        return Err(error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Missing required parameter: refresh_token",
        ));
    };
    let shape = issuer.faults().token_shape.take();
    let (mut rotation, dead_word) = {
        let settings = issuer.settings();
        let (rotates, leeway, reuse_window) = (settings.rotation, settings.leeway, settings.reuse_window);
        (Rotation { rotates, leeway, reuse_window }, settings.dead_word)
    };
    let showing = Showing { client: &client.id, token, by, at: issuer.0.clock.monotonic(), answered };
    rotation.rotates &= !shape.as_ref().is_some_and(TokenShape::withholds_refresh_token);
    let refreshed = issuer.book().refresh(&showing, issuer.now(), rotation);
    let Some(mut refreshed) = refreshed else {
        return Err(error(StatusCode::FORBIDDEN, dead_word, "Unknown or invalid refresh token."));
    };
    // A nonce belongs to one authorization response, not to a refresh (OpenID Connect Core 12.2).
    refreshed.grant.nonce = None;
    if let Some(narrower) = params.get("scope") {
        refreshed.grant.scope.retain(|scope| narrower.split_whitespace().any(|wanted| wanted == scope));
    }
    Ok(success(issuer, refreshed, shape.as_ref()))
}

fn success(issuer: &Issuer, given: Refreshed, shape: Option<&TokenShape>) -> Response {
    let Refreshed { family, grant, token } = given;
    let (lifetime, id_tokens) = {
        let settings = issuer.settings();
        (settings.access_lifetime, settings.id_tokens)
    };
    let mut access = access_token(issuer, &grant, lifetime);
    if matches!(shape, Some(TokenShape::CrLfInAccessToken)) {
        access.insert_str(access.len() / 2, "\r\nx-injected: yes");
    }
    let mut answer = Object::new();
    if id_tokens && grant.has("openid") {
        let id_token = id_token::make(issuer, &grant, &access);
        issuer.book().issued.push(id_token.clone());
        answer.insert("id_token".to_owned(), Value::from(id_token));
    }
    let scope: Vec<&str> = grant.scope.iter().map(String::as_str).collect();
    answer.insert("scope".to_owned(), Value::from(scope.join(" ")));
    answer.insert("expires_in".to_owned(), Value::from(lifetime));
    answer.insert("token_type".to_owned(), Value::from("Bearer"));
    answer.insert("access_token".to_owned(), Value::from(access.clone()));
    if let Some(token) = token {
        answer.insert("refresh_token".to_owned(), Value::from(token));
    }
    issuer.book().keep_access(&access, family, grant, issuer.now(), lifetime);
    token_shape::answer(answer, shape)
}

/// A JWT (RFC 9068) for an audience, unless all are opaque here; without one, an opaque token that is only good for userinfo.
fn access_token(issuer: &Issuer, grant: &Grant, lifetime: i64) -> String {
    let is_opaque = issuer.settings().opaque_access_tokens;
    let Some(audience) = grant.audience.as_ref().filter(|_| !is_opaque) else { return random_text::<24>() };
    let audiences =
        if grant.has("openid") { json!([audience, issuer.endpoint("userinfo")]) } else { json!(audience) };
    let scope: Vec<&str> = grant.scope.iter().map(String::as_str).collect();
    let now = issuer.now();
    let mut claims = jwt::object(json!({
        "iss": issuer.url(),
        "sub": grant.subject,
        "aud": audiences,
        "azp": grant.client,
        "client_id": grant.client,
        "scope": scope.join(" "),
        "iat": now,
        "exp": now.plus(lifetime),
        "jti": random_text::<16>(),
    }));
    let key = issuer.keys().current();
    let mut header = jwt::object(json!({ "alg": "RS256", "typ": "at+jwt", "kid": key.id }));
    match issuer.faults().access_token.take() {
        None => {}
        Some(AccessTokenFault::Typ(typ)) => drop(header.insert("typ".to_owned(), json!(typ))),
        Some(AccessTokenFault::NoTyp) => drop(header.remove("typ")),
        Some(AccessTokenFault::NoIat) => drop(claims.remove("iat")),
        Some(AccessTokenFault::MayAct(actor)) => {
            claims.insert("may_act".to_owned(), json!({ "sub": actor }));
        }
        Some(AccessTokenFault::Date(name, at)) => drop(claims.insert(name.to_owned(), json!(at))),
        Some(AccessTokenFault::Text(name, text)) => drop(claims.insert(name.to_owned(), json!(text))),
    }
    jwt::compact(&header, &claims, |input| key.sign(input))
}
