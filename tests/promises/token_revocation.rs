//! One content token is revoked by itself, by whom it was given to or the resource server of its environment. It ends at
//! once and everywhere, and the answer tells nobody anything of it.

use attache::content::revoked_tokens;
use reqwest::Response;
use rstest::rstest;
use serde_json::{Value, json};

use crate::elsewhere;
use crate::resource_servers::{OTHER, ask, content_token, create, create_at, introspect};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World, refused};

async fn revoke(world: &World, (id, secret): (&str, &str), form: &[(&str, &str)]) -> Response {
    let post = world.http.post(world.url("/oauth/revoke")).basic_auth(id, Some(secret)).form(form);
    post.send().await.expect("an answer")
}

/// 200, and nothing else.
async fn accepted(answer: Response) {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("text"), "");
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[rstest]
#[tokio::test]
async fn whoever_was_given_a_token_revokes_it_on_every_server_at_once(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let (id, key) = world.caller().await;
    let token = content_token(&world, &connection, &[]).await;
    let narrow = content_token(&world, &connection, &[("scope", "content:read")]).await;
    let mut servers = vec![world.public_url.clone()];
    if database == Postgres {
        servers.push(world.replica().await.url);
    }
    let told = async |server: &str, token: &str| {
        let answer = ask(&world, server, &asks, token).await;
        answer.json::<Value>().await.expect("JSON")
    };
    for server in &servers {
        assert_eq!(told(server, &token).await["active"], true);
    }
    // A hint that is wrong, or unknown, is no matter; nor is it to revoke one twice.
    for hint in ["refresh_token", "unheard_of", "access_token"] {
        accepted(revoke(&world, (&id, &key), &[("token", &token), ("token_type_hint", hint)]).await).await;
        for server in &servers {
            assert_eq!(told(server, &token).await, inactive());
            assert_eq!(told(server, &narrow).await["active"], true, "another token goes on");
        }
    }
    assert_eq!(world.rows("revoked_tokens").await, 1);
    let said = "SELECT actor FROM ledger WHERE action = 'content_token_revoked' AND connection_id = $1";
    assert_eq!(world.column(said, &connection).await, Some(id.clone()));
    // It is not handed out again, and the connection goes on.
    let another = content_token(&world, &connection, &[]).await;
    assert_ne!(another, token);
    assert_eq!(told(&servers[0], &another).await["active"], true);
    let by_body = [("token", another.as_str()), ("client_id", &id), ("client_secret", &key)];
    let post = world.http.post(world.url("/oauth/revoke")).form(&by_body);
    accepted(post.send().await.expect("an answer")).await;
    assert_eq!(told(&servers[0], &another).await, inactive());
    // What has run out need not be remembered.
    revoked_tokens::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(world.rows("revoked_tokens").await, 2);
    world.clock.advance(300);
    revoked_tokens::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(told(&servers[0], &token).await, inactive());
    world.clock.advance(60);
    revoked_tokens::sweep(&world.broker).await.expect("a sweep");
    assert_eq!(world.rows("revoked_tokens").await, 0);
    assert_eq!(told(&servers[0], &token).await, inactive());
}

#[rstest]
#[tokio::test]
async fn a_resource_server_revokes_tokens_of_its_environment_whoever_asked_for_them(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, Plan { more_config: OTHER.to_owned(), ..Plan::default() }).await;
    let connection = world.connection().await;
    let (asks, others) = (create(&world).await, create_at(&world, "other").await);
    let viewer: Value =
        world.viewer(&world.access_token(&connection).await).await.json().await.expect("JSON");
    let bearers = viewer["data"]["_viewer"]["project"]["environment"]["authToken"].as_str().expect("a token");
    let callers = content_token(&world, &connection, &[]).await;
    for token in [bearers, callers.as_str()] {
        accepted(revoke(&world, (&others.id, &others.secret), &[("token", token)]).await).await;
        assert_eq!(introspect(&world, &asks, token).await["active"], true, "another's is left as it is");
        accepted(revoke(&world, (&asks.id, &asks.secret), &[("token", token)]).await).await;
        assert_eq!(introspect(&world, &asks, token).await, inactive());
    }
}

#[rstest]
#[tokio::test]
async fn anothers_token_and_what_is_none_are_one_answer_and_nothing_is_revoked(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let token = content_token(&world, &connection, &[]).await;
    let (other, other_key) = world.make_caller("another_function", &[APP]).await;
    let (message, _) = token.rsplit_once('.').expect("a JWS");
    let foreign = elsewhere::tokens(&world, EDITOR).await;
    let none =
        ["nonsense", "a\u{0}b", "..", &format!("{message}.AAAA"), &foreign.access, &connection, &other_key];
    for token in none.into_iter().chain([token.as_str()]) {
        accepted(revoke(&world, (&other, &other_key), &[("token", token)]).await).await;
    }
    assert_eq!(world.rows("revoked_tokens").await, 0);
    assert_eq!(introspect(&world, &asks, &token).await["active"], true);
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn who_asks_to_revoke_is_judged_before_what(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let (id, key) = world.caller().await;
    let token = content_token(&world, &connection, &[]).await;
    for (id, secret) in [
        (id.as_str(), "wrong"),
        (&id, &asks.secret),
        (&asks.id, &key),
        (&asks.id, "rs_wrong"),
        (&asks.id, &asks.secret[..asks.secret.len() - 1]),
        ("", ""),
    ] {
        let answer = revoke(&world, (id, secret), &[("token", &token)]).await;
        let challenge = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
        assert!(challenge.starts_with("Basic "), "{challenge}");
        refused(answer, 401, "invalid_client").await;
        refused(revoke(&world, (id, secret), &[]).await, 401, "invalid_client").await;
    }
    let nobody = world.http.post(world.url("/oauth/revoke")).form(&[("token", &token)]);
    refused(nobody.send().await.expect("an answer"), 401, "invalid_client").await;
    for known in [(id.as_str(), key.as_str()), (&asks.id, &asks.secret)] {
        refused(revoke(&world, known, &[]).await, 400, "invalid_request").await;
        refused(revoke(&world, known, &[("token", "")]).await, 400, "invalid_request").await;
    }
    let get = world.http.get(world.url("/oauth/revoke")).send().await.expect("an answer");
    refused(get, 405, "invalid_request").await;
    assert_eq!(introspect(&world, &asks, &token).await["active"], true);
}

#[rstest]
#[tokio::test]
async fn the_metadata_name_both_endpoints_and_what_is_protected(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let get = async |url: &str| -> Value {
        let answer = world.http.get(url).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{url}");
        answer.json().await.expect("JSON")
    };
    let metadata = get(&world.url("/.well-known/oauth-authorization-server")).await;
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    for (endpoint, path) in [("introspection", "/oauth/introspect"), ("revocation", "/oauth/revoke")] {
        assert_eq!(metadata[format!("{endpoint}_endpoint")], world.url(path));
        assert_eq!(metadata[format!("{endpoint}_endpoint_auth_methods_supported")], methods);
    }
    // Whoever is refused at a resource finds what it is.
    let v1 = world.http.get(world.url("/v1/connections"));
    let graphql = world.http.post(world.url("/graphql")).json(&json!({ "query": "{ __typename }" }));
    for (asked, resource) in [(v1, "/v1"), (graphql, "/graphql")] {
        for bearer in [None, Some("nonsense")] {
            let asked = asked.try_clone().expect("a request");
            let asked =
                bearer.map_or(asked.try_clone().expect("a request"), |bearer| asked.bearer_auth(bearer));
            let answer = asked.send().await.expect("an answer");
            assert_eq!(answer.status(), 401);
            let challenge = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
            assert!(challenge.starts_with("Bearer "), "{challenge}");
            let (_, address) = challenge.split_once("resource_metadata=\"").expect("an address");
            let metadata = get(address.trim_end_matches('"')).await;
            assert_eq!(metadata["resource"], world.url(resource));
            assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
        }
    }
    let graphql = get(&world.url("/.well-known/oauth-protected-resource/graphql")).await;
    assert_eq!(graphql["authorization_servers"], json!([world.issuer.url()]));
    let nothing = world.http.get(world.url("/.well-known/oauth-protected-resource")).send().await;
    assert_eq!(nothing.expect("an answer").status(), 404);
}
