//! A Slack app's manifest, as its SDK exports it, becomes apps that people can connect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use attache::app::import::Import;
use attache::error::Error;
use attache::operator::{Command, run};
use attache::sandbox::issuer::{Client, ClientAuth};
use attache::secret::Token;
use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::{APP, AUDIENCE, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

pub const PROVIDER: &str = "hygraph";
pub const SECRET: &str = "manifest-s3cret";

/// The manifest with every documented option, all of it at the sandbox issuer.
pub fn manifest(world: &World) -> Value {
    let at = |path: &str| format!("{}{path}", world.issuer.url());
    json!({
        "_metadata": { "major_version": 2 },
        "display_information": { "name": "Create content", "description": "From a workflow" },
        "features": { "bot_user": { "display_name": "Create content", "always_online": false } },
        "functions": {},
        "outgoing_domains": ["content.sandbox.test"],
        "external_auth_providers": { "oauth2": { PROVIDER: { "provider_type": "CUSTOM", "options": {
            "provider_name": "Hygraph",
            "client_id": "slack-writer",
            "authorization_url": at("authorize"),
            "token_url": at("oauth/token"),
            "scope": ["openid", "profile", "email", "offline_access"],
            "token_url_config": { "use_basic_auth_scheme": false },
            "authorization_url_extras": { "prompt": "consent", "access_type": "offline", "audience": AUDIENCE },
            "use_pkce": true,
            "identity_config": {
                "url": at("userinfo"),
                "account_identifier": "$.sub",
                "headers": {},
                "http_method_type": "GET",
            },
        } } } },
    })
}

pub fn options(manifest: &mut Value) -> &mut Value {
    &mut manifest["external_auth_providers"]["oauth2"][PROVIDER]["options"]
}

pub async fn import(world: &World, manifest: &Value) -> Result<Vec<String>, Error> {
    let client_secrets = BTreeMap::from([(PROVIDER.to_owned(), Token::new(SECRET))]);
    let import = Import {
        manifest: manifest.to_string(),
        slack_app_id: "A0123".to_owned(),
        client_secrets,
        issuers: BTreeMap::new(),
    };
    run(&world.broker, Command::ImportManifest(import)).await.map(|answer| answer.lines)
}

pub fn register(world: &World, auth: ClientAuth) {
    let callback = world.url(&format!("/connect/{PROVIDER}/callback"));
    let client = Client { auth, ..Client::new("slack-writer", SECRET, &callback).allowed(AUDIENCE) };
    world.issuer.add_client(client);
}

/// The connection's id and what a function is handed for it.
pub async fn connect(world: &World, subject: &str) -> String {
    let person = world.signed_in(subject).await;
    person.connect_as(PROVIDER, subject).await
}

pub async fn external_subject(world: &World, connection: &str) -> String {
    let column = world.column("SELECT external_subject FROM connections WHERE id = $1", connection).await;
    column.expect("an external subject")
}

pub async fn get(world: &World, connection: &str) -> Value {
    let (_, key) = world.make_caller("slack_function", &[PROVIDER]).await;
    let url = world.url("/api/apps.auth.external.get");
    let request = world.http.post(url).bearer_auth(key).form(&[("external_token_id", connection)]);
    request.send().await.expect("an answer").json().await.expect("JSON")
}

async fn nothing_was_imported(world: &World) {
    for sql in
        ["SELECT id FROM apps WHERE key <> $1", "SELECT id FROM issuers WHERE key <> $1 AND key <> 'sandbox'"]
    {
        assert_eq!(world.column(sql, APP).await, None, "{sql}");
    }
}

#[rstest]
#[tokio::test]
async fn an_imported_provider_is_connected_and_handed_out(
    #[values(ClientAuth::Body, ClientAuth::Basic)] auth: ClientAuth,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    register(&world, auth);
    let mut manifest = manifest(&world);
    options(&mut manifest)["token_url_config"]["use_basic_auth_scheme"] = json!(auth == ClientAuth::Basic);
    let lines = import(&world, &manifest).await.expect("an import");
    assert!(lines.iter().any(|line| line.contains(&world.url("/connect/hygraph/callback"))), "{lines:?}");
    let person = world.signed_in(EDITOR).await;
    let page = person.get("/connect/hygraph").await;
    assert!(page.says("Create content") && page.says("Continue to <bdi>Hygraph</bdi>"), "{}", page.text);
    let authorize = person.ask_to_connect("/connect/hygraph").await;
    let asked: BTreeMap<_, _> = authorize.query_pairs().into_owned().collect();
    let expected = [
        ("client_id", "slack-writer"),
        ("code_challenge_method", "S256"),
        ("prompt", "consent"),
        ("access_type", "offline"),
        ("audience", AUDIENCE),
        ("scope", "email offline_access openid profile"),
    ];
    for (name, value) in expected {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    let connection = connect(&world, EDITOR).await;
    assert_eq!(external_subject(&world, &connection).await, EDITOR);
    assert_eq!(get(&world, &connection).await["ok"], true);
}

#[rstest]
#[tokio::test]
async fn without_use_pkce_no_challenge_is_sent(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    register(&world, ClientAuth::Body);
    let mut manifest = manifest(&world);
    options(&mut manifest).as_object_mut().expect("options").remove("use_pkce");
    import(&world, &manifest).await.expect("an import");
    let authorize = world.signed_in(EDITOR).await.ask_to_connect("/connect/hygraph").await;
    assert!(authorize.query_pairs().all(|(name, _)| !name.starts_with("code_challenge")), "{authorize}");
}

#[rstest]
#[tokio::test]
async fn a_refresh_goes_the_same_way_as_the_consent(
    #[values(ClientAuth::Body, ClientAuth::Basic)] auth: ClientAuth,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    register(&world, auth);
    let mut manifest = manifest(&world);
    options(&mut manifest)["token_url_config"]["use_basic_auth_scheme"] = json!(auth == ClientAuth::Basic);
    import(&world, &manifest).await.expect("an import");
    let connection = connect(&world, EDITOR).await;
    world.clock.advance(crate::world::LIFETIME + 1);
    let answer = get(&world, &connection).await;
    assert_eq!((answer["ok"].as_bool(), world.issuer.refreshes()), (Some(true), 1), "{answer}");
}

/// What an identity endpoint was asked, by method, headers and body.
type Asked = Arc<Mutex<Vec<(Method, HeaderMap, Bytes)>>>;

/// An identity endpoint with this answer; its origin, and what it was asked.
async fn identity_endpoint(answer: Value) -> (String, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let endpoint = move |method: Method, headers: HeaderMap, body: Bytes| {
        seen.lock().expect("a lock").push((method, headers, body));
        let answer = answer.clone();
        async move { Json(answer) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let router = axum::Router::new().fallback(endpoint);
    tokio::spawn(async move { axum_serve(listener, router).await });
    (origin, asked)
}

pub async fn axum_serve(listener: TcpListener, router: axum::Router) {
    let forever = tokio_util::sync::CancellationToken::new();
    attache::server::serve(listener, router, attache::server::Limits::default(), forever).await;
}

pub async fn world_with(origin: &str, database: Database) -> World {
    let allow: &'static str = format!("allow_origins = [\"{origin}\", ").leak();
    let plan = Plan { replace: vec![("allow_origins = [", allow)], ..Plan::default() };
    let world = World::planned(database, plan).await;
    register(&world, ClientAuth::Body);
    world
}

#[rstest]
#[tokio::test]
async fn an_identity_endpoint_is_asked_as_the_manifest_says(
    #[values("GET", "POST")] method: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (origin, asked) =
        identity_endpoint(json!({ "data": { "viewer": { "email": "who@sandbox.test" } } })).await;
    let world = world_with(&origin, database).await;
    let mut manifest = manifest(&world);
    options(&mut manifest)["identity_config"] = json!({
        "url": format!("{origin}/graphql?a=b"),
        "account_identifier": "$.data.viewer.email",
        "headers": { "X-Client": "slack", "authorization": "Bearer another" },
        "http_method_type": method,
        "body": { "query": "{ viewer { email } }" },
    });
    import(&world, &manifest).await.expect("an import");
    let connection = connect(&world, EDITOR).await;
    assert_eq!(external_subject(&world, &connection).await, "who@sandbox.test");
    let asked = asked.lock().expect("a lock");
    let (said, headers, body) = &asked[0];
    assert_eq!(
        (asked.len(), said.as_str(), headers["x-client"].as_bytes()),
        (1, method, b"slack".as_slice())
    );
    let bearer = headers["authorization"].to_str().expect("text").strip_prefix("Bearer ").expect("a bearer");
    assert!(world.issuer.issued().contains(&bearer.to_owned()));
    if method == "POST" {
        let body: Value = serde_json::from_slice(body).expect("JSON");
        assert_eq!(body, json!({ "query": "{ viewer { email } }" }));
    } else {
        assert!(body.is_empty());
    }
}

#[rstest]
#[case::absent(json!({ "data": {} }))]
#[case::empty(json!({ "sub": "" }))]
#[case::a_list(json!({ "sub": ["a"] }))]
#[case::long(json!({ "sub": "x".repeat(256) }))]
#[case::control_character(json!({ "sub": "a\u{0}b" }))]
#[case::no_object(json!("sub"))]
#[tokio::test]
async fn an_identity_that_cannot_be_used_stores_nothing(
    #[case] answer: Value,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (origin, _) = identity_endpoint(answer).await;
    let world = world_with(&origin, database).await;
    let mut manifest = manifest(&world);
    options(&mut manifest)["identity_config"] = json!({ "url": origin, "account_identifier": "$.sub" });
    import(&world, &manifest).await.expect("an import");
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent("/connect/hygraph", EDITOR).await;
    let page = person.get(callback.as_str()).await;
    assert!(page.status == 400 && page.says("Nothing was stored"), "{}", page.text);
    assert_eq!(world.column("SELECT id FROM connections WHERE id <> $1", "").await, None);
}

#[rstest]
#[case::option("/options/audience", json!("x"), "audience")]
#[case::token_url_config("/options/token_url_config/scheme", json!("basic"), "scheme")]
#[case::identity_config("/options/identity_config/token_in_body", json!(true), "token_in_body")]
#[case::provider("/secret", json!("x"), "secret")]
#[case::method("/options/identity_config/http_method_type", json!("PUT"), "PUT")]
#[case::type_of_an_option("/options/use_pkce", json!("yes"), "use_pkce")]
#[case::url("/options/token_url", json!("no url"), "token_url")]
#[case::provider_type("/provider_type", json!("GOOGLE"), "CUSTOM")]
#[case::extra("/options/authorization_url_extras/state", json!("x"), "state")]
#[case::another_extra("/options/authorization_url_extras/redirect_uri", json!("x"), "redirect_uri")]
#[case::scope("/options/scope", json!(["a\"b"]), "scope")]
#[case::account_identifier("/options/identity_config/account_identifier", json!("sub"), "account_identifier")]
#[tokio::test]
async fn what_is_not_understood_is_refused_by_name_and_nothing_is_imported(
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] named: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let mut manifest = manifest(&world);
    let providers = manifest["external_auth_providers"]["oauth2"].as_object_mut().expect("providers");
    // A good one before it is not imported either.
    let mut good = providers[PROVIDER].clone();
    good["options"]["client_id"] = json!("another-client");
    providers.insert("a-good-one".to_owned(), good);
    let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
    let provider = providers.get_mut(PROVIDER).expect("the provider");
    provider.pointer_mut(parent).expect("a parent")[member] = value;
    let refused = import(&world, &manifest).await.expect_err("a refusal");
    assert!(matches!(refused, Error::InvalidRequest(_)), "{refused:?}");
    assert!(refused.to_string().contains(named), "{refused}");
    nothing_was_imported(&world).await;
}

#[rstest]
#[tokio::test]
async fn a_required_option_that_is_missing_is_named(
    #[values("client_id", "authorization_url", "token_url", "scope", "provider_name", "identity_config")]
    option: &str,
) {
    let world = World::new(Sqlite).await;
    let mut manifest = manifest(&world);
    options(&mut manifest).as_object_mut().expect("options").remove(option);
    let refused = import(&world, &manifest).await.expect_err("a refusal").to_string();
    assert!(refused.contains(option), "{refused}");
    nothing_was_imported(&world).await;
}

#[rstest]
#[tokio::test]
async fn importing_again_changes_the_app_and_keeps_its_connections(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    register(&world, ClientAuth::Body);
    let mut manifest = manifest(&world);
    import(&world, &manifest).await.expect("an import");
    let connection = connect(&world, EDITOR).await;
    manifest["display_information"]["name"] = json!("Another name");
    import(&world, &manifest).await.expect("an import");
    let page = world.signed_in(EDITOR).await.get("/account/connected-apps").await;
    assert!(page.says("Another name") && page.says(&connection), "{}", page.text);
    assert_eq!(get(&world, &connection).await["ok"], true);
}

#[rstest]
#[tokio::test]
async fn delete_ends_what_the_words_say_and_no_more(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    register(&world, ClientAuth::Body);
    import(&world, &manifest(&world)).await.expect("an import");
    let delete = async |key: &str, form: &[(&str, &str)]| {
        let url = world.url("/api/apps.auth.external.delete");
        let answer = world.http.post(url).bearer_auth(key).form(form).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.expect("JSON");
        answer["error"].as_str().unwrap_or("ok").to_owned()
    };
    let (_, key) = world.make_caller("slack_function", &[PROVIDER]).await;
    let (_, others) = world.make_caller("another_function", &[APP]).await;
    let all = [("app_id", "A0123")];
    assert_eq!(delete(&key, &all).await, "no_tokens_found");
    assert_eq!(delete(&key, &[("app_id", "A0123"), ("provider_key", "linear")]).await, "providers_not_found");
    assert_eq!(delete(&key, &[("app_id", "A9999")]).await, "app_not_found");
    let editors = connect(&world, EDITOR).await;
    let readers = connect(&world, READER).await;
    let untouched = world.connection().await;
    assert_eq!(delete(&others, &all).await, "app_not_found");
    assert_eq!(get(&world, &editors).await["ok"], true);
    assert_eq!(delete(&key, &[("app_id", "A0123"), ("provider_key", PROVIDER)]).await, "ok");
    for connection in [editors, readers] {
        assert_ne!(world.status(&connection).await, "active");
    }
    assert_eq!(world.status(&untouched).await, "active");
    assert_eq!(delete(&key, &all).await, "no_tokens_found");
}
