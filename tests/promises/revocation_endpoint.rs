//! An issuer that was given by its addresses alone, as a Slack manifest gives it: a stop is told where there is a way for it, and
//! the page promises no more than that.

use attache::app::revocation::Revocation;
use attache::issuer::profile::Reach;
use attache::operator::{Command, run};
use attache::revoke::tell::tell_again;
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{ClientAuth, DiscoveryShape};
use rstest::rstest;
use serde_json::{Value, json};
use url::Url;

use crate::person::Page;
use crate::slack_manifest::{PROVIDER, SECRET, manifest, options, register};
use crate::world::{Database, EDITOR, Plan, Postgres, Sqlite, World};

async fn import(world: &World, manifest: &Value, issuers: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let import = attache::app::import::Import {
        manifest: manifest.to_string(),
        slack_app_id: "A0123".to_owned(),
        client_secrets: [(PROVIDER.to_owned(), attache::secret::Token::new(SECRET))].into(),
        issuers: issuers.iter().map(|(provider, key)| ((*provider).to_owned(), (*key).to_owned())).collect(),
    };
    let answer = run(&world.broker, Command::ImportManifest(import)).await;
    answer.map(|answer| answer.lines).map_err(|error| error.to_string())
}

async fn imported(database: Database, shape: Option<DiscoveryShape>) -> World {
    let world = World::new(database).await;
    register(&world, ClientAuth::Body);
    import(&world, &manifest(&world), &[]).await.expect("an import");
    // Who signs in needs the metadata as they are.
    world.signed_in(EDITOR).await;
    if let Some(shape) = shape {
        world.issuer.faults().discovery_shape.always(shape);
    }
    world
}

/// The page before it is stopped, and after.
async fn stopped(world: &World) -> (Page, Page, String) {
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(PROVIDER, EDITOR).await;
    let path = format!("/account/connected-apps/{connection}");
    let unsure = person.get(&path).await;
    assert!(unsure.says("is told if it has a way for that"), "nobody has looked: {}", unsure.text);
    world.settle().await;
    let before = person.get(&path).await;
    person.stop(&connection).await;
    world.settle().await;
    (before, person.get(&path).await, connection)
}

#[rstest]
#[tokio::test]
async fn an_imported_apps_issuer_is_told_where_its_metadata_say(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = imported(database, None).await;
    let (before, after, connection) = stopped(&world).await;
    assert!(before.says("until it confirms"), "{}", before.text);
    assert!(after.says("Hygraph confirmed."), "{}", after.text);
    assert_eq!((world.issuer.revocations(), world.issuer.live_refresh_tokens()), (1, 0));
    assert_eq!(world.status(&connection).await, "revoked");
}

#[rstest]
#[case::none_there(DiscoveryShape::Without("revocation_endpoint"))]
#[case::of_another_token_address(DiscoveryShape::With("token_endpoint", json!("https://elsewhere.test/token")))]
#[case::of_another_issuer(DiscoveryShape::WrongIssuer)]
#[case::leading_elsewhere(DiscoveryShape::With("revocation_endpoint", json!("https://elsewhere.test/revoke")))]
#[tokio::test]
async fn where_no_metadata_can_be_believed_nobody_is_promised_that_the_issuer_is_told(
    #[case] shape: DiscoveryShape,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = imported(database, Some(shape)).await;
    let (before, after, connection) = stopped(&world).await;
    assert!(before.says("can’t be told by us"), "{}", before.text);
    assert!(after.says("Hygraph has no way for us to tell it; look there too."), "{}", after.text);
    assert_eq!((world.issuer.revocations(), world.status(&connection).await.as_str()), (0, "revoked"));
}

#[rstest]
#[tokio::test]
async fn while_the_metadata_cannot_be_had_the_page_says_so_and_they_are_looked_for_again(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = imported(database, None).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(PROVIDER, EDITOR).await;
    world.issuer.faults().discovery.always(Fault::status(503));
    person.stop(&connection).await;
    world.settle().await;
    let path = format!("/account/connected-apps/{connection}");
    let page = person.get(&path).await;
    assert!(page.says("Whether Hygraph can be told could not be seen yet."), "{}", page.text);
    world.issuer.faults().discovery.clear();
    world.clock.advance(30);
    tell_again(&world.broker).await.expect("an outbox");
    world.settle().await;
    let page = person.get(&path).await;
    assert!(page.says("Hygraph confirmed."), "{}", page.text);
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[rstest]
#[tokio::test]
async fn an_operator_says_where_an_imported_apps_issuer_revokes_and_it_outlives_an_import(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = imported(database, Some(DiscoveryShape::Without("revocation_endpoint"))).await;
    let say = async |url: &str, reach| {
        let url = Some(Url::parse(url).expect("a URL"));
        let said = Revocation { app: PROVIDER.to_owned(), url, reach };
        run(&world.broker, Command::SayRevocation(said)).await.map(|answer| answer.lines.concat())
    };
    let refused = say("http://elsewhere.test/revoke", None).await.expect_err("a refusal").to_string();
    assert!(refused.contains("not https"), "{refused}");
    let there = format!("{}oauth/revoke", world.issuer.url());
    let line = say(&there, Some(Reach::Family)).await.expect("a line");
    assert!(line.contains(&there) && line.contains("family"), "{line}");
    import(&world, &manifest(&world), &[]).await.expect("an import");
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(PROVIDER, EDITOR).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("until it confirms"), "{}", page.text);
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.issuer.live_refresh_tokens()), (1, 0));
}

#[rstest]
#[tokio::test]
async fn a_provider_can_be_at_an_issuer_of_the_configuration_file_that_has_its_addresses(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    register(&world, ClientAuth::Body);
    let mut manifest = manifest(&world);
    let refused = import(&world, &manifest, &[(PROVIDER, "nowhere")]).await.expect_err("a refusal");
    assert!(refused.contains("no [issuers.nowhere]"), "{refused}");
    import(&world, &manifest, &[(PROVIDER, "sandbox")]).await.expect("an import");
    // It stays there.
    import(&world, &manifest, &[]).await.expect("an import");
    let app = attache::app::by_key(&world.broker, PROVIDER).await.expect("a database").expect("an app");
    assert_eq!((app.issuer.key.as_str(), app.issuer.profile.revocation_reach), ("sandbox", Reach::Family));
    let said = Revocation { app: PROVIDER.to_owned(), url: None, reach: Some(Reach::Token) };
    let refused = run(&world.broker, Command::SayRevocation(said)).await.expect_err("a refusal").to_string();
    assert!(refused.contains("configuration file"), "{refused}");
    options(&mut manifest)["token_url"] = json!("https://elsewhere.test/token");
    let refused = import(&world, &manifest, &[]).await.expect_err("a refusal");
    assert!(refused.contains("is not at [issuers.sandbox]"), "{refused}");
}

#[rstest]
#[tokio::test]
async fn where_refresh_tokens_are_not_revoked_the_access_token_is_tried(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let plan = Plan { issuer: Some(|settings| settings.revokes_refresh_tokens = false), ..Plan::default() };
    let world = World::planned(database, plan).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(crate::world::APP).await;
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.issuer.live_refresh_tokens()), (2, 0));
    assert_eq!(world.status(&connection).await, "revoked");
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Sandbox confirmed."), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn where_one_permission_lives_people_are_told_before_they_end_another(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(true, false)] anybody: bool,
) {
    let identity = if anybody { "kind = \"native\"\nidentity = \"any\"" } else { "kind = \"native\"" };
    let one = ("profile = \"auth0\"", "profile = \"auth0\"\nlive_refresh_tokens = 1");
    let plan = Plan { replace: vec![one, ("kind = \"native\"", identity)], ..Plan::default() };
    let world = World::planned(database, plan).await;
    let page = world.signed_in(EDITOR).await.get(&format!("/connect/{}", crate::world::APP)).await;
    assert_eq!(page.says("this ends that connection"), anybody, "{}", page.text);
}
