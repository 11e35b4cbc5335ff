//! Receipts: what stopping did, step by step, whatever the issuer makes of it; and what is out and cannot be called back.

use std::time::Duration;

use attache::revoke::tell::tell_again;
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{self, RevocationReach};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World, settle, until};

/// Longer than whoever was to tell an issuer may take.
const CLAIM: i64 = 70;

async fn one(world: &World, connection: &str) -> Value {
    let (_, key) = world.caller().await;
    let url = world.url(&format!("/v1/connections/{connection}"));
    world.http.get(url).bearer_auth(key).send().await.expect("an answer").json().await.expect("JSON")
}

async fn tell(world: &World) {
    tell_again(&world.broker).await.expect("an outbox");
    world.settle().await;
}

#[rstest]
#[case::failing(Fault::status(500))]
#[case::away(Fault::Status { code: 503, body: String::new(), retry_after: Some(30) })]
#[case::hung(Fault::Hang)]
#[case::closed_after_processing(Fault::DropAfterProcessing)]
#[case::refusing(Fault::oauth(400, "invalid_request"))]
#[tokio::test]
async fn nobody_waits_for_an_issuer_and_what_a_dead_process_left_is_told_by_the_next(
    #[case] fault: Fault,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.access_token(&connection).await;
    world.issuer.faults().revoke.always(fault);
    let stopped = timeout(Duration::from_secs(2), person.stop(&connection)).await.expect("no wait");
    assert_eq!(stopped.status, 303);
    assert_eq!(world.get(&connection).await["error"], "token_not_found");
    assert_eq!(one(&world, &connection).await["revocation"]["issuer"]["state"], "waiting");
    world.issuer.faults().revoke.clear();
    let next = world.process_broker().await;
    world.clock.advance(CLAIM);
    tell_again(&next).await.expect("an outbox");
    settle(&next).await;
    world.settle().await;
    let told = one(&world, &connection).await;
    assert_eq!(told["revocation"]["issuer"]["state"], "confirmed", "{told}");
    assert_eq!((told["state"].as_str(), world.issuer.live_refresh_tokens()), (Some("revoked"), 0));
    let key = world.column("SELECT data_kid FROM connections WHERE id = $1", &connection).await;
    assert_eq!(key, None, "the secrets are destroyed");
}

#[rstest]
#[tokio::test]
async fn page_and_v1_show_each_step_and_what_is_still_out(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let token = world.access_token(&connection).await;
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 200);
    world.clock.advance(LIFETIME - 30);
    // What was handed out first lives for 30 seconds more, and what is handed out now for its whole life.
    world.access_token(&connection).await;
    world.issuer.faults().revoke.next(Fault::status(500));
    person.stop(&connection).await;
    world.settle().await;
    let told = one(&world, &connection).await;
    let stopped_at = told["revocation"]["stopped_at"].clone();
    assert!(stopped_at.is_string(), "{told}");
    assert_eq!(told["revocation"]["handed_out"]["tokens"], 2, "{told}");
    assert_eq!(told["revocation"]["handed_out"]["expire_by"], told["access_expires_at"], "{told}");
    assert_eq!(told["revocation"]["issuer"]["attempts"], 1);
    let problem = told["revocation"]["issuer"]["problem"].as_str().expect("a sentence");
    assert!(problem.contains("500"), "{problem}");
    let path = format!("/account/connected-apps/{connection}");
    let page = person.get(&path).await;
    assert!(page.says("Stopped here. It is given nothing more."), "{}", page.text);
    assert!(
        page.says("Sandbox was told once and did not confirm. It is told again in 1 minute"),
        "{}",
        page.text
    );
    assert!(page.says("2 passes that were handed out before end by themselves by then."), "{}", page.text);
    world.clock.advance(10);
    tell(&world).await;
    let told = one(&world, &connection).await;
    assert_eq!(told["revocation"]["issuer"]["state"], "confirmed", "{told}");
    assert_eq!(told["revocation"]["stopped_at"], stopped_at);
    let page = person.get(&path).await;
    assert!(page.says("Sandbox confirmed."), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn nothing_handed_out_is_said_too(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!(one(&world, &connection).await["revocation"]["handed_out"], json!({ "tokens": 0 }));
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Nothing that was handed out before is still good."), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn an_issuer_is_left_alone_for_as_long_as_it_asks(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let away = Fault::Status { code: 503, body: String::new(), retry_after: Some(600) };
    world.issuer.faults().revoke.next(away);
    person.stop(&connection).await;
    world.settle().await;
    world.clock.advance(590);
    tell(&world).await;
    assert_eq!(world.issuer.revocations(), 1);
    world.clock.advance(140);
    tell(&world).await;
    assert_eq!((world.issuer.revocations(), world.status(&connection).await.as_str()), (2, "revoked"));
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_does_not_know_the_token_has_confirmed(
    #[values("invalid_grant", "invalid_token")] word: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.issuer.faults().revoke.next(Fault::oauth(400, word));
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!(one(&world, &connection).await["revocation"]["issuer"]["state"], "confirmed");
}

#[rstest]
#[tokio::test]
async fn an_issuer_without_revocation_is_named_and_the_secrets_are_destroyed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let plan = Plan {
        replace: vec![("profile = \"auth0\"\n", "profile = \"auth0\"\nrevocation_reach = \"none\"\n")],
        ..Plan::default()
    };
    let world = World::planned(database, plan).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!(one(&world, &connection).await["revocation"]["issuer"]["state"], "unsupported");
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Sandbox has no way for us to tell it; look there too."), "{}", page.text);
    let key = world.column("SELECT data_kid FROM connections WHERE id = $1", &connection).await;
    assert_eq!((key, world.issuer.revocations()), (None, 0));
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_never_confirms_is_given_up_after_a_month_and_the_receipt_says_so(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.issuer.faults().revoke.always(Fault::status(500));
    person.stop(&connection).await;
    world.settle().await;
    world.clock.advance(29 * 86_400);
    tell(&world).await;
    assert_eq!(world.status(&connection).await, "revoking");
    world.clock.advance(2 * 86_400);
    tell(&world).await;
    assert_eq!(one(&world, &connection).await["revocation"]["issuer"]["state"], "unconfirmed");
    let key = world.column("SELECT data_kid FROM connections WHERE id = $1", &connection).await;
    assert_eq!((world.status(&connection).await.as_str(), key), ("revoked", None));
}

async fn where_a_revoke_ends_all(database: Database) -> World {
    let plan = Plan {
        replace: vec![("profile = \"auth0\"\n", "profile = \"auth0\"\nrevocation_reach = \"grant\"\n")],
        issuer: Some(|settings| settings.revocation_reach = RevocationReach::Grant),
        ..Plan::default()
    };
    World::planned(database, plan).await
}

#[rstest]
#[tokio::test]
async fn no_issuer_is_told_of_an_old_grant_while_the_person_is_giving_a_new_one(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = where_a_revoke_ends_all(database).await;
    let person = world.signed_in(EDITOR).await;
    let old = person.connect(APP).await;
    let begun = person.ask_to_connect(&format!("/connect/{APP}")).await;
    person.stop(&old).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.status(&old).await.as_str()), (0, "revoking"));
    let callback = person.agree(&begun, EDITOR).await;
    let new = person
        .get(callback.as_str())
        .await
        .location()
        .expect("a page")
        .query_pairs()
        .next()
        .expect("an id")
        .1
        .into_owned();
    assert_ne!(old, new);
    world.clock.advance(30);
    tell(&world).await;
    assert_eq!(world.issuer.revocations(), 0, "the new grant would have ended with it");
    assert_eq!(one(&world, &old).await["revocation"]["issuer"]["state"], "withheld");
    world.clock.advance(LIFETIME + 1);
    world.access_token(&new).await;
}

#[rstest]
#[tokio::test]
async fn a_consent_that_is_given_up_lets_the_issuer_be_told(#[values(Sqlite, Postgres)] database: Database) {
    let world = where_a_revoke_ends_all(database).await;
    let person = world.signed_in(EDITOR).await;
    let old = person.connect(APP).await;
    person.ask_to_connect(&format!("/connect/{APP}")).await;
    person.stop(&old).await;
    world.settle().await;
    world.clock.advance(601);
    tell(&world).await;
    assert_eq!((world.issuer.revocations(), world.status(&old).await.as_str()), (1, "revoked"));
}

#[rstest]
#[tokio::test]
async fn a_new_consent_begins_only_when_the_issuer_has_been_told_of_the_old_one(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = where_a_revoke_ends_all(database).await;
    let person = world.signed_in(EDITOR).await;
    let old = person.connect(APP).await;
    world.issuer.faults().revoke.next(Fault::Delay(Duration::from_millis(300)));
    person.stop(&old).await;
    until("the issuer is told", async || world.issuer.revocations() > 0).await;
    // The issuer holds the request and has not carried it out.
    let begun = person.ask_to_connect(&format!("/connect/{APP}")).await;
    assert_eq!(world.issuer.live_refresh_tokens(), 0, "told before the person was sent there");
    let callback = person.agree(&begun, EDITOR).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
    world.settle().await;
    assert_eq!(world.issuer.live_refresh_tokens(), 1);
}

/// A tenant whose grants are deleted by the Management API.
async fn where_grants_are_deleted(database: Database) -> World {
    let management = "profile = \"auth0\"\nrevocation_reach = \"grant\"\nmanagement_client_id = \"management\"\n\
        management_client_secret = \"management-s3cret\"\n";
    let plan = Plan { replace: vec![("profile = \"auth0\"\n", management)], ..Plan::default() };
    let world = World::planned(database, plan).await;
    let client = issuer::Client::new("management", "management-s3cret", "https://nowhere.sandbox.test/");
    world.issuer.add_client(client.allowed(&format!("{}api/v2/", world.issuer.url())));
    world
}

#[rstest]
#[tokio::test]
async fn where_grants_are_deleted_a_revoke_ends_the_persons_grant_of_this_app_and_no_other(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = where_grants_are_deleted(database).await;
    let reader = world.signed_in(READER).await;
    let others = reader.connect_as(APP, READER).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    assert_eq!(world.issuer.live_refresh_tokens(), 2);
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!(one(&world, &connection).await["revocation"]["issuer"]["state"], "confirmed");
    assert_eq!((world.issuer.live_refresh_tokens(), world.issuer.revocations()), (1, 1));
    world.clock.advance(LIFETIME + 1);
    world.access_token(&others).await;
    // The person is asked anew, for nothing is left of it there.
    let authorize = person.ask_to_connect(&format!("/connect/{APP}")).await;
    let asked = person.press(&authorize, "person", EDITOR).await;
    assert!(
        asked.location().is_none_or(|back| !back.as_str().starts_with(&world.public_url)),
        "{}",
        asked.text
    );
}

#[rstest]
#[case::away(Fault::Status { code: 503, body: String::new(), retry_after: Some(60) }, "503")]
#[case::forbidden(Fault::status(403), "lacks read:grants or delete:grants")]
#[case::token_revoked(Fault::status(401), "refuses its token")]
#[tokio::test]
async fn a_management_api_in_trouble_is_told_again_and_the_receipt_says_what_it_said(
    #[case] fault: Fault,
    #[case] problem: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = where_grants_are_deleted(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.issuer.faults().management.next(fault);
    person.stop(&connection).await;
    world.settle().await;
    let told = one(&world, &connection).await;
    let said = told["revocation"]["issuer"]["problem"].as_str().expect("a sentence");
    assert!(said.contains(problem), "{said}");
    world.clock.advance(80);
    tell(&world).await;
    assert_eq!(one(&world, &connection).await["revocation"]["issuer"]["state"], "confirmed");
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}
