//! The type of what is issued (RFC 8693 section 2.2.1): as it was asked for, and never one that it is not.

use rstest::rstest;
use serde_json::Value;

use crate::world::{Database, Plan, Postgres, Sqlite, World, refused};

fn urn(kind: &str) -> String {
    format!("urn:ietf:params:oauth:token-type:{kind}")
}

async fn issued(world: &World, subject: &str, requested: &str) -> Value {
    let form = [("subject_token", subject), ("requested_token_type", requested)];
    let answer = world.exchange(&form).await;
    assert_eq!(answer.status(), 200, "{requested}");
    answer.json::<Value>().await.expect("JSON")["issued_token_type"].take()
}

#[rstest]
#[tokio::test]
async fn a_minted_token_is_of_the_type_that_was_asked_for(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let subject = world.access_token(&world.connection().await).await;
    assert_eq!(issued(&world, &subject, "").await, urn("jwt"));
    for kind in ["access_token", "jwt"] {
        assert_eq!(issued(&world, &subject, &urn(kind)).await, urn(kind));
    }
    for kind in ["refresh_token", "id_token", "saml2", "ACCESS_TOKEN", ""] {
        let form = [("subject_token", subject.as_str()), ("requested_token_type", &urn(kind))];
        let sentence = refused(world.exchange(&form).await, 400, "invalid_request").await;
        assert!(sentence.contains("`requested_token_type`"), "{sentence}");
    }
}

#[rstest]
#[tokio::test]
async fn what_another_platform_gives_is_an_access_token_and_nobody_says_that_it_is_a_jwt(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let strategy = ("strategy = \"mint\"", "strategy = \"ask\"\nmanagement_api_url = \"{platform}graphql\"");
    let world = World::planned(database, Plan { replace: vec![strategy], ..Plan::default() }).await;
    let subject = world.access_token(&world.connection().await).await;
    let form = [("subject_token", subject.as_str()), ("requested_token_type", &urn("jwt"))];
    let sentence = refused(world.exchange(&form).await, 400, "invalid_request").await;
    assert!(sentence.contains("leave out `requested_token_type`"), "{sentence}");
    assert_eq!(world.platform.asked(), 0, "nothing was asked for in vain");
    for requested in [String::new(), urn("access_token")] {
        assert_eq!(issued(&world, &subject, &requested).await, urn("access_token"));
    }
}
