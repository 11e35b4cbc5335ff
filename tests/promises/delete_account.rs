//! Deleting an account: the person is gone at once, every app is stopped and its issuer told, and then nothing personal is
//! left; whoever signs in again begins anew.

use attache::account::delete;
use attache::consent::complete::another_identity::drop_forgotten;
use attache::operator::select::Person;
use attache::operator::{Command, run};
use attache::revoke::tell::tell_again;
use attache::sandbox::fault::Fault;
use rstest::rstest;

use crate::connect_identity::anybodys;
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite, World};

const ACCOUNT: &str = "SELECT account_id FROM connections WHERE id = $1";

#[rstest]
#[tokio::test]
async fn a_person_deletes_their_account_and_nothing_of_them_is_left(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let elsewhere = world.signed_in(EDITOR).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let account = world.column(ACCOUNT, &connection).await.expect("an account");
    let others = world.signed_in(READER).await.connect_as(APP, READER).await;
    let token = world.access_token(&connection).await;
    let page = person.get("/account/connected-apps").await;
    assert!(page.says("Delete my account"), "{}", page.text);
    assert_eq!(person.post("/account/delete", &[("csrf", "guessed")]).await.status, 403);
    // The issuer is away: that keeps nobody waiting and nothing alive.
    world.issuer.faults().revoke.always(Fault::Drop);
    let answer = person.post("/account/delete", &[("csrf", &page.csrf())]).await;
    assert_eq!(answer.status, 303);
    let answer = person.follow(answer).await;
    assert!(answer.says("Your account is deleted"), "{}", answer.text);
    assert_eq!(world.get(&connection).await["ok"], false);
    assert_eq!(world.viewer(&token).await.status(), 401);
    for browser in [&person, &elsewhere] {
        assert_eq!(browser.get("/account/connected-apps").await.status, 303, "signed out everywhere");
    }
    let personal = async || {
        let row = "SELECT issuer || subject || COALESCE(name, '') || COALESCE(email, '') || COALESCE(picture, '') || claims \
            FROM accounts WHERE id = $1";
        world.column(row, &account).await.expect("a row")
    };
    assert_eq!(personal().await, format!("{account}{{}}"));
    world.settle().await;
    world.clock.advance(600);
    delete::go_on(&world.broker).await.expect("it goes on");
    let state = async || world.column("SELECT status FROM accounts WHERE id = $1", &account).await;
    assert_eq!(state().await.as_deref(), Some("deleting"), "the issuer has not confirmed");
    world.issuer.faults().revoke.clear();
    world.clock.advance(86_400);
    tell_again(&world.broker).await.expect("told");
    world.settle().await;
    delete::go_on(&world.broker).await.expect("it goes on");
    assert_eq!(state().await.as_deref(), Some("deleted"));
    assert_eq!((world.status(&connection).await.as_str(), world.rows("freezes").await), ("revoked", 0));
    for (table, column) in [("connections", "external_subject"), ("outbox", "COALESCE(subject, '')")] {
        let left = world.rows(&format!("{table} WHERE {column} = '{EDITOR}'")).await;
        assert_eq!(left, 0, "{table}");
    }
    let lines = world.rows(&format!("ledger WHERE account_id = '{account}'")).await;
    assert!(lines > 3, "the ledger still makes sense");
    world.access_token(&others).await;
    // The same person, anew.
    let again = world.signed_in(EDITOR).await;
    assert!(again.get("/account/connected-apps").await.says("No app is connected."));
    let new = again.connect(APP).await;
    assert_ne!(world.column(ACCOUNT, &new).await.as_deref(), Some(account.as_str()));
    world.access_token(&new).await;
}

#[rstest]
#[tokio::test]
async fn an_operator_deletes_an_account_and_a_process_that_ends_in_the_middle_changes_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let account = world.column(ACCOUNT, &connection).await.expect("an account");
    let command = |who: &str| Command::DeleteAccount {
        person: Person { issuer: None, who: who.to_owned() },
        reason: "asked for by letter".to_owned(),
    };
    assert!(run(&world.broker, command("nobody")).await.is_err());
    // A consent that is under way when the account goes.
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    run(&world.broker, command(&account)).await.expect("deleted");
    assert_ne!(person.get(callback.as_str()).await.status, 200);
    assert!(run(&world.broker, command(&account)).await.is_err(), "once");
    // As if nothing had been ended before the process was: a connection that came in late.
    let late = "UPDATE connections SET status = 'active' WHERE id = $1";
    world.settle().await;
    world.change(sqlx::query(late).bind(&connection)).await;
    assert_eq!(world.get(&connection).await["ok"], false, "it is frozen");
    delete::go_on(&world.broker).await.expect("it goes on");
    world.settle().await;
    assert_eq!(world.status(&connection).await, "revoked");
    world.clock.advance(121);
    delete::go_on(&world.broker).await.expect("it goes on");
    let status = world.column("SELECT status FROM accounts WHERE id = $1", &account).await;
    assert_eq!(status.as_deref(), Some("deleted"));
    let detail = world
        .column("SELECT detail FROM ledger WHERE action = 'account_deleted' AND actor = $1", "operator")
        .await;
    assert!(detail.is_some_and(|detail| detail.contains("asked for by letter")));
}

#[rstest]
#[tokio::test]
async fn a_consent_that_was_kept_undecided_is_given_back_and_what_it_says_is_erased(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    let account = world.column(ACCOUNT, &connection).await.expect("an account");
    let callback = person.consent(&format!("/connect/{APP}?connection={connection}"), READER).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303, "the person is asked");
    assert_eq!(world.issuer.live_refresh_tokens(), 2);
    let csrf = person.get("/account/connected-apps").await.csrf();
    assert_eq!(person.post("/account/delete", &[("csrf", &csrf)]).await.status, 303);
    world.settle().await;
    assert_eq!(world.issuer.live_refresh_tokens(), 1, "the connection is ended");
    // The issuer is away at first: nothing is forgotten before it has been told.
    world.issuer.faults().revoke.next(Fault::status(503));
    drop_forgotten(&world.broker).await.expect("a database");
    world.settle().await;
    world.clock.advance(121);
    delete::go_on(&world.broker).await.expect("it goes on");
    let state = async || world.column("SELECT status FROM accounts WHERE id = $1", &account).await;
    assert_eq!(state().await.as_deref(), Some("deleting"));
    world.clock.advance(601);
    drop_forgotten(&world.broker).await.expect("a database");
    world.settle().await;
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
    let left = "connect_attempts WHERE kept_tokens IS NOT NULL OR kept_identity IS NOT NULL";
    assert_eq!(world.rows(left).await, 0);
    delete::go_on(&world.broker).await.expect("it goes on");
    assert_eq!(state().await.as_deref(), Some("deleted"));
}
