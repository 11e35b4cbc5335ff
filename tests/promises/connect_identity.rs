//! Who consented: the same person as here, anybody, or nobody who can be named; and what a reconnect changes.

use attache::sandbox::issuer::RevocationReach;
use rstest::rstest;
use serde_json::Value;

use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World};

/// A world where the app takes whoever consents.
pub async fn anybodys(database: Database) -> World {
    let any = ("kind = \"native\"", "kind = \"native\"\nidentity = \"any\"");
    World::planned(database, Plan { replace: vec![any], ..Plan::default() }).await
}

/// Whose access token a connection hands out.
pub async fn subject(world: &World, connection: &str) -> String {
    let token = world.access_token(connection).await;
    let userinfo = world.http.get(format!("{}userinfo", world.issuer.url())).bearer_auth(token).send().await;
    let person: Value = userinfo.expect("an answer").json().await.expect("JSON");
    person["sub"].as_str().expect("a subject").to_owned()
}

#[rstest]
#[tokio::test]
async fn consenting_as_somebody_else_stores_nothing_and_returns_the_grant(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(true, false)] id_tokens: bool,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    // Without ID tokens the verified access token says who it was.
    world.issuer.settings().id_tokens = id_tokens;
    let callback = person.consent(&format!("/connect/{APP}"), READER).await;
    let page = person.get(callback.as_str()).await;
    assert_eq!(page.status, 400);
    assert!(page.says("another account") && page.says("Nothing was stored"), "{}", page.text);
    let came = if id_tokens { "reader@sandbox.test" } else { READER };
    assert!(page.says("as editor@sandbox.test") && page.says(&format!("agreed as {came}")), "{}", page.text);
    let kept = world.rows("ledger WHERE detail LIKE '%@sandbox.test%'").await;
    assert_eq!(kept, 0, "the ledger outlives the people that it is about");
    // Trying again asks which account is meant, though the issuer knows one already.
    assert!(page.says(&format!("/connect/{APP}?prompt=select_account")), "{}", page.text);
    let again = person.get(&format!("/connect/{APP}?prompt=select_account")).await;
    let form = [("csrf", again.csrf()), ("prompt", again.field("prompt").expect("a prompt"))];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let asked = person.post(&format!("/connect/{APP}"), &form).await.location().expect("the issuer");
    assert!(
        asked.query_pairs().any(|(name, value)| name == "prompt" && value == "select_account"),
        "{asked}"
    );
    world.settle().await;
    assert_eq!((world.rows("connections").await, world.issuer.live_refresh_tokens()), (0, 0));
    assert_eq!(world.issuer.revocations(), 1);
    let list = person.get("/account/connected-apps").await;
    assert!(list.says("No app is connected."), "{}", list.text);
    // As oneself it works.
    person.connect(APP).await;
}

#[rstest]
#[tokio::test]
async fn without_id_tokens_the_access_token_says_who_consented(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    world.issuer.settings().id_tokens = false;
    let id = person.connect(APP).await;
    let pinned = world.column("SELECT external_subject FROM connections WHERE id = $1", &id).await;
    assert_eq!(pinned.as_deref(), Some(EDITOR));
}

#[rstest]
#[tokio::test]
async fn an_app_for_anybody_has_one_connection_for_each_identity(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let (own, other) = (person.connect_as(APP, EDITOR).await, person.connect_as(APP, READER).await);
    assert_ne!(own, other);
    assert_eq!(
        (subject(&world, &own).await.as_str(), subject(&world, &other).await.as_str()),
        (EDITOR, READER)
    );
    let list = person.get("/account/connected-apps").await;
    for id in [&own, &other] {
        assert!(list.says(&format!("/account/connected-apps/{id}")), "{}", list.text);
    }
    // Each is found again by its identity.
    assert_eq!(person.connect_as(APP, READER).await, other);
    assert_eq!((world.rows("connections").await, world.issuer.live_refresh_tokens()), (2, 3));
    // And ends alone, with what was given before.
    person.stop(&other).await;
    world.settle().await;
    assert_eq!((world.status(&own).await.as_str(), world.issuer.live_refresh_tokens()), ("active", 1));
    assert_eq!(subject(&world, &own).await, EDITOR);
}

#[rstest]
#[tokio::test]
async fn the_same_identity_of_two_people_is_two_connections(#[values(Sqlite, Postgres)] database: Database) {
    let world = anybodys(database).await;
    let first = world.signed_in(EDITOR).await.connect_as(APP, READER).await;
    let second = world.signed_in(READER).await.connect_as(APP, READER).await;
    assert_ne!(first, second);
    world.signed_in(EDITOR).await.stop(&first).await;
    world.settle().await;
    assert_eq!(subject(&world, &second).await, READER);
}

#[rstest]
#[tokio::test]
async fn reconnecting_keeps_the_id_and_the_old_grant_ends_with_the_new_one(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] by_id: bool,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let token = world.access_token(&connection).await;
    let path =
        if by_id { format!("/connect/{APP}?connection={connection}") } else { format!("/connect/{APP}") };
    let callback = person.consent(&path, EDITOR).await;
    let answer = person.get(callback.as_str()).await;
    assert!(answer.headers["location"].to_str().expect("a text").ends_with(&connection));
    world.settle().await;
    assert_eq!((world.rows("connections").await, world.issuer.revocations()), (1, 0));
    assert_ne!(world.access_token(&connection).await, token, "the new grant serves");
    world.clock.advance(LIFETIME + 1);
    assert_eq!(subject(&world, &connection).await, EDITOR);
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.live_refresh_tokens(), world.issuer.revocations()), (0, 2));
}

#[rstest]
#[tokio::test]
async fn where_one_revocation_ends_the_whole_grant_a_reconnect_revokes_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let grant = ("profile = \"auth0\"", "profile = \"auth0\"\nrevocation_reach = \"grant\"");
    let deletes_grant: fn(&mut _) = |settings: &mut attache::sandbox::issuer::Settings| {
        settings.revocation_reach = RevocationReach::Grant;
    };
    let plan = Plan { replace: vec![grant], issuer: Some(deletes_grant), ..Plan::default() };
    let world = World::planned(database, plan).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    assert_eq!(person.connect(APP).await, connection);
    world.settle().await;
    assert_eq!(world.issuer.revocations(), 0);
    world.clock.advance(LIFETIME + 1);
    assert_eq!(subject(&world, &connection).await, EDITOR);
}
