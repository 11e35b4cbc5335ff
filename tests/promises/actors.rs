//! Actors (RFC 8693 sections 2.1 and 4.1): whom a caller acts for is told in the token, the newest outermost, and widens
//! nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::{Value, json};

use crate::client_credentials;
use crate::elsewhere;
use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World, refused};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";
/// The one sentence for every actor token that is not accepted.
const NO_ACTOR: &str = "The actor token is not one that is accepted here.";

type Caller = (String, String);

async fn ask(world: &World, caller: &Caller, connection: &str, more: &[(&str, &str)]) -> reqwest::Response {
    let by_id = [("subject_token", connection), ("subject_token_type", CONNECTION)];
    let form = [by_id.as_slice(), more].concat();
    world.exchange_as(&caller.0, &caller.1, &form).send().await.expect("an answer")
}

fn acting_for(token: &str) -> [(&str, &str); 2] {
    [("actor_token", token), ("actor_token_type", ACCESS_TOKEN)]
}

async fn given(answer: reqwest::Response) -> String {
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

/// What we sign, whatever it says.
fn signed(world: &World, typ: &str, claims: &Value) -> String {
    let token = world.broker.signing_keys.sign(attache::content::algorithm::Algorithm::EdDsa, typ, claims);
    token.expect("a token").expose().to_owned()
}

/// The usual caller, another one, and the token that this one was given.
async fn two(world: &World, connection: &str) -> (Caller, Caller, String) {
    let (usual, other) = (world.caller().await, world.make_caller("another_function", &[APP]).await);
    let token = given(ask(world, &other, connection, &[]).await).await;
    (usual, other, token)
}

#[rstest]
#[tokio::test]
async fn whom_a_caller_acts_for_stands_within_its_own_name(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (usual, other, others) = two(&world, &connection).await;
    let plain = given(ask(&world, &usual, &connection, &[]).await).await;
    let token = given(ask(&world, &usual, &connection, &acting_for(&others)).await).await;
    let mut said = claims(&token);
    assert_eq!(said["act"], json!({ "sub": usual.0, "act": { "sub": other.0 } }));
    // Nothing else is said otherwise.
    let mut expected = claims(&plain);
    for name in ["act", "jti"] {
        said[name] = Value::Null;
        expected[name] = Value::Null;
    }
    assert_eq!((&said, &said["client_id"]), (&expected, &json!(usual.0)));
    // One that is kept is given again to the same request only.
    assert_eq!(given(ask(&world, &usual, &connection, &[]).await).await, plain);
    assert_eq!(given(ask(&world, &usual, &connection, &acting_for(&others)).await).await, token);
    assert_eq!(world.create_entry(&token).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn a_caller_that_shows_its_own_token_acts_for_nobody_else(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (usual, other, others) = two(&world, &connection).await;
    let again = given(ask(&world, &other, &connection, &acting_for(&others)).await).await;
    assert_eq!(claims(&again)["act"], json!({ "sub": other.0 }));
    // A token of a caller itself, which is of no person.
    client_credentials::permit(&world, r#"[{"actions":["read"]}]"#).await;
    let itself = given(client_credentials::ask(&world, &[]).await).await;
    let token = given(ask(&world, &other, &connection, &acting_for(&itself)).await).await;
    assert_eq!(claims(&token)["act"], json!({ "sub": other.0, "act": { "sub": usual.0 } }));
    // Its own permissions are no part of it.
    assert_eq!(claims(&token)["scope"], "content:read content:write");
    // One that it would not be given now is nobody's.
    let unpermitted = own(&world, &other.0);
    let answer = ask(&world, &usual, &connection, &acting_for(&unpermitted)).await;
    assert_eq!(refused(answer, 400, "invalid_request").await, NO_ACTOR);
}

/// A token of a caller itself, whatever the operator lets it do.
fn own(world: &World, caller_id: &str) -> String {
    let now = world.clock.now().unix();
    let claims = json!({ "iss": world.public_url, "aud": world.content_api_url(), "sub": caller_id, "client_id": caller_id,
        "scope": "content:read", "jti": "ct_1", "iat": now, "exp": now + 300 });
    signed(world, "at+jwt", &claims)
}

#[rstest]
#[tokio::test]
async fn an_actor_token_that_was_revoked_by_itself_names_nobody(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (usual, other, others) = two(&world, &connection).await;
    given(ask(&world, &usual, &connection, &acting_for(&others)).await).await;
    let revoke = world.http.post(world.url("/oauth/revoke")).basic_auth(&other.0, Some(&other.1));
    assert_eq!(revoke.form(&[("token", &others)]).send().await.expect("an answer").status(), 200);
    let answer = ask(&world, &usual, &connection, &acting_for(&others)).await;
    assert_eq!(refused(answer, 400, "invalid_request").await, NO_ACTOR);
}

#[rstest]
#[tokio::test]
async fn five_callers_may_act_one_for_another_and_no_sixth(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (usual, other, mut token) = two(&world, &connection).await;
    for depth in 2..=5 {
        let caller = if depth % 2 == 0 { &usual } else { &other };
        token = given(ask(&world, caller, &connection, &acting_for(&token)).await).await;
        let depth_of =
            |claims: &Value| std::iter::successors(Some(&claims["act"]), |act| act.get("act")).count();
        assert_eq!(depth_of(&claims(&token)), depth);
    }
    let sixth = ask(&world, &usual, &connection, &acting_for(&token)).await;
    let sentence = refused(sixth, 400, "invalid_request").await;
    assert!(sentence.contains("No more than 5"), "{sentence}");
    // Who acts already makes it no longer.
    given(ask(&world, &other, &connection, &acting_for(&token)).await).await;
}

#[rstest]
#[tokio::test]
async fn every_bad_actor_token_gets_one_and_the_same_answer(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let readers = world.signed_in(READER).await.connect_as(APP, READER).await;
    let (usual, other, others) = two(&world, &connection).await;
    let now = world.clock.now().unix();
    let like = |more: Value| {
        let mut claims = claims(&others);
        more.as_object().expect("claims").iter().for_each(|(name, value)| claims[name] = value.clone());
        claims
    };
    let strangers = json!({ "aud": "https://elsewhere.test/" });
    let bad = [
        ("nonsense", "nonsense".to_owned()),
        ("an access token of the app's issuer", elsewhere::tokens(&world, EDITOR).await.access),
        ("a stored access token", world.access_token(&connection).await),
        ("a connection's id", connection.clone()),
        ("an API key", other.1.clone()),
        ("a token with another signature", others[..others.len() - 8].to_owned() + "AAAAAAAA"),
        ("another person's", given(ask(&world, &other, &readers, &[]).await).await),
        ("a bearer's own, which names no caller", viewers(&world, &connection).await),
        ("for another environment", signed(&world, "at+jwt", &like(strangers))),
        ("of another type", signed(&world, "JWT", &like(json!({})))),
        ("run out", signed(&world, "at+jwt", &like(json!({ "exp": now })))),
        ("of another connection", signed(&world, "at+jwt", &like(json!({ "connection": readers })))),
        (
            "of no connection",
            signed(&world, "at+jwt", &like(json!({ "connection": "Et00000000000000000000" }))),
        ),
        (
            "of a caller that is not there",
            signed(&world, "at+jwt", &like(json!({ "act": { "sub": "ca_1" } }))),
        ),
        ("from before the consent", signed(&world, "at+jwt", &like(json!({ "iat": now - 1000 })))),
    ];
    for (which, token) in &bad {
        let answer = ask(&world, &usual, &connection, &acting_for(token)).await;
        assert_eq!(refused(answer, 400, "invalid_request").await, NO_ACTOR, "{which}");
    }
    let good = signed(&world, "at+jwt", &like(json!({})));
    given(ask(&world, &usual, &connection, &acting_for(&good)).await).await;
}

/// A content token that an access token asked for by itself.
async fn viewers(world: &World, connection: &str) -> String {
    let body: Value = world.viewer(&world.access_token(connection).await).await.json().await.expect("JSON");
    let token = body.pointer("/data/_viewer/project/environment/authToken").and_then(Value::as_str);
    token.unwrap_or_else(|| panic!("no token: {body}")).to_owned()
}

#[rstest]
#[tokio::test]
async fn an_actor_that_would_be_given_nothing_itself_is_no_actor(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (usual, other, others) = two(&world, &connection).await;
    let asked = async || ask(&world, &usual, &connection, &acting_for(&others)).await;
    given(asked().await).await;
    let statements = [
        (
            "UPDATE callers SET status = 'suspended' WHERE id = $1",
            "UPDATE callers SET status = 'active' WHERE id = $1",
        ),
        (
            "INSERT INTO freezes (id, scope, target, reason, actor, created_at) VALUES ('fr_1', 'caller', $1, 'r', 'operator', 0)",
            "DELETE FROM freezes WHERE target = $1",
        ),
        ("DELETE FROM caller_apps WHERE caller_id = $1", "SELECT 1 WHERE $1 <> ''"),
    ];
    for (stopping, mending) in statements {
        world.change(sqlx::query(stopping).bind(other.0.clone())).await;
        assert_eq!(refused(asked().await, 400, "invalid_request").await, NO_ACTOR, "{stopping}");
        // The caller by itself is given what it is given.
        given(ask(&world, &usual, &connection, &[]).await).await;
        world.change(sqlx::query(mending).bind(other.0.clone())).await;
    }
}

#[rstest]
#[tokio::test]
async fn an_actor_widens_nothing_and_an_actors_stop_ends_it(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let (usual, _, others) = two(&world, &connection).await;
    let narrowed = [acting_for(&others).as_slice(), &[("scope", "content:read")]].concat();
    let token = given(ask(&world, &usual, &connection, &narrowed).await).await;
    assert_eq!(claims(&token)["scope"], "content:read");
    // A caller without the app is given nothing, whomever it acts for.
    let stranger = world.make_caller("a_stranger", &[]).await;
    refused(ask(&world, &stranger, &connection, &acting_for(&others)).await, 400, "invalid_request").await;
    person.stop(&connection).await;
    world.settle().await;
    let again = person.connect(APP).await;
    assert_ne!(again, connection);
    let answer = ask(&world, &usual, &again, &acting_for(&others)).await;
    assert_eq!(refused(answer, 400, "invalid_request").await, NO_ACTOR);
}

#[rstest]
#[tokio::test]
async fn an_actor_token_comes_with_its_type_and_only_where_tokens_are_minted(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (usual, _, others) = two(&world, &connection).await;
    let bad = [
        (vec![("actor_token", others.as_str())], "`actor_token_type` is missing"),
        (vec![("actor_token_type", ACCESS_TOKEN)], "leave out `actor_token_type`"),
        (vec![("actor_token", others.as_str()), ("actor_token_type", CONNECTION)], "`actor_token_type`"),
        (vec![("actor_token", others.as_str()), ("actor_token", "x")], "twice"),
    ];
    for (form, part) in bad {
        let sentence = refused(ask(&world, &usual, &connection, &form).await, 400, "invalid_request").await;
        assert!(sentence.contains(part), "{sentence}");
    }
    // Who asks is judged before whom it acts for.
    let unknown = (usual.0.clone(), "wrong".to_owned());
    refused(ask(&world, &unknown, &connection, &acting_for("nonsense")).await, 401, "invalid_client").await;
    let strategy = ("strategy = \"mint\"", "strategy = \"ask\"\nmanagement_api_url = \"{platform}graphql\"");
    let world = World::planned(database, Plan { replace: vec![strategy], ..Plan::default() }).await;
    let connection = world.connection().await;
    let (usual, other) = (world.caller().await, world.make_caller("another_function", &[APP]).await);
    let itself = own(&world, &other.0);
    let answer = ask(&world, &usual, &connection, &acting_for(&itself)).await;
    let sentence = refused(answer, 400, "invalid_request").await;
    assert!(sentence.contains("leave out `actor_token`"), "{sentence}");
    assert_eq!(world.platform.asked(), 0);
}
