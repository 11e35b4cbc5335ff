//! The sandbox issuer: an OpenID provider with Auth0's habits, on loopback. This file holds the handle and the
//! routes; each endpoint has a file of its own.

mod authorize;
mod book;
mod discovery;
mod faults;
mod id_token;
mod introspect;
mod keys;
mod logout;
mod management;
mod pages;
mod params;
mod prompt;
mod redirect;
mod revoke;
mod settings;
mod token;
mod token_shape;
mod userinfo;
mod weak_key;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::book::Book;
pub use self::book::{Shown, Verdict};
pub use self::faults::{
    AccessTokenFault, AuthorizationFault, Coding, DiscoveryShape, Faults, IdTokenFault, IntrospectionShape,
    TokenShape, UserinfoShape,
};
use self::keys::{KeyRing, SigningKey};
pub use self::settings::{Client, ClientAuth, RevocationReach, Settings};
use super::{locked, serve};
use crate::clock::{Clock, Timestamp};

/// A running sandbox issuer. Clones are handles of the same one.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    url: String,
    clock: Clock,
    settings: Mutex<Settings>,
    book: Mutex<Book>,
    faults: Mutex<Faults>,
    keys: Mutex<KeyRing>,
    stop: CancellationToken,
}

/// Serves an issuer on `listener`; its identifier is `http://{address}/`, with the slash at the end.
///
/// # Panics
/// When the listener has no address.
#[cfg_attr(
    not(test),
    expect(clippy::unused_async, reason = "to be called inside the runtime that will serve it")
)]
pub async fn start(listener: TcpListener, settings: Settings, clock: Clock) -> Issuer {
    let address = listener.local_addr().expect("a bound listener has an address");
    let issuer = Issuer(Arc::new(Inner {
        url: format!("http://{address}/"),
        clock,
        settings: Mutex::new(settings),
        book: Mutex::default(),
        faults: Mutex::default(),
        keys: Mutex::new(KeyRing::new()),
        stop: CancellationToken::new(),
    }));
    serve::spawn(listener, routes(issuer.clone()), issuer.0.stop.clone());
    issuer
}

fn routes(issuer: Issuer) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::configuration))
        .route("/.well-known/oauth-authorization-server", get(discovery::oauth_metadata))
        .route("/.well-known/jwks.json", get(discovery::key_set))
        .route("/stranger/jwks.json", get(discovery::stranger_key_set))
        .route("/authorize", get(authorize::ask).post(authorize::answer))
        .route("/oauth/token", post(token::answer))
        .route("/oauth/revoke", post(revoke::answer))
        .route("/oauth/introspect", post(introspect::answer))
        .route("/userinfo", get(userinfo::answer).post(userinfo::answer))
        .route("/oidc/logout", get(logout::answer))
        .route("/api/v2/grants", get(management::list))
        .route("/api/v2/grants/{id}", delete(management::delete))
        .layer(middleware::from_fn_with_state(issuer.clone(), dated))
        .with_state(issuer)
}

/// Dates an answer by our own clock, which a test moves.
async fn dated(State(issuer): State<Issuer>, request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let ahead = issuer.settings().clock_ahead;
    if let Ok(date) = HeaderValue::from_str(&issuer.now().plus(ahead).http_date()) {
        answer.headers_mut().insert(header::DATE, date);
    }
    answer
}

impl Issuer {
    /// The issuer identifier, which is also the address of its front door.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The settings, to be changed while it runs. Do not hold the lock across an await.
    pub fn settings(&self) -> MutexGuard<'_, Settings> {
        locked(&self.0.settings)
    }

    /// Registers a client, in place of one with the same id.
    pub fn add_client(&self, client: Client) {
        let mut settings = self.settings();
        settings.clients.retain(|other| other.id != client.id);
        settings.clients.push(client);
    }

    /// What goes wrong from now on. Do not hold the lock across an await.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.0.faults)
    }

    /// Signs with a new key from now on; the one before it stays published.
    pub fn rotate_keys(&self) {
        let next = SigningKey::generate();
        self.keys().rotate(next);
    }

    /// How many `authorization_code` requests have arrived, whatever became of them.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.book().exchanges
    }

    /// How many questions about tokens have arrived, whatever became of them.
    #[must_use]
    pub fn introspections(&self) -> u64 {
        self.book().introspections
    }

    /// How many requests for the key set have arrived, whatever became of them.
    #[must_use]
    pub fn key_set_requests(&self) -> u64 {
        self.book().key_set_requests
    }

    /// How many requests for the discovery document have arrived, whatever became of them.
    #[must_use]
    pub fn discovery_requests(&self) -> u64 {
        self.book().discovery_requests
    }

    /// How many `refresh_token` requests have arrived, whatever became of them.
    #[must_use]
    pub fn refreshes(&self) -> u64 {
        self.book().refreshes
    }

    /// How many revocation requests have arrived, whatever became of them.
    #[must_use]
    pub fn revocations(&self) -> u64 {
        self.book().revocations
    }

    /// How many of them were of what had ended before.
    #[must_use]
    pub fn revocations_again(&self) -> u64 {
        self.book().revocations_again
    }

    /// A refresh token as if this person had allowed the client everything, for stages with very many.
    #[must_use]
    pub fn give(&self, client: &str, subject: &str) -> String {
        let now = self.now();
        let grant = book::Grant {
            client: client.to_owned(),
            subject: subject.to_owned(),
            scope: BTreeSet::from(["offline_access".to_owned()]),
            audience: None,
            nonce: None,
            session: String::new(),
            signed_in_at: now,
        };
        let begun = self.book().begin(grant, now, now.plus(365 * 86_400));
        begun.token.unwrap_or_default()
    }

    /// How many refresh tokens would be accepted now, without leeway.
    #[must_use]
    pub fn live_refresh_tokens(&self) -> usize {
        self.book().live_refresh_tokens(self.now())
    }

    /// Whether this refresh token would be accepted now, without leeway.
    #[must_use]
    pub fn is_live(&self, refresh_token: &str) -> bool {
        self.book().is_live(refresh_token, self.now())
    }

    /// Every code, access token, refresh token and ID token that was ever made, to look for where none may be.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        self.book().issued.clone()
    }

    /// Every refresh token that was shown, in order, from the `from`-th on.
    #[must_use]
    pub fn shown(&self, from: usize) -> Vec<Shown> {
        self.book().shown.get(from..).unwrap_or_default().to_vec()
    }

    /// The subject of an access token and when it ends; `None` when it was never issued.
    #[must_use]
    pub fn whose(&self, access_token: &str) -> Option<(String, Timestamp)> {
        self.book().whose(access_token)
    }

    /// Ends everything that a person ever allowed, as if they had done so here.
    pub fn revoke_all_of(&self, subject: &str) {
        self.book().end_all_of(subject);
    }

    /// Stops serving and cuts what is open.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        locked(&self.0.book)
    }

    fn keys(&self) -> MutexGuard<'_, KeyRing> {
        locked(&self.0.keys)
    }

    /// The address of one of its endpoints.
    fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.0.url)
    }
}
