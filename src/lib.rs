//! Attaché, a self-hosted third-party connection broker. This is the map.
//!
//! A person signs in ([`account`]) at the one sign-in issuer, and connects third-party apps ([`app`]) to their
//! account by consent in the browser. A *connection* ([`connection`]) is the stored grant: account x app x
//! external identity, its tokens sealed ([`vault`]). *Callers* ([`caller`]) are workflow functions and backends
//! with API keys; they are handed fresh access tokens, and *content tokens* for one environment of a content
//! platform ([`content`]). Everything that was done or handed out is in the [`ledger`].
//!
//! What becomes of a connection has a wing each, and each wing opens with a table of its paths:
//!
//! * [`connect_session`] lets a platform send its own users here, by its signed word.
//! * [`consent`] asks a person, and stores what the issuer gives.
//! * [`access`] judges who may use a connection, and hands out.
//! * [`refresh`] gets a new access token before or when one is needed, and loses no grant.
//! * [`revoke`] ends a connection at once, and tells its issuer until that confirms.
//! * [`freeze`] stops for a while, and ends in bulk.
//! * [`pages`] are what the person sees of it.
//! * [`resource_server`] tells a content API what becomes of a content token there.
//! * [`session_token`] makes short-lived tokens of whoever is signed in, for pages of the platform.
//! * [`permanent_token`] makes bearers of nobody in particular for one environment, and says whether one stands.
//!
//! Around them:
//!
//! * [`issuer`] speaks the protocol toward issuers. It knows no database and no axum.
//! * [`dialect`] holds the machine wire formats: Slack, OAuth, GraphQL, `/v1`. [`web`] is the edge toward browsers.
//! * [`shown`] is how a text of anybody's stands on a page or in a terminal.
//! * [`db`] opens either database and is the only way to speak to one; [`held`] is what memory holds of it, and
//!   [`cache`] how. On PostgreSQL nothing is held.
//! * [`server`] accepts connections; every request passes the [`edge`], where [`load`] and [`limits`] are judged.
//! * [`restore`] recognises an old copy of the database; [`replicas`] are the servers that run on one.
//! * [`renew`] reads secrets and certificates anew.
//! * [`operator`] is what the command line does; [`machine_room`] is for probes, [`pulse`] finds out whether the database
//!   takes a write.
//! * [`torture`] is empty in every build but the torture run's.
//! * [`sandbox`] is an issuer and a content platform on loopback, for the demo and the tests.
//!
//! Arrows point down: dialect and pages → verbs of a wing or slice → its `store.rs` → [`db`]. Nobody reaches into
//! another one's store, but for the connection's, which is the wings' own. Verbs are plain functions over one
//! [`Broker`] value.

pub mod access;
pub mod account;
pub mod app;
pub mod cache;
pub mod caller;
pub mod clock;
pub mod config;
pub mod connect_session;
pub mod connection;
pub mod consent;
pub mod content;
pub mod credential;
pub mod db;
pub mod dialect;
pub mod edge;
pub mod error;
pub mod freeze;
pub mod held;
pub mod issuer;
pub mod ledger;
pub mod limits;
pub mod load;
pub mod log;
pub mod machine_room;
pub mod metrics;
pub mod operator;
pub mod pages;
pub mod permanent_token;
pub mod pulse;
pub mod refresh;
pub mod renew;
pub mod replicas;
pub mod request_id;
pub mod resource_server;
pub mod restore;
pub mod revoke;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod session;
pub mod session_token;
pub mod shown;
pub mod start;
pub mod torture;
pub mod vault;
pub mod web;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceBuilder;
use tracing::Instrument;
use url::Url;

use clock::Clock;
use config::Config;
use content::recognise::Recognised;
use content::signing_key::SigningKeys;
use credential::last_use::LastUses;
use db::Db;
use dialect::graphql::ManagementSchema;
use error::Error;
use held::Held;
use issuer::Issuers;
use ledger::Ledger;
use limits::RateLimits;
use load::Load;
use metrics::Metrics;
use operator::backup::Backups;
use pulse::Pulse;
use refresh::flight::Flights;
use replicas::Replica;
use secret::Renewable;
use vault::{HouseKey, Pseudonyms, Vault};

/// The one value that every verb is given. Cheap to clone.
#[derive(Clone)]
pub struct Broker(Arc<Parts>);

/// What the process is made of.
pub struct Parts {
    pub config: Config,
    pub db: Db,
    pub held: Held,
    pub clock: Clock,
    pub vault: Vault,
    /// This process among those on the database.
    pub replica: Replica,
    /// The one of the configuration, or what it became since the start.
    pub sign_in_secret: Renewable,
    /// Seals what belongs to no app and no connection: sessions, attempts, signing keys.
    pub house_key: Arc<HouseKey>,
    pub pseudonyms: Pseudonyms,
    pub issuers: Issuers,
    pub signing_keys: SigningKeys,
    pub recognised: Recognised,
    pub ledger: Ledger,
    pub flights: Flights,
    pub load: Load,
    pub limits: RateLimits,
    pub metrics: Metrics,
    pub management_schema: ManagementSchema,
    pub backups: Backups,
    pub pulse: Pulse,
    pub resource_server_uses: LastUses,
    pub permanent_token_uses: LastUses,
    /// Work that must outlive the request that began it; waited for at shutdown.
    pub tasks: TaskTracker,
    /// Cancelled when the process is to end soon: it is served as ever, but nobody new is to be sent here.
    pub leaving: CancellationToken,
    /// Cancelled when the process is to end.
    pub draining: CancellationToken,
    pub events: broadcast::Sender<Event>,
}

/// What other parts of the process may want to hear of.
#[derive(Clone, Debug)]
pub enum Event {
    Connected { connection_id: String },
}

/// The largest request body that is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

impl Deref for Broker {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Broker {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// An address of ours. Built from the configuration, never from a request's headers.
    #[must_use]
    pub fn url(&self, path_and_query: &str) -> Url {
        self.config.public_url.at(path_and_query)
    }

    /// Does something that outlives whoever asked for it, and waits for it in nobody's place. `whom` is whose answer the
    /// work waits for.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when as many wait for that already as may, and then nothing was begun; the work's own.
    pub async fn see_through<T: Send + 'static>(
        &self,
        whom: &str,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let _waiting = load::waiting_for(whom)?;
        let done = self.tasks.spawn(work.in_current_span()).await;
        done.unwrap_or_else(|_| Err(Error::Internal("Something failed before it was done.".to_owned())))
    }

    /// Our own issuer identifier (RFC 8414 section 2): the public URL, without a slash at its end.
    #[must_use]
    pub fn issuer_identifier(&self) -> String {
        self.config.public_url.identifier()
    }
}

/// Everything that is served, and the only place where routes are merged.
pub fn router(broker: Broker) -> Router {
    let pages = Router::new()
        .merge(account::pages::router())
        .merge(app::pages::router())
        .merge(connect_session::pages::router())
        .merge(consent::pages::router())
        .merge(pages::router())
        .fallback(dialect::not_found)
        .method_not_allowed_fallback(dialect::method_not_allowed)
        .layer(middleware::from_fn_with_state(broker.clone(), web::failure::dress_for_the_signed_in))
        .layer(session::layer(&broker))
        .layer(middleware::from_fn(web::failure::dress));
    let machines = Router::new()
        .merge(dialect::slack::router())
        .merge(dialect::oauth::router())
        .merge(dialect::graphql::router())
        .merge(dialect::v1::router())
        .merge(dialect::v1::session::router(&broker))
        .merge(dialect::gate::router())
        .merge(dialect::protected_resource::router())
        .merge(dialect::openapi::router());
    let (path, cookie) =
        (broker.config.public_url.behind().map(str::to_owned), session::cookie_name(&broker));
    let routes = Router::new()
        .merge(pages)
        .merge(machines)
        .route(web::view::STYLESHEET, get(web::assets::stylesheet))
        .route(web::brand::STYLESHEET, get(web::brand::stylesheet))
        .route(web::brand::LOGO, get(web::brand::logo))
        .route("/favicon.ico", get(web::assets::icon))
        .method_not_allowed_fallback(dialect::method_not_allowed)
        // One layer to axum, because each costs every request.
        .layer(ServiceBuilder::new().layer(edge::layer(&broker)).layer(DefaultBodyLimit::max(BODY_LIMIT)))
        .with_state(broker);
    edge::mount::mount(path, cookie, routes)
}
