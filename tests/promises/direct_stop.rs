//! A stop is final for an app that signs people in by itself too, though it goes on renewing its tokens: only a consent here,
//! or a later sign-in of the person, connects it again.

use attache::clock::Timestamp;
use attache::connection::look_up;
use attache::connection::token_times::{SignedIn, TokenTimes};
use attache::consent::direct::{self as verb, Outcome};
use attache::operator::select::{Named, NamedSelection};
use attache::operator::{Command, run};
use attache::sandbox::issuer::Client;
use rstest::rstest;
use serde_json::{Value, json};

use crate::direct::{READS, only, scope, token, world};
use crate::good_facts::connection;
use crate::resource_servers;
use crate::world::{APP, Database, EDITOR, Postgres, Sqlite, World};

/// What a token may do after a stop at second 10: (when it was given, when its person signed in, direct, ordinary). The
/// ordinary connection was made at second 20, a direct one has no beginning of its own.
const AFTER_A_STOP: [(i64, Option<i64>, bool, bool); 12] = [
    (9, None, false, false),
    (10, None, false, false),
    (10, Some(9), false, false),
    (11, Some(9), false, true),
    (11, Some(10), false, true),
    (11, Some(11), true, true),
    (21, None, false, true),
    (21, Some(9), false, true),
    (21, Some(10), false, true),
    (21, Some(11), true, true),
    (10, Some(11), false, false),
    (500, Some(499), true, true),
];

fn times(issued_at: i64, signed_in: SignedIn) -> TokenTimes {
    TokenTimes { issued_at: Timestamp::from_unix(issued_at), signed_in }
}

fn signed_in(at: Option<i64>) -> SignedIn {
    at.map_or(SignedIn::Unsaid, |at| SignedIn::At(Timestamp::from_unix(at)))
}

#[test]
fn the_table_of_what_a_token_does_after_a_stop_holds() {
    let at = Timestamp::from_unix;
    for (issued_at, auth_time, direct, ordinary) in AFTER_A_STOP {
        let times = times(issued_at, signed_in(auth_time));
        let of = |direct| {
            let mut connection = connection();
            (connection.direct, connection.connected_at) = (direct, at(20));
            connection.last_stop_at = Some(at(10));
            times.are_of(&connection)
        };
        assert_eq!((of(true), of(false)), (direct, ordinary), "iat {issued_at}, auth_time {auth_time:?}");
        assert_eq!(times.make_direct_after(Some(at(10))), direct, "what makes one may use it, and no other");
    }
}

#[test]
fn of_every_token_a_renewal_never_does_more_than_the_sign_in_before_it() {
    let at = Timestamp::from_unix;
    let stops = [None, Some(5), Some(10)];
    for stop in stops.map(|stop| stop.map(at)) {
        for issued in 0..20 {
            assert!(!times(issued, SignedIn::Unusable).make_direct_after(stop));
            assert_eq!(times(issued, SignedIn::Unsaid).make_direct_after(stop), stop.is_none());
            for auth_time in 0..=issued {
                let made = |issued| times(issued, SignedIn::At(at(auth_time))).make_direct_after(stop);
                assert_eq!(made(issued), stop.is_none_or(|stop| at(auth_time) > stop));
                // However often the app renews it, the answer stays.
                assert!((issued..40).all(|renewed| made(renewed) == made(issued)));
            }
        }
    }
}

async fn connected(database: Database) -> (World, String, String) {
    let world = world(database, &[READS]).await;
    world.signed_in(EDITOR).await;
    let token = token(&world, EDITOR, None).await;
    assert!(scope(&world, &token).await.is_some());
    let id = only(&world).await["id"].as_str().expect("an id").to_owned();
    (world, token, id)
}

/// Whether both wires take it, and nothing is left of a refusal.
async fn taken(world: &World, token: &str) -> bool {
    let rows = world.rows("connections").await;
    let is_taken = scope(world, token).await.is_some();
    assert_eq!(world.viewer(token).await.status() == 200, is_taken);
    assert!(is_taken || world.rows("connections").await == rows);
    is_taken
}

#[rstest]
#[tokio::test]
async fn after_a_stop_only_a_later_sign_in_connects_it_again(#[values(Sqlite, Postgres)] database: Database) {
    let (world, first, id) = connected(database).await;
    let replica = world.replica().await;
    let asks = resource_servers::create(&world).await;
    let given: Value = world.exchange(&[("subject_token", &first)]).await.json().await.expect("JSON");
    let given = given["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(resource_servers::introspect(&world, &asks, &given).await["active"], true);
    let person = world.signed_in(EDITOR).await;
    let before = world.clock.now().unix();
    world.clock.advance(60);
    let stopped = world.clock.now().unix();
    assert_eq!(person.stop(&id).await.status, 303);
    world.settle().await;
    assert!(!taken(&world, &first).await);
    assert_eq!(resource_servers::introspect(&world, &asks, &given).await, json!({ "active": false }));
    if database == Postgres {
        let (client, key) = world.caller().await;
        let form = [("subject_token", first.as_str())];
        let mut request = world.exchange_as(&client, &key, &form).build().expect("a request");
        *request.url_mut() = format!("{}/oauth/token", replica.url).parse().expect("a URL");
        assert_eq!(world.http.execute(request).await.expect("an answer").status(), 400);
    }
    for later in [0, 1, 3000, 86_400] {
        world.clock.advance(later);
        for auth_time in [None, Some(before), Some(stopped)] {
            let renewed = token(&world, EDITOR, auth_time).await;
            assert!(!taken(&world, &renewed).await, "{later} s later, auth_time {auth_time:?}");
        }
    }
    let anew = token(&world, EDITOR, Some(stopped + 1)).await;
    assert!(taken(&world, &anew).await);
    let again = look_up::by_id(&world.broker, &id).await.expect("a row").expect("a connection");
    assert!(!again.is_live(), "the one that was stopped stays so");
    // Where the person has signed in again on one device, another one's old session is still stopped.
    world.clock.advance(10);
    let renewed = token(&world, EDITOR, Some(before)).await;
    assert!(!taken(&world, &renewed).await);
    assert!(taken(&world, &anew).await);
}

#[rstest]
#[tokio::test]
async fn after_a_stop_a_consent_here_connects_it_again_and_what_it_renews_is_good(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, first, id) = connected(database).await;
    let person = world.signed_in(EDITOR).await;
    world.clock.advance(10);
    person.stop(&id).await;
    world.settle().await;
    world.clock.advance(100);
    let again = person.connect(APP).await;
    assert_ne!(again, id);
    assert!(!taken(&world, &first).await);
    assert!(taken(&world, &token(&world, EDITOR, None).await).await);
    // What was agreed to here is stopped for the app's own tokens as well.
    world.clock.advance(10);
    person.stop(&again).await;
    world.settle().await;
    world.clock.advance(10);
    assert!(!taken(&world, &token(&world, EDITOR, None).await).await);
}

#[rstest]
#[tokio::test]
async fn an_account_that_was_deleted_does_not_come_back_and_nor_does_what_it_stopped(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] erased: bool,
) {
    let (world, first, id) = connected(database).await;
    let person = world.signed_in(EDITOR).await;
    world.clock.advance(60);
    let csrf = person.get("/account/connected-apps").await.csrf();
    assert_eq!(person.post("/account/delete", &[("csrf", &csrf)]).await.status, 303);
    let deleted = world.clock.now().unix();
    world.settle().await;
    if erased {
        world.clock.advance(121);
        attache::account::delete::go_on(&world.broker).await.expect("it goes on");
        let name = "SELECT account_pseudonym FROM connections WHERE id = $1";
        assert_eq!(world.column(name, &id).await, None, "nothing of the person is left there");
    }
    world.clock.advance(10);
    assert!(!taken(&world, &first).await);
    assert!(!taken(&world, &token(&world, EDITOR, Some(deleted + 5)).await).await, "there is no account");
    world.signed_in(EDITOR).await;
    for auth_time in [None, Some(deleted)] {
        assert!(!taken(&world, &token(&world, EDITOR, auth_time).await).await, "{auth_time:?}");
    }
    assert!(taken(&world, &token(&world, EDITOR, Some(deleted + 5)).await).await);
}

#[rstest]
#[tokio::test]
async fn a_stop_between_the_judgement_and_the_insert_wins_and_who_is_second_makes_no_other(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, _, id) = connected(database).await;
    let broker = &world.broker;
    let person = world.signed_in(EDITOR).await;
    let row = look_up::by_id(broker, &id).await.expect("a row").expect("a connection");
    let app = attache::app::by_id(broker, &row.app_id).await.expect("a row").expect("an app");
    let account = attache::account::by_id(broker, &row.account_id).await.expect("a row").expect("an account");
    let given = times(world.clock.now().unix(), SignedIn::At(world.clock.now()));
    let access = app.direct.expect("it is open");
    // As a request that has been judged by now.
    let judged = verb::connection(broker, &app, access, &account, &row.external, given).await;
    let judged = judged.expect("a connection");
    let stored = verb::store(broker, &account, &judged, given).await.expect("an answer");
    assert_eq!(stored, Outcome::Existed);
    world.clock.advance(5);
    person.stop(&id).await;
    world.settle().await;
    let stored = verb::store(broker, &account, &judged, given).await.expect("an answer");
    assert_eq!(stored, Outcome::Stopped);
    assert_eq!(world.rows("connections").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_mass_revoke_ends_it_and_what_its_app_renews_stays_out(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(false, true)] of_everybody: bool,
) {
    let (world, first, id) = connected(database).await;
    world.clock.advance(10);
    if of_everybody {
        let asked = NamedSelection { what: Named::App(APP.to_owned()), issued_before: None };
        let reason = "an incident".to_owned();
        let begin = Command::MassRevoke { asked, reason, per_second: None };
        run(&world.broker, begin).await.expect("a mass revoke");
        attache::freeze::mass_revoke::work(&world.broker).await.expect("its work");
    } else {
        let person = world.signed_in(EDITOR).await;
        let csrf = person.get("/account/connected-apps").await.csrf();
        assert_eq!(person.post("/account/stop-all", &[("csrf", &csrf)]).await.status, 303);
    }
    world.settle().await;
    assert_eq!(world.status(&id).await, "revoked");
    world.clock.advance(10);
    assert!(!taken(&world, &first).await);
    assert!(!taken(&world, &token(&world, EDITOR, None).await).await);
    let at = world.clock.now().unix();
    assert!(taken(&world, &token(&world, EDITOR, Some(at)).await).await);
}

#[rstest]
#[case::of_a_tenant_that_deletes_grants(true)]
#[case::of_one_that_cannot_be_told(false)]
#[tokio::test]
async fn a_stop_deletes_the_grant_at_the_issuer_where_that_can_be(
    #[case] deletes: bool,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let management = "profile = \"auth0\"\nrevocation_reach = \"grant\"\nmanagement_client_id = \"management\"\n\
        management_client_secret = \"management-s3cret\"\n";
    let plain = "profile = \"auth0\"\n";
    let world = world(database, &[READS, (plain, if deletes { management } else { plain })]).await;
    let client = Client::new("management", "management-s3cret", "https://nowhere.sandbox.test/");
    world.issuer.add_client(client.allowed(&format!("{}api/v2/", world.issuer.url())));
    let person = world.signed_in(EDITOR).await;
    let first = token(&world, EDITOR, None).await;
    assert!(scope(&world, &first).await.is_some());
    let id = only(&world).await["id"].as_str().expect("an id").to_owned();
    assert_eq!(world.issuer.live_refresh_tokens(), 1, "the app's own");
    let page = person.get(&format!("/account/connected-apps/{id}")).await;
    let promised = if deletes { "until it confirms" } else { "told by us. Look there too" };
    assert!(page.says(promised), "{}", page.text);
    world.clock.advance(5);
    person.stop(&id).await;
    world.settle().await;
    assert_eq!(world.status(&id).await, "revoked");
    assert_eq!(world.issuer.live_refresh_tokens(), usize::from(!deletes));
    let (_, key) = world.caller().await;
    let one = world.http.get(world.url(&format!("/v1/connections/{id}"))).bearer_auth(key).send().await;
    let one: Value = one.expect("an answer").json().await.expect("JSON");
    let told = if deletes { "confirmed" } else { "unsupported" };
    assert_eq!(one["revocation"]["issuer"]["state"], json!(told), "{one}");
    assert!(!taken(&world, &first).await);
}
