//! Revoke: final at once, told to the issuer, and nothing of it comes back.

use std::time::Duration;

use attache::revoke::tell::tell_again;
use attache::sandbox::fault::Fault;
use rstest::rstest;
use serde_json::json;

use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, READER, Sqlite, World, until};

#[rstest]
#[tokio::test]
async fn no_request_after_the_revoke_gets_anything_on_any_path(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let token = world.access_token(&connection).await;
    assert_eq!(world.viewer(&token).await.status(), 200);
    let stopped = person.stop(&connection).await;
    assert_eq!(stopped.status, 303);
    assert_eq!(world.get(&connection).await["error"], "token_not_found");
    assert_eq!(world.v1_token(&connection, &json!({})).await.status(), 404);
    assert_eq!(world.viewer(&token).await.status(), 401);
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 400);
    let by_id = [
        ("subject_token", connection.as_str()),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
    ];
    assert_eq!(world.exchange(&by_id).await.status(), 400);
}

#[tokio::test]
async fn a_revoke_at_one_replica_is_final_at_the_other() {
    let world = World::new(Postgres).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let replica = world.replica().await;
    let (_, key) = world.caller().await;
    let ask = || async {
        let request =
            world.http.post(format!("{}/api/apps.auth.external.get", replica.url)).bearer_auth(&key);
        let answer = request.form(&[("external_token_id", &connection)]).send().await.expect("an answer");
        answer.json::<serde_json::Value>().await.expect("JSON")
    };
    assert_eq!(ask().await["ok"], true);
    person.stop(&connection).await;
    assert_eq!(ask().await["error"], "token_not_found");
}

#[rstest]
#[tokio::test]
async fn the_issuer_is_told_and_then_the_secrets_are_gone(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    assert_eq!(world.issuer.live_refresh_tokens(), 1);
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.issuer.live_refresh_tokens()), (1, 0));
    assert_eq!(world.status(&connection).await, "revoked");
    let left = world
        .column("SELECT COALESCE(refresh_token, data_kid) FROM connections WHERE id = $1", &connection)
        .await;
    assert_eq!(left, None);
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Receipt") && page.says("Sandbox confirmed."), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_cannot_be_told_keeps_nobody_waiting(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.issuer.faults().revoke.always(Fault::status(503));
    assert_eq!(person.stop(&connection).await.status, 303);
    assert_eq!(world.get(&connection).await["error"], "token_not_found");
    world.settle().await;
    assert_eq!(world.status(&connection).await, "revoking");
    let pending = world.column("SELECT status FROM outbox WHERE connection_id = $1", &connection).await;
    assert_eq!(pending.as_deref(), Some("pending"));
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Stopping: waiting for Sandbox to confirm"), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn the_issuer_is_told_again_until_it_confirms(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.issuer.faults().revoke.always(Fault::status(503));
    person.stop(&connection).await;
    world.settle().await;
    let list = person.get("/account/connected-apps").await;
    assert!(list.says("Stopping: waiting for Sandbox to confirm"), "{}", list.text);
    tell_again(&world.broker).await.expect("a database");
    world.settle().await;
    assert_eq!(world.issuer.revocations(), 1, "it is left in peace for a while");
    world.clock.advance(30);
    tell_again(&world.broker).await.expect("a database");
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.status(&connection).await.as_str()), (2, "revoking"));
    world.issuer.faults().revoke.clear();
    world.clock.advance(30);
    tell_again(&world.broker).await.expect("a database");
    tell_again(&world.broker).await.expect("a database");
    world.settle().await;
    assert_eq!(world.issuer.revocations(), 3, "told once, though asked twice");
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
    assert_eq!(world.status(&connection).await, "revoked");
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Sandbox confirmed."), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn a_refresh_that_lands_after_the_revoke_is_not_stored_and_its_token_is_revoked(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.caller().await;
    world.clock.advance(LIFETIME + 1);
    world.issuer.faults().token.next(Fault::DelayAfterProcessing(Duration::from_millis(700)));
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    // The revoke begins only once the refresh is on its way.
    let revoke = async {
        until("the issuer is asked", async || world.issuer.refreshes() > 0).await;
        person.post(&format!("/account/connected-apps/{connection}/revoke"), &[("csrf", &page.csrf())]).await
    };
    let (answer, stopped) = tokio::join!(world.get(&connection), revoke);
    assert_eq!(stopped.status, 303);
    assert_eq!(answer["ok"], false, "{answer}");
    world.settle().await;
    assert_eq!(world.status(&connection).await, "revoked");
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[rstest]
#[tokio::test]
async fn a_consent_after_a_revoke_makes_a_new_connection(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let first = person.connect(APP).await;
    assert_eq!(person.connect(APP).await, first, "reconnecting keeps the id");
    person.stop(&first).await;
    world.settle().await;
    let second = person.connect(APP).await;
    assert_ne!(first, second);
    world.access_token(&second).await;
    assert_eq!(world.get(&first).await["error"], "token_not_found");
}

#[rstest]
#[tokio::test]
async fn nobody_stops_or_sees_anothers_connection(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let reader = world.signed_in(READER).await;
    let path = format!("/account/connected-apps/{connection}");
    assert_eq!(reader.get(&path).await.status, 404);
    let list = reader.get("/account/connected-apps").await;
    assert!(!list.says(&connection));
    let stopped = reader.post(&format!("{path}/revoke"), &[("csrf", &list.csrf())]).await;
    assert_eq!(stopped.status, 404);
    world.access_token(&connection).await;
}

#[rstest]
#[tokio::test]
async fn slacks_delete_ends_by_id_by_app_and_by_provider(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    assert_eq!(world.slack("delete", &[]).await["error"], "invalid_arguments");
    assert_eq!(world.slack("delete", &[("app_id", "A0")]).await["error"], "app_not_found");
    assert_eq!(world.slack("delete", &[("external_token_id", &connection)]).await, json!({ "ok": true }));
    assert_eq!(
        world.slack("delete", &[("external_token_id", &connection)]).await["error"],
        "token_not_found"
    );
    world.settle().await;
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}
