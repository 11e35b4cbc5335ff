//! Mass revokes: nothing of the selection is handed out from the answer on, and every grant of it ends, at the pace that
//! was asked for, whatever is killed meanwhile; none is missed, and what is connected afterwards is not touched.

use attache::freeze::mass_revoke;
use attache::operator::select::{Named, NamedSelection};
use attache::operator::{Command, run};
use attache::revoke::tell::tell_again;
use rstest::rstest;

use crate::freeze::{account, asked, unfreeze};
use crate::many::{grants, more_apps};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World, open};

async fn begin(world: &World, asked: NamedSelection, per_second: u32) -> String {
    let command =
        Command::MassRevoke { asked, reason: "they were sold".to_owned(), per_second: Some(per_second) };
    run(&world.broker, command).await.expect("a mass revoke").follow.expect("its id")
}

async fn status(world: &World, id: &str) -> String {
    let command = Command::MassRevokeStatus { id: id.to_owned() };
    run(&world.broker, command).await.expect("a status").lines.concat()
}

/// What the housekeeping does, second by second.
async fn to_the_end(world: &World) {
    while mass_revoke::work(&world.broker).await.expect("a turn") {
        world.clock.advance(1);
    }
    world.settle().await;
}

async fn count(world: &World, status: &str) -> i64 {
    world.rows(&format!("connections WHERE status = '{status}'")).await
}

#[rstest]
#[tokio::test]
async fn what_is_to_end_gives_nothing_from_the_answer_on(#[values(Sqlite, Postgres)] database: Database) {
    let more_config = more_apps(&[("second", "Second Tool")]);
    let world = World::planned(database, Plan { more_config, ..Plan::default() }).await;
    let all = grants(&world, APP, 0..5).await;
    let second = grants(&world, "second", 0..1).await;
    let (_, key) = world.make_caller("both", &[APP, "second"]).await;
    let ok = async |id: &str| {
        let url = world.url("/api/apps.auth.external.get");
        let form = [("external_token_id", id)];
        let answer = world.http.post(url).bearer_auth(&key).form(&form).send().await.expect("an answer");
        answer.text().await.expect("a text").contains("\"ok\":true")
    };
    assert!(ok(&all[4]).await);
    let id = begin(&world, asked(Named::App(APP.to_owned())), 2).await;
    // Nothing has been ended yet.
    assert_eq!(count(&world, "active").await, 6);
    for id in &all {
        assert!(!ok(id).await);
    }
    assert!(ok(&second[0]).await);
    assert!(status(&world, &id).await.contains("\trunning\t0 of 5 ended here, 5 to go"));
    let freeze = world.column("SELECT id FROM freezes WHERE part_of = $1", &id).await.expect("a freeze");
    let refused = unfreeze(&world, &freeze).await.expect_err("it ends with the revoke").to_string();
    assert!(refused.contains(&id), "{refused}");
    assert!(mass_revoke::work(&world.broker).await.expect("a turn"));
    assert_eq!(count(&world, "active").await, 4, "two in a second");
    assert!(!mass_revoke::work(&world.broker).await.expect("no turn"), "and no more until the next");
    assert!(status(&world, &id).await.contains("2 of 5 ended here, 3 to go"));
    world.clock.advance(1);
    to_the_end(&world).await;
    let said = status(&world, &id).await;
    assert!(said.contains("\tended at ") && said.contains("5 ended here; all issuers"), "{said}");
    assert_eq!((count(&world, "revoked").await, world.rows("freezes").await), (5, 0));
    assert_eq!((world.issuer.revocations(), world.issuer.revocations_again()), (5, 0));
    assert!(ok(&second[0]).await);
    let list = run(&world.broker, Command::ListMassRevokes).await.expect("a list").lines;
    assert!(
        list[0].ends_with(
            "ended\t5\toperator\tapp content-writer, agreed to before 2027-01-15T08:00:01Z\tthey were sold"
        ),
        "{list:?}"
    );
}

#[rstest]
#[tokio::test]
async fn two_hundred_end_once_each_though_every_turn_is_killed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let all = grants(&world, APP, 0..200).await;
    let id = begin(&world, asked(Named::All), 50).await;
    // Ten turns that are broken off in the middle, with whatever they had begun; a turn that is lost is anybody's later.
    for broken in 0..10_u64 {
        let broker = open(&world.config, &world.clock).await;
        let turn = tokio::spawn(async move { mass_revoke::work(&broker).await });
        tokio::time::sleep(std::time::Duration::from_millis(20 + 17 * broken)).await;
        turn.abort();
        let _ = turn.await;
        world.broker.held.forget_all();
        world.clock.advance(31);
    }
    assert!(count(&world, "active").await > 0, "some are left for the one that is not killed");
    to_the_end(&world).await;
    world.clock.advance(61);
    while world.rows("outbox WHERE status = 'pending'").await > 0 {
        tell_again(&world.broker).await.expect("told again");
        world.settle().await;
        world.clock.advance(61);
    }
    assert_eq!(count(&world, "revoked").await, 200);
    assert_eq!(world.issuer.live_refresh_tokens(), 0, "none was missed");
    assert_eq!(world.rows("outbox").await, 200, "none was enqueued twice");
    assert_eq!(world.rows("ledger WHERE action = 'revoke_requested'").await, 200);
    assert!(status(&world, &id).await.contains("\tended at "));
    assert_eq!(world.get(&all[0]).await["error"], "token_not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_replicas_share_one_without_doing_anything_twice() {
    let world = World::new(Postgres).await;
    grants(&world, APP, 0..120).await;
    let replicas = [open(&world.config, &world.clock).await, open(&world.config, &world.clock).await];
    begin(&world, asked(Named::Issuer("sandbox".to_owned())), 20).await;
    for _ in 0..12 {
        let work = |broker: &attache::Broker| {
            let broker = broker.clone();
            async move { mass_revoke::work(&broker).await.expect("a turn") }
        };
        let turns = tokio::join!(work(&world.broker), work(&replicas[0]), work(&replicas[1]));
        let turns = [turns.0, turns.1, turns.2];
        assert!(turns.into_iter().filter(|turn| *turn).count() <= 1, "one turn at one time: {turns:?}");
        world.clock.advance(1);
    }
    for broker in [&world.broker, &replicas[0], &replicas[1]] {
        broker.tasks.close();
        broker.tasks.wait().await;
    }
    assert_eq!(count(&world, "revoked").await, 120);
    assert_eq!((world.issuer.revocations(), world.issuer.revocations_again()), (120, 0));
    assert_eq!(world.rows("ledger WHERE action = 'mass_revoke_ended'").await, 1);
}

#[rstest]
#[tokio::test]
async fn what_is_connected_after_it_began_is_not_touched(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let editor = world.signed_in(EDITOR).await;
    let renewed = editor.connect(APP).await;
    let reader = world.signed_in(READER).await;
    let old = grants(&world, APP, 0..3).await;
    begin(&world, asked(Named::All), 1).await;
    world.clock.advance(1);
    // One person agrees again, under the same id; another connects for the first time.
    assert_eq!(editor.connect(APP).await, renewed);
    let new = reader.connect_as(APP, READER).await;
    for id in [&renewed, &new] {
        world.access_token(id).await;
    }
    assert_eq!(world.get(&old[0]).await["state"], "paused");
    to_the_end(&world).await;
    for id in [&renewed, &new] {
        assert_eq!(world.status(id).await, "active");
        world.access_token(id).await;
    }
    assert_eq!(count(&world, "revoked").await, 3);
}

#[rstest]
#[tokio::test]
async fn only_what_was_agreed_to_before_a_moment_ends(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    grants(&world, APP, 0..3).await;
    world.clock.advance(100);
    let cut = world.broker.clock.now();
    grants(&world, APP, 3..5).await;
    begin(&world, NamedSelection { what: Named::App(APP.to_owned()), issued_before: Some(cut) }, 100).await;
    to_the_end(&world).await;
    assert_eq!((count(&world, "revoked").await, count(&world, "active").await), (3, 2));
    let person = format!("ac_{:020}", 4);
    begin(&world, asked(account(&person)), 100).await;
    to_the_end(&world).await;
    assert_eq!((count(&world, "revoked").await, count(&world, "active").await), (4, 1));
    let of_caller = Command::MassRevoke {
        asked: asked(Named::Caller(world.caller().await.0)),
        reason: "r".to_owned(),
        per_second: None,
    };
    assert!(run(&world.broker, of_caller).await.is_err());
}

#[rstest]
#[tokio::test]
async fn a_person_stops_everything_of_theirs_and_nothing_of_others(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let editor = world.signed_in(EDITOR).await;
    let own = editor.connect(APP).await;
    let others = world.signed_in(READER).await.connect_as(APP, READER).await;
    let page = editor.get("/account/connected-apps").await;
    assert!(page.says("Stop all access"), "{}", page.text);
    assert_eq!(editor.post("/account/stop-all", &[("csrf", "guessed")]).await.status, 403);
    let stopped = editor.post("/account/stop-all", &[("csrf", &page.csrf())]).await;
    assert_eq!(stopped.status, 303);
    assert_eq!(world.get(&own).await["error"], "token_not_found");
    world.settle().await;
    assert_eq!(world.status(&own).await, "revoked");
    let page = editor.follow(stopped).await;
    assert!(page.says("Every app was stopped.") && !page.says("Stop all access"), "{}", page.text);
    world.access_token(&others).await;
    let detail = editor.get(&format!("/account/connected-apps/{own}")).await;
    assert!(detail.says("You stopped this app."), "{}", detail.text);
    world.clock.advance(1);
    to_the_end(&world).await;
    let again = editor.connect(APP).await;
    world.access_token(&again).await;
}
