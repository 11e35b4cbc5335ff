//! A refresh token that a new consent superseded ends nothing that is in use. Where nobody knows how far a revoke reaches it is
//! kept, sealed, and the issuer is told of it with the rest when the person stops.

use attache::app::sync::{Extent, sync};
use attache::issuer::profile::Reach;
use attache::operator::vault::Looked;
use attache::operator::{Command, run};
use attache::revoke::tell::tell_again;
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::RevocationReach;
use rstest::rstest;

use crate::connect_identity::anybodys;
use crate::person::Person;
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World};

const MIGRATION: &str = include_str!("../../migrations/0009_superseded_tokens.sql");

/// An issuer of which nothing was said, and whose revokes end all consents of a browser session.
async fn where_consents_share_a_session(database: Database) -> World {
    let plan = Plan {
        replace: vec![("profile = \"auth0\"", "profile = \"generic\"\naudience_parameter = \"audience\"")],
        issuer: Some(|settings| settings.revocation_reach = RevocationReach::Session),
        ..Plan::default()
    };
    World::planned(database, plan).await
}

/// Renews in the same browser, which is still signed in at the issuer.
async fn renew(person: &Person<'_>, connection: &str) {
    let authorize = person.ask_to_connect(&format!("/connect/{APP}?connection={connection}")).await;
    let callback = person.get(authorize.as_str()).await.location().expect("the way back");
    let done = person.get(callback.as_str()).await;
    assert_eq!(done.status, 303, "{}", done.text);
}

async fn tell(world: &World) {
    world.clock.advance(30);
    tell_again(&world.broker).await.expect("an outbox");
    world.settle().await;
}

#[rstest]
#[tokio::test]
async fn renewing_a_live_connection_does_not_end_it_where_both_consents_share_a_session(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = where_consents_share_a_session(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    renew(&person, &connection).await;
    world.settle().await;
    assert_eq!(world.issuer.revocations(), 0);
    world.clock.advance(LIFETIME + 1);
    world.access_token(&connection).await;
    let kept =
        world.column("SELECT refresh_token FROM superseded_tokens WHERE connection_id = $1", &connection);
    let kept = kept.await.expect("what is kept");
    assert!(world.issuer.issued().iter().all(|token| !kept.contains(token)), "it is kept sealed");
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.issuer.live_refresh_tokens()), (2, 0));
    assert_eq!(
        (world.status(&connection).await.as_str(), world.rows("superseded_tokens").await),
        ("revoked", 0)
    );
}

#[rstest]
#[tokio::test]
async fn each_family_is_told_of_until_the_issuer_has_confirmed_all(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    renew(&person, &connection).await;
    renew(&person, &connection).await;
    assert_eq!(world.issuer.live_refresh_tokens(), 3);
    // The one in use, the oldest and the other: the issuer fails midway.
    world.issuer.faults().revoke.next(Fault::Delay(std::time::Duration::ZERO));
    world.issuer.faults().revoke.next(Fault::status(503));
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.issuer.live_refresh_tokens()), (3, 1));
    assert_eq!(world.status(&connection).await, "revoking");
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Sandbox was told once and did not confirm."), "{}", page.text);
    tell(&world).await;
    assert_eq!(
        (world.issuer.live_refresh_tokens(), world.status(&connection).await.as_str()),
        (0, "revoked")
    );
    assert_eq!(world.issuer.revocations(), 5, "what had confirmed is not told again, but for the one in use");
}

#[rstest]
#[tokio::test]
async fn where_a_revoke_is_known_to_end_one_token_a_superseded_one_is_told_of_at_once(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let replace = vec![("profile = \"auth0\"", "profile = \"auth0\"\nrevocation_reach = \"token\"")];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    renew(&person, &connection).await;
    assert_eq!((world.issuer.live_refresh_tokens(), world.rows("superseded_tokens").await), (1, 0));
    // An issuer that is away is told with the rest.
    world.issuer.faults().revoke.next(Fault::status(503));
    renew(&person, &connection).await;
    assert_eq!((world.issuer.live_refresh_tokens(), world.rows("superseded_tokens").await), (2, 1));
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.live_refresh_tokens(), world.rows("superseded_tokens").await), (0, 0));
}

#[rstest]
#[tokio::test]
async fn what_another_identity_gave_before_a_switch_does_not_end_that_identitys_own_connection(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = anybodys(database).await;
    let grant =
        world.config.replace("profile = \"auth0\"", "profile = \"auth0\"\nrevocation_reach = \"grant\"");
    world.restart(&grant).await;
    world.issuer.settings().revocation_reach = RevocationReach::Grant;
    let person = world.signed_in(EDITOR).await;
    let switched = person.connect_as(APP, EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}?connection={switched}"), READER).await;
    let question = person.get(callback.as_str()).await.location().expect("a question");
    let page = person.get(question.as_str()).await;
    person.post(question.path(), &[("csrf", &page.csrf()), ("decision", "switch")]).await;
    let own = person.connect_as(APP, EDITOR).await;
    assert_ne!(own, switched);
    person.stop(&switched).await;
    world.clock.advance(601);
    tell(&world).await;
    assert_eq!(world.status(&switched).await, "revoked");
    world.clock.advance(LIFETIME + 1);
    world.access_token(&own).await;
}

#[rstest]
#[tokio::test]
async fn no_more_than_ten_are_kept_beside_a_connection(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    for _ in 0..12 {
        renew(&person, &connection).await;
        world.clock.advance(1);
    }
    assert_eq!(world.rows("superseded_tokens").await, 10);
    world.access_token(&connection).await;
}

#[rstest]
#[tokio::test]
async fn one_that_does_not_open_is_named_and_keeps_no_other_from_being_told(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    renew(&person, &connection).await;
    renew(&person, &connection).await;
    let first = "UPDATE superseded_tokens SET refresh_token = 'v1.x.y' \
        WHERE id = (SELECT MIN(id) FROM superseded_tokens)";
    world.change(sqlx::query(first)).await;
    let (mut lines, mut looked) = (Vec::new(), Some(Looked::default()));
    while let Some(from) = looked {
        let answer = run(&world.broker, Command::LookIntoVault { looked: from }).await.expect("a look");
        lines.extend(answer.lines);
        looked = answer.next.map(|next| serde_json::from_str(&next).expect("where it goes on"));
    }
    assert!(lines.iter().any(|line| line.contains("superseded_tokens")), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.contains(" 1 do not open")), "{lines:?}");
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!(
        (world.issuer.live_refresh_tokens(), world.status(&connection).await.as_str()),
        (1, "revoked")
    );
}

#[rstest]
#[tokio::test]
async fn a_reach_that_an_older_version_wrote_without_being_told_is_not_known(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let older = "UPDATE issuers SET profile = REPLACE(profile, '\"family\"', '\"token\"')";
    let reach = async || {
        world.broker.held.forget_all();
        attache::app::by_key(&world.broker, APP)
            .await
            .expect("a database")
            .expect("an app")
            .issuer
            .profile
            .revocation_reach
    };
    world.change(sqlx::query(older)).await;
    assert_eq!(reach().await, Reach::Token);
    let update = MIGRATION.split_inclusive(';').find(|statement| statement.contains("UPDATE issuers"));
    world.change(sqlx::query(sqlx::AssertSqlSafe(update.expect("an update")))).await;
    assert_eq!(reach().await, Reach::Unknown);
    // What the file says is known.
    sync(&world.broker, Extent::Whole).await.expect("a start");
    assert_eq!(reach().await, Reach::Family);
}
