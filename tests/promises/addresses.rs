//! Endpoints with parameters of their own: they are kept, and no parameter is sent twice (RFC 6749 section 3.1).

use std::collections::BTreeMap;

use attache::sandbox::issuer::DiscoveryShape;
use rstest::rstest;
use serde_json::json;
use url::Url;

use crate::person::Person;
use crate::world::{APP, Database, EDITOR, Postgres, Sqlite, World};

fn parameters(url: &Url) -> BTreeMap<String, Vec<String>> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in url.query_pairs().into_owned() {
        parameters.entry(name).or_default().push(value);
    }
    parameters
}

#[rstest]
#[tokio::test]
async fn ours_take_the_place_of_theirs_and_the_rest_of_theirs_is_kept(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let own = "authorize?p=B2C_1&scope=theirs&client_id=theirs&state=theirs&nonce=theirs&response_type=token";
    let shape = json!(format!("{}{own}", world.issuer.url()));
    world.issuer.faults().discovery_shape.always(DiscoveryShape::With("authorization_endpoint", shape));
    let person = Person::new(&world);
    let sign_in = person.get("/sign-in").await.location().expect("the issuer");
    let person = world.signed_in(EDITOR).await;
    let consent = person.ask_to_connect(&format!("/connect/{APP}")).await;
    for (sent, client) in [(sign_in, "attache"), (consent, APP)] {
        let sent = parameters(&sent);
        assert!(sent.values().all(|values| values.len() == 1), "{sent:?}");
        assert_eq!(sent["p"], ["B2C_1"]);
        assert_eq!((sent["client_id"][0].as_str(), sent["response_type"][0].as_str()), (client, "code"));
        assert!(sent.values().all(|values| values[0] != "theirs"), "{sent:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_token_endpoint_with_parameters_of_its_own_is_asked_for_a_code_and_a_refresh(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let own = json!(format!("{}oauth/token?p=B2C_1&client_id=theirs&grant_type=theirs", world.issuer.url()));
    world.issuer.faults().discovery_shape.always(DiscoveryShape::With("token_endpoint", own));
    let connection = world.connection().await;
    world.clock.advance(crate::world::LIFETIME);
    world.access_token(&connection).await;
}
