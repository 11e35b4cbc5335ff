//! Revokes that meet refreshes at any moment, on three replicas: final at once, and nothing lives on at the issuer.

use std::time::Duration;

use attache::revoke::tell::tell_again;
use attache::sandbox::Person as Somebody;
use attache::sandbox::fault::Fault;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::world::{APP, Plan, Postgres, Replica, World, settle};

const PEOPLE: usize = 20;
/// Times twenty people; a run of fifty is a thousand revokes.
fn rounds() -> usize {
    std::env::var("ATTACHE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(10)
}

/// Of the numbers up to `most`, spread evenly: the same in each run.
fn spread(round: usize, person: usize, most: usize) -> u64 {
    u64::try_from((round * 7919 + person * 104_729) % most).expect("a number")
}

fn subject(number: usize) -> String {
    format!("sandbox|person-{number}")
}

struct Race<'a> {
    /// Keeps no connection: a server may close one that idles just when it is used again.
    http: reqwest::Client,
    urls: [&'a str; 3],
    key: String,
}

impl Race<'_> {
    async fn ask(&self, at: usize, connection: &str) -> StatusCode {
        let url = format!("{}/v1/connections/{connection}/token", self.urls[at % 3]);
        let request = self.http.post(url).bearer_auth(&self.key).json(&json!({ "force_refresh": true }));
        request.send().await.expect("an answer").status()
    }

    async fn revoke(&self, at: usize, connection: &str) {
        let url = format!("{}/api/apps.auth.external.delete", self.urls[at % 3]);
        let request = self.http.post(url).bearer_auth(&self.key);
        let answer = request.form(&[("external_token_id", connection)]).send().await.expect("an answer");
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(answer, json!({ "ok": true }));
    }

    /// A refresh begins; at some moment of it the connection is revoked; then everybody asks.
    async fn run(&self, round: usize, person: usize, connection: &str) {
        let refresh = self.ask(round + person, connection);
        let revoke = async {
            sleep(Duration::from_micros(500 * spread(round, person, 60))).await;
            self.revoke(round + person + round % 2, connection).await;
            join_all((0..3).map(|at| self.ask(at, connection))).await
        };
        let (_, after) = tokio::join!(refresh, revoke);
        assert_eq!(after, [StatusCode::NOT_FOUND; 3], "round {round}, person {person}");
    }
}

#[tokio::test]
async fn a_revoke_in_the_middle_of_a_refresh_is_final_whenever_it_comes_on_three_replicas() {
    let people: fn(&mut attache::sandbox::issuer::Settings) = |settings| {
        settings.people = (0..PEOPLE)
            .map(|number| Somebody::new(&subject(number), "Somebody", "somebody@sandbox.test"))
            .collect();
    };
    let world = World::planned(Postgres, Plan { issuer: Some(people), ..Plan::default() }).await;
    let replicas: [Replica; 2] = [world.replica().await, world.replica().await];
    let (_, key) = world.caller().await;
    let urls = [world.public_url.as_str(), &replicas[0].url, &replicas[1].url];
    let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let race = Race { http, urls, key };
    let signed_in = join_all((0..PEOPLE).map(|number| {
        let world = &world;
        async move { world.signed_in(&subject(number)).await }
    }));
    let signed_in = signed_in.await;
    let rounds = rounds();
    for round in 0..rounds {
        // Answers that come at once and answers that take their time, so that revokes meet each step.
        let after = Fault::DelayAfterProcessing(Duration::from_millis(spread(round, 0, 25)));
        world.issuer.faults().token.clear();
        let connected = join_all(
            signed_in
                .iter()
                .enumerate()
                .map(|(number, person)| async move { person.connect_as(APP, &subject(number)).await }),
        );
        let connected = connected.await;
        world.issuer.faults().token.always(after);
        join_all(
            connected.iter().enumerate().map(|(number, connection)| race.run(round, number, connection)),
        )
        .await;
    }
    // What waited for a refresh to end, or for a place, is told now.
    for pass in 0.. {
        if world.rows("outbox WHERE status <> 'done'").await == 0 {
            break;
        }
        assert!(pass < 500, "issuers are not told");
        for broker in [&world.broker, &replicas[0].broker, &replicas[1].broker] {
            settle(broker).await;
            tell_again(broker).await.expect("an outbox");
            settle(broker).await;
        }
        world.clock.advance(5);
    }
    assert_eq!(world.issuer.live_refresh_tokens(), 0, "a token lives on at the issuer");
    let left = world.column("SELECT MIN(id) FROM connections WHERE status <> $1", "revoked").await;
    assert_eq!(
        (left, world.rows("connections").await),
        (None, i64::try_from(PEOPLE * rounds).expect("a number"))
    );
}
