//! `may_act` (RFC 8693 section 4.4): a subject token that names who may act for its subject is nobody else's to exchange.

use attache::sandbox::issuer::AccessTokenFault;
use rstest::rstest;
use serde_json::Value;

use crate::elsewhere;
use crate::world::{APP, Database, EDITOR, Postgres, Sqlite, World, refused};

const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const NO_SUBJECT: &str = "The subject token is not one that is accepted here.";

/// An access token of the app's own client whose `may_act` names somebody.
async fn naming(world: &World, caller: &str) -> String {
    world.issuer.faults().access_token.next(AccessTokenFault::MayAct(caller.to_owned().leak()));
    elsewhere::tokens(world, EDITOR).await.access
}

async fn given(answer: reqwest::Response) -> String {
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

#[rstest]
#[tokio::test]
async fn whom_a_subject_token_names_may_act_and_nobody_else(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    world.connection().await;
    let (usual, other) = (world.caller().await, world.make_caller("another_function", &[APP]).await);
    let (of_usual, of_other) = (naming(&world, &usual.0).await, naming(&world, &other.0).await);
    given(world.exchange(&[("subject_token", &of_usual)]).await).await;
    let answer = world.exchange(&[("subject_token", &of_other)]).await;
    assert_eq!(refused(answer, 400, "invalid_request").await, NO_SUBJECT);
    // Who acts for the one that is named may ask in its stead.
    let request = world.exchange_as(&other.0, &other.1, &[("subject_token", &of_other)]);
    let others = given(request.send().await.expect("an answer")).await;
    let acting =
        [("subject_token", of_other.as_str()), ("actor_token", &others), ("actor_token_type", ACCESS_TOKEN)];
    given(world.exchange(&acting).await).await;
    let acting =
        [("subject_token", of_other.as_str()), ("actor_token", "x"), ("actor_token_type", ACCESS_TOKEN)];
    assert_eq!(refused(world.exchange(&acting).await, 400, "invalid_request").await, NO_SUBJECT);
}

#[rstest]
#[tokio::test]
async fn a_stored_token_says_who_may_act_as_well_and_a_connections_id_says_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.issuer.faults().access_token.always(AccessTokenFault::MayAct("ca_00000000000000000000"));
    let connection = world.connection().await;
    let stored = world.access_token(&connection).await;
    let answer = world.exchange(&[("subject_token", &stored)]).await;
    assert_eq!(refused(answer, 400, "invalid_request").await, NO_SUBJECT);
    let by_id = [("subject_token", connection.as_str()), ("subject_token_type", CONNECTION)];
    given(world.exchange(&by_id).await).await;
}

#[rstest]
#[tokio::test]
async fn a_content_token_of_ours_is_no_subject(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let by_id = [("subject_token", connection.as_str()), ("subject_token_type", CONNECTION)];
    let ours = given(world.exchange(&by_id).await).await;
    for kind in ["access_token", "jwt"] {
        let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
        let form = [("subject_token", ours.as_str()), ("subject_token_type", &kind)];
        assert_eq!(refused(world.exchange(&form).await, 400, "invalid_request").await, NO_SUBJECT);
    }
}
