//! `attache demo`: the broker, a sandbox issuer and a sandbox content platform on loopback, in one process. Its
//! database lives in a directory that goes with it.

mod curl;

use std::fmt::Write as _;

use attache::clock::Clock;
use attache::config::Config;
use attache::content::permission::Permissions;
use attache::operator::{Command, run as operate};
use attache::sandbox::{Person, issuer, platform};
use attache::secret::Token;
use attache::vault::MasterKey;
use attache::{Broker, Event, start};
use clap::Args;
use tokio::net::TcpListener;

use super::failure::Failure;
use super::logging;
use super::serve::{bind, serve_until_told};

#[derive(Debug, Args)]
pub struct Demo {
    /// The broker's port; the sandbox issuer, the content platform and the machine room take the next three
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

const APP: &str = "content-writer";
const AUDIENCE: &str = "https://management.sandbox.test/";

pub async fn run(demo: Demo) -> Result<(), Failure> {
    let port = |offset: u16| {
        demo.port.checked_add(offset).ok_or_else(|| Failure::Sentence("--port is too high".to_owned()))
    };
    let address = |port: u16| format!("127.0.0.1:{port}");
    let listener = listen(demo.port).await?;
    let issuer_listener = listen(port(1)?).await?;
    let platform_listener = listen(port(2)?).await?;
    let machine_room = listen(port(3)?).await?;
    let public_url = format!("http://{}", address(demo.port));
    let issuer_url = format!("http://{}/", address(port(1)?));
    let directory = tempfile::tempdir()?;
    let secrets = Secrets { sign_in: Token::random(), app: Token::random() };
    let sandbox = issuer::start(issuer_listener, issuer_settings(&public_url, &secrets), Clock::System).await;
    let settings = platform::Settings::demo(&public_url, &issuer_url);
    let content = platform::start(platform_listener, settings, Clock::System).await;
    content.set_public(Permissions::public_defaults());
    let content_api_url = content.content_api_url(&platform::Environment::demo());
    std::fs::write(directory.path().join("logo.png"), include_bytes!("../sandbox/content_writer.png"))?;
    let text = configuration(&demo, &public_url, &issuer_url, &content_api_url, &secrets, directory.path());
    let config = Config::parse(&text, []).map_err(Failure::Config)?;
    logging::init(&config.log)?;
    let broker = start::start(config, Clock::System).await?;
    let key = make_key(&broker).await?;
    greet(&public_url, &format!("http://{}/readyz", address(port(3)?)), &sandbox, &content);
    tokio::spawn(print_curl_lines(broker.clone(), public_url, key, content_api_url));
    serve_until_told(broker, listener, machine_room).await
}

async fn listen(port: u16) -> Result<TcpListener, Failure> {
    let address = format!("127.0.0.1:{port}");
    bind("--port", &address).await.map_err(|failure| match failure {
        Failure::Sentence(sentence) => {
            Failure::Sentence(format!("{sentence}; choose four free ports by --port"))
        }
        faults @ Failure::Config(_) => faults,
    })
}

struct Secrets {
    sign_in: Token,
    app: Token,
}

fn issuer_settings(public_url: &str, secrets: &Secrets) -> issuer::Settings {
    let mut broker =
        issuer::Client::new("attache", secrets.sign_in.expose(), &format!("{public_url}/sign-in/callback"))
            .named("Attaché");
    broker.post_logout_redirect_uris = vec![format!("{public_url}/")];
    let writer =
        issuer::Client::new(APP, secrets.app.expose(), &format!("{public_url}/connect/{APP}/callback"))
            .named("Content Writer")
            .allowed(AUDIENCE);
    let scope_descriptions = [
        ("content:write", "Create and change content"),
        ("email", "See your e-mail address"),
        ("offline_access", "Keep working when you are not there"),
        ("openid", "Know which account is yours"),
        ("profile", "See your name and picture"),
    ]
    .map(|(scope, words)| (scope.to_owned(), words.to_owned()));
    issuer::Settings {
        clients: vec![broker, writer],
        people: Person::demo(),
        scope_descriptions: scope_descriptions.into(),
        ..issuer::Settings::default()
    }
}

/// The same file that an operator would write.
fn configuration(
    demo: &Demo,
    public_url: &str,
    issuer_url: &str,
    content_api_url: &str,
    secrets: &Secrets,
    directory: &std::path::Path,
) -> String {
    let environment = platform::Environment::demo();
    let database = directory.join("attache.db");
    format!(
        r#"
public_url = "{public_url}"
[listen]
address = "127.0.0.1:{port}"
machine_room = "127.0.0.1:{machine_room}"
[database]
url = "sqlite://{database}"
[vault]
master_key = "{master_key}"
[outbound]
allow_origins = ["{issuer_url}"]
[log]
level = "warn"
[sign_in]
issuer = "sandbox"
client_id = "attache"
client_secret = "{sign_in_secret}"
[issuers.sandbox]
name = "Sandbox"
issuer = "{issuer_url}"
profile = "auth0"
[issuers.sandbox.scope_descriptions]
"content:write" = "Create and change content"
[apps.{APP}]
name = "Content Writer"
description = "Creates content entries from workflows"
logo_file = "{logo}"
home_page = "https://writer.sandbox.test/"
kind = "native"
issuer = "sandbox"
client_id = "{APP}"
client_secret = "{app_secret}"
scopes = ["openid", "profile", "email", "offline_access", "content:write"]
audience = "{AUDIENCE}"
accepted_audiences = ["{AUDIENCE}"]
[apps.{APP}.authorization_url_extras]
prompt = "consent"
[environments.demo-master]
project = "{project}"
environment = "{environment}"
content_api_url = "{content_api_url}"
strategy = "mint"
apps = ["{APP}"]
accounts = "any"
default_stage = "DRAFT"
public = [{{ actions = ["read"], stages = ["PUBLISHED"] }}]
[[environments.demo-master.roles]]
name = "editor"
accounts = ["sandbox|editor"]
permissions = [{{ actions = ["read", "create", "update", "delete", "publish", "unpublish"] }}]
[[environments.demo-master.roles]]
name = "reader"
accounts = ["sandbox|reader"]
permissions = [{{ actions = ["read"], stages = ["PUBLISHED"] }}]
"#,
        port = demo.port,
        machine_room = demo.port.saturating_add(3),
        database = database.display(),
        logo = directory.join("logo.png").display(),
        master_key = MasterKey::generate().expose(),
        sign_in_secret = secrets.sign_in.expose(),
        app_secret = secrets.app.expose(),
        project = environment.project,
        environment = environment.environment,
    )
}

async fn make_key(broker: &Broker) -> Result<Token, Failure> {
    let command =
        Command::CreateKey { caller: "create_content_function".to_owned(), apps: vec![APP.to_owned()] };
    let made = operate(broker, command).await?;
    made.secret.ok_or_else(|| Failure::Sentence("No API key was made.".to_owned()))
}

fn greet(public_url: &str, machine_room: &str, sandbox: &issuer::Issuer, content: &platform::Platform) {
    let mut people = String::new();
    for person in Person::demo() {
        let _ = write!(people, "\n    {} <{}>", person.name, person.email);
    }
    say!(
        "\nAttaché is running, all of it on this machine, until Ctrl-C.\n\n\
         1. Sign in at         {public_url}\n   as one of (there are no passwords){people}\n\
         2. Connect an app at  {public_url}/connect/{APP}\n   and come back here for what its function does then.\n\n\
         Content platform      {}\n   shows the entries; the editor may do everything there, the reader reads what is published\n\
         Sandbox issuer        {}\n\
         Machine room          {machine_room}\n",
        content.url(),
        sandbox.url(),
    );
}

/// What the app's function does, as lines to paste: printed for every connection that is made.
async fn print_curl_lines(broker: Broker, public_url: String, key: Token, content_api_url: String) {
    let mut events = broker.events.subscribe();
    while let Ok(Event::Connected { connection_id }) = events.recv().await {
        say!("{}", curl::lines(&public_url, key.expose(), &connection_id, &content_api_url));
    }
}
