//! The apps' issuer: fast, on loopback, inside the bench. It rotates whatever refresh token it is shown, publishes one
//! key, and signs access tokens with it. Keeps nothing but counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use attache::clock::Clock;
use attache::secret::random_text;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::fault::Fault;

/// All of 127.0.0.0/8 is loopback on Linux; this corner is nobody else's. It stands in the seeds, so it is always the
/// same.
const ADDRESS: &str = "127.83.0.1:8083";
pub const IDENTIFIER: &str = "http://127.83.0.1:8083/";
pub const AUDIENCE: &str = "https://management.bench.test/";
/// What refreshed access tokens begin with.
pub const REFRESHED: &str = "refreshed.";
const KEY_ID: &str = "bench-1";

#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

/// What can hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Metadata,
    KeySet,
    Token,
    Revocation,
}

struct Inner {
    hangs: watch::Sender<Option<Endpoint>>,
    key: Ed25519KeyPair,
    refreshes: AtomicU64,
    /// Milliseconds that it takes over a refresh.
    thinks: AtomicU64,
    /// Refreshes that it is asked for at this moment, and at the most since it was told how long to think.
    inside: AtomicU64,
    most: AtomicU64,
}

impl Issuer {
    /// Serves on the runtime it is called in.
    pub async fn start() -> Result<Self, Fault> {
        let issuer = Self(Arc::new(Inner {
            hangs: watch::Sender::default(),
            key: Ed25519KeyPair::generate()?,
            refreshes: AtomicU64::default(),
            thinks: AtomicU64::default(),
            inside: AtomicU64::default(),
            most: AtomicU64::default(),
        }));
        let listener = TcpListener::bind(ADDRESS).await.map_err(|error| {
            format!("{ADDRESS} cannot be listened on ({error}); is another run going on?")
        })?;
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks.json", get(key_set))
            .route("/oauth/token", post(token))
            .route("/oauth/revoke", post(revoke))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(issuer)
    }

    /// How many refreshes were asked for.
    pub fn refreshes(&self) -> u64 {
        self.0.refreshes.load(Ordering::Relaxed)
    }

    /// Takes so long over each refresh from now on. Returns how many there were at one time until now.
    pub fn think(&self, time: Duration) -> u64 {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or_default();
        self.0.thinks.store(milliseconds, Ordering::Relaxed);
        self.0.most.swap(0, Ordering::Relaxed)
    }

    /// One endpoint answers nobody until another is said, or none.
    pub fn hang(&self, endpoint: Option<Endpoint>) {
        self.0.hangs.send_replace(endpoint);
    }

    async fn hung(&self, endpoint: Endpoint) {
        // The sender is ours.
        let _ = self.0.hangs.subscribe().wait_for(|hanging| *hanging != Some(endpoint)).await;
    }

    /// An access token (RFC 9068) that nobody has seen, of about 700 bytes.
    pub fn sign(&self, subject: &str, client_id: &str) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": KEY_ID });
        let now = Clock::System.now();
        let claims = json!({
            "iss": IDENTIFIER,
            "sub": subject,
            "aud": AUDIENCE,
            "azp": client_id,
            "iat": now.unix(),
            "exp": now.plus(86_400).unix(),
            "jti": random_text::<16>(),
            "scope": crate::broker::SCOPES,
            "permissions": ["content:read", "content:write", "content:publish", "models:read", "assets:read"],
            "org": random_text::<24>(),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

async fn metadata(State(issuer): State<Issuer>) -> Json<Value> {
    issuer.hung(Endpoint::Metadata).await;
    let at = |path: &str| format!("{IDENTIFIER}{path}");
    Json(json!({
        "issuer": IDENTIFIER,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("oauth/token"),
        "revocation_endpoint": at("oauth/revoke"),
        "jwks_uri": at("jwks.json"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn revoke(State(issuer): State<Issuer>) -> &'static str {
    issuer.hung(Endpoint::Revocation).await;
    ""
}

async fn key_set(State(issuer): State<Issuer>) -> Json<Value> {
    issuer.hung(Endpoint::KeySet).await;
    let x = URL_SAFE_NO_PAD.encode(issuer.0.key.public_key().as_ref());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": KEY_ID, "x": x });
    Json(json!({ "keys": [key] }))
}

async fn token(State(issuer): State<Issuer>) -> Response {
    issuer.hung(Endpoint::Token).await;
    let Issuer(inner) = &issuer;
    let count = inner.refreshes.fetch_add(1, Ordering::Relaxed);
    let inside = inner.inside.fetch_add(1, Ordering::Relaxed) + 1;
    inner.most.fetch_max(inside, Ordering::Relaxed);
    let thinks = inner.thinks.load(Ordering::Relaxed);
    if thinks > 0 {
        tokio::time::sleep(Duration::from_millis(thinks)).await;
    }
    inner.inside.fetch_sub(1, Ordering::Relaxed);
    Json(json!({
        "access_token": format!("{REFRESHED}{count}.{}", random_text::<512>()),
        "refresh_token": random_text::<32>(),
        "token_type": "Bearer",
        "expires_in": 864_000,
        "scope": crate::broker::SCOPES,
    }))
    .into_response()
}
