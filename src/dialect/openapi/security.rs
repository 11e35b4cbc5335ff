//! By what whoever asks proves who they are.

use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::dialect::resource_server_secret;

pub const API_KEY: &str = "apiKey";
pub const CLIENT: &str = "client";
pub const RESOURCE_SERVER: &str = "resourceServer";
pub const RESOURCE_SERVER_CLIENT: &str = "resourceServerClient";
pub const CONTENT_TOKEN: &str = "contentToken";
pub const SESSION: &str = "session";

/// `cookie` is the name of the session's.
pub fn schemes(components: ComponentsBuilder, cookie: &str) -> ComponentsBuilder {
    let http = |scheme: HttpAuthScheme, description: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(scheme).description(Some(description)).build())
    };
    let secret = ApiKeyValue::with_description(
        resource_server_secret::HEADER.as_str(),
        "The secret of a resource server, `rs_…`. The proxy sends it.",
    );
    let cookie =
        ApiKeyValue::with_description(cookie, "The cookie of whoever is signed in. The browser sends it.");
    components
        .security_scheme(API_KEY, http(HttpAuthScheme::Bearer, "An API key of a caller, `ak_…`."))
        .security_scheme(
            CLIENT,
            http(HttpAuthScheme::Basic, "A caller's id, `ca_…`, and one of its API keys."),
        )
        .security_scheme(
            RESOURCE_SERVER_CLIENT,
            http(HttpAuthScheme::Basic, "A resource server's id, `rs_…`, and its secret."),
        )
        .security_scheme(RESOURCE_SERVER, SecurityScheme::ApiKey(ApiKey::Header(secret)))
        .security_scheme(
            CONTENT_TOKEN,
            http(HttpAuthScheme::Bearer, "The client's own content token, passed on."),
        )
        .security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
}
