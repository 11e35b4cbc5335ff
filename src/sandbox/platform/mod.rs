//! The sandbox content platform: a content API that judges the broker's tokens and says who wrote what, and a
//! management API for the strategy `ask`. This file holds the handle and the routes.

mod bearer;
mod content;
mod entry;
mod key_cache;
mod management;
mod page;
mod permit;
mod token;
mod user;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::entry::{Entry, Stage};
use self::key_cache::KeyCache;
pub use self::token::CLIENT;
pub use self::user::{User, UserKind};
use super::fault::{Fault, Queue};
use super::{Person, locked, serve};
use crate::clock::{Clock, Timestamp};
use crate::content::permission::Permissions;
use crate::secret::random_text;

/// How long an opaque token is good, in seconds.
const LIFETIME: i64 = 600;

/// A project and one of its environments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Environment {
    /// The project's id, such as `cmaz8u024000b07w2o46szn1y`.
    pub project: String,
    /// The environment's name, such as `master`.
    pub environment: String,
}

impl Environment {
    /// One environment of a project.
    #[must_use]
    pub fn new(project: &str, environment: &str) -> Self {
        Self { project: project.to_owned(), environment: environment.to_owned() }
    }

    /// The project and the environment of the source document.
    #[must_use]
    pub fn demo() -> Self {
        Self::new("cmaz8u024000b07w2o46szn1y", "master")
    }
}

/// Whom the platform trusts, and what it holds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the broker publishes the keys of its content tokens.
    pub jwks_url: String,
    /// The `iss` of the broker's content tokens: its public URL.
    pub broker_issuer: String,
    /// The environments that exist.
    pub environments: Vec<Environment>,
    /// Who is who, by the issuer's subject.
    pub people: Vec<Person>,
    /// The sandbox issuer's identifier, whose access tokens the management API takes.
    pub issuer_url: String,
    /// The audience that those access tokens must name; any, when there is none.
    pub management_audience: Option<String>,
    /// Names the stage of a request that does not say it by an argument.
    pub stage_header: String,
    /// Meant where a request with a token names none; without a token, `PUBLISHED` is.
    pub default_stage: Stage,
}

impl Settings {
    /// The demo's people and environment, for a broker and an issuer at these addresses.
    #[must_use]
    pub fn demo(broker_issuer: &str, issuer_url: &str) -> Self {
        Self {
            jwks_url: format!("{}/.well-known/jwks.json", broker_issuer.trim_end_matches('/')),
            broker_issuer: broker_issuer.to_owned(),
            environments: vec![Environment::demo()],
            people: Person::demo(),
            issuer_url: issuer_url.to_owned(),
            management_audience: None,
            stage_header: "gcms-stage".to_owned(),
            default_stage: Stage::Draft,
        }
    }
}

/// What the platform can be ordered to do wrong.
#[derive(Debug, Default)]
pub struct Faults {
    /// The management API.
    pub management: Queue<Fault>,
    /// The content API.
    pub content: Queue<Fault>,
}

/// A running sandbox content platform. Clones are handles of the same one.
#[derive(Clone)]
pub struct Platform(Arc<Inner>);

struct Inner {
    url: String,
    clock: Clock,
    settings: Settings,
    broker_keys: KeyCache,
    issuer_keys: KeyCache,
    entries: Mutex<Vec<Entry>>,
    /// The opaque tokens that the management API gave out.
    tokens: Mutex<HashMap<String, Ticket>>,
    asked: Mutex<u64>,
    /// What may be done without a token.
    public: Mutex<Permissions>,
    faults: Mutex<Faults>,
    stop: CancellationToken,
}

/// What an opaque token is good for.
#[derive(Clone)]
struct Ticket {
    subject: String,
    client: Option<String>,
    environment: Environment,
    expires_at: Timestamp,
}

/// Serves a platform on `listener`.
///
/// # Panics
/// When the listener has no address.
#[cfg_attr(
    not(test),
    expect(clippy::unused_async, reason = "to be called inside the runtime that will serve it")
)]
pub async fn start(listener: TcpListener, settings: Settings, clock: Clock) -> Platform {
    let address = listener.local_addr().expect("a bound listener has an address");
    let platform = Platform(Arc::new(Inner {
        url: format!("http://{address}/"),
        broker_keys: KeyCache::new(settings.jwks_url.clone(), clock.clone()),
        issuer_keys: KeyCache::new(format!("{}.well-known/jwks.json", settings.issuer_url), clock.clone()),
        clock,
        settings,
        entries: Mutex::default(),
        tokens: Mutex::default(),
        asked: Mutex::default(),
        public: Mutex::default(),
        faults: Mutex::default(),
        stop: CancellationToken::new(),
    }));
    let routes = Router::new()
        .route("/", get(page::entries))
        .route("/graphql", post(management::answer))
        .route("/oauth/token", post(token::answer))
        .route("/v2/{project}/{environment}", post(content::answer))
        .with_state(platform.clone());
    serve::spawn(listener, routes, platform.0.stop.clone());
    platform
}

impl Platform {
    /// The address of the page that lists the entries, with a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The content API of one environment: where requests go, and the `aud` of the tokens for it.
    #[must_use]
    pub fn content_api_url(&self, environment: &Environment) -> String {
        format!("{}v2/{}/{}", self.0.url, environment.project, environment.environment)
    }

    /// The management API, for environments with the strategy `ask`.
    #[must_use]
    pub fn management_api_url(&self) -> String {
        format!("{}graphql", self.0.url)
    }

    /// All entries, the oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        locked(&self.0.entries).clone()
    }

    /// How many requests the management API has received, whatever became of them.
    #[must_use]
    pub fn asked(&self) -> u64 {
        *locked(&self.0.asked)
    }

    /// What may be done without a token from now on; nothing, until somebody says otherwise.
    pub fn set_public(&self, permissions: Permissions) {
        *locked(&self.0.public) = permissions;
    }

    /// What goes wrong from now on. Do not hold the lock across an await.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.0.faults)
    }

    /// Stops serving and cuts what is open.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// A new opaque token.
    fn give(&self, subject: String, client: Option<String>, environment: Environment) -> String {
        let token = format!("content_{}", random_text::<32>());
        let ticket = Ticket { subject, client, environment, expires_at: self.now().plus(LIFETIME) };
        locked(&self.0.tokens).insert(token.clone(), ticket);
        token
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn name_of(&self, subject: &str) -> Option<&Person> {
        self.0.settings.people.iter().find(|person| person.subject == subject)
    }
}
