//! Refresh: once, however many ask; never lost to a caller that leaves; never wrong about who must act.

use std::time::Duration;

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::TokenShape;
use rstest::rstest;
use serde_json::{Value, json};

use crate::many::grants;
use crate::world::{APP, Database, LIFETIME, Plan, Postgres, Sqlite, World};

async fn expired(database: Database) -> (World, String) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.caller().await;
    world.clock.advance(LIFETIME + 1);
    (world, connection)
}

#[rstest]
#[tokio::test]
async fn fifty_askers_of_one_expired_connection_cause_one_refresh(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    let asked = (0..50).map(|_| world.access_token(&connection));
    let tokens = futures_join(asked).await;
    assert_eq!(world.issuer.refreshes(), 1);
    assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]));
}

#[rstest]
#[tokio::test]
async fn grants_that_end_together_at_their_issuer_are_each_named_at_the_first_question(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connections = grants(&world, APP, 0..30).await;
    world.caller().await;
    world.clock.advance(LIFETIME);
    world.issuer.faults().token.always(Fault::oauth(400, "invalid_grant"));
    for answer in futures_join(connections.iter().map(|connection| world.get(connection))).await {
        assert_eq!(answer["state"], "reconnect_required", "{answer}");
    }
}

#[tokio::test]
async fn askers_at_three_replicas_of_one_postgresql_cause_one_refresh() {
    let (world, connection) = expired(Postgres).await;
    let (second, third) = (world.replica().await, world.replica().await);
    let (_, key) = world.caller().await;
    world.issuer.faults().token.next(Fault::Delay(Duration::from_millis(300)));
    let ask = |url: &str| {
        let request = world.http.post(format!("{url}/api/apps.auth.external.get")).bearer_auth(&key);
        let request = request.form(&[("external_token_id", &connection)]);
        async move { request.send().await.expect("an answer").json::<Value>().await.expect("JSON") }
    };
    let urls = [&world.public_url, &second.url, &third.url];
    let answers = futures_join((0..30).map(|number| ask(urls[number % 3]))).await;
    assert_eq!(world.issuer.refreshes(), 1);
    assert!(answers.iter().all(|answer| answer["ok"] == true), "{answers:?}");
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[rstest]
#[tokio::test]
async fn a_caller_that_hangs_up_does_not_lose_the_refresh(#[values(Sqlite, Postgres)] database: Database) {
    let (world, connection) = expired(database).await;
    world.issuer.faults().token.next(Fault::DelayAfterProcessing(Duration::from_millis(400)));
    let (_, key) = world.caller().await;
    let request = world.http.post(world.url("/api/apps.auth.external.get")).bearer_auth(key);
    let request = request.form(&[("external_token_id", &connection)]).timeout(Duration::from_millis(150));
    assert!(request.send().await.is_err(), "the caller did not hang up");
    world.settle().await;
    assert_eq!(world.status(&connection).await, "active");
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 1);
}

#[rstest]
#[tokio::test]
async fn a_rotated_token_serves_refresh_after_refresh(#[values(Sqlite, Postgres)] database: Database) {
    let (world, connection) = expired(database).await;
    for round in 1..=4 {
        world.access_token(&connection).await;
        assert_eq!(world.issuer.refreshes(), round);
        world.clock.advance(LIFETIME + 1);
    }
    assert_eq!(world.issuer.live_refresh_tokens(), 1);
}

#[rstest]
#[tokio::test]
async fn force_refresh_refreshes_once_in_thirty_seconds(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    let first = world.slack("get", &force).await;
    assert_eq!((first["ok"].as_bool(), world.issuer.refreshes()), (Some(true), 1));
    let again = world.slack("get", &force).await;
    assert_eq!((&again, world.issuer.refreshes()), (&first, 1));
    world.clock.advance(31);
    let later = world.slack("get", &force).await;
    assert_ne!(later["external_token"], first["external_token"]);
    assert_eq!(world.issuer.refreshes(), 2);
}

#[rstest]
#[tokio::test]
async fn a_dead_refresh_token_asks_the_person_to_reconnect_and_is_not_tried_again(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    world.issuer.revoke_all_of(crate::world::EDITOR);
    let answer = world.get(&connection).await;
    assert_eq!(answer["error"], "access_token_exchange_failed");
    let connect_url = answer["connect_url"].as_str().expect("a link");
    assert_eq!(connect_url, world.url(&format!("/connect/content-writer?connection={connection}")));
    assert_eq!(world.status(&connection).await, "needs_reconnect");
    let refreshes = world.issuer.refreshes();
    world.get(&connection).await;
    assert_eq!(world.issuer.refreshes(), refreshes);
    let v1 = world.v1_token(&connection, &json!({})).await;
    assert_eq!(v1.status(), 409);
    let v1: Value = v1.json().await.expect("JSON");
    assert_eq!(
        (v1["error"].as_str(), v1["cause"].as_str()),
        (Some("reconnect_required"), Some("revoked_upstream"))
    );
}

#[rstest]
#[tokio::test]
async fn reconnecting_heals_a_dead_connection_under_the_same_id(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    world.issuer.revoke_all_of(crate::world::EDITOR);
    world.get(&connection).await;
    let person = world.signed_in(crate::world::EDITOR).await;
    let list = person.get("/account/connected-apps").await;
    assert!(list.says("Needs you") && list.says("Reconnect"), "{}", list.text);
    let callback = person
        .consent(&format!("/connect/content-writer?connection={connection}"), crate::world::EDITOR)
        .await;
    person.get(callback.as_str()).await;
    assert_eq!(world.status(&connection).await, "active");
    world.access_token(&connection).await;
}

#[rstest]
#[case::firewall(Fault::Status { code: 403, body: "<html>blocked</html>".to_owned(), retry_after: None })]
#[case::server_error(Fault::status(500))]
#[case::too_many(Fault::too_many_requests(7))]
#[case::dropped(Fault::Drop)]
#[case::lost_answer(Fault::oauth(400, "temporarily_unavailable"))]
#[tokio::test]
async fn nothing_but_invalid_grant_ends_a_grant(
    #[case] fault: Fault,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    world.issuer.faults().token.next(fault);
    let answer = world.get(&connection).await;
    assert_eq!(answer["error"], "access_token_exchange_failed", "{answer}");
    assert_ne!(world.status(&connection).await, "needs_reconnect");
    world.clock.advance(3700);
    world.access_token(&connection).await;
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn a_lost_answer_of_a_rotating_issuer_is_named_rotation_lost(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    world.issuer.faults().token.next(Fault::DropAfterProcessing);
    world.get(&connection).await;
    assert_eq!(world.status(&connection).await, "in_doubt");
    world.clock.advance(600);
    world.get(&connection).await;
    let cause = world.column("SELECT cause FROM connections WHERE id = $1", &connection).await;
    assert_eq!(
        (world.status(&connection).await.as_str(), cause.as_deref()),
        ("needs_reconnect", Some("rotation_lost"))
    );
}

#[rstest]
#[tokio::test]
async fn a_refused_client_is_the_operators_fault_and_the_grant_lives(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    world.issuer.faults().token.next(Fault::oauth(401, "invalid_client"));
    let answer = world.get(&connection).await;
    assert_eq!(
        (answer["error"].as_str(), answer["state"].as_str()),
        (Some("access_token_exchange_failed"), Some("misconfigured"))
    );
    assert_eq!(world.status(&connection).await, "misconfigured");
    world.clock.advance(600);
    world.access_token(&connection).await;
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[case::text(TokenShape::With("expires_in", json!("3600")))]
#[case::float(TokenShape::With("expires_in", json!(3600.5)))]
#[case::absent(TokenShape::Without("expires_in"))]
#[case::scope_list(TokenShape::With("scope", json!(["openid", "email"])))]
#[case::no_type(TokenShape::Without("token_type"))]
#[case::same_refresh_token(TokenShape::Without("refresh_token"))]
#[case::null_refresh_token(TokenShape::With("refresh_token", Value::Null))]
#[case::empty_refresh_token(TokenShape::With("refresh_token", json!("")))]
#[case::content_type(TokenShape::ContentType("text/html"))]
#[tokio::test]
async fn an_odd_token_answer_does_not_lose_the_grant(
    #[case] shape: TokenShape,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    world.issuer.faults().token_shape.next(shape);
    world.access_token(&connection).await;
    world.clock.advance(LIFETIME + 1);
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    let again = world.slack("get", &force).await;
    assert_eq!(again["ok"], true, "{again}");
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn an_access_token_that_breaks_a_header_is_not_handed_out_and_the_rotated_grant_is_kept(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    world.issuer.faults().token_shape.next(TokenShape::CrLfInAccessToken);
    let answer = world.get(&connection).await;
    assert_eq!(answer["ok"], false, "{answer}");
    world.clock.advance(61);
    world.access_token(&connection).await;
    assert_eq!(world.issuer.live_refresh_tokens(), 1);
}

#[rstest]
#[tokio::test]
async fn a_hung_issuer_is_given_up_and_its_connection_is_in_doubt(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, connection) = expired(database).await;
    world.issuer.faults().token.next(Fault::Hang);
    let answer = world.get(&connection).await;
    assert_eq!(answer["error"], "access_token_exchange_failed");
    assert_eq!(world.status(&connection).await, "in_doubt");
    world.clock.advance(600);
    world.access_token(&connection).await;
}

/// All of them at once.
pub async fn futures_join<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pinned: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |context| {
        let mut pending = false;
        for (future, done) in &mut pinned {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(pinned.drain(..).filter_map(|(_, done)| done).collect())
    })
    .await
}

#[rstest]
#[case::away(Fault::status(503))]
#[case::busy(Fault::too_many_requests(20))]
#[case::odd(Fault::oauth(400, "invalid_scope"))]
#[tokio::test]
async fn a_forced_refresh_that_cannot_be_had_leaves_the_connection_as_it_was(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] fault: Fault,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    world.issuer.faults().token.always(fault);
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    assert_eq!(world.slack("get", &force).await["external_token"], token.as_str());
    assert_eq!(world.status(&connection).await, "active");
    world.issuer.faults().token.clear();
    world.clock.advance(30);
    assert_ne!(world.slack("get", &force).await["external_token"], token.as_str());
    assert_eq!(world.status(&connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn where_a_new_refresh_token_does_not_work_the_one_before_it_is_tried_while_the_issuer_still_takes_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let plan = Plan {
        replace: vec![("profile = \"auth0\"\n", "profile = \"auth0\"\nleeway_seconds = 7200\n")],
        issuer: Some(|settings| settings.leeway = 7200),
        ..Plan::default()
    };
    let world = World::planned(database, plan).await;
    let connection = world.connection().await;
    world.clock.advance(LIFETIME + 1);
    world.issuer.faults().token_shape.next(TokenShape::With("refresh_token", json!("a-token-of-nobody")));
    world.access_token(&connection).await;
    world.clock.advance(LIFETIME + 1);
    world.access_token(&connection).await;
    assert_eq!(world.status(&connection).await, "active");
    world.clock.advance(LIFETIME + 1);
    world.access_token(&connection).await;
}
