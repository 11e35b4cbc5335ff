//! Introspection: what a content token is good for is judged anew at each question, on every replica. Whatever is not good
//! is one answer that tells nothing.

use std::collections::BTreeMap;

use attache::connection::allowed::{Access, Allowed};
use attache::connection::look_up;
use attache::consent::choice::{Choice, Places};
use attache::consent::choose;
use attache::consent::duration::Lasts;
use attache::content::issued_token::{GivenTo, IssuedToken};
use attache::freeze::freezes;
use attache::operator::select::{Named, Person};
use attache::operator::{Command, run};
use attache::resource_server::sight::{self, Asked};
use attache::secret::Token;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::{Value, json};

use crate::elsewhere;
use crate::freeze::{asked, freeze};
use crate::minted::everything;
use crate::resource_servers::{OTHER, ask, content_token, create, create_at, introspect};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World, refused};

const ACCOUNT: &str = "SELECT account_id FROM connections WHERE id = $1";

#[rstest]
#[tokio::test]
async fn a_live_token_is_told_by_exactly_these_members(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let token = content_token(&world, &connection, &[]).await;
    let (caller, _) = world.caller().await;
    let column = async |sql| world.column(sql, &connection).await.expect("a value");
    let now = world.clock.now().unix();
    for _ in 0..2 {
        let told = introspect(&world, &asks, &token).await;
        let expected = json!({
            "active": true,
            "token_type": "Bearer",
            "iss": world.public_url,
            "aud": world.content_api_url(),
            "sub": column(ACCOUNT).await,
            "client_id": caller,
            "app": APP,
            "default_stage": "PUBLISHED",
            "authorization_details": everything(&world),
            "act": { "sub": caller },
            "scope": "content:read content:write",
            "iat": now,
            "exp": now + 300,
            "jti": told["jti"],
        });
        assert_eq!(told, expected);
    }
    // One that the access token itself asked for names no caller.
    let viewer: Value =
        world.viewer(&world.access_token(&connection).await).await.json().await.expect("JSON");
    let bearers = viewer["data"]["_viewer"]["project"]["environment"]["authToken"].as_str().expect("a token");
    let told = introspect(&world, &asks, bearers).await;
    assert_eq!((&told["active"], told.get("act")), (&json!(true), None));
}

/// What can become of a token that was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    RanOut,
    Revoked,
    StoppedByItsPerson,
    Frozen,
    CallerFrozen,
    Paused,
    NarrowedToRead,
    NarrowedToNothing,
    ConsentOver,
    ConsentedAnew,
    NeedsReconnect,
    AccountDeleted,
    KeyRevoked,
    CallerSuspended,
    AppTakenFromCaller,
    AppSuspended,
    EnvironmentClosedToApp,
    EnvironmentGone,
    SigningKeyWithdrawn,
}

async fn bring_about(world: &World, end: End, connection: &str) {
    let broker = &world.broker;
    let change = async |sql: &'static str, bind: &str| {
        world.change(sqlx::query(sql).bind(bind.to_owned())).await;
    };
    let choose = async |places: Places| {
        let found = look_up::by_id(broker, connection).await.expect("an answer").expect("a connection");
        let choice = Choice { lasts: Lasts::UntilStopped, places };
        choose::change(broker, &found, &found.account_id, &choice).await.expect("a choice");
    };
    let (caller, key) = world.caller().await;
    match end {
        End::RanOut => world.clock.advance(300),
        End::Revoked => {
            assert_eq!(world.slack("delete", &[("external_token_id", connection)]).await["ok"], true);
        }
        End::StoppedByItsPerson => {
            let person = world.signed_in(EDITOR).await;
            assert_eq!(person.stop(connection).await.status, 303);
        }
        End::Frozen => drop(freeze(world, asked(Named::App(APP.to_owned()))).await),
        End::CallerFrozen => drop(freeze(world, asked(Named::Caller(caller))).await),
        End::Paused => {
            let found = look_up::by_id(broker, connection).await.expect("an answer").expect("a connection");
            freezes::pause(broker, &found).await.expect("a pause");
        }
        End::NarrowedToRead => {
            let environment = "SELECT id FROM environments WHERE key = $1";
            let environment = world.column(environment, "demo-master").await.expect("an environment");
            choose(Places::Chosen(Allowed::only(BTreeMap::from([(environment, Access::Read)])))).await;
        }
        End::NarrowedToNothing => choose(Places::Chosen(Allowed::only(BTreeMap::new()))).await,
        End::ConsentOver => {
            change("UPDATE connections SET consent_expires_at = consented_at + 10 WHERE id = $1", connection)
                .await;
            world.clock.advance(10);
        }
        End::ConsentedAnew => {
            world.clock.advance(1);
            assert_eq!(world.signed_in(EDITOR).await.connect(APP).await, connection);
        }
        End::NeedsReconnect => {
            change("UPDATE connections SET status = 'needs_reconnect' WHERE id = $1", connection).await;
        }
        End::AccountDeleted => {
            let who = world.column(ACCOUNT, connection).await.expect("an account");
            let person = Person { issuer: None, who };
            let delete = Command::DeleteAccount { person, reason: "asked for".to_owned() };
            run(broker, delete).await.expect("an end");
        }
        End::KeyRevoked => {
            let id = key.split('_').nth(1).expect("an id").to_owned();
            run(broker, Command::RevokeKey { id }).await.expect("a revoke");
        }
        End::CallerSuspended => {
            change("UPDATE callers SET status = 'suspended' WHERE id = $1", &caller).await;
        }
        End::AppTakenFromCaller => change("DELETE FROM caller_apps WHERE caller_id = $1", &caller).await,
        End::AppSuspended => change("UPDATE apps SET status = 'suspended' WHERE key = $1", APP).await,
        End::EnvironmentClosedToApp => {
            world.restart(&world.config.replace("apps = [\"content-writer\"]\n", "")).await;
        }
        End::EnvironmentGone => {
            let (without, _) = world.config.split_once("[environments.").expect("an environment");
            world.restart(without).await;
        }
        End::SigningKeyWithdrawn => {
            run(broker, Command::RotateSigning { algorithm: None, withdraw: true })
                .await
                .expect("another key");
        }
    }
}

#[rstest]
#[tokio::test]
async fn whatever_ends_a_token_shows_at_once_on_every_server_and_tells_nothing(
    #[values(
        End::RanOut,
        End::Revoked,
        End::StoppedByItsPerson,
        End::Frozen,
        End::CallerFrozen,
        End::Paused,
        End::NarrowedToRead,
        End::NarrowedToNothing,
        End::ConsentOver,
        End::ConsentedAnew,
        End::NeedsReconnect,
        End::AccountDeleted,
        End::KeyRevoked,
        End::CallerSuspended,
        End::AppTakenFromCaller,
        End::AppSuspended,
        End::EnvironmentClosedToApp,
        End::EnvironmentGone,
        End::SigningKeyWithdrawn
    )]
    end: End,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let token = content_token(&world, &connection, &[]).await;
    let mut servers = vec![world.public_url.clone()];
    if database == Postgres {
        servers.push(world.replica().await.url);
    }
    // Twice, so that each server has what it may hold in memory.
    for server in servers.iter().chain(&servers) {
        let told: Value = ask(&world, server, &asks, &token).await.json().await.expect("JSON");
        assert_eq!(told["active"], true, "{told}");
    }
    bring_about(&world, end, &connection).await;
    for server in &servers {
        let answer = ask(&world, server, &asks, &token).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.expect("text"), "{\"active\":false}", "{end:?} at {server}");
    }
}

#[rstest]
#[tokio::test]
async fn what_takes_nothing_away_leaves_a_token_good(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let token = content_token(&world, &connection, &[("scope", "content:read")]).await;
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    assert_eq!(world.slack("get", &force).await["ok"], true);
    assert_eq!(introspect(&world, &asks, &token).await["active"], true, "a refresh");
    bring_about(&world, End::NarrowedToRead, &connection).await;
    assert_eq!(introspect(&world, &asks, &token).await["active"], true, "it only reads");
    run(&world.broker, Command::RotateSigning { algorithm: None, withdraw: false })
        .await
        .expect("another key");
    assert_eq!(introspect(&world, &asks, &token).await["active"], true, "a key that follows");
    let frozen = freeze(&world, asked(Named::All)).await;
    assert_eq!(introspect(&world, &asks, &token).await, json!({ "active": false }));
    crate::freeze::unfreeze(&world, &frozen).await.expect("lifted");
    assert_eq!(introspect(&world, &asks, &token).await["active"], true, "a freeze that was lifted");
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[rstest]
#[tokio::test]
async fn what_is_not_a_token_for_that_environment_is_one_answer(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, Plan { more_config: OTHER.to_owned(), ..Plan::default() }).await;
    let connection = world.connection().await;
    let (asks, others) = (create(&world).await, create_at(&world, "other").await);
    let good = content_token(&world, &connection, &[]).await;
    let (message, signature) = good.rsplit_once('.').expect("a JWS");
    let (header, claims) = message.split_once('.').expect("a JWS");
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
    };
    let with = |part64: &str, name: &str, value: Value| {
        let mut changed = read(part64);
        changed[name] = value;
        part(&changed)
    };
    let foreign = elsewhere::tokens(&world, EDITOR).await;
    let swapped = format!("{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..]);
    let bad = [
        ("nonsense", "nonsense".to_owned()),
        ("a NUL", "a\u{0}.b.c".to_owned()),
        ("dots", "...".to_owned()),
        ("another signature", format!("{message}.{swapped}")),
        ("half a signature", format!("{message}.{}", &signature[..signature.len() / 2])),
        ("no signature", format!("{message}.")),
        ("no algorithm", format!("{}.{claims}.", with(header, "alg", json!("none")))),
        ("another algorithm", format!("{}.{claims}.{signature}", with(header, "alg", json!("HS256")))),
        ("another key", format!("{}.{claims}.{signature}", with(header, "kid", json!("another")))),
        ("a key with a NUL", format!("{}.{claims}.{signature}", with(header, "kid", json!("a\u{0}")))),
        ("another connection", format!("{header}.{}.{signature}", with(claims, "connection", json!("Et1")))),
        ("an id with a NUL", format!("{header}.{}.{signature}", with(claims, "jti", json!("\u{0}")))),
        ("a list of claims", format!("{header}.{}.{signature}", part(&json!([1])))),
        ("longer than any", format!("{header}.{}.{signature}", "A".repeat(40_000))),
        ("an access token of the issuer", foreign.access),
        ("an ID token", foreign.id),
        ("a connection's id", connection.clone()),
        ("a secret", asks.secret.clone()),
    ];
    for (what, token) in &bad {
        let answer = ask(&world, &world.public_url, &asks, token).await;
        assert_eq!(
            (answer.status().as_u16(), answer.text().await.expect("text").as_str()),
            (200, "{\"active\":false}"),
            "{what}"
        );
    }
    assert_eq!(introspect(&world, &others, &good).await, json!({ "active": false }), "another's environment");
    assert_eq!(introspect(&world, &asks, &good).await["active"], true);
    let there = content_token(&world, &connection, &[("audience", "other/master")]).await;
    assert_eq!(introspect(&world, &asks, &there).await, json!({ "active": false }));
    assert_eq!(introspect(&world, &others, &there).await["active"], true);
}

#[rstest]
#[tokio::test]
async fn a_token_that_a_platform_gave_itself_is_not_ours_to_tell_of(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let ask = ("strategy = \"mint\"", "strategy = \"ask\"\nmanagement_api_url = \"{platform}graphql\"");
    let world = World::planned(database, Plan { replace: vec![ask], ..Plan::default() }).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let opaque = content_token(&world, &connection, &[]).await;
    assert_eq!(introspect(&world, &asks, &opaque).await, json!({ "active": false }));
}

#[rstest]
#[tokio::test]
async fn who_asks_is_judged_first_and_in_one_way_at_a_time(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (asks, other) = (create(&world).await, create(&world).await);
    let token = content_token(&world, &connection, &[]).await;
    let url = world.url("/oauth/introspect");
    let post = |form: &[(&str, &str)]| world.http.post(&url).form(form);
    let send = async |request: reqwest::RequestBuilder| request.send().await.expect("an answer");
    let by_body = post(&[
        ("client_id", &asks.id),
        ("client_secret", &asks.secret),
        ("token", &token),
        ("token_type_hint", "refresh_token"),
    ]);
    assert_eq!(send(by_body).await.json::<Value>().await.expect("JSON")["active"], true);
    for (id, secret) in [
        (asks.id.as_str(), "wrong"),
        (&asks.id, &other.secret),
        (&other.id, &asks.secret),
        ("", ""),
        (&asks.id, &asks.secret[..asks.secret.len() - 1]),
    ] {
        let answer = send(post(&[("token", &token)]).basic_auth(id, Some(secret))).await;
        let challenge = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
        assert!(challenge.starts_with("Basic "), "{challenge}");
        refused(answer, 401, "invalid_client").await;
    }
    refused(send(post(&[("token", &token)])).await, 401, "invalid_client").await;
    refused(send(post(&[])).await, 401, "invalid_client").await;
    // What is asked comes after.
    let known = |form: &[(&str, &str)]| post(form).basic_auth(&asks.id, Some(&asks.secret));
    refused(send(known(&[])).await, 400, "invalid_request").await;
    refused(send(known(&[("token", "")])).await, 400, "invalid_request").await;
    refused(send(known(&[("token", "a"), ("token", "b")])).await, 400, "invalid_request").await;
    let both = known(&[("client_id", &asks.id), ("client_secret", &asks.secret), ("token", &token)]);
    refused(send(both).await, 400, "invalid_request").await;
    let json =
        world.http.post(&url).basic_auth(&asks.id, Some(&asks.secret)).json(&json!({ "token": token }));
    refused(send(json).await, 400, "invalid_request").await;
    assert_eq!(send(known(&[("token", &"x".repeat(100_000))])).await.status(), 413);
    refused(send(world.http.get(&url)).await, 405, "invalid_request").await;
    let answer = ask(&world, &world.public_url, &asks, &token).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

#[rstest]
#[tokio::test]
async fn memory_and_the_statement_see_the_same(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let token = content_token(&world, &connection, &[]).await;
    let said = IssuedToken::parse(&token).expect("a token of ours");
    let by_bearer = GivenTo::Connection { id: connection.clone(), caller_id: None };
    let bearers = IssuedToken { given_to: by_bearer, ..said.clone() };
    let of_page =
        GivenTo::Session { id: Token::new("a session").hash(), origin: "https://a.test".to_owned() };
    let unknown = IssuedToken { given_to: of_page, kid: "k".to_owned(), ..said.clone() };
    let (secret, none) = (Token::new(asks.secret.clone()).hash(), Token::new("nobody's").hash());
    let steps = [
        None,
        Some(End::NarrowedToRead),
        Some(End::Paused),
        Some(End::AppSuspended),
        Some(End::KeyRevoked),
        Some(End::EnvironmentGone),
    ];
    for step in steps {
        if let Some(step) = step {
            bring_about(&world, step, &connection).await;
        }
        for token in [None, Some(&said), Some(&bearers), Some(&unknown)] {
            for secret in [&secret, &none] {
                let asked = Asked { secret, token };
                let held = sight::in_memory(&world.broker, asked, |_| Ok(())).await.expect("facts");
                let read = sight::by_statement(&world.broker, asked).await.expect("facts");
                assert_eq!(held.resource_server, read.resource_server, "{step:?}");
                if secret == &none {
                    assert_eq!(read.resource_server, None);
                    continue;
                }
                assert_eq!(held, read, "{step:?}");
            }
        }
    }
}
