//! The claims that open an environment follow what the sign-in issuer last said of the person, and may be too old.

use attache::account::claims::follow;
use attache::config::Config;
use rstest::rstest;
use serde_json::{Value, json};

use crate::command_line::{Place, text};
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World};

const BY_EMAIL: &str = "accounts = { claim = \"$.email\", equals = \"editor@sandbox.test\" }\n";

async fn planned(database: Database, rule: &'static str) -> World {
    let replace = vec![("accounts = \"any\"\n", rule)];
    World::planned(database, Plan { replace, ..Plan::default() }).await
}

/// Whether the connection's person reaches the environment, by every path.
async fn reaches(world: &World, connection: &str) -> bool {
    let token = world.access_token(connection).await;
    let exchanged = world.exchange(&[("subject_token", &token)]).await.status() == 200;
    let viewer: Value = world.viewer(&token).await.json().await.expect("JSON");
    assert_eq!(viewer.get("errors").is_none(), exchanged, "{viewer}");
    exchanged
}

fn is_called(world: &World, email: &str) {
    email.clone_into(&mut world.issuer.settings().people[0].email);
}

async fn account_of(world: &World, connection: &str) -> String {
    let account = world.column("SELECT account_id FROM connections WHERE id = $1", connection).await;
    account.expect("an account")
}

#[rstest]
#[tokio::test]
async fn a_consent_says_claims_anew(#[values(Sqlite, Postgres)] database: Database) {
    let world = planned(database, BY_EMAIL).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    assert!(reaches(&world, &connection).await);
    is_called(&world, "left@sandbox.test");
    assert!(reaches(&world, &connection).await, "nobody has said so yet");
    person.connect(APP).await;
    assert!(!reaches(&world, &connection).await);
    is_called(&world, "editor@sandbox.test");
    person.connect(APP).await;
    assert!(reaches(&world, &connection).await);
}

#[rstest]
#[tokio::test]
async fn a_refresh_says_claims_anew(#[values(Sqlite, Postgres)] database: Database) {
    let world = planned(database, BY_EMAIL).await;
    let connection = world.signed_in(EDITOR).await.connect(APP).await;
    is_called(&world, "left@sandbox.test");
    assert!(reaches(&world, &connection).await, "nobody has said so yet");
    world.clock.advance(LIFETIME);
    assert!(!reaches(&world, &connection).await);
    is_called(&world, "editor@sandbox.test");
    world.clock.advance(LIFETIME);
    assert!(reaches(&world, &connection).await);
    assert_eq!(world.issuer.refreshes(), 2);
}

#[rstest]
#[tokio::test]
async fn a_token_about_somebody_else_says_nothing_of_this_person(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let any = ("kind = \"native\"", "kind = \"native\"\nidentity = \"any\"");
    let replace = vec![("accounts = \"any\"\n", BY_EMAIL), any];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let reader = world.signed_in(READER).await;
    let connection = reader.connect_as(APP, EDITOR).await;
    assert!(!reaches(&world, &connection).await, "the identity's claims are not the account's");
    let account = account_of(&world, &connection).await;
    let said = json!({ "sub": READER, "email": "editor@sandbox.test" });
    follow(&world.broker, &account, "https://elsewhere.test/", said.as_object().expect("claims")).await;
    assert!(!reaches(&world, &connection).await, "another issuer");
    follow(&world.broker, &account, world.issuer.url(), said.as_object().expect("claims")).await;
    assert!(reaches(&world, &connection).await);
}

#[rstest]
#[tokio::test]
async fn what_a_token_does_not_say_stays_until_a_sign_in(#[values(Sqlite, Postgres)] database: Database) {
    let rule = "accounts = { claim = \"$.groups\", equals = \"editors\" }\n";
    let world = planned(database, rule).await;
    // Only userinfo tells of groups, and only at the sign-in.
    let groups = attache::sandbox::issuer::UserinfoShape::With("groups", json!(["editors"]));
    world.issuer.faults().userinfo_shape.next(groups);
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    assert!(reaches(&world, &connection).await);
    // A token of another time, other words of the token itself, and a claim that changes.
    let account = account_of(&world, &connection).await;
    let said = json!({ "sub": EDITOR, "aud": "somebody", "nonce": "n", "groups": ["readers"] });
    follow(&world.broker, &account, world.issuer.url(), said.as_object().expect("claims")).await;
    assert!(!reaches(&world, &connection).await);
    let claims = world.column("SELECT claims FROM accounts WHERE id = $1", &account).await.expect("claims");
    assert!(!claims.contains("somebody") && claims.contains("editor@sandbox.test"), "{claims}");
    world.signed_in(EDITOR).await;
    assert!(!reaches(&world, &connection).await, "a sign-in says all of them");
}

#[rstest]
#[tokio::test]
async fn a_claim_that_nobody_has_said_for_too_long_opens_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let rule =
        "accounts = { claim = \"$.email\", equals = \"editor@sandbox.test\", max_age_seconds = 600 }\n";
    let world = planned(database, rule).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.clock.advance(600);
    assert!(reaches(&world, &connection).await);
    world.clock.advance(1);
    assert!(!reaches(&world, &connection).await);
    person.connect(APP).await;
    assert!(reaches(&world, &connection).await, "a consent has said it again");
    world.clock.advance(601);
    // Another claim does not make this one younger.
    let account = account_of(&world, &connection).await;
    let said = json!({ "sub": EDITOR, "locale": "en" });
    follow(&world.broker, &account, world.issuer.url(), said.as_object().expect("claims")).await;
    assert!(!reaches(&world, &connection).await);
    world.signed_in(EDITOR).await;
    assert!(reaches(&world, &connection).await);
}

#[rstest]
#[tokio::test]
async fn without_a_greatest_age_an_absent_persons_functions_go_on(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = planned(database, BY_EMAIL).await;
    let connection = world.connection().await;
    for _ in 0..3 {
        world.clock.advance(86_400 * 5);
        assert!(reaches(&world, &connection).await);
    }
}

#[rstest]
#[tokio::test]
async fn a_greatest_age_is_a_minute_or_more(#[values(0, 59)] age: u32) {
    let world = World::new(Sqlite).await;
    let rule = format!("accounts = {{ claim = \"$.email\", equals = \"x\", max_age_seconds = {age} }}\n");
    let faults =
        Config::parse(&world.config.replace("accounts = \"any\"\n", &rule), []).expect_err("a fault");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].key, "environments.demo-master.accounts.max_age_seconds");
}

#[test]
fn check_says_which_claim_rules_have_no_greatest_age() {
    let place = Place::new();
    let environment = |key: &str, accounts: &str| {
        format!(
            "[environments.{key}]\nproject = \"{key}\"\nenvironment = \"master\"\n\
             content_api_url = \"https://{key}.test/\"\napps = \"any\"\naccounts = {accounts}\n"
        )
    };
    let rules = [
        environment("ageless", "{ claim = \"$.org_id\", equals = \"org_1\" }"),
        environment("aged", "{ claim = \"$.org_id\", equals = \"org_1\", max_age_seconds = 86400 }"),
        environment("everybody", "\"any\""),
    ];
    let config = std::fs::read_to_string(place.path("attache.toml")).expect("a file");
    std::fs::write(place.path("attache.toml"), config + &rules.concat()).expect("a file");
    let output = place.run(&["check"]);
    let named: Vec<&str> =
        text(&output.stdout).lines().filter(|line| line.contains("max_age_seconds")).collect();
    assert_eq!(named.len(), 1, "{named:?}");
    assert!(named[0].starts_with("environments.ageless: "), "{named:?}");
}
