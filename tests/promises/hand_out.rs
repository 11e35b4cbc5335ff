//! Hand-out: an access token that is valid now, to whoever may have it and nobody else.

use attache::sandbox::fault::Fault;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World};

#[rstest]
#[tokio::test]
async fn a_connected_app_is_handed_a_token_that_the_issuer_takes(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    assert!(connection.starts_with("Et"));
    let token = world.access_token(&connection).await;
    let userinfo = world.http.get(format!("{}userinfo", world.issuer.url())).bearer_auth(token).send().await;
    let person: Value = userinfo.expect("an answer").json().await.expect("JSON");
    assert_eq!(person["sub"], EDITOR);
}

#[rstest]
#[tokio::test]
async fn unknown_foreign_and_revoked_connections_are_one_answer(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let (_, stranger) = world.make_caller("stranger", &[]).await;
    let foreign = world.http.post(world.url("/api/apps.auth.external.get")).bearer_auth(stranger);
    let foreign: Value = foreign
        .form(&[("external_token_id", &connection)])
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(foreign, json!({ "ok": false, "error": "token_not_found" }));
    assert_eq!(world.get("Et00000000000000000000").await, foreign);
    person.stop(&connection).await;
    assert_eq!(world.get(&connection).await, foreign);
}

#[rstest]
#[tokio::test]
async fn slack_arguments_come_as_form_or_json_and_the_key_as_header_or_field(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (_, key) = world.caller().await;
    let url = world.url("/api/apps.auth.external.get");
    let by_form = world.http.post(&url).form(&[("token", &key), ("external_token_id", &connection)]);
    let by_json = world.http.post(&url).json(&json!({ "token": key, "external_token_id": connection }));
    let by_header = world.http.post(&url).bearer_auth(&key).json(&json!({ "external_token_id": connection }));
    for request in [by_form, by_json, by_header] {
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

#[rstest]
#[tokio::test]
async fn every_fault_on_slacks_wire_is_200_with_its_word(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (_, key) = world.caller().await;
    let url = world.url("/api/apps.auth.external.get");
    let post = || world.http.post(&url);
    let form = [("external_token_id", connection.as_str())];
    let mut mistyped = key.clone();
    mistyped.replace_range(5..6, if &key[5..6] == "A" { "B" } else { "A" });
    let cases = [
        (post().form(&form), "not_authed"),
        (post().bearer_auth("xoxb-nonsense").form(&form), "invalid_auth"),
        (post().bearer_auth(&mistyped).form(&form), "invalid_auth"),
        (post().bearer_auth(&key), "invalid_arguments"),
        (post().bearer_auth(&key).form(&[("external_token_id", "")]), "invalid_arguments"),
        (
            post().bearer_auth(&key).form(&[("external_token_id", "a"), ("force_refresh", "maybe")]),
            "invalid_arguments",
        ),
        (post().bearer_auth(&key).header("content-type", "application/json").body("{"), "invalid_json"),
        (post().bearer_auth(&key).header("content-type", "application/json").body("[]"), "json_not_object"),
        (post().bearer_auth(&key).header("content-type", "text/csv").body("a"), "invalid_post_type"),
        (post().bearer_auth(&key).form(&[("external_token_id", "' OR 1=1 --")]), "token_not_found"),
        (post().bearer_auth(&key).form(&[("external_token_id", "Et\u{0}")]), "invalid_arguments"),
    ];
    for (request, word) in cases {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{word}");
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!((answer["ok"].as_bool(), answer["error"].as_str()), (Some(false), Some(word)), "{answer}");
    }
}

#[rstest]
#[tokio::test]
async fn a_backend_learns_the_true_life_scopes_and_state(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(100);
    let answer = world.v1_token(&connection, &json!({ "min_ttl": 10 })).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["expires_in"], LIFETIME - 100);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["state"], "active");
    assert!(answer["scope"].as_str().expect("scopes").contains("offline_access"));
}

#[rstest]
#[tokio::test]
async fn a_token_with_less_life_than_asked_for_is_refreshed_first(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(LIFETIME - 200);
    let kept: Value =
        world.v1_token(&connection, &json!({ "min_ttl": 100 })).await.json().await.expect("JSON");
    assert_eq!((kept["expires_in"].as_i64(), world.issuer.refreshes()), (Some(200), 0));
    let fresh: Value =
        world.v1_token(&connection, &json!({ "min_ttl": 300 })).await.json().await.expect("JSON");
    assert_eq!((fresh["expires_in"].as_i64(), world.issuer.refreshes()), (Some(LIFETIME), 1));
    assert_ne!(kept["access_token"], fresh["access_token"]);
}

#[rstest]
#[tokio::test]
async fn bad_demands_of_a_backend_are_refused_in_json(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    for body in [json!({ "min_ttl": -1 }), json!({ "min_ttl": "soon" }), json!({ "min": 1 }), json!([1])] {
        let answer = world.v1_token(&connection, &body).await;
        assert_eq!(answer.status(), 400, "{body}");
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(answer["error"], "invalid_request");
    }
    let unknown = world.v1_token("Et0", &json!({})).await;
    assert_eq!(unknown.status(), 404);
    let url = world.url(&format!("/v1/connections/{connection}/token"));
    let nobody = world.http.post(url).send().await.expect("an answer");
    assert_eq!(nobody.status(), 401);
    assert!(nobody.headers().contains_key("www-authenticate"));
}

#[rstest]
#[tokio::test]
async fn one_persons_connection_never_serves_anothers(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let editor = world.signed_in(EDITOR).await.connect_as(APP, EDITOR).await;
    let reader = world.signed_in(READER).await.connect_as(APP, READER).await;
    assert_ne!(editor, reader);
    for (connection, subject) in [(&editor, EDITOR), (&reader, READER)] {
        let token = world.access_token(connection).await;
        let userinfo =
            world.http.get(format!("{}userinfo", world.issuer.url())).bearer_auth(token).send().await;
        let person: Value = userinfo.expect("an answer").json().await.expect("JSON");
        assert_eq!(person["sub"], subject);
    }
}

#[rstest]
#[tokio::test]
async fn a_revoked_key_is_nothing_at_once_and_two_keys_live_at_a_time(
    #[values(Sqlite, Postgres)] database: Database,
) {
    use attache::operator::{Command, run};
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (_, first) = world.caller().await;
    let create = || Command::CreateKey { caller: "create_content_function".to_owned(), apps: Vec::new() };
    let second = run(&world.broker, create()).await.expect("a second key").secret.expect("a key");
    assert!(run(&world.broker, create()).await.is_err(), "a third key");
    let id = first.split('_').nth(1).expect("the key's id").to_owned();
    run(&world.broker, Command::RevokeKey { id }).await.expect("revoked");
    assert_eq!(world.get(&connection).await["error"], "invalid_auth");
    let url = world.url("/api/apps.auth.external.get");
    let by_second =
        world.http.post(url).bearer_auth(second.expose()).form(&[("external_token_id", &connection)]);
    let answer: Value = by_second.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["ok"], true);
    run(&world.broker, create()).await.expect("a key in the place of the revoked one");
}

#[rstest]
#[tokio::test]
async fn a_suspended_app_hands_out_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.access_token(&connection).await;
    let without = world.config.split(&format!("[apps.{APP}]")).next().expect("the part before").to_owned();
    world.restart(&without).await;
    assert_eq!(world.get(&connection).await["error"], "token_not_found");
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_is_down_leaves_a_live_token_served_with_its_true_life(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.issuer.faults().token.always(Fault::status(503));
    world.clock.advance(LIFETIME - 30);
    let answer = world.v1_token(&connection, &json!({ "min_ttl": 60 })).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!((answer["expires_in"].as_i64(), answer["state"].as_str()), (Some(30), Some("backoff")));
    world.clock.advance(31);
    let dead = world.v1_token(&connection, &json!({})).await;
    assert_eq!(dead.status(), 503);
    assert!(dead.headers().contains_key("retry-after"));
    let slack = world.get(&connection).await;
    assert_eq!(slack["error"], "access_token_exchange_failed");
    assert_eq!(slack["state"], "issuer_unavailable");
    assert!(slack["retry_after"].is_i64());
    world.issuer.faults().token.clear();
    world.clock.advance(600);
    world.access_token(&connection).await;
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn a_freeze_stops_hand_outs_and_its_end_lets_them_go_on(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let insert = "INSERT INTO freezes (id, scope, target, reason, actor, created_at) VALUES ('f', 'connection', $1, 'r', 'o', 0)";
    world.change(sqlx::query(insert).bind(&connection)).await;
    assert_eq!(world.get(&connection).await["state"], "paused");
    let v1 = world.v1_token(&connection, &json!({})).await;
    assert_eq!(v1.status(), 409);
    world.change(sqlx::query("DELETE FROM freezes")).await;
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 0);
}

#[rstest]
#[tokio::test]
async fn hand_outs_are_in_the_ledger_and_counted_on_the_page(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, Plan::default()).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    for _ in 0..3 {
        world.access_token(&connection).await;
    }
    attache::ledger::hand_out::flush(&world.broker).await.expect("written");
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("create_content_function"), "{}", page.text);
    assert!(page.says("3 times"), "{}", page.text);
}
