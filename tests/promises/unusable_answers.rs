//! What is there and can't be used is not taken for absent: at a consent, at a sign-in, and in what is told on.

use attache::sandbox::issuer::TokenShape;
use rstest::rstest;
use serde_json::{Value, json};

use crate::person::Person;
use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, READER, Sqlite, World};

#[rstest]
#[case::number(json!(7))]
#[case::blank(json!("a b"))]
#[case::empty(json!(""))]
#[case::long(json!("a".repeat(65_537)))]
#[tokio::test]
async fn an_id_token_that_cannot_be_read_connects_nobody_and_takes_over_nothing(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] id_token: Value,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let person = world.signed_in(EDITOR).await;
    // Another person's consent, which does not say whose it is.
    let callback = person.consent(&format!("/connect/{APP}?connection={connection}"), READER).await;
    world.issuer.faults().token_shape.next(TokenShape::With("id_token", id_token));
    let page = person.get(callback.as_str()).await;
    assert_eq!(page.status, 400, "{}", page.text);
    assert!(page.says("ID token cannot be read") && page.says("Nothing was stored"), "{}", page.text);
    world.settle().await;
    assert_eq!(world.rows("connections").await, 1);
    assert_eq!(world.access_token(&connection).await, token);
}

#[rstest]
#[tokio::test]
async fn nobody_signs_in_by_an_id_token_that_cannot_be_read(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    world.issuer.faults().token_shape.next(TokenShape::With("id_token", json!("a b")));
    let page = person.get(callback.as_str()).await;
    assert_eq!(page.status, 400, "{}", page.text);
    assert!(page.says("cannot be read: it holds blanks"), "{}", page.text);
}

#[rstest]
#[case::type_of_token(TokenShape::With("token_type", json!("DPoP")), "handed out")]
#[case::access_token(TokenShape::With("access_token", json!("a b")), "handed out")]
#[case::refresh_token(TokenShape::With("refresh_token", json!(7)), "kept")]
#[tokio::test]
async fn a_consent_that_brings_nothing_to_hand_out_or_to_keep_is_refused_with_the_reason(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] shape: TokenShape,
    #[case] reason: &str,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    world.issuer.faults().token_shape.next(shape);
    let page = person.get(callback.as_str()).await;
    assert_eq!((page.status.as_u16(), world.rows("connections").await), (400, 0), "{}", page.text);
    assert!(page.says(reason), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn a_type_of_token_that_is_not_bearer_is_told_as_it_is(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let told =
        async || -> Value { world.v1_token(&connection, &json!({})).await.json().await.expect("JSON") };
    assert_eq!(told().await["token_type"], "Bearer");
    world.clock.advance(LIFETIME + 1);
    world.issuer.faults().token_shape.next(TokenShape::With("token_type", json!("user")));
    assert_eq!(told().await["token_type"], "user");
    world.clock.advance(LIFETIME + 1);
    assert_eq!(told().await["token_type"], "Bearer");
}

#[rstest]
#[tokio::test]
async fn what_lives_on_is_handed_out_when_a_refresh_brings_nothing_that_can_be(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    world.issuer.faults().token_shape.next(TokenShape::With("token_type", json!("DPoP")));
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    assert_eq!(world.slack("get", &force).await["external_token"], token.as_str());
    assert_eq!(world.access_token(&connection).await, token);
    assert_eq!(world.issuer.refreshes(), 1);
    world.clock.advance(LIFETIME + 1);
    assert_ne!(world.access_token(&connection).await, token);
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn a_token_that_says_itself_that_it_ends_earlier_is_believed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(LIFETIME + 1);
    world.issuer.faults().token_shape.next(TokenShape::With("expires_in", json!(7200)));
    let told: Value = world.v1_token(&connection, &json!({})).await.json().await.expect("JSON");
    assert_eq!(told["expires_in"], LIFETIME);
}

#[rstest]
#[tokio::test]
async fn who_answers_for_another_gives_nothing_more_and_what_came_is_kept_until_it_is_revoked(
    #[values(Sqlite, Postgres)] database: Database,
) {
    use attache::sandbox::issuer::IdTokenFault;

    let world = World::new(database).await;
    let connection = world.connection().await;
    let before = world.access_token(&connection).await;
    world.clock.advance(LIFETIME / 2);
    world.issuer.faults().id_token.next(IdTokenFault::OtherSub);
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    let refused = world.slack("get", &force).await;
    assert_eq!(
        (refused["ok"].as_bool(), refused["state"].as_str()),
        (Some(false), Some("reconnect_required"))
    );
    // Neither what came nor what was there before stands for anybody any more.
    assert_eq!(world.viewer(&before).await.status(), 401);
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("another account than the one you connected"), "{}", page.text);
    assert_eq!(world.issuer.live_refresh_tokens(), 1);
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}
