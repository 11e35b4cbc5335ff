//! Where an issuer names nobody, whoever consents may be anybody: a consent replaces everything that was there, and inherits
//! nothing.

use attache::sandbox::issuer::TokenShape;
use rstest::rstest;

use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World};

/// A world whose app asks for nothing that names a person.
async fn nameless(database: Database) -> World {
    let replace = vec![
        ("kind = \"native\"", "kind = \"native\"\nidentity = \"any\""),
        ("scopes = [\"openid\", \"profile\", \"email\", \"offline_access\"", "scopes = [\"offline_access\""),
        ("audience = \"https://management.sandbox.test/\"\naccepted", "accepted"),
    ];
    World::planned(database, Plan { replace, ..Plan::default() }).await
}

fn whose(world: &World, token: &str) -> String {
    world.issuer.whose(token).expect("a token of the issuer").0
}

#[rstest]
#[tokio::test]
async fn a_consent_that_names_nobody_inherits_nothing_of_who_was_not_named_before(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] gives_a_refresh_token: bool,
) {
    let world = nameless(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    let old = world.access_token(&connection).await;
    assert_eq!(whose(&world, &old), EDITOR);
    assert_eq!(world.viewer(&old).await.status(), 200);
    if !gives_a_refresh_token {
        world.issuer.faults().token_shape.next(TokenShape::Without("refresh_token"));
    }
    assert_eq!(person.connect_as(APP, READER).await, connection, "there is one for whoever is not named");
    world.settle().await;
    let new = world.access_token(&connection).await;
    assert_eq!(whose(&world, &new), READER);
    assert_eq!(world.viewer(&old).await.status(), 401, "it stands for nobody any more");
    assert_eq!(world.viewer(&new).await.status(), 200);
    world.clock.advance(LIFETIME + 1);
    let answer = world.get(&connection).await;
    if gives_a_refresh_token {
        assert_eq!(whose(&world, answer["external_token"].as_str().expect("a token")), READER);
    } else {
        assert_eq!(answer["ok"], false, "the other person's refresh token is not this one's: {answer}");
        assert_eq!(world.issuer.refreshes(), 0);
    }
}

#[rstest]
#[tokio::test]
async fn a_named_connection_renewed_by_nobody_is_switched_on_purpose_and_leaves_nothing_behind(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let any = ("kind = \"native\"", "kind = \"native\"\nidentity = \"any\"");
    let opaque = ("audience = \"https://management.sandbox.test/\"\naccepted", "accepted");
    let world = World::planned(database, Plan { replace: vec![any, opaque], ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let old = world.access_token(&connection).await;
    world.issuer.settings().id_tokens = false;
    world.issuer.faults().token_shape.next(TokenShape::Without("refresh_token"));
    let callback = person.consent(&format!("/connect/{APP}?connection={connection}"), READER).await;
    let question = person.get(callback.as_str()).await.location().expect("a question");
    let page = person.get(question.as_str()).await;
    let decided = person.post(question.path(), &[("csrf", &page.csrf()), ("decision", "switch")]).await;
    assert_eq!(decided.status, 303, "{}", decided.text);
    world.settle().await;
    assert_eq!(whose(&world, &world.access_token(&connection).await), READER);
    assert_eq!(world.viewer(&old).await.status(), 401);
    world.clock.advance(LIFETIME + 1);
    assert_eq!(world.get(&connection).await["ok"], false);
    assert_eq!(world.issuer.refreshes(), 0);
}
