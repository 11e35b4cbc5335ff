//! `/v1/session`: what pages of the platform ask about whoever is signed in in their browser, by its cookie. Judged by the
//! page's origin first ([`origin`]). Serves no backend, and knows no API key.

pub mod connections;
pub mod handshake;
pub mod origin;
pub mod tokens;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::Broker;
use crate::account::record::record;
use crate::account::sign_out::{IssuersEnd, SignedOut};
use crate::clock::Timestamp;
use crate::ledger::Action;
use crate::secret::TokenHash;
use crate::session;
use crate::web::Browser;
use crate::web::cookies::{Cookies, OwnCookie};

pub fn router(broker: &Broker) -> Router<Broker> {
    Router::new()
        .route("/v1/session", get(show).delete(end))
        .route("/v1/session/connections", get(connections::list))
        .route("/v1/session/connections/{id}/revoke", post(connections::revoke))
        .route("/v1/session/tokens", post(tokens::of_session))
        .route("/v1/session/tokens/{template}", post(tokens::of_template))
        .method_not_allowed_fallback(crate::dialect::method_not_allowed)
        .layer(middleware::from_fn_with_state(broker.clone(), origin::judge))
        // A browser comes here by itself, and no page reads what it is told.
        .route("/v1/session/handshake", get(handshake::handshake))
        .layer(session::layer(broker))
}

/// The browser that asks. What fails is said in JSON, as everything else here.
pub struct SessionBrowser(Browser);

impl FromRequestParts<Broker> for SessionBrowser {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Refusal> {
        let browser = <Browser as FromRequestParts<Broker>>::from_request_parts(parts, broker).await;
        browser.map(Self).map_err(|failure| Refusal(failure.error))
    }
}

/// A session that is there: its id as it is kept, and when it ends.
fn here(browser: &Browser) -> Option<(TokenHash, Timestamp)> {
    Some((session::hash(browser.session.id()?), browser.ends_at?))
}

/// Who is signed in in this browser. Both are null where nobody is.
#[derive(Default, Serialize, ToSchema)]
pub struct WhoIsSignedIn {
    #[schema(required = true)]
    session: Option<SessionHere>,
    #[schema(required = true)]
    user: Option<User>,
}

/// The person's session with Attaché.
#[derive(Serialize, ToSchema)]
struct SessionHere {
    /// `se_…`, the same in each of its tokens.
    id: String,
    /// Seconds since 1970.
    expires_at: i64,
}

/// The person.
#[derive(Serialize, ToSchema)]
struct User {
    /// `ac_…`, the `sub` of each token.
    id: String,
    #[schema(required = true)]
    name: Option<String>,
    #[schema(required = true)]
    email: Option<String>,
    /// An address, as the sign-in issuer said it.
    #[schema(required = true)]
    picture: Option<String>,
}

/// The person is signed out here.
#[derive(Serialize, ToSchema)]
pub struct SignedOutHere {
    /// Where the page goes next, so that the issuer's own session ends too. Null where the issuer has no place for that.
    #[schema(required = true, value_type = Option<String>, format = "uri")]
    sign_out_url: Option<Url>,
}

/// `GET /v1/session`: who is signed in, if anybody is.
async fn show(SessionBrowser(browser): SessionBrowser) -> Json<WhoIsSignedIn> {
    let (Some(account), Some((session, ends))) = (&browser.account, here(&browser)) else {
        return Json(WhoIsSignedIn::default());
    };
    let picture = account.claims.get("picture").and_then(Value::as_str);
    Json(WhoIsSignedIn {
        session: Some(SessionHere { id: session::sid(&session), expires_at: ends.unix() }),
        user: Some(User {
            id: account.id.clone(),
            name: account.full_name(),
            email: account.email.clone(),
            picture: picture.map(str::to_owned),
        }),
    })
}

/// `DELETE /v1/session`: signs out, here first. Where the issuer has a place for that, the page goes there next.
async fn end(
    State(broker): State<Broker>,
    cookies: Cookies,
    SessionBrowser(browser): SessionBrowser,
) -> Result<Response, Refusal> {
    let Some(account) = browser.account.clone() else {
        return Ok(Json(SignedOutHere { sign_out_url: None }).into_response());
    };
    let id_token = browser.sign_out().await?;
    record(&broker, Action::SignedOut, &account.id).await?;
    let signed_out = SignedOut::toward(None);
    let sign_out_url = match signed_out.at_the_issuer(&broker, &account, id_token.as_ref()).await? {
        IssuersEnd::At(url) => Some(url),
        IssuersEnd::NotTheirs => {
            return Ok(Json(SignedOutHere { sign_out_url: None }).into_response());
        }
        IssuersEnd::Nowhere | IssuersEnd::Unknown => None,
    };
    let mut answer = Json(SignedOutHere { sign_out_url }).into_response();
    // It stays until the issuer says that it knows, or somebody has signed in anew.
    cookies.keep(&mut answer, OwnCookie::SignedOut, &signed_out.write()?)?;
    Ok(answer)
}
