//! What the stage is set with: the sandbox issuer's clients and people, and the broker's configuration file.

use std::path::Path;

use attache::sandbox::{Person as Directory, issuer, platform};
use attache::secret::Token;

use crate::world::{APP, AUDIENCE, LIFETIME, MASTER_KEY};

pub fn issuer_settings(public_url: &str) -> issuer::Settings {
    let mut broker =
        issuer::Client::new("attache", "sign-in-s3cret", &format!("{public_url}/sign-in/callback"))
            .named("Attaché");
    broker.post_logout_redirect_uris = vec![format!("{public_url}/")];
    let writer = issuer::Client::new(APP, "app-s3cret", &format!("{public_url}/connect/{APP}/callback"))
        .named("Content Writer")
        .allowed(AUDIENCE);
    issuer::Settings {
        clients: vec![broker, writer],
        people: Directory::demo(),
        access_lifetime: LIFETIME,
        ..issuer::Settings::default()
    }
}

pub fn configuration(
    public_url: &str,
    database_url: &Token,
    directory: &Path,
    issuer: &issuer::Issuer,
    platform: &platform::Platform,
) -> String {
    let environment = platform::Environment::demo();
    format!(
        r#"
public_url = "{public_url}"
[database]
url = "{database_url}"
connections = 5
rescue_journal = "{directory}/rescue"
[vault]
master_key = "{MASTER_KEY}"
[outbound]
allow_origins = ["{issuer}", "{platform}"]
deadline_seconds = 4
[sign_in]
issuer = "sandbox"
client_id = "attache"
client_secret = "sign-in-s3cret"
[issuers.sandbox]
name = "Sandbox"
issuer = "{issuer}"
profile = "auth0"
[issuers.sandbox.scope_descriptions]
"content:write" = "Create and change content"
[apps.{APP}]
name = "Content Writer"
description = "Creates content entries from workflows"
home_page = "https://writer.sandbox.test/"
kind = "native"
issuer = "sandbox"
client_id = "{APP}"
client_secret = "app-s3cret"
scopes = ["openid", "profile", "email", "offline_access", "content:write"]
audience = "{AUDIENCE}"
accepted_audiences = ["{AUDIENCE}"]
redirect_uris = ["https://writer.sandbox.test/connected"]
[environments.demo-master]
project = "{project}"
environment = "{environment}"
content_api_url = "{content_api_url}"
strategy = "mint"
apps = ["{APP}"]
accounts = "any"
"#,
        database_url = database_url.expose(),
        directory = directory.display(),
        issuer = issuer.url(),
        platform = platform.url(),
        project = environment.project,
        environment = environment.environment,
        content_api_url = platform.content_api_url(&environment),
    )
}
