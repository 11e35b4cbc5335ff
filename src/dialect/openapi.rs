//! `GET /openapi.json`: what `/v1` and the token endpoints take and answer (`OpenAPI` 3.1), and `GET /openapi`, the same for
//! people. Both are made once, at the start, and may be read by anybody from anywhere. The schema of an answer is derived from
//! the type that is answered, and a refusal is told by the same words.

mod backends;
mod gate;
mod oauth;
mod operation;
mod page;
mod refusals;
mod security;
mod session;
mod shape;

use std::sync::{Arc, OnceLock};

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::routing::get;
use utoipa::openapi::path::{PathItem, PathsBuilder};
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

use self::page::ReferencePage;
use crate::Broker;
use crate::session::cookie_name;

/// Seconds that it may be kept.
const LIFETIME: &str = "public, max-age=300";
const TAGS: [(&str, &str); 6] = [
    ("Connections", "What people consented to, for backends with an API key."),
    ("Environments", "Where content tokens are good."),
    ("Platforms", "Links for the users of a platform, by its signed word."),
    ("Session", "Who is signed in, for pages of the platform. Asked by a browser with its cookie."),
    ("Gate", "Before a content API, for its proxy."),
    ("OAuth", "Content tokens by the standard endpoints."),
];

/// The document in its two forms.
struct Written {
    json: Bytes,
    page: Bytes,
}

pub fn router() -> Router<Broker> {
    // Written for whoever asks first, so that no start waits for it.
    let written: Arc<OnceLock<Written>> = Arc::default();
    let of = move |broker: &Broker, form: fn(&Written) -> &Bytes| {
        form(written.get_or_init(|| write(broker))).clone()
    };
    let page = of.clone();
    Router::new()
        .route(
            "/openapi.json",
            get(move |State(broker): State<Broker>| async move {
                (open("application/json"), of(&broker, |written| &written.json))
            }),
        )
        .route(
            "/openapi",
            get(move |State(broker): State<Broker>| async move {
                (open("text/html; charset=utf-8"), page(&broker, |written| &written.page))
            }),
        )
}

fn write(broker: &Broker) -> Written {
    let document = document(&cookie_name(broker), broker.config.public_url.behind());
    let document = serde_json::to_value(document).unwrap_or_default();
    let page = ReferencePage::of(&document, &broker.config).render().unwrap_or_default();
    Written { json: document.to_string().into(), page: page.into() }
}

/// Any page may read it. It is the same for all.
fn open(kind: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, LIFETIME),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ]
}

/// The whole document. `cookie` is the name of the session's, `base` the path that all of it is behind.
#[must_use]
pub fn document(cookie: &str, base: Option<&str>) -> OpenApi {
    let all = [backends::operations(), session::operations(), gate::operations(), oauth::operations()];
    let mut paths = PathsBuilder::new();
    let mut components = security::schemes(ComponentsBuilder::new(), cookie);
    for operation in all.into_iter().flatten() {
        components = components.schemas_from_iter(operation.schemas);
        paths = paths.path(operation.path, PathItem::new(operation.method, operation.built));
    }
    let info = InfoBuilder::new()
        .title("Attaché")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("A self-hosted connection broker: people consent once, and callers get fresh, short-lived tokens."))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()));
    let tag = |(name, description): (&str, &str)| {
        TagBuilder::new().name(name).description(Some(description)).build()
    };
    OpenApiBuilder::new()
        .info(info)
        // Of the host where the document was read.
        .servers(Some([ServerBuilder::new().url(base.unwrap_or("/")).build()]))
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(TAGS.map(tag)))
        .build()
}
