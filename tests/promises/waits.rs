//! Whoever waits for an issuer holds nobody up: it takes no place, whichever route it waits in, only so many wait for the
//! same issuer, and one try to reach it is under way at a time.

use std::pin::Pin;

use attache::Broker;
use attache::sandbox::fault::Fault;
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use reqwest::RequestBuilder;
use rstest::rstest;
use serde_json::json;

use crate::elsewhere;
use crate::person::Person;
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite, World, until};

const PLACES: usize = 4;
/// More than there are places.
const CROWD: usize = 6;

type Hanging<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

async fn with_four_places(database: Database) -> World {
    let more_config = format!("[limits]\nrequests_at_once = {PLACES}\n");
    World::planned(database, crate::world::Plan { more_config, ..crate::world::Plan::default() }).await
}

fn hang_everywhere(world: &World) {
    let mut faults = world.issuer.faults();
    let faults = &mut *faults;
    for endpoint in [
        &mut faults.discovery,
        &mut faults.jwks,
        &mut faults.token,
        &mut faults.userinfo,
        &mut faults.revoke,
        &mut faults.management,
    ] {
        endpoint.always(Fault::Hang);
    }
}

fn heal(world: &World) {
    *world.issuer.faults() = attache::sandbox::issuer::Faults::default();
}

fn sent<'a>(request: RequestBuilder) -> Hanging<'a> {
    Box::pin(async move { drop(request.send().await) })
}

/// More of these than there are places hang, and whoever needs no issuer is served meanwhile.
async fn keep_nobody_out(world: &World, broker: &Broker, url: &str, what: &str, hanging: Vec<Hanging<'_>>) {
    assert!(hanging.len() > PLACES);
    let mut waiting = FuturesUnordered::new();
    // One after another: who comes while all places are taken for a moment would be told to come back.
    for (number, next) in hanging.into_iter().enumerate() {
        waiting.push(next);
        tokio::select! {
            _ = waiting.next() => panic!("{what}: did not hang"),
            () = until(what, async || broker.load.waiting_now() > number && broker.load.working_now() == 0) => {}
        }
    }
    let others = async {
        for path in ["/", "/.well-known/jwks.json", "/"] {
            let answer = world.http.get(format!("{url}{path}")).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{what}: {path}");
        }
    };
    tokio::select! {
        _ = waiting.next() => panic!("{what}: did not hang"),
        () = others => {}
    }
    drop(waiting);
    until(what, async || broker.load.waiting_now() + broker.load.working_now() == 0).await;
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_hangs_takes_no_place_on_any_route(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_four_places(database).await;
    let connection = world.connection().await;
    let jwt = elsewhere::tokens(&world, EDITOR).await.access;
    let (_, key) = world.caller().await;
    let people: Vec<Person> = (0..CROWD).map(|_| Person::new(&world)).collect();
    let (mut signing_in, mut connecting) = (Vec::new(), Vec::new());
    for person in &people {
        signing_in.push(person.sign_in_up_to_the_callback(READER, "/sign-in").await);
        connecting.push(world.signed_in(EDITOR).await);
    }
    let consent = format!("/connect/{APP}");
    let mut consents = Vec::new();
    for person in &connecting {
        consents.push(person.consent(&consent, EDITOR).await);
    }
    hang_everywhere(&world);

    // The code is spent.
    for (what, people, callbacks) in
        [("sign-in callback", &people, signing_in), ("consent callback", &connecting, consents)]
    {
        let hanging = people.iter().zip(&callbacks).map(|(person, callback)| -> Hanging<'_> {
            Box::pin(async move { drop(person.get(callback.as_str()).await) })
        });
        keep_nobody_out(&world, &world.broker, &world.public_url, what, hanging.collect()).await;
    }
    world.settle().await;

    // Nothing is known of the issuer there.
    let machines = [
        ("metadata", "/sign-in", json!({}), ""),
        ("keys for GraphQL", "/graphql", json!({ "query": "{ _viewer { __typename } }" }), jwt.as_str()),
    ];
    for (what, path, body, bearer) in machines {
        let fresh = world.replica().await;
        let url = format!("{}{path}", fresh.url);
        let request = || match bearer {
            "" => world.http.get(&url),
            bearer => world.http.post(&url).bearer_auth(bearer).json(&body),
        };
        let hanging = (0..CROWD).map(|_| sent(request())).collect();
        keep_nobody_out(&world, &fresh.broker, &fresh.url, what, hanging).await;
    }

    // The token has run out.
    let run_out = "UPDATE connections SET access_expires_at = 1 WHERE id = $1";
    world.change(sqlx::query(run_out).bind(&connection)).await;
    let token = format!("/v1/connections/{connection}/token");
    let wires = [
        (token.as_str(), json!({})),
        ("/api/apps.auth.external.get", json!({ "external_token_id": connection })),
    ];
    let crowd = wires.iter().cycle().take(CROWD);
    let ask = |(path, body): &(&str, serde_json::Value)| {
        sent(world.http.post(world.url(path)).bearer_auth(&key).json(body))
    };
    keep_nobody_out(&world, &world.broker, &world.public_url, "a refresh", crowd.map(ask).collect()).await;

    // What is stopped and deleted is answered at once, however the issuer is told.
    let person = &connecting[0];
    person.stop(&connection).await;
    let csrf = person.get("/account/connected-apps").await.csrf();
    assert_eq!(person.post("/account/delete", &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(world.broker.load.waiting_now() + world.broker.load.working_now(), 0);
    heal(&world);
}

#[rstest]
#[tokio::test]
async fn without_a_good_copy_one_try_is_in_flight_and_then_there_is_a_pause(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.issuer.faults().discovery.always(Fault::status(500));
    let ask =
        async || world.http.get(world.url("/sign-in")).send().await.expect("an answer").status().as_u16();
    let crowd = join_all((0..20).map(|_| ask())).await;
    assert!(crowd.iter().all(|status| *status == 503), "{crowd:?}");
    let asked = world.issuer.discovery_requests();
    assert_eq!(asked, 1, "each waits for the same try");
    assert_eq!(ask().await, 503);
    assert_eq!(world.issuer.discovery_requests(), asked, "it is left alone for a moment");
    world.clock.advance(3);
    world.issuer.faults().discovery.clear();
    assert_eq!(ask().await, 303);
}

#[rstest]
#[tokio::test]
async fn a_last_good_copy_serves_while_one_request_fetches_another(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.signed_in(EDITOR).await;
    world.clock.advance(3601);
    let asked = world.issuer.discovery_requests();
    world.issuer.faults().discovery.always(Fault::Hang);
    let ask = || world.http.get(world.url("/sign-in")).send();
    let first = tokio::spawn(ask());
    until("one fetches", async || world.broker.load.waiting_now() == 1).await;
    for answer in join_all((0..20).map(|_| ask())).await {
        assert_eq!(answer.expect("an answer").status(), 303);
    }
    assert!(!first.is_finished() && world.issuer.discovery_requests() == asked + 1);
    // Nor does the try end with whoever began it.
    first.abort();
    assert_eq!(ask().await.expect("an answer").status(), 303);
}
