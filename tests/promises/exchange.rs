//! Token exchange (RFC 8693): whose token it may be, who may ask, and for what.

use rstest::rstest;
use serde_json::{Value, json};

use crate::elsewhere;
use crate::world::{
    APP, AUDIENCE, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World, refused,
};

const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";
/// The one sentence for every subject that is not accepted.
const NO_SUBJECT: &str = "The subject token is not one that is accepted here.";
const OTHER_AUDIENCE: &str = "https://other.sandbox.test/";

/// Access tokens that say nothing: only their hash can tell whose they are.
fn opaque() -> Plan {
    Plan { replace: vec![("audience = \"https://management.sandbox.test/\"\n", "")], ..Plan::default() }
}

async fn force_refresh(world: &World, connection: &str) -> String {
    let answer = world.slack("get", &[("external_token_id", connection), ("force_refresh", "true")]).await;
    answer["external_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}

#[rstest]
#[tokio::test]
async fn a_stored_access_token_is_a_subject_in_its_generation_and_the_next_until_it_ends(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, opaque()).await;
    let connection = world.connection().await;
    let first = world.access_token(&connection).await;
    let status = async |token: &str| world.exchange(&[("subject_token", token)]).await.status().as_u16();
    assert_eq!(status(&first).await, 200);
    world.clock.advance(100);
    let second = force_refresh(&world, &connection).await;
    assert_ne!(first, second);
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    world.clock.advance(LIFETIME - 100);
    assert_eq!((status(&first).await, status(&second).await), (400, 200));
    let third = force_refresh(&world, &connection).await;
    world.clock.advance(31);
    let fourth = force_refresh(&world, &connection).await;
    assert_eq!((status(&second).await, status(&third).await, status(&fourth).await), (400, 200, 200));
    world.clock.advance(LIFETIME + 1);
    assert_eq!((status(&third).await, status(&fourth).await), (400, 400));
}

#[rstest]
#[tokio::test]
async fn a_jwt_of_the_apps_own_client_got_elsewhere_is_a_subject(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.connection().await;
    let tokens = elsewhere::tokens(&world, EDITOR).await;
    for kind in ["access_token", "jwt"] {
        let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
        let form = [("subject_token", tokens.access.as_str()), ("subject_token_type", &kind)];
        assert_eq!(world.exchange(&form).await.status(), 200, "{kind}");
    }
    world.clock.advance(LIFETIME + 61);
    let answer = world.exchange(&[("subject_token", &tokens.access)]).await;
    assert_eq!(refused(answer, 400, "invalid_request").await, NO_SUBJECT);
}

#[rstest]
#[tokio::test]
async fn a_connection_is_a_subject_by_its_id(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let by_id = |id| [("subject_token", id), ("subject_token_type", CONNECTION)];
    assert_eq!(world.exchange(&by_id(&connection)).await.status(), 200);
    // Nobody had to be awake for it: the access token may be long dead.
    world.clock.advance(LIFETIME * 2);
    assert_eq!(world.exchange(&by_id(&connection)).await.status(), 200);
    assert_eq!(world.issuer.refreshes(), 0);
}

#[rstest]
#[tokio::test]
async fn every_bad_subject_gets_one_and_the_same_answer(#[values(Sqlite, Postgres)] database: Database) {
    // The app accepts its own client id as an audience, so that nothing but the kind tells an ID token apart.
    let accepted = ("accepted_audiences = [", "accepted_audiences = [\"content-writer\", ");
    let world = World::planned(database, Plan { replace: vec![accepted], ..Plan::default() }).await;
    let connection = world.connection().await;
    let good = elsewhere::tokens(&world, EDITOR).await;
    let (header, rest) = good.access.split_once('.').expect("a JWT");
    let (claims, signature) = rest.split_once('.').expect("a JWT");
    let bad = [
        ("nonsense", "nonsense".to_owned()),
        ("control characters", "a\u{0}b.c\u{0}d.e".to_owned()),
        ("without signature", format!("{header}.{claims}.")),
        ("half a signature", format!("{header}.{claims}.{}", &signature[..signature.len() / 2])),
        ("an ID token", good.id.clone()),
        ("a refresh token", good.refresh.clone()),
        ("a connection's id", connection.clone()),
        ("for another audience", elsewhere::tokens_for(&world, OTHER_AUDIENCE, EDITOR).await.access),
        ("of another client", elsewhere::tokens_of_a_stranger(&world, EDITOR).await.access),
        ("of somebody without a connection", elsewhere::tokens(&world, READER).await.access),
        ("very long", format!("{header}.{}.{signature}", "A".repeat(40_000))),
    ];
    assert_eq!(world.exchange(&[("subject_token", &good.access)]).await.status(), 200);
    for (which, token) in &bad {
        let answer = world.exchange(&[("subject_token", token)]).await;
        assert_eq!(refused(answer, 400, "invalid_request").await, NO_SUBJECT, "{which}");
    }
    for id in [good.access.as_str(), "Et00000000000000000000", "Et\u{0}", "ac_1", &connection.to_lowercase()]
    {
        let answer = world.exchange(&[("subject_token", id), ("subject_token_type", CONNECTION)]).await;
        assert_eq!(refused(answer, 400, "invalid_request").await, NO_SUBJECT, "{id}");
    }
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn a_caller_without_the_app_is_answered_like_one_with_a_bad_subject(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let (id, key) = world.make_caller("another_function", &[]).await;
    let forms = [
        vec![("subject_token", token.as_str())],
        vec![("subject_token", connection.as_str()), ("subject_token_type", CONNECTION)],
    ];
    for freeze in [false, true] {
        if freeze {
            world.freeze("account", "SELECT account_id FROM connections WHERE id = $1", &connection).await;
        }
        for form in &forms {
            let answer = world.exchange_as(&id, &key, form).send().await.expect("an answer");
            assert_eq!(
                refused(answer, 400, "invalid_request").await,
                NO_SUBJECT,
                "{form:?}, frozen: {freeze}"
            );
        }
    }
}

#[rstest]
#[case::account("account", "SELECT account_id FROM connections WHERE id = $1")]
#[case::app("app", "SELECT app_id FROM connections WHERE id = $1")]
#[case::connection("connection", "SELECT id FROM connections WHERE id = $1")]
#[case::caller("caller", "SELECT id FROM callers WHERE $1 <> ''")]
#[tokio::test]
async fn what_is_frozen_gets_no_content_token_by_any_subject(
    #[case] scope: &str,
    #[case] target: &'static str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let forms = [
        vec![("subject_token", token.as_str())],
        vec![("subject_token", connection.as_str()), ("subject_token_type", CONNECTION)],
    ];
    for form in &forms {
        assert_eq!(world.exchange(form).await.status(), 200);
    }
    world.freeze(scope, target, &connection).await;
    for form in &forms {
        refused(world.exchange(form).await, 400, "invalid_request").await;
    }
}

#[rstest]
#[tokio::test]
async fn a_client_authenticates_always_and_one_way_at_a_time(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let (id, key) = world.caller().await;
    let (other_id, other_key) = world.make_caller("another_function", &[APP]).await;
    let base = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token", token.as_str()),
        ("audience", "cmaz8u024000b07w2o46szn1y/master"),
    ];
    let send = async |basic: Option<(&str, &str)>, body: &[(&str, &str)]| {
        let form: Vec<_> = base.iter().chain(body).copied().collect();
        let mut request = world.http.post(world.url("/oauth/token")).form(&form);
        if let Some((id, key)) = basic {
            request = request.basic_auth(id, Some(key));
        }
        request.send().await.expect("an answer")
    };
    assert_eq!(send(Some((&id, &key)), &[]).await.status(), 200);
    assert_eq!(send(None, &[("client_id", &id), ("client_secret", &key)]).await.status(), 200);
    let by_basic =
        [(id.as_str(), "wrong"), (id.as_str(), &other_key), (&other_id, &key), ("", ""), (&key, &id)];
    for (id, key) in by_basic {
        let answer = send(Some((id, key)), &[]).await;
        let challenge =
            answer.headers().get("www-authenticate").expect("a challenge").to_str().expect("text");
        assert!(challenge.starts_with("Basic "), "{challenge}");
        refused(answer, 401, "invalid_client").await;
    }
    let no_secret: &[(&str, &str)] = &[("client_id", &id)];
    let wrong: &[(&str, &str)] = &[("client_id", &id), ("client_secret", "wrong")];
    let anothers: &[(&str, &str)] = &[("client_id", &id), ("client_secret", &other_key)];
    let no_id: &[(&str, &str)] = &[("client_secret", &key)];
    for body in [&[], no_secret, wrong, anothers, no_id] {
        let answer = send(None, body).await;
        assert!(!answer.headers().contains_key("www-authenticate"));
        refused(answer, 401, "invalid_client").await;
    }
    let both = send(Some((&id, &key)), &[("client_id", &id), ("client_secret", &key)]).await;
    refused(both, 400, "invalid_request").await;
    let two_clients = send(Some((&id, &key)), &[("client_id", &other_id)]).await;
    refused(two_clients, 400, "invalid_request").await;
}

#[rstest]
#[tokio::test]
async fn a_target_is_one_environment_that_is_open(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let url = world.content_api_url();
    let by_resource = [("subject_token", token.as_str()), ("audience", ""), ("resource", &url)];
    assert_eq!(world.exchange(&by_resource).await.status(), 200);
    // By both names, as long as they name the same one.
    let by_both = [("subject_token", token.as_str()), ("resource", &url)];
    assert_eq!(world.exchange(&by_both).await.status(), 200);
    let none = ("audience", "");
    let bad = [
        vec![none],
        vec![("audience", "cmaz8u024000b07w2o46szn1y/production")],
        vec![("audience", "somewhere/master")],
        vec![("audience", "master")],
        vec![("audience", "/")],
        vec![("audience", "a\u{0}/master")],
        vec![none, ("resource", "https://elsewhere.test/")],
        vec![none, ("resource", "no url")],
        vec![none, ("resource", "http://\u{0}/")],
        vec![("audience", "cmaz8u024000b07w2o46szn1y/production"), ("resource", &url)],
        vec![("resource", "https://elsewhere.test/")],
        vec![("resource", "a\u{0}")],
        vec![none, ("resource", &url), ("resource", &url)],
        vec![("audience", "cmaz8u024000b07w2o46szn1y/master"), ("audience", "a/b")],
    ];
    for target in bad {
        let form: Vec<_> = target.iter().copied().chain([("subject_token", token.as_str())]).collect();
        refused(world.exchange(&form).await, 400, "invalid_target").await;
    }
}

#[rstest]
#[tokio::test]
async fn a_scope_narrows_and_never_widens(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let ask = async |scope: &str| world.exchange(&[("subject_token", &token), ("scope", scope)]).await;
    let narrow: Value = ask("content:read").await.json().await.expect("JSON");
    assert_eq!(narrow["scope"], "content:read");
    let read_only = narrow["access_token"].as_str().expect("a token");
    let written = world.create_entry(read_only).await;
    assert_eq!(written.status(), 403);
    assert!(world.platform.entries().is_empty());
    for scope in ["content:admin", "content:read content:admin", "openid", "content:read\"", "content:\u{0}"]
    {
        refused(ask(scope).await, 400, "invalid_scope").await;
    }
}

#[rstest]
#[tokio::test]
async fn what_the_endpoint_does_not_do_is_named(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let bad = [
        (("grant_type", "password"), "unsupported_grant_type"),
        (("grant_type", ""), "invalid_request"),
        (("subject_token_type", ""), "invalid_request"),
        (("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"), "invalid_request"),
        (("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"),
        (("actor_token", "x"), "invalid_request"),
        (("grant_type_", "x"), ""),
    ];
    for (parameter, word) in bad {
        let answer = world.exchange(&[("subject_token", token.as_str()), parameter]).await;
        if word.is_empty() {
            // RFC 6749 section 3.2: unrecognised parameters are ignored.
            assert_eq!(answer.status(), 200);
        } else {
            refused(answer, 400, word).await;
        }
    }
    let twice = [("subject_token", token.as_str()), ("scope", "content:read"), ("scope", "content:write")];
    refused(world.exchange(&twice).await, 400, "invalid_request").await;
    refused(world.exchange(&[]).await, 400, "invalid_request").await;
    for kind in ["access_token", "jwt"] {
        let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
        let form = [("subject_token", token.as_str()), ("requested_token_type", kind.as_str())];
        assert_eq!(world.exchange(&form).await.status(), 200, "{kind}");
    }
    let (id, key) = world.caller().await;
    let json = json!({ "subject_token": token, "audience": AUDIENCE });
    let json = world.http.post(world.url("/oauth/token")).basic_auth(&id, Some(&key)).json(&json);
    refused(json.send().await.expect("an answer"), 400, "invalid_request").await;
    let large = world.exchange(&[("subject_token", "x".repeat(100_000).as_str())]).await;
    assert_eq!(large.status(), 413);
    let get = world.http.get(world.url("/oauth/token")).send().await.expect("an answer");
    refused(get, 405, "invalid_request").await;
}

#[rstest]
#[tokio::test]
async fn a_connection_that_needs_its_person_is_no_subject_by_its_id_either(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let by_id = [("subject_token", connection.as_str()), ("subject_token_type", CONNECTION)];
    assert_eq!(world.exchange(&by_id).await.status(), 200);
    world.clock.advance(LIFETIME);
    world.issuer.revoke_all_of(EDITOR);
    world.get(&connection).await;
    assert_eq!(world.status(&connection).await, "needs_reconnect");
    assert_eq!(refused(world.exchange(&by_id).await, 400, "invalid_request").await, NO_SUBJECT);
}
