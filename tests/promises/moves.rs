//! What the operator may move, and what stays where people's tokens are.

use attache::app::sync::Extent;
use attache::config::Config;
use attache::operator::{Command, run};
use attache::sandbox::fault::Fault;
use attache::start;
use rstest::rstest;

use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

fn changed(world: &World, from: &str, to: &str) -> Config {
    assert!(world.config.contains(from), "the configuration has no {from}");
    Config::parse(&world.config.replace(from, to), []).expect("a good configuration")
}

#[rstest]
#[case::client_id("client_id = \"content-writer\"", "client_id = \"another-client\"")]
#[case::issuer(
    "issuer = \"sandbox\"\nclient_id = \"content-writer\"",
    "issuer = \"elsewhere\"\nclient_id = \"content-writer\""
)]
#[tokio::test]
async fn an_app_does_not_move_away_from_its_peoples_tokens(
    #[case] from: &str,
    #[case] to: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let more = "[issuers.elsewhere]\nissuer = \"https://elsewhere.sandbox.test/\"\n".to_owned();
    let world = World::planned(database, Plan { more_config: more, ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let refused = start::start(changed(&world, from, to), world.clock.clone()).await;
    let sentence = refused.err().expect("a refusal").to_string();
    assert!(sentence.contains(APP) && sentence.contains("revoke them first"), "{sentence}");
    world.access_token(&connection).await;
    person.stop(&connection).await;
    world.settle().await;
    start::start(changed(&world, from, to), world.clock.clone())
        .await
        .expect("a start once nobody is connected");
}

#[rstest]
#[tokio::test]
async fn a_renamed_app_is_the_same_app(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.caller().await;
    let config = world
        .config
        .replace(&format!("[apps.{APP}]"), "[apps.renamed]")
        .replace(&format!("apps = [\"{APP}\"]"), "apps = [\"renamed\"]");
    world.restart(&config).await;
    world.access_token(&connection).await;
}

#[rstest]
#[tokio::test]
async fn a_command_with_an_older_file_suspends_and_changes_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let before = world.config.split(&format!("[apps.{APP}]")).next().expect("the part before").to_owned();
    let older = Config::parse(&before.replace("name = \"Sandbox\"", "name = \"Another\""), [])
        .expect("a configuration");
    let broker = start::open(older, world.clock.clone(), Extent::OnlyNew).await.expect("a start");
    run(&broker, Command::ListKeys).await.expect("keys");
    world.access_token(&connection).await;
    let name = world.column("SELECT name FROM issuers WHERE key = $1", "sandbox").await;
    assert_eq!(name.as_deref(), Some("Sandbox"));
}

#[rstest]
#[tokio::test]
async fn an_identity_that_cannot_be_verified_is_not_taken_for_nobodys(
    #[values(Sqlite, Postgres)] database: Database,
) {
    // Access tokens that are JWTs, and no ID token: as Auth0's strict third-party mode has it.
    let replace = vec![
        ("[apps.content-writer]\n", "[apps.content-writer]\nidentity = \"any\"\n"),
        (
            "scopes = [\"openid\", \"profile\", \"email\", \"offline_access\", \"content:write\"]",
            "scopes = [\"offline_access\", \"content:write\"]",
        ),
    ];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    // A process of its own knows no keys yet: the sign-in of the first one fetched them.
    let first = world.signed_in(EDITOR).await.connect_as(APP, EDITOR).await;
    let subject = world.column("SELECT external_subject FROM connections WHERE id = $1", &first).await;
    assert_eq!(subject.as_deref(), Some(EDITOR));
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), READER).await;
    world.issuer.faults().jwks.always(Fault::status(503));
    world.clock.advance(3700);
    world.issuer.rotate_keys();
    let callback_again = person.consent(&format!("/connect/{APP}"), READER).await;
    for callback in [callback, callback_again] {
        let answer = person.get(callback.as_str()).await;
        assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{}", answer.text);
    }
    assert_eq!(world.rows("connections").await, 1);
}
