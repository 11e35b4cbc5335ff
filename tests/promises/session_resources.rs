//! A page of the platform gets a content token for whoever is signed in: for an environment that is open to pages of its
//! origin, within what the person may do there, and good for as long as all of that is so.

use attache::operator::select::{Named, Person as Whom};
use attache::operator::{Command, run};
use reqwest::{Method, Url};
use rstest::rstest;
use serde_json::{Value, json};

use crate::freeze::{account, asked, freeze, unfreeze};
use crate::person::{Page, Person};
use crate::resource_servers::{ask as introspect_at, content_token, create_at, introspect};
use crate::session_tokens::{LISTED, TOKENS, ask, with_pages};
use crate::verifier::Verifier;
use crate::world::{Database, EDITOR, Plan, Postgres, READER, Sqlite, World, refused};

const OTHER_ORIGIN: &str = "http://localhost:5173";
const RESOURCE: &str = "https://pages.sandbox.test/v2/pages/master";
/// No app reaches the first one; no page the second one, and the third one has tokens of another platform.
const SECTIONS: &str = r#"
[session_tokens]
allowed_origins = ["https://app.example.com", "http://localhost:5173"]

[environments.pages]
project = "pages"
environment = "master"
content_api_url = "https://pages.sandbox.test/v2/pages/master"
origins = ["https://app.example.com"]
[[environments.pages.roles]]
name = "editor"
accounts = { claim = "$.email", equals = "editor@sandbox.test" }
[[environments.pages.roles.permissions]]
actions = ["read"]

[environments.closed]
project = "closed"
environment = "master"
content_api_url = "https://closed.sandbox.test/v2/closed/master"
accounts = "any"
apps = "any"
"#;

async fn with_resources(database: Database) -> World {
    World::planned(database, Plan { more_config: SECTIONS.to_owned(), ..Plan::default() }).await
}

/// As a page of this origin asks, in this person's browser.
async fn wants(person: &Person<'_>, world: &World, path: &str, origin: &str, body: &str) -> (Page, Value) {
    let url = Url::parse(&world.url(path)).expect("a URL");
    let request = world.http.post(url.clone()).header("origin", origin).header("sec-fetch-site", "same-site");
    let request = request.header("content-type", "application/json").body(body.to_owned());
    let page = person.send(request, url).await;
    let body = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("JSON: {}", page.text));
    (page, body)
}

fn named(resource: &str) -> String {
    json!({ "resource": resource }).to_string()
}

async fn given(person: &Person<'_>, world: &World) -> String {
    let (page, body) = wants(person, world, TOKENS, LISTED, &named(RESOURCE)).await;
    assert_eq!(page.status, 200, "{body}");
    body["jwt"].as_str().expect("a token").to_owned()
}

#[rstest]
#[tokio::test]
async fn a_page_gets_a_content_token_of_the_persons_own_within_their_roles(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_resources(database).await;
    let person = world.signed_in(EDITOR).await;
    let (page, body) = wants(&person, &world, TOKENS, LISTED, &named(RESOURCE)).await;
    assert_eq!(
        (page.status.as_u16(), &body["object"], &body["expires_in"]),
        (200, &json!("token"), &json!(300))
    );
    let mut verifier = Verifier::default();
    verifier.look(&world, &world.public_url).await;
    let token = body["jwt"].as_str().expect("a token");
    let claims = verifier.verify(token, world.clock.now()).expect("verified");
    let id = world.column("SELECT id FROM accounts WHERE subject = $1", EDITOR).await.expect("an account");
    let now = world.clock.now().unix();
    let details = json!([{ "type": "content", "locations": [RESOURCE], "actions": ["read"] }]);
    let (issuer, expected_jti) =
        (world.column("SELECT issuer FROM accounts WHERE id = $1", &id).await, &claims["jti"]);
    let expected = json!({
        "iss": world.public_url, "aud": RESOURCE, "sub": id, "client_id": LISTED, "azp": LISTED,
        "sid": claims["sid"], "scope": "content:read", "authorization_details": details,
        "iat": now, "exp": now + 300, "jti": expected_jti,
        "sub_id": { "format": "iss_sub", "iss": issuer, "sub": EDITOR },
    });
    assert_eq!(Value::Object(claims.clone()), expected);
    let session: Value =
        serde_json::from_str(&ask(&person, &world, Method::GET, "/v1/session", LISTED).await.text)
            .expect("JSON");
    assert_eq!(claims["sid"], session["session"]["id"]);
    let asks = create_at(&world, "pages").await;
    let told = introspect(&world, &asks, token).await;
    for name in ["sub", "client_id", "sid", "scope", "authorization_details", "aud", "exp"] {
        assert_eq!(told[name], claims[name], "{name}");
    }
    assert_eq!((&told["active"], told.get("app"), told.get("act")), (&json!(true), None, None));
    // Two hand-outs on a day are one line of the ledger, and say to whom.
    given(&person, &world).await;
    attache::ledger::hand_out::flush(&world.broker).await.expect("written");
    let line = "SELECT CAST(SUM(times) AS BIGINT) || ' ' || MIN(actor) FROM ledger \
        WHERE action = 'hand_out' AND account_id = $1";
    assert_eq!(world.column(line, &id).await, Some(format!("2 {id}")));
}

#[rstest]
#[tokio::test]
async fn the_gate_lets_it_do_what_the_person_may_and_no_more(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_resources(database).await;
    let person = world.signed_in(EDITOR).await;
    let (asks, token) = (create_at(&world, "pages").await, given(&person, &world).await);
    let gate = async |method: &str| {
        let request = world.http.get(world.url("/v1/authorize")).bearer_auth(&token);
        let request = request.header("attache-resource-server", &asks.secret);
        let request = request.header("x-forwarded-method", method).header("x-forwarded-uri", "/v2/pages/x");
        request.send().await.expect("an answer")
    };
    let passed = gate("GET").await;
    let said = |name: &str| passed.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(passed.status(), 200);
    assert!(said("attache-subject").starts_with("ac_"));
    let nobody = ["attache-app", "attache-caller", "attache-connection"].map(said);
    assert_eq!(nobody, ["none", "none", "none"]);
    assert_eq!(gate("POST").await.status(), 403);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    RanOut,
    SignedOut,
    PersonFrozen,
    AllFrozen,
    AccountDeleted,
    RoleGone,
    OriginGone,
    EnvironmentGone,
    RevokedByItself,
}

#[rstest]
#[tokio::test]
async fn whatever_ends_it_shows_at_once_on_every_server(
    #[values(
        End::RanOut,
        End::SignedOut,
        End::PersonFrozen,
        End::AllFrozen,
        End::AccountDeleted,
        End::RoleGone,
        End::OriginGone,
        End::EnvironmentGone,
        End::RevokedByItself
    )]
    end: End,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_resources(database).await;
    let (person, asks) = (world.signed_in(EDITOR).await, create_at(&world, "pages").await);
    let token = given(&person, &world).await;
    let mut servers = vec![world.public_url.clone()];
    if database == Postgres {
        servers.push(world.replica().await.url);
    }
    for url in &servers {
        let told: Value = introspect_at(&world, url, &asks, &token).await.json().await.expect("JSON");
        assert_eq!(told["active"], true, "{end:?} at {url}: {told}");
    }
    match end {
        End::RanOut => world.clock.advance(301),
        End::SignedOut => drop(ask(&person, &world, Method::DELETE, "/v1/session", LISTED).await),
        End::PersonFrozen => drop(freeze(&world, asked(account(EDITOR))).await),
        End::AllFrozen => drop(freeze(&world, asked(Named::All)).await),
        End::AccountDeleted => {
            let person = Whom { issuer: None, who: EDITOR.to_owned() };
            let delete = Command::DeleteAccount { person, reason: "asked for".to_owned() };
            run(&world.broker, delete).await.expect("an end");
        }
        End::RoleGone => {
            world.restart(&world.config.replace("editor@sandbox.test", "other@sandbox.test")).await;
        }
        End::OriginGone => {
            let without = world.config.replace("origins = [\"https://app.example.com\"]\n", "");
            world.restart(&without).await;
        }
        End::EnvironmentGone => {
            let (before, rest) = world.config.split_once("[environments.pages]").expect("an environment");
            let (_, after) = rest.split_once("[environments.closed]").expect("another one");
            world.restart(&format!("{before}[environments.closed]{after}")).await;
        }
        End::RevokedByItself => {
            let revoke = world.http.post(world.url("/oauth/revoke")).basic_auth(&asks.id, Some(&asks.secret));
            assert_eq!(revoke.form(&[("token", &token)]).send().await.expect("an answer").status(), 200);
        }
    }
    for url in &servers {
        let told: Value = introspect_at(&world, url, &asks, &token).await.json().await.expect("JSON");
        assert_eq!(told, json!({ "active": false }), "{end:?} at {url}");
    }
}

#[rstest]
#[tokio::test]
async fn whoever_may_not_have_one_gets_one_answer(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_resources(database).await;
    let (editor, reader) = (world.signed_in(EDITOR).await, world.signed_in(READER).await);
    let mut bodies = Vec::new();
    for (person, origin, resource) in [
        (&editor, OTHER_ORIGIN, RESOURCE),
        (&reader, LISTED, RESOURCE),
        (&editor, LISTED, "https://closed.sandbox.test/v2/closed/master"),
        (&editor, LISTED, "https://nowhere.sandbox.test/"),
        (&editor, LISTED, "https://pages.sandbox.test/v2/pages/master/"),
        (&editor, LISTED, "pages/master"),
        (&editor, LISTED, ""),
        (&editor, LISTED, "\u{0}"),
    ] {
        let (page, body) = wants(person, &world, TOKENS, origin, &named(resource)).await;
        assert_eq!((page.status.as_u16(), &body["error"]), (400, &json!("invalid_target")), "{resource:?}");
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    for body in [
        r#"{"resource":7}"#,
        r#"{"resource":["https://pages.sandbox.test/v2/pages/master"]}"#,
        r#"{"audience":"pages/master"}"#,
        r#"{"resource":"a","resource":"b"}"#,
        "[]",
        "null",
        "resource",
    ] {
        let (page, answer) = wants(&editor, &world, TOKENS, LISTED, body).await;
        assert_eq!((page.status.as_u16(), &answer["error"]), (400, &json!("invalid_request")), "{body}");
    }
    let (page, _) = wants(&editor, &world, "/v1/session/tokens/hasura", LISTED, &named(RESOURCE)).await;
    assert_eq!(page.status, 400, "a template says by itself whom its tokens are for");
    let frozen = freeze(&world, asked(account(EDITOR))).await;
    let (page, body) = wants(&editor, &world, TOKENS, LISTED, &named(RESOURCE)).await;
    assert_eq!((page.status.is_success(), &body["error"]), (false, &json!("paused")));
    unfreeze(&world, &frozen).await.expect("lifted");
    given(&editor, &world).await;
    ask(&editor, &world, Method::DELETE, "/v1/session", LISTED).await;
    let (page, body) = wants(&editor, &world, TOKENS, LISTED, &named(RESOURCE)).await;
    assert_eq!((page.status.as_u16(), &body["error"]), (401, &json!("signed_out")));
}

#[rstest]
#[tokio::test]
async fn it_stands_for_no_connection_and_names_no_actor(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_resources(database).await;
    let connection = world.connection().await;
    let token = given(&world.signed_in(EDITOR).await, &world).await;
    assert_eq!(world.viewer(&token).await.status(), 401);
    let subject = [
        ("subject_token", token.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    refused(world.exchange(&subject).await, 400, "invalid_request").await;
    let acting = [
        ("subject_token", connection.as_str()),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
        ("actor_token", &token),
        ("actor_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    assert_eq!(world.exchange(&acting).await.status(), 400);
    content_token(&world, &connection, &[]).await;
}

#[rstest]
#[case::not_listed("origins = [\"https://evil.example\"]", "origins")]
#[case::another_spelling("origins = [\"https://app.example.com/\"]", "origins")]
#[case::nothing_is_minted(
    "origins = [\"https://app.example.com\"]\nstrategy = \"ask\"\nmanagement_api_url = \"https://m.sandbox.test/\"",
    "origins"
)]
#[tokio::test]
async fn an_environment_is_open_only_to_pages_that_may_ask_at_all(#[case] line: &str, #[case] place: &str) {
    let world = with_pages(Sqlite).await;
    let environment = "[environments.more]\nproject = \"more\"\nenvironment = \"master\"\n\
        content_api_url = \"https://more.sandbox.test/\"\naccounts = \"any\"\n";
    let config = format!("{}\n{environment}{line}\n", world.config);
    let faults = attache::config::Config::parse(&config, []).expect_err("a fault");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].key, format!("environments.more.{place}"));
}
