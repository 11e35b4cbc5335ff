//! A JWT of the issuer stands for a connection only while it can be of it: a stop is final for it too.

use attache::sandbox::issuer::AccessTokenFault;
use rstest::rstest;

use crate::connect_identity::anybodys;
use crate::elsewhere;
use crate::logged::Log;
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite, World};

/// Whether both wires that take one take this one.
async fn taken(world: &World, token: &str) -> bool {
    let exchanged = world.exchange(&[("subject_token", token)]).await.status() == 200;
    assert_eq!(world.viewer(token).await.status() == 200, exchanged);
    exchanged
}

#[rstest]
#[tokio::test]
async fn an_old_jwt_does_not_work_again_when_the_app_is_connected_again_after_a_stop(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(0, 1, 59, 3000)] later: i64,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let old = elsewhere::tokens(&world, EDITOR).await.access;
    assert!(taken(&world, &old).await);
    // Stopped in the second in which it was given, and a minute later.
    world.clock.advance(later / 2);
    person.stop(&connection).await;
    world.settle().await;
    assert!(!taken(&world, &old).await, "while nothing is connected");
    world.clock.advance(later - later / 2);
    let again = person.connect(APP).await;
    assert_ne!(again, connection);
    assert!(!taken(&world, &old).await, "{later} s later");
    world.clock.advance(1);
    let new = elsewhere::tokens(&world, EDITOR).await.access;
    assert!(taken(&world, &new).await, "what is given after the stop is good");
}

#[rstest]
#[tokio::test]
async fn an_account_that_is_deleted_and_made_again_does_not_bring_an_old_jwt_back(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    person.connect(APP).await;
    let old = elsewhere::tokens(&world, EDITOR).await.access;
    assert!(taken(&world, &old).await);
    let csrf = person.get("/account/connected-apps").await.csrf();
    assert_eq!(person.post("/account/delete", &[("csrf", &csrf)]).await.status, 303);
    world.settle().await;
    world.signed_in(EDITOR).await.connect(APP).await;
    assert!(!taken(&world, &old).await);
    // Nor when nothing is left of the account that was deleted.
    world.clock.advance(121);
    attache::account::delete::go_on(&world.broker).await.expect("it goes on");
    assert!(!taken(&world, &old).await);
}

#[rstest]
#[tokio::test]
async fn a_jwt_is_not_older_than_the_connection_and_a_renewal_changes_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let [older, old] = [elsewhere::tokens(&world, EDITOR).await, {
        world.clock.advance(10);
        elsewhere::tokens(&world, EDITOR).await
    }];
    world.clock.advance(60);
    person.connect(APP).await;
    assert!(!taken(&world, &older.access).await, "more than a minute older");
    assert!(taken(&world, &old.access).await, "clocks may differ by a minute");
    world.clock.advance(600);
    person.connect(APP).await;
    assert!(taken(&world, &old.access).await, "who agrees again stops nothing");
}

#[rstest]
#[tokio::test]
async fn an_identity_that_takes_a_connection_over_takes_no_older_jwt_along(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = anybodys(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect_as(APP, EDITOR).await;
    let (own, others) = (elsewhere::tokens(&world, EDITOR).await, elsewhere::tokens(&world, READER).await);
    world.clock.advance(100);
    let callback = person.consent(&format!("/connect/{APP}?connection={connection}"), READER).await;
    let question = person.get(callback.as_str()).await.location().expect("a question");
    let csrf = person.get(question.as_str()).await.csrf();
    person.post(question.path(), &[("csrf", &csrf), ("decision", "switch")]).await;
    assert!(!taken(&world, &own.access).await);
    assert!(!taken(&world, &others.access).await, "it was given before the person agreed");
    assert!(taken(&world, &elsewhere::tokens(&world, READER).await.access).await);
}

#[rstest]
#[case::as_rfc_9068_says(AccessTokenFault::Typ("at+jwt"), true)]
#[case::in_other_letters(AccessTokenFault::Typ("AT+JWT"), true)]
#[case::as_a_media_type(AccessTokenFault::Typ("application/at+jwt"), true)]
#[case::any_jwt(AccessTokenFault::Typ("jwt"), true)]
#[case::no_type(AccessTokenFault::NoTyp, true)]
#[case::an_id_token(AccessTokenFault::Typ("id+jwt"), false)]
#[case::a_logout_token(AccessTokenFault::Typ("logout+jwt"), false)]
#[case::a_security_event(AccessTokenFault::Typ("secevent+jwt"), false)]
#[case::a_media_type_of_another_kind(AccessTokenFault::Typ("application/logout+jwt"), false)]
#[case::nothing(AccessTokenFault::Typ(""), false)]
#[case::without_a_date(AccessTokenFault::NoIat, false)]
#[tokio::test]
async fn only_an_access_token_that_says_when_it_was_issued_is_a_subject(
    #[case] shape: AccessTokenFault,
    #[case] good: bool,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.connection().await;
    world.issuer.faults().access_token.next(shape);
    let token = elsewhere::tokens(&world, EDITOR).await.access;
    for _ in 0..2 {
        assert_eq!(taken(&world, &token).await, good, "also when it is remembered");
    }
}

#[rstest]
#[tokio::test]
async fn why_a_subject_token_is_refused_stands_in_the_log_and_the_token_does_not(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let before = elsewhere::tokens(&world, EDITOR).await.access;
    world.clock.advance(600);
    let connection = person.connect(APP).await;
    let now = elsewhere::tokens(&world, EDITOR).await.access;
    let stranger = elsewhere::tokens_of_a_stranger(&world, EDITOR).await.access;
    let foreign = elsewhere::tokens_for(&world, "https://another.example/", EDITOR).await.access;
    let other = elsewhere::tokens(&world, READER).await.access;
    let handed_out = world.access_token(&connection).await;
    let (log, _guard) = Log::of_this_thread();
    let refused = async |kind: &str, token: &str, why: &str| {
        let before = log.text().len();
        let kind = format!("urn:{kind}");
        let answer = world.exchange(&[("subject_token", token), ("subject_token_type", &kind)]).await;
        let (status, body) = (answer.status(), answer.text().await.expect("text"));
        assert_eq!(status, 400, "{why}: {body}");
        assert!(!body.contains(why), "the caller is not told: {body}");
        let said = log.text()[before..].to_owned();
        assert!(said.contains("INFO") && said.contains(why), "{why}: {said}");
        assert!(!said.contains(token) && !said.contains(token.rsplit('.').next().expect("a part")), "{said}");
    };
    let jwt = "ietf:params:oauth:token-type:access_token";
    let id = "attache:params:oauth:token-type:connection";
    refused(jwt, "opaque-and-unknown", "nor a JWT").await;
    refused(jwt, &stranger, "no app here has the client of its `azp` or `client_id`").await;
    refused(jwt, &foreign, "no `aud` of it is among the app's accepted_audiences").await;
    refused(jwt, &other, "nobody has connected the app as its `sub`").await;
    refused(jwt, &before, "it is from before the person connected").await;
    refused(id, "Et00000000000000000000000000", "there is no such connection").await;
    world.issuer.faults().access_token.next(AccessTokenFault::NoIat);
    let dateless = elsewhere::tokens(&world, EDITOR).await.access;
    refused(jwt, &dateless, "`iat`").await;
    person.stop(&connection).await;
    world.settle().await;
    refused(jwt, &handed_out, "a subject token was refused").await;
    refused(jwt, &now, "nobody has connected the app").await;
    refused(id, &connection, "it has ended").await;
}
