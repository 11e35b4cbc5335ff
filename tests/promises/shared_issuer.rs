//! Two sections of the configuration may be one issuer: who is who there goes by its identifier, and never by a key.

use attache::config::Config;
use rstest::rstest;

use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

/// The sandbox once more, under another key, for a second app.
fn twice(identity: &str) -> Plan {
    let more_config = format!(
        "[issuers.again]\nissuer = \"{{issuer}}\"\n\
         [apps.second]\nname = \"Second Tool\"\nkind = \"web\"\nissuer = \"again\"\nclient_id = \"second\"\n\
         client_secret = \"s3cret\"\nscopes = [\"openid\", \"offline_access\"]\n{identity}"
    );
    Plan { more_config, ..Plan::default() }
}

async fn planned(database: Database, identity: &str) -> World {
    let world = World::planned(database, twice(identity)).await;
    let callback = world.url("/connect/second/callback");
    world.issuer.add_client(attache::sandbox::issuer::Client::new("second", "s3cret", &callback));
    world
}

#[rstest]
#[tokio::test]
async fn an_app_at_the_sign_in_issuer_takes_only_its_own_person_whichever_key_the_issuer_goes_by(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("", "identity = \"same\"\n")] identity: &str,
) {
    let world = planned(database, identity).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent("/connect/second", READER).await;
    let page = person.get(callback.as_str()).await;
    assert_eq!(page.status, 400);
    assert!(page.says("another account") && page.says("Nothing was stored"), "{}", page.text);
    person.connect_as("second", EDITOR).await;
    person.connect(APP).await;
}

#[rstest]
#[tokio::test]
async fn two_keys_of_one_issuer_share_its_key_set(#[values(Sqlite, Postgres)] database: Database) {
    let world = planned(database, "").await;
    let person = world.signed_in(EDITOR).await;
    person.connect(APP).await;
    let before = world.issuer.key_set_requests();
    person.connect_as("second", EDITOR).await;
    assert_eq!(world.issuer.key_set_requests(), before);
}

#[rstest]
#[tokio::test]
async fn a_client_is_one_apps_whichever_key_its_issuer_goes_by() {
    let world = planned(Sqlite, "").await;
    let shared = world.config.replace("client_id = \"second\"", &format!("client_id = \"{APP}\""));
    let faults = Config::parse(&shared, []).expect_err("a fault");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].key.ends_with(".client_id"), "{faults:?}");
}

#[rstest]
#[tokio::test]
async fn one_issuer_has_one_rule_for_where_its_endpoints_may_be() {
    let world = planned(Sqlite, "").await;
    let again = format!("[issuers.again]\nissuer = \"{}\"\n", world.issuer.url());
    let other = format!("{again}endpoint_origins = [\"https://login.sandbox.test\"]\n");
    let faults = Config::parse(&world.config.replace(&again, &other), []).expect_err("a fault");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].key, "issuers.sandbox.endpoint_origins");
}

#[rstest]
#[tokio::test]
async fn an_app_may_go_from_one_key_of_its_issuer_to_the_other_with_its_people(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = planned(database, "").await;
    let connection = world.connection().await;
    let moved = world.config.replace(
        &format!("issuer = \"sandbox\"\nclient_id = \"{APP}\""),
        &format!("issuer = \"again\"\nclient_id = \"{APP}\""),
    );
    // Renamed at the same time.
    let moved = moved.replace(&format!("[apps.{APP}]"), "[apps.renamed]");
    world.caller().await;
    world.restart(&moved).await;
    world.access_token(&connection).await;
}
